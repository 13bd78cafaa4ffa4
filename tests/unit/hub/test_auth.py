"""Who calls, and what asking costs."""

import base64
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from stillwatch.hub import members, tokens
from stillwatch.hub.auth import Authenticator, credentials
from stillwatch.hub.clock import now
from tests.hubs import people

SECOND = 1_000_000


@pytest.fixture
def world(made, database_url, key_file):
    assert made.fresh
    return people(database_url, key_file)


@contextmanager
def asked(database):
    """Statements that are sent to the database."""
    sent = []

    def note(_connection, _cursor, statement, *_rest):
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def basic(name, token):
    return "Basic " + base64.b64encode(f"{name}:{token}".encode()).decode()


def who(authenticator, database, header):
    with database.read() as connection:
        found = authenticator.caller(connection, header)
    return found and found.name


def test_both_schemes_name_the_member_and_anything_else_nobody(world, database):
    token, ask = world.tokens["alpha"], Authenticator()
    for header in (f"Bearer {token}", f"bearer  {token} ", basic("alpha", token)):
        assert who(ask, database, header) == "alpha"
    for header in (None, "", token, f"Digest {token}", basic("beta", token), basic("", token),
                   "Basic %%%", f"Bearer {token}x", "Bearer " + "x" * 2000,
                   basic("alpha", world.tokens["beta"])):  # fmt: skip
        assert who(ask, database, header) is None


def test_the_second_request_asks_for_the_rights_alone(world, database):
    ask, header = Authenticator(), f"Bearer {world.tokens['alpha']}"
    with asked(database) as first:
        assert who(ask, database, header) == "alpha"
    with asked(database) as second:
        assert who(ask, database, header) == "alpha"
    assert len(second) == 1 < len(first)


def test_a_revoked_token_and_a_suspended_member_are_nobody_at_once(world, database):
    ask = Authenticator()
    alpha, beta = (f"Bearer {world.tokens[name]}" for name in ("alpha", "beta"))
    assert [who(ask, database, h) for h in (alpha, beta)] == ["alpha", "beta"]
    with database.write() as connection:
        tokens.revoke(connection, tokens.listed(connection, "alpha")[0].id, now=now())
    assert [who(ask, database, h) for h in (alpha, beta)] == [None, "beta"]


def test_a_remembered_token_ends_at_its_time(world, database):
    assert world.tokens
    at = now()
    with database.write() as connection:
        member = members.named(connection, "alpha")
        token = tokens.issue(connection, member, label="short", expires=at + SECOND, now=at)
    ask = Authenticator(lambda: at)
    assert who(ask, database, f"Bearer {token}") == "alpha"
    at += SECOND
    assert who(ask, database, f"Bearer {token}") is None
    assert who(Authenticator(lambda: at), database, f"Bearer {token}") is None


def test_unknown_names_and_wrong_tokens_take_the_same_way(world, database):
    assert world.tokens
    ways = []
    for header in (
        basic("alpha", tokens.PREFIX + "x" * 43),
        basic("nobody", tokens.PREFIX + "x" * 43),
        "Bearer " + tokens.PREFIX + "x" * 43,
        basic("nobody", "x"),
    ):
        for _ in range(2):  # what is wrong is not remembered
            with asked(database) as sent:
                ask = Authenticator()
                assert who(ask, database, header) is None
            ways.append(sent)
    assert all(way == ways[0] for way in ways)


def test_what_is_no_scheme_gives_a_token_of_nobody():
    assert credentials("Basic") == ("", "")
    assert credentials("Negotiate abc") == ("", "")
    assert credentials(basic("a", "b:c")) == ("a", "b:c")

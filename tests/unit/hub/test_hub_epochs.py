"""Documents of key epochs at the hub: taken from evaluators, whole, and never changed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from stillwatch.crypto import statements
from stillwatch.crypto.epoch import Epoch, Evaluator, days_from
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.crypto.keys import SigningKey
from stillwatch.hub import governance, members
from stillwatch.hub.clock import instant, now
from stillwatch.hub.database import connect
from stillwatch.hub.epochs import A_DAY
from stillwatch.hub.logkey import signer
from stillwatch.hub.members import State
from tests.evaluators import dealt, today
from tests.hubs import people, serving
from tests.speakers import Forum

NAMES = ("alpha", "beta", "gamma")


@pytest.fixture
def forum(made, database_url, key_file):
    assert made.fresh
    with serving(people(database_url, key_file)) as world:
        forum = Forum(world)
        for name in NAMES:
            forum.enrol(name)
        yield forum


def epoch_of(forum: Forum, name: str = "e1", shares: Any = None, **changes: Any) -> Epoch:
    shares = shares or dealt()
    evaluators = tuple(
        Evaluator(
            index,
            forum.names[who].identity,
            forum.names[who].key.id,
            f"https://{who}.example.com",
            shares.public_shares[index - 1].element,
        )
        for index, who in enumerate(NAMES, 1)
    )
    epoch = Epoch(name, 2, evaluators, shares.public_key, 0, *days_from(today()))
    return replace(epoch, **changes)


def document(forum: Forum, epoch: Epoch, names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    keys = [forum.names[name].key for name in names]
    return signed(epoch, {key.id: sign(epoch, key) for key in keys})


def post(forum: Forum, said: Any, who: str = "alpha") -> Any:
    return forum.ask(who, "POST", "/v1/epochs", json=said)


def test_a_document_is_posted_once_and_read_by_members(forum):
    said = document(forum, epoch_of(forum))
    assert [post(forum, said, who).status_code for who in ("alpha", "beta", "alpha")] == [
        201,
        200,
        200,
    ]
    assert forum.ask("delta", "GET", "/v1/epochs").json() == {"epochs": [said]}
    assert forum.ask(None, "GET", "/v1/epochs").status_code == 401
    late = (today() + timedelta(days=100)).isoformat()
    found = forum.ask("alpha", "GET", "/v1/epochs", params={"since": late}).json()
    assert found == {"epochs": []}


def test_what_was_posted_never_changes(forum):
    assert post(forum, document(forum, epoch_of(forum))).status_code == 201
    other = document(forum, epoch_of(forum))
    answer = post(forum, other, "beta")
    assert (answer.status_code, "says something else" in answer.text) == (409, True)


def test_a_refresh_follows_with_the_same_key(forum):
    shares = dealt()
    epoch = epoch_of(forum, shares=shares)
    refreshed = replace(epoch, generation=1)
    answer = post(forum, document(forum, refreshed))
    assert (answer.status_code, "post it first" in answer.text) == (409, True)
    assert post(forum, document(forum, epoch)).status_code == 201
    assert post(forum, document(forum, epoch_of(forum, generation=1))).status_code == 409
    assert post(forum, document(forum, refreshed)).status_code == 201
    found = forum.ask("alpha", "GET", "/v1/epochs").json()["epochs"]
    assert [one["generation"] for one in found] == [0, 1]


def test_only_an_evaluator_posts(forum):
    answer = post(forum, document(forum, epoch_of(forum)), "delta")
    assert (answer.status_code, "no evaluator" in answer.text) == (403, True)


def _unsigned(said, forum):
    said["signatures"].pop(forum.names["gamma"].key.id)


def _forged(said, forum):
    stranger = SigningKey.generate()
    epoch = Epoch.from_json(said)
    said["signatures"][forum.names["gamma"].key.id] = sign(epoch, stranger)


def _longer(said, _forum):
    said["ends"] = (today() + timedelta(days=400)).isoformat()


def _unknown(said, _forum):
    said["more"] = 1


def _huge(said, _forum):
    said["signatures"] = {"x": "y" * 70_000}


@pytest.mark.parametrize("spoil", [_unsigned, _forged, _longer, _unknown, _huge])
def test_what_is_not_whole_is_refused(forum, spoil):
    said = document(forum, epoch_of(forum))
    spoil(said, forum)
    assert post(forum, said).status_code == 422
    assert forum.ask("alpha", "GET", "/v1/epochs").json() == {"epochs": []}


@pytest.mark.parametrize("days", [-90, 400])
def test_what_is_over_or_far_away_is_refused(forum, days):
    first, last = days_from(today() + timedelta(days=days))
    assert post(forum, document(forum, epoch_of(forum, starts=first, ends=last))).status_code == 422


def test_a_key_that_ended_signs_nothing(forum):
    epoch = epoch_of(forum)
    gamma = forum.names["gamma"]
    new = SigningKey.generate()
    said = statements.rotate(gamma.identity, gamma.key, new, instant(now()))
    assert forum.ask("gamma", "POST", "/v1/keys", json=said).status_code == 201
    answer = post(forum, document(forum, epoch))
    assert (answer.status_code, "not known as its key" in answer.text) == (422, True)


def test_a_suspended_member_signs_nothing(forum):
    database = connect(forum.world.url)
    with database.write() as connection:
        log = governance.into(signer(connection, forum.world.key_file))
        member = members.named(connection, "gamma")
        governance.change(connection, log, member, State.SUSPENDED, now=now())
    database.close()
    assert post(forum, document(forum, epoch_of(forum))).status_code == 422


def test_nobody_fills_the_hub_with_epochs(forum):
    statuses = [
        post(forum, document(forum, epoch_of(forum, f"e{number}"))).status_code
        for number in range(A_DAY + 1)
    ]
    assert statuses == [201] * A_DAY + [429]


@pytest.mark.parametrize("said", [[], "x", 1, None, {"epochs": []}])
def test_what_is_no_document_is_refused(forum, said):
    assert post(forum, said).status_code == 422

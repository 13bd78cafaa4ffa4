"""The writer by itself, over real databases."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from stillwatch.hub import envelope
from stillwatch.hub.auth import Authenticator
from stillwatch.hub.clock import now
from stillwatch.hub.database import connect
from stillwatch.hub.errors import Problem
from stillwatch.hub.limits import Limits
from stillwatch.hub.logkey import signer
from stillwatch.hub.schema import collections, objects
from stillwatch.hub.store import Post
from stillwatch.hub.writer import Writer
from tests.hubs import indicator, people


class Desk:
    """A writer, and requests of alpha to one collection."""

    def __init__(self, url, key_file):
        world = people(url, key_file)
        self.database = connect(url)
        with self.database.read() as connection:
            found = Authenticator().caller(connection, f"Bearer {world.tokens['alpha']}")
            log = signer(connection, key_file)
        self.caller, self.collection = found, found.collection("mixed")
        self.writer = Writer(self.database, log, Limits(), now)

    def post(self, count=1, **changes):
        sent = [indicator(n) for n in range(count)]
        items = envelope.read(envelope.orjson.dumps({"objects": sent}), Limits())
        return Post(self.caller, self.collection, [replace(i, **changes) for i in items])

    def stored(self):
        with self.database.read() as connection:
            return connection.scalars(select(objects.c.stix_id).order_by(objects.c.seq)).all()

    @contextmanager
    def busy(self):
        """Hold what every writer needs, so that requests gather."""
        with self.database.write() as connection:
            mine = collections.c.id == self.collection.id
            connection.execute(update(collections).where(mine).values(title="Held"))
            yield


@pytest.fixture
def desk(made, database_url, key_file):
    assert made.fresh
    desk = Desk(database_url, key_file)
    yield desk
    desk.writer.close()
    desk.database.close()


def ids(*posts):
    return [item.id for post in posts for item in post.items]


def test_a_request_that_breaks_the_transaction_breaks_no_other(desk):
    good = [desk.post(2) for _ in range(3)]
    bad = desk.post(spec_version=None)  # the database refuses it
    with desk.busy():
        waiting = [desk.writer.submit(post) for post in (good[0], good[1], bad, good[2])]
    assert [waiting[n].result(60) for n in (0, 1, 3)] == [post.answer for post in good]
    with pytest.raises(IntegrityError):
        waiting[2].result(60)
    assert desk.stored() == ids(*good)


def test_requests_that_waited_together_are_told_apart(desk):
    posts = [desk.post(n) for n in (1, 2, 3)]
    with desk.busy():
        waiting = [desk.writer.submit(post) for post in posts]
    told = [envelope.orjson.loads(one.result(60)) for one in waiting]
    assert [one["success_count"] for one in told] == [1, 2, 3]
    assert [[s["id"] for s in one["successes"]] for one in told] == [ids(p) for p in posts]
    assert desk.stored() == ids(*posts)


def test_who_leaves_before_its_turn_is_not_stored_and_stops_nobody(desk):
    first, gone, last, after = (desk.post() for _ in range(4))
    with desk.busy():
        one = desk.writer.submit(first)
        while not one.running():  # the writer holds it and waits for the database
            pass
        left = desk.writer.submit(gone)
        two = desk.writer.submit(last)
        assert left.cancel()
        assert not one.cancel()
    assert one.result(60)
    assert two.result(60)
    alone = desk.post()
    with desk.busy():
        desk.writer.submit(alone).cancel()
    assert desk.writer.submit(after).result(60)
    kept = [i for i in desk.stored() if i not in ids(alone)]
    assert kept == ids(first, last, after)


def test_what_waits_at_the_end_is_stored_and_nothing_is_taken_after(desk):
    posts = [desk.post() for _ in range(3)]
    waiting = [desk.writer.submit(post) for post in posts]
    desk.writer.close()
    assert all(one.done() for one in waiting)
    assert desk.stored() == ids(*posts)
    with pytest.raises(Problem, match="cannot take more") as error:
        desk.writer.submit(desk.post())
    assert (error.value.status, error.value.headers["Retry-After"]) == (503, "2")

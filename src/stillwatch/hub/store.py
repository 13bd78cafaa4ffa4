"""Takes objects in: all of a request or nothing, on disk before anybody is told.

Rules: writers of one collection take turns by the lock on its ``clock``; each object gets an
instant of its own, later than every one before, whatever the computer's clock does, and commits
come in that order: a reader that has seen an instant has seen all before it. The first content
of an id and version wins; sending it again is a success that changes nothing. Claims pass
``claims`` and enter the log in the same transaction. Locks are taken in the order that
``governance`` states.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from stillwatch.hub import audience, claims, packs
from stillwatch.hub.auth import Caller, Collection
from stillwatch.hub.claims import Sound
from stillwatch.hub.clock import instant
from stillwatch.hub.database import insert_many
from stillwatch.hub.envelope import Item, same
from stillwatch.hub.errors import Problem
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.named import named
from stillwatch.hub.quotas import spend
from stillwatch.hub.refusals import QuotaSpent
from stillwatch.hub.schema import audiences, collections, objects, statuses

_ASKED_AT_ONCE: Final = 500
_HOUR: Final = 3_600_000_000


@dataclass(slots=True)
class Post:
    """A request to add objects, ready to be stored."""

    caller: Caller
    collection: Collection
    items: Sequence[Item]
    sound: Mapping[int, Sound] = field(default_factory=dict)
    """What was found of the items, by place; in collections of claims only."""
    answer: bytes = b""
    """The status resource, once it is stored."""
    stored: int = 0
    """Objects that were new."""
    refused: QuotaSpent | Problem | None = None
    """Instead of an answer."""

    @property
    def member(self) -> int:
        """Who sends it."""
        return self.caller.member


def store(
    connection: Connection, posts: Sequence[Post], signer: LogSigner, *, now: int, keep_hours: int
) -> None:
    """Store requests to one collection within the caller's transaction and set their answers."""
    collection = posts[0].collection
    claimed = collection.policy == "claims"
    live = [post for post in posts if not claimed or _within_quota(connection, post, now)]
    batch = _Batch(connection, collection, now)
    barred = claims.admit(connection, collection.id, live, now=now) if claimed else {}
    batch.look_up({item.id for post in live for item in post.items if item.problem is None})
    told: list[dict[str, Any]] = []
    for number, post in enumerate(live):
        before = len(batch.rows)
        details = [
            (item.id, *batch.take(post, place, item, barred.get((number, place))))
            for place, item in enumerate(post.items)
        ]
        told.append(_status(post, details, now))
        post.stored = len(batch.rows) - before
    batch.write(signer)
    if told:
        connection.execute(insert(statuses), told)
    connection.execute(delete(statuses).where(statuses.c.requested < now - keep_hours * _HOUR))


class _Batch:
    """Objects of one collection that enter it in one transaction."""

    def __init__(self, connection: Connection, collection: Collection, now: int) -> None:
        self._connection, self._collection = connection, collection
        self._now = now
        mine = collections.c.id == collection.id
        clock = connection.scalar(select(collections.c.clock).where(mine).with_for_update())
        if clock is None:
            raise Problem(404, "there is no such collection")
        self._clock = clock
        self._known: dict[str, list[dict[str, Any]]] = {}
        self._audiences: dict[str, int] = {}
        self._places: list[tuple[Post, Item]] = []
        self.rows: list[dict[str, Any]] = []

    def look_up(self, ids: set[str]) -> None:
        """Find what is stored under these ids."""
        wanted = sorted(ids)
        for at in range(0, len(wanted), _ASKED_AT_ONCE):
            stored = named(
                self._connection, self._collection.id, wanted[at : at + _ASKED_AT_ONCE]
            ).c
            found = self._connection.execute(
                select(
                    stored.stix_id,
                    stored.version,
                    stored.stated,
                    stored.member,
                    stored.body,
                    audiences.c.rule,
                ).join(audiences, audiences.c.id == stored.audience)
            )
            for row in found.mappings():
                self._known.setdefault(row["stix_id"], []).append(dict(row))

    def take(
        self, post: Post, place: int, item: Item, barred: str | None
    ) -> tuple[str, str | None]:
        """Take one object, or say why not; its version in words either way."""
        if item.problem is not None:
            return item.stated or instant(self._now), item.problem
        there = self._there(post, item)
        if there is not None:
            if same(there["body"], item.body):
                return there["stated"], None
            return there["stated"], "another content of this id and version was stored before"
        problem = barred or self._out_of_turn(post, place, item) or self._unpacked(post, place)
        if problem is not None:
            return item.stated or instant(self._now), problem
        return self._add(post, item), None

    def write(self, signer: LogSigner) -> None:
        """Insert what was taken, log it, and move the clock on."""
        if not self.rows:
            return
        columns = [{k: v for k, v in row.items() if k != "rule"} for row in self.rows]
        if self._collection.policy == "claims":
            made = insert(objects).returning(objects.c.seq, sort_by_parameter_order=True)
            seqs = self._connection.scalars(made, columns).all()
            logged = [
                (item.obj, row["audience"], seq)
                for (_, item), row, seq in zip(self._places, self.rows, seqs, strict=True)
            ]
            claims.log(self._connection, self._collection.id, logged, signer)
        else:
            insert_many(self._connection, objects, columns)
        mine = collections.c.id == self._collection.id
        self._connection.execute(update(collections).where(mine).values(clock=self._clock))

    def _there(self, post: Post, item: Item) -> dict[str, Any] | None:
        """What stands where the object would go.

        An object without a version is compared with those its poster sent or may read: the ids of
        observables can be guessed, and who may only write must not learn what is there.
        """
        found = self._known.get(item.id, ())
        if item.version is not None:
            return next((row for row in found if row["version"] == item.version), None)
        me, reads = post.caller, post.collection.can_read
        seen = [
            row
            for row in found
            if row["member"] == me.member
            or (reads and audience.admits(row["rule"], me.name, me.groups))
        ]
        return max(seen, key=lambda row: row["version"], default=None)

    def _out_of_turn(self, post: Post, place: int, item: Item) -> str | None:
        if self._collection.policy != "claims":
            return None
        return claims.out_of_turn(self._known.get(item.id, ()), item, post.sound[place])

    def _unpacked(self, post: Post, place: int) -> str | None:
        """Say why a claim may not name its pack; it is the last thing that is asked."""
        claim = post.sound[place].tags if place in post.sound else None
        if claim is None:
            return None
        return packs.name(self._connection, post.member, self._collection.id, claim)

    def _add(self, post: Post, item: Item) -> str:
        self._clock = max(self._now, self._clock + 1)
        rule = audience.rule(item.obj, post.caller.name)
        if rule not in self._audiences:
            self._audiences |= audience.keep(self._connection, self._collection.id, [rule])
        row = {
            "collection": self._collection.id,
            "stix_id": item.id,
            "type": item.type,
            "spec_version": item.spec_version,
            "version": self._clock if item.version is None else item.version,
            "stated": item.stated or instant(self._clock),
            "date_added": self._clock,
            "audience": self._audiences[rule],
            "member": post.caller.member,
            "body": item.body,
            "rule": rule,
        }
        self.rows.append(row)
        self._places.append((post, item))
        self._known.setdefault(item.id, []).append(row)
        return str(row["stated"])


def _within_quota(connection: Connection, post: Post, now: int) -> bool:
    """Count a member's new claims; revocations are never refused for a quota."""
    wanted = sum(not sound.said.revoked for sound in post.sound.values())
    try:
        if wanted:
            spend(connection, post.caller.member, "writes", wanted, now=now)
    except QuotaSpent as refusal:
        post.refused = refusal
    return post.refused is None


def _status(post: Post, told: Sequence[tuple[str, str, str | None]], now: int) -> dict[str, Any]:
    good = [{"id": i, "version": v} for i, v, problem in told if problem is None]
    bad = [{"id": i, "version": v, "message": p} for i, v, p in told if p is not None]
    status: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "status": "complete",
        "request_timestamp": instant(now),
        "total_count": len(told),
        "success_count": len(good),
        "failure_count": len(bad),
        "pending_count": 0,
    }
    if good:
        status["successes"] = good
    if bad:
        status["failures"] = bad
    post.answer = orjson.dumps(status)
    return {
        "id": status["id"],
        "member": post.caller.member,
        "requested": now,
        "body": post.answer,
    }

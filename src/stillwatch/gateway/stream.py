"""The stream of decisions on the wire: how a gateway tells another what it knows.

NDJSON. A head ``{"seq": N, "now": T, "startup": true}`` and blocks (see ``blocks``), or, for what
came since a number, a head with ``"startup": false`` and a line ``{"put": decision}`` or
``{"drop": id}`` for each change; then ``{"end": SHA-256 of all lines before, with their ends}``.
``seq`` is what the body is good for: the number to ask for next. ``now`` is the sender's time as
it sends, in seconds since 1970: whether a decision has ended is judged by it. ``age`` is how old
what it knows is, in seconds; who follows it is as old as both together.

>>> head_of(b'{"seq": 7, "now": 1790000000.5, "startup": false, "age": 2.0}')
Head(seq=7, now=1790000000.5, startup=False, age_s=2.0)
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from stillwatch.gateway.blocks import encoded, sealed
from stillwatch.gateway.knowledge import Behind, Change, Knowledge


class Head(NamedTuple):
    """The first line of a body."""

    seq: int
    now: float
    """Seconds since 1970."""
    startup: bool
    """Everything follows, not only what came since."""
    age_s: float


def startup_lines(knowledge: Knowledge) -> Iterator[bytes]:
    """Everything in force, lines with their ends. Raises ``Behind`` where nothing is known yet."""
    if not knowledge.present:
        raise Behind
    seq, blocks = knowledge.blocks()
    return sealed(_with_head(_head(knowledge, seq, True), map(encoded, blocks)))


def change_lines(knowledge: Knowledge, since: int) -> Iterator[bytes]:
    """What came after a number; a head and an end alone where nothing did. Raises ``Behind``."""
    seq, changes = knowledge.since(since)
    return sealed(_with_head(_head(knowledge, seq, False), map(_line, changes)))


def head_of(line: bytes) -> Head:
    """The first line of a body. Raises ``ValueError``."""
    said = _object(line)
    seq, now, whole = said.get("seq"), said.get("now"), said.get("startup")
    age = said.get("age", 0.0)
    if not isinstance(seq, int) or not 0 <= seq < 1 << 63 or not isinstance(whole, bool):
        raise ValueError("seq or startup")
    if not isinstance(now, int | float) or not math.isfinite(now) or not 1 < now < 2.5e11:
        raise ValueError("now")
    if not isinstance(age, int | float) or not 0 <= age < 1e12:
        raise ValueError("age")
    return Head(seq, float(now), whole, float(age))


def change_of(line: bytes, seq: int) -> Change:
    """A change. Raises ``ValueError``.

    Whether what it puts can be used is for the knowledge to say: a decision of a version to come
    must not keep those after it from being known.
    """
    said = _object(line)
    if said.keys() == {"drop"} and isinstance(said["drop"], str):
        return Change(seq, said["drop"], None)
    if said.keys() != {"put"} or not isinstance(said["put"], dict):
        raise ValueError("it is neither put nor drop")
    id_ = said["put"].get("id")
    if not isinstance(id_, str):
        raise ValueError("what it puts has no id")  # noqa: TRY004  the one error of this file
    return Change(seq, id_, said["put"])


def _object(line: bytes) -> dict[str, Any]:
    said = orjson.loads(line)  # its error is a ValueError
    if not isinstance(said, dict):
        raise ValueError("it is no object")  # noqa: TRY004  the one error of this file
    return said


def _with_head(head: bytes, lines: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from lines


def _head(knowledge: Knowledge, seq: int, whole: bool) -> bytes:
    now, age = knowledge.clock.now(), knowledge.age_s() or 0.0
    return orjson.dumps({"seq": seq, "now": now, "startup": whole, "age": round(age, 3)})


def _line(change: Change) -> bytes:
    said = {"drop": change.id} if change.record is None else {"put": change.record}
    return orjson.dumps(said)

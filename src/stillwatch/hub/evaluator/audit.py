"""What an evaluator was asked, as counts: by hour, member, epoch and kind; never an element.

Rules: the running hour is counted in ``tallies``, in the transaction that charges; when it is over
its counts are sealed as rows of a chain that only grows. Each row carries SHA-256 over the chain
value before it and its own columns, and the number and value of the last are kept beside, so that
a row that was altered, inserted or deleted is seen. Against one who rewrites all of it stands the
head that the operator kept elsewhere. Hours, not instants: the times of a lab's sign-ups are its own.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stillwatch.crypto.canonical import canonical
from stillwatch.errors import InputError, StoredDataError
from stillwatch.hub.audit import Head
from stillwatch.hub.evaluator.schema import audit, facts, tallies

HOUR: Final = 3_600
_START: Final = Head(0, bytes(32).hex())


@dataclass(frozen=True, slots=True)
class Kind:
    """What is counted together."""

    hour: int
    """Hours since 1970."""
    member: str
    """Identity; empty for nobody known."""
    epoch: str
    generation: int
    what: str
    """``requests``, ``elements``, ``proofs``, ``refused.REASON``, or an operator's act."""


@dataclass(frozen=True, slots=True)
class Row:
    """A count, with its number in the chain; 0 while its hour runs."""

    seq: int
    hour: int
    member: str
    epoch: str
    generation: int
    what: str
    count: int


def count(connection: Connection, counts: Mapping[Kind, int]) -> None:
    """Add to the running counts in the caller's transaction."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    for kind, number in counts.items():
        row = {name: getattr(kind, name) for name in Kind.__slots__}
        statement = dialect.insert(tallies).values(**row, count=number)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=list(row), set_={"count": tallies.c.count + number}
            )
        )


def act(connection: Connection, at: int, member: str, what: str, number: int) -> None:
    """Add an operator's act to the chain, in the transaction that does it."""
    _append(connection, [Row(0, at // HOUR, member, "", 0, what, number)])


def seal(connection: Connection, now: int) -> int:
    """Put the counts of hours that are over into the chain; how many rows."""
    over = tallies.c.hour < now // HOUR
    order = (
        tallies.c.hour,
        tallies.c.member,
        tallies.c.epoch,
        tallies.c.generation,
        tallies.c.what,
    )
    found = connection.execute(select(tallies).where(over).order_by(*order)).mappings()
    rows = [Row(seq=0, **row) for row in found]
    if rows:
        _append(connection, rows)
        connection.execute(delete(tallies).where(over))
    return len(rows)


def listed(connection: Connection, member: str = "", limit: int = 1000) -> list[Row]:
    """The newest rows, oldest first, and after them the counts of the running hour."""
    rows = select(*(audit.c[name] for name in Row.__slots__)).order_by(audit.c.seq.desc())
    running = select(tallies).order_by(tallies.c.hour, tallies.c.member, tallies.c.what)
    if member:
        rows = rows.where(audit.c.member == member)
        running = running.where(tallies.c.member == member)
    sealed = [Row(**row) for row in connection.execute(rows.limit(limit)).mappings()][::-1]
    return sealed + [Row(seq=0, **row) for row in connection.execute(running).mappings()]


def verify(connection: Connection, kept: str | None = None) -> Head:
    """Recompute the chain from its first row; ``kept`` is a head that was written down before.

    Raises ``StoredDataError`` with the number of the first row that does not hold.
    """
    wanted = None if kept is None else _parse(kept)
    seq, chain = 0, bytes.fromhex(_START.chain)
    for found in connection.execute(select(audit).order_by(audit.c.seq)).mappings():
        values = dict(found)
        stored = values.pop("chain")
        row = Row(**values)
        if row.seq != seq + 1:
            raise _broken(seq + 1, "is missing")
        seq, chain = row.seq, _link(chain, row)
        if chain != stored:
            raise _broken(seq, "was altered, or one before it was")
        if wanted is not None and seq == wanted.seq and chain.hex() != wanted.chain:
            raise _broken(seq, "does not lead to the value that was kept")
    head = _head(connection)
    if Head(seq, chain.hex()) != head:
        raise _broken(seq + 1, f"is missing: {head.seq} rows were written")
    if wanted is not None and wanted.seq > seq:
        raise _broken(seq + 1, f"is missing: row {wanted.seq} existed once")
    return head


def _append(connection: Connection, rows: list[Row]) -> None:
    head = _head(connection, lock=True)
    seq, chain, made = head.seq, bytes.fromhex(head.chain), list[dict[str, Any]]()
    for row in rows:
        seq += 1
        values = {name: getattr(row, name) for name in Row.__slots__} | {"seq": seq}
        chain = _link(chain, Row(**values))
        made.append({**values, "chain": chain})
    connection.execute(insert(audit), made)
    value = str(Head(seq, chain.hex()))
    connection.execute(update(facts).where(facts.c.name == "audit").values(value=value))


def _head(connection: Connection, *, lock: bool = False) -> Head:
    statement = select(facts.c.value).where(facts.c.name == "audit")
    found = connection.scalar(statement.with_for_update() if lock else statement)
    return _parse(found or str(_START))


def _link(chain: bytes, row: Row) -> bytes:
    # texts, because canonical JSON has no integers beyond 2^53 - 1
    columns = [str(getattr(row, name)) for name in Row.__slots__]
    return hashlib.sha256(chain + canonical(columns)).digest()


def _parse(text: str) -> Head:
    seq, _, chain = text.partition(":")
    if (
        not (seq.isascii() and seq.isdecimal())
        or len(chain) != 64
        or not set(chain) <= set("0123456789abcdef")
    ):
        raise InputError(
            f"{text[:80]!r} is no head of an audit", hint="give it as it was printed, NUMBER:HASH"
        )
    return Head(int(seq), chain)


def _broken(seq: int, how: str) -> StoredDataError:
    return StoredDataError(
        f"audit: row {seq} {how}",
        hint="keep the database as evidence and compare with the last backup",
    )

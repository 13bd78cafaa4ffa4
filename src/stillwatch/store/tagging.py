"""Identifiers of our own caught actors, the rows made of them, and the packs that took these out.

Rules
    * Identifiers are kept because every key epoch needs them anew. They go with their claim.
    * A row that was sealed is kept until its epoch ends, so that a snapshot repeats it without
      asking the evaluators again. Dummies are kept like rows: if they alone were drawn anew,
      comparing two packs would tell them from the others.
    * A pack is kept with its signed claim before either leaves: after a crash the same bytes go out.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.store.schema import identifiers, own_packs, published, tagged

_PART: Final = 400
PackState = Literal["made", "stored", "failed"]


@dataclass(frozen=True, slots=True)
class Held:
    """One identifier of a caught actor."""

    claim: str
    """STIX id of the actor or campaign claim that speaks of it."""
    identifier: Identifier
    first_seen: date
    last_seen: date
    confidence: int
    """0-100."""
    tactic: str = ""


@dataclass(frozen=True, slots=True)
class Tagged:
    """A row that was made: real, or a dummy without claim."""

    claim: str
    mark: bytes
    """Keyed hash by which the identifier is recognised without being written again."""
    record: bytes
    row: bytes = field(repr=False)
    pack: str = ""


@dataclass(frozen=True, slots=True)
class OwnPack:
    """A pack of ours with the claim that names it."""

    sha256: str
    epoch: str
    serial: int
    snapshot: bool
    rows: int
    stix_id: str
    body: bytes
    content: bytes = field(repr=False)
    state: PackState = "made"
    answer: str = ""


def hold(connection: Connection, items: Iterable[Held]) -> int:
    """Keep identifiers; those known of the same claim are widened. Returns how many are new."""
    by_claim = defaultdict[str, list[Held]](list)
    for one in items:
        by_claim[one.claim].append(one)
    return sum(_hold(connection, claim, its) for claim, its in by_claim.items())


def _hold(connection: Connection, claim: str, items: Iterable[Held]) -> int:
    its = identifiers.c.claim == claim
    query = select(identifiers).where(its)
    before = {(r.kind, r.value): dict(r._mapping) for r in connection.execute(query)}
    rows = dict(before)
    for one in items:
        key = (one.identifier.kind.value, str(one.identifier.value))
        first, last = one.first_seen.isoformat(), one.last_seen.isoformat()
        known = rows.get(key, {"first_seen": first, "last_seen": last})
        rows[key] = {
            "claim": claim,
            "kind": key[0],
            "value": key[1],
            "first_seen": min(first, known["first_seen"]),
            "last_seen": max(last, known["last_seen"]),
            "confidence": one.confidence,
            "tactic": one.tactic,
        }
    if before:
        connection.execute(delete(identifiers).where(its))
    connection.execute(insert(identifiers), list(rows.values()))
    return len(rows) - len(before)


def held(connection: Connection) -> Iterator[Held]:
    """All identifiers, by claim."""
    order = (identifiers.c.claim, identifiers.c.kind, identifiers.c.value)
    for row in connection.execute(select(identifiers).order_by(*order)):
        yield Held(
            row.claim,
            Identifier(Kind(row.kind), NormalForm(row.value)),
            date.fromisoformat(row.first_seen),
            date.fromisoformat(row.last_seen),
            row.confidence,
            row.tactic,
        )


def holders(connection: Connection) -> list[str]:
    """Claims of which identifiers are kept."""
    found = select(identifiers.c.claim).distinct().order_by(identifiers.c.claim)
    return list(connection.scalars(found))


def stored(connection: Connection) -> dict[str, bytes]:
    """Claims of which identifiers are kept, as the hub stored them last."""
    mine = select(identifiers.c.claim).distinct()
    query = (
        select(published.c.stix_id, published.c.body)
        .where(published.c.state == "stored", published.c.stix_id.in_(mine))
        .order_by(published.c.modified)
    )
    return {row.stix_id: row.body for row in connection.execute(query)}


def kinds(connection: Connection, claim: str) -> dict[str, int]:
    """How many identifiers of each kind are kept of a claim."""
    query = (
        select(identifiers.c.kind, func.count())
        .where(identifiers.c.claim == claim)
        .group_by(identifiers.c.kind)
        .order_by(identifiers.c.kind)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def forget(connection: Connection, claims: Sequence[str]) -> int:
    """Drop the identifiers of claims; returns how many."""
    gone = 0
    for at in range(0, len(claims), _PART):
        some = identifiers.c.claim.in_(claims[at : at + _PART])
        gone += connection.execute(delete(identifiers).where(some)).rowcount
    return gone


def rows_of(connection: Connection, epoch: str) -> list[Tagged]:
    """Rows that were made in an epoch, dummies among them."""
    query = select(tagged).where(tagged.c.epoch == epoch).order_by(tagged.c.seq)
    return [Tagged(r.claim, r.mark, r.record, r.row, r.pack) for r in connection.execute(query)]


def marks_of(connection: Connection, epoch: str) -> set[tuple[str, bytes, bytes]]:
    """Claim, mark and record of the rows of an epoch: what need not be made again."""
    query = select(tagged.c.claim, tagged.c.mark, tagged.c.record).where(tagged.c.epoch == epoch)
    return {(r.claim, r.mark, r.record) for r in connection.execute(query)}


def add_rows(connection: Connection, epoch: str, rows: Iterable[Tagged]) -> None:
    """Keep rows; an earlier one of the same identifier and claim is replaced."""
    made: list[dict[str, Any]] = []
    for one in rows:
        made.append(
            {
                "epoch": epoch,
                "claim": one.claim,
                "mark": one.mark,
                "record": one.record,
                "row": one.row,
                "pack": one.pack,
            }
        )
    if made:
        connection.execute(insert(tagged), made)


def replace_rows(connection: Connection, epoch: str, rows: Iterable[Tagged]) -> None:
    """Let these be all rows of an epoch."""
    kept = list(rows)
    connection.execute(delete(tagged).where(tagged.c.epoch == epoch))
    add_rows(connection, epoch, kept)


def keep_pack(connection: Connection, one: OwnPack) -> None:
    """Keep a pack, or what became of it."""
    connection.execute(delete(own_packs).where(own_packs.c.sha256 == one.sha256))
    connection.execute(
        insert(own_packs).values(
            sha256=one.sha256,
            epoch=one.epoch,
            serial=one.serial,
            snapshot=int(one.snapshot),
            rows=one.rows,
            stix_id=one.stix_id,
            body=one.body,
            content=one.content,
            state=one.state,
            answer=one.answer,
        )
    )


def packs(connection: Connection, *states: PackState) -> list[OwnPack]:
    """Packs in any of the states, by epoch and serial."""
    query = select(own_packs).where(own_packs.c.state.in_(states))
    return [
        OwnPack(
            r.sha256, r.epoch, r.serial, bool(r.snapshot), r.rows, r.stix_id, r.body, r.content,
            r.state, r.answer,
        )
        for r in connection.execute(query.order_by(own_packs.c.epoch, own_packs.c.serial))
    ]  # fmt: skip


def undo_pack(connection: Connection, sha256: str) -> None:
    """Forget a pack that never left; its rows go into the next one."""
    connection.execute(delete(own_packs).where(own_packs.c.sha256 == sha256))
    connection.execute(delete(tagged).where(tagged.c.pack == sha256, tagged.c.claim == ""))
    connection.execute(update(tagged).where(tagged.c.pack == sha256).values(pack=""))


def last_serial(connection: Connection, epoch: str) -> int:
    """Greatest serial that was used or is about to be; failed packs never used theirs."""
    mine = (own_packs.c.epoch == epoch) & (own_packs.c.state != "failed")
    return connection.scalar(select(func.max(own_packs.c.serial)).where(mine)) or 0

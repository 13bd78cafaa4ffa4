"""The log's writer: appended in the transaction that stores what it logs, or not at all.

Rules: one checkpoint for each transaction; writers take turns by a lock on the row that names
the log (SQLite's immediate transaction does the same); a stored checkpoint's time never goes
back, whatever the clock does; nothing is appended to tiles that do not lead to the last
signed root, since that would sign a history nobody logged.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from stillwatch.crypto.merkle import HASH_BYTES, Frontier, leaf_hash
from stillwatch.crypto.note import Checkpoint, Note, sign_note
from stillwatch.crypto.records import entry
from stillwatch.crypto.tiles import WIDTH
from stillwatch.errors import NotTrusted, StoredDataError
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.schema import audiences, checkpoints, leaves, meta, tiles

_ASKED_AT_ONCE: Final = 500
"""Ids in one query: SQLite allows 32,766 variables, older ones 999."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is to be logged: the record, and where the hub keeps what it is of."""

    record: bytes
    """``claim_record`` or ``key_record``."""
    audience: int
    """Of ``audiences``; null collection for key statements."""
    object: int | None = None
    """``objects.seq`` of a claim."""
    statement: bytes | None = None
    """Canonical JSON of a key statement."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last checkpoint as stored."""

    checkpoint: Checkpoint
    note: str
    made: int
    """Microseconds since 1970."""


def begin(connection: Connection, signer: LogSigner) -> Head:
    """Start an empty log: keep its name and public key, and sign the empty tree."""
    connection.execute(
        insert(meta),
        [
            {"name": "origin", "value": signer.origin},
            {"name": "log_key_id", "value": signer.key.id},
            {"name": "log_key", "value": str(signer.vkey)},
        ],
    )
    return _sign(connection, Checkpoint(signer.origin, 0, Frontier().root()), signer, 0)


def lock(connection: Connection) -> None:
    """Wait for one's turn to append; held to the end of the transaction.

    What a claim's right to be logged rests on (its key still speaks, no version follows it) is
    to be read after this: readers judge by the order of the log. Locks of collections and
    members are taken before, never after.
    """
    connection.execute(select(meta.c.value).where(meta.c.name == "origin").with_for_update())


def head(connection: Connection) -> Head:
    """The last checkpoint; raises ``StoredDataError`` if no log was begun."""
    row = connection.execute(
        select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
    ).one_or_none()
    if row is None:
        raise StoredDataError("the database holds no log", hint="run `stillwatch hub init` first")
    try:
        return Head(Checkpoint.parse(Note.parse(row.note).text), row.note, row.made)
    except NotTrusted as error:
        raise StoredDataError(f"checkpoint {row.size} is damaged: {error}") from error


def append(connection: Connection, rows: Sequence[Row], signer: LogSigner) -> Head:
    """Log rows in order, within the caller's transaction; nothing is final before its commit.

    Raises ``StoredDataError`` if the stored log does not hold together.
    """
    # 1. One writer at a time.
    lock(connection)
    last = head(connection)
    if not rows:
        return last

    # 2. Where the tree stands, proved against the signature.
    size = last.checkpoint.size
    edge = _edge(connection, size)
    if _frontier(edge, size).root() != last.checkpoint.root:
        raise StoredDataError(
            f"the tiles do not lead to the root of checkpoint {size}",
            hint="stop the hub and run `stillwatch hub fsck`",
        )

    # 3. Entries and leaves.
    secrets = _secrets(connection, {row.audience for row in rows})
    entries = [entry(r.record, secrets[r.audience], i) for i, r in enumerate(rows, size)]
    connection.execute(
        insert(leaves),
        [
            {
                "index": size + i,
                "entry": entries[i],
                "audience": row.audience,
                "object": row.object,
                "statement": row.statement,
            }
            for i, row in enumerate(rows)
        ],
    )

    # 4. Tiles, then the checkpoint over them.
    edge = _extend(connection, edge, size, [leaf_hash(made) for made in entries])
    root = _frontier(edge, size + len(rows)).root()
    checkpoint = Checkpoint(signer.origin, size + len(rows), root)
    return _sign(connection, checkpoint, signer, last.made)


def _edge(connection: Connection, size: int) -> list[bytes]:
    """Hashes of the partial tile at the right of each level, from the leaves up."""
    wanted = list(_partial(size))
    kept: dict[int, bytes] = {}
    for level, index, _ in wanted:
        kept[level] = (
            connection.execute(
                select(tiles.c.hashes).where(tiles.c.level == level, tiles.c.index == index)
            ).scalar_one_or_none()
            or b""
        )
    for level, index, width in wanted:
        if len(kept[level]) != width * HASH_BYTES:
            raise StoredDataError(
                f"tile {level}/{index} has {len(kept[level])} bytes, not {width * HASH_BYTES}",
                hint="stop the hub and run `stillwatch hub fsck`",
            )
    top = max(kept, default=-1)
    return [kept.get(level, b"") for level in range(top + 1)]


def _partial(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of each partial tile of a tree (C2SP tlog-tiles)."""
    level, count = 0, size
    while count:
        if count % WIDTH:
            yield level, count // WIDTH, count % WIDTH
        level, count = level + 1, count // WIDTH


def _frontier(edge: Sequence[bytes], size: int) -> Frontier:
    """Frontier of a tree from its partial tiles: each holds eight of its binary digits."""
    roots: list[bytes] = []
    for hashes in reversed(edge):
        part = [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
        roots += Frontier().extend(part).roots
    return Frontier(size, tuple(roots))


def _extend(
    connection: Connection, edge: list[bytes], size: int, hashes: Iterable[bytes]
) -> list[bytes]:
    """Add leaf hashes to the tiles; returns the new partial tile of each level."""
    level, count, new = 0, size, list(hashes)
    after: list[bytes] = []
    while new:
        before = edge[level] if level < len(edge) else b""
        whole = before + b"".join(new)
        first, step = count // WIDTH, WIDTH * HASH_BYTES
        parts = [whole[i : i + step] for i in range(0, len(whole), step)]
        _store(connection, level, first, parts, exists=bool(before))
        full = [part for part in parts if len(part) == step]
        after.append(parts[-1] if len(parts) > len(full) else b"")
        new = [_root(part) for part in full]
        level, count = level + 1, count // WIDTH
    return after + edge[level:]


def _store(
    connection: Connection, level: int, first: int, parts: Sequence[bytes], *, exists: bool
) -> None:
    """Write consecutive tiles; the first replaces the partial one if that exists."""
    rows = [{"level": level, "index": first + i, "hashes": p} for i, p in enumerate(parts)]
    if exists:
        row = rows.pop(0)
        connection.execute(
            update(tiles)
            .where(tiles.c.level == level, tiles.c.index == first)
            .values(hashes=row["hashes"])
        )
    if rows:
        connection.execute(insert(tiles), rows)


def _root(tile: bytes) -> bytes:
    """Root of a full tile."""
    hashes = (tile[i : i + HASH_BYTES] for i in range(0, len(tile), HASH_BYTES))
    return Frontier().extend(hashes).root()


def _secrets(connection: Connection, ids: set[int]) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    wanted = sorted(ids)
    for at in range(0, len(wanted), _ASKED_AT_ONCE):
        rows: Any = connection.execute(
            select(audiences.c.id, audiences.c.secret).where(
                audiences.c.id.in_(wanted[at : at + _ASKED_AT_ONCE])
            )
        )
        found.update((id_, secret) for id_, secret in rows)
    if missing := ids - found.keys():
        raise StoredDataError(f"audience {min(missing)} does not exist")
    return found


def _sign(connection: Connection, checkpoint: Checkpoint, signer: LogSigner, last: int) -> Head:
    note = sign_note(checkpoint.text, signer.origin, signer.key)
    made = max(time.time_ns() // 1000, last)
    connection.execute(insert(checkpoints), {"size": checkpoint.size, "note": note, "made": made})
    return Head(checkpoint, note, made)

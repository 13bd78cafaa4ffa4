"""Fetches the packs that live claims name, checks them, and makes them the tag set at once.

Rules
    * Claims say which packs there are; they were verified against the log by ``pull``. A pack is
      taken only if it has the digest and the rows that its claim states, whoever serves it.
    * Of a publisher and epoch the serials run from 1 without gaps. A gap since the last snapshot,
      and a pack that is not to be had, is told with its serial: somebody withholds it.
    * A serial said twice or a pack named twice counts once, as the log had it first; what came
      later is set aside, and so are foreign and ended epochs. (A pack that two publishers name is
      taken for both: its rows open for one of them only, and neither can shut the other out.)
    * Each pack is on disk before the next is asked for, so an interrupted fetch goes on where it
      was. The index over them is replaced last, as a whole; what it does not name is dropped.
"""

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from stillwatch.domain.claim import StixId, TagsClaim
from stillwatch.errors import InputError, StoredDataError
from stillwatch.intel.stix import from_stix
from stillwatch.sharing.board import Entry, board
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching.interface import KeyEpoch
from stillwatch.sharing.matching.pack import digest, parse
from stillwatch.sharing.matching.tagging import Tell, silent
from stillwatch.sharing.matching.tagset import Source, packs_in, replace_index, sync_folder
from stillwatch.store.database import Store

_DEAD: Final = frozenset(("revoked", "expired", "frozen", "compromised", "replaced"))


@dataclass(frozen=True, slots=True)
class Plan:
    """What the tag set should be made of."""

    sources: tuple[Source, ...]
    rows: Mapping[str, int]
    """Rows that its pack must have, by claim."""
    aside: Mapping[str, int]
    """Claims that name no pack of the set, by reason."""
    gaps: tuple[str, ...]
    """Serials that nobody has seen, in words."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of it."""

    packs: int
    rows: int
    """Of the tag set, dummies included."""
    fetched: int
    dropped: int
    """Packs that no live claim names any more."""
    aside: Mapping[str, int]
    gaps: tuple[str, ...]
    missing: tuple[str, ...]
    """Packs that could not be had or did not hold, with the reason."""


@dataclass(slots=True)
class _Line:
    """Claims of one publisher and epoch."""

    serials: set[int] = field(default_factory=set)
    live: list[tuple[TagsClaim, StixId]] = field(default_factory=list)


def plan(
    connection: Connection, epochs: Collection[KeyEpoch] | None, today: date
) -> Plan:  # fmt: skip
    """Which packs to have, by the claims that were received.

    ``epochs`` are those whose documents were verified; None leaves epochs unjudged (a foreign
    epoch's tags match nothing, for its key is another).
    """
    aside, lines, named = (
        Counter[str](),
        defaultdict[tuple[str, str], _Line](_Line),
        set[tuple[str, str]](),
    )
    for entry, claim in _claims(connection):
        line = lines[claim.terms.publisher, claim.epoch]
        reason = _reason(entry, claim, line, named, epochs, today)
        line.serials.add(claim.serial)
        named.add((claim.terms.publisher, claim.pack))
        if reason:
            aside[reason] += 1
        else:
            line.live.append((claim, StixId(entry.received.stix_id)))
    sources, rows, gaps = list[Source](), dict[str, int](), list[str]()
    for (publisher, epoch), line in lines.items():
        start = max((c.serial for c, _ in line.live if c.snapshot), default=1)
        for claim, stix in line.live:
            if claim.serial < start:
                aside["a later snapshot replaces it"] += 1
                continue
            sources.append(Source(claim.pack, StixId(publisher), epoch, stix, claim.serial))
            rows[stix] = claim.rows
        if line.live:
            unseen = set(range(start, max(line.serials))) - line.serials
            gaps += [f"{publisher}, epoch {epoch}: serial {n}" for n in sorted(unseen)]
    return Plan(tuple(sources), rows, dict(aside), tuple(gaps))


def sync(
    hub: Hub,
    store: Store,
    folder: Path,
    *,
    today: date,
    epochs: Collection[KeyEpoch] | None = None,
    tell: Tell = silent,
) -> Synced:
    """Make the tag set what the received claims say.

    Raises ``PeerError`` if the hub does not answer; what was fetched is kept, the set is as it was.
    """
    with store.begin() as connection:
        wanted = plan(connection, epochs, today)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fetched, missing, had = 0, list[str](), list[Source]()
    for place, source in enumerate(wanted.sources, 1):
        try:
            fetched += _have(hub, folder, source, wanted.rows[source.claim])
            had.append(source)
        except InputError as error:
            where = f"{source.publisher}, epoch {source.epoch}: serial {source.serial}"
            missing.append(f"{where}: {error.message}")
        tell("fetching packs", place, len(wanted.sources))
    rows = replace_index(folder, had)
    dropped = _drop(folder, {one.sha256 for one in had})
    return Synced(len(had), rows, fetched, dropped, wanted.aside, wanted.gaps, tuple(missing))


def _claims(connection: Connection) -> Iterable[tuple[Entry, TagsClaim]]:
    """Signed tags claims that were received, in the order of the log."""
    for entry in board(connection):
        if entry.received.kind != "tags" or not entry.received.signed:
            continue
        try:
            claim = from_stix(entry.received.body)
        except InputError:
            continue  # of a version that we cannot read; `pull` has kept it apart
        if isinstance(claim, TagsClaim):
            yield entry, claim


def _reason(
    entry: Entry,
    claim: TagsClaim,
    line: _Line,
    named: set[tuple[str, str]],
    epochs: Collection[KeyEpoch] | None,
    today: date,
) -> str:
    """Why a claim names no pack of the set; empty if it does."""
    if entry.state in _DEAD:
        return f"its claim is {entry.state}"
    if claim.serial in line.serials:
        return "its serial was used before"
    if (claim.terms.publisher, claim.pack) in named:
        return "its pack was named before"
    if epochs is None:
        return ""
    known = {one.name: one for one in epochs}.get(claim.epoch)
    if known is None or hashlib.sha256(known.public_key).hexdigest() != claim.epoch_key:
        return "its epoch, or the epoch's key, is not known here"
    return "its epoch has ended" if known.ends < today else ""


def _have(hub: Hub, folder: Path, source: Source, rows: int) -> int:
    """Have a pack in the folder; 1 if it had to be fetched. Raises ``InputError`` for none."""
    path = folder / f"{source.sha256}.pack"
    if path.exists() and digest(path.read_bytes()) == source.sha256:
        return 0
    content = hub.pack(source.sha256)
    if content is None:
        raise InputError("the hub does not give it out")
    if digest(content) != source.sha256:
        raise InputError("the hub gave out other bytes than its claim names")
    if len(parse(content)) != rows:
        raise InputError(f"it has other than the {rows} rows that its claim states")
    part = folder / f".{source.sha256}.part"
    try:
        with part.open("wb") as file:
            part.chmod(0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise StoredDataError(f"{path} cannot be written ({error.strerror})") from error
    return 1


def _drop(folder: Path, kept: set[str]) -> int:
    """Remove packs that the index does not name, and what an interrupted fetch left."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
    gone = [name for name in packs_in(folder) if name not in kept]
    for name in gone:
        (folder / f"{name}.pack").unlink(missing_ok=True)
    return len(gone)

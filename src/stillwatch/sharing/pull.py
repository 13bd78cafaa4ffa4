"""Follow the hub's log, and keep what it proves: the shell around ``history``, which decides.

Rules
    * Nothing is kept of a pull that does not hold to its end; the evidence goes to a file.
    * A pull that was cut off is begun again from what was kept, so it cannot be left half done.
    * Who is let into a further audience reads the log again from its start, past what it knew.
    * A claim that breaks the field policy is kept apart and told: its publisher and the hub let
      through what may not travel, so nothing of it is believed. Only that it takes an earlier
      version back holds. What a date decides is judged by the day of the version, not by today:
      what was lawful when it was signed stays so.
    * Whoever has checked a checkpoint cosigns it: that is what makes a fork visible to all.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import Checkpoint, Note, cosign, cosigner
from stillwatch.crypto.tiles import bundles, decode_bundle
from stillwatch.errors import InputError, NotTrusted, PeerError
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import version_of
from stillwatch.intel.policy.check import check_claim
from stillwatch.sharing.board import board
from stillwatch.sharing.history import Pull
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.known import Audience, Known, Logged, Refused, from_json, to_json
from stillwatch.sharing.resting import NOTHING, Settled, settle
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Reasons, Received

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Fallen:
    """A claim that counts nothing any more, and what here rests on it."""

    claim: str
    why: str
    resting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of a pull."""

    size: int
    """Entries of the log that were followed."""
    new: int
    """Claims that were not kept before."""
    revoked: dict[str, list[str]]
    """Claims taken back in this pull, and what here rests on each."""
    cosigned: bool
    waiting: bool = False
    """Whether there is more that too few witnesses have seen yet."""
    apart: tuple[tuple[str, Reasons], ...] = ()
    """Claims that came in this pull and break the field policy, with what it says of them."""
    fallen: tuple[Fallen, ...] = ()
    """What here rests on claims that count nothing now, whenever that happened."""
    decided: Settled = NOTHING
    """What became of decisions that rested on them."""


def pull(
    hub: Hub,
    store: Store,
    settings: Settings,
    key: SigningKey,
    tell: Tell = lambda *_: None,
) -> Pulled:
    """Follow the log to its newest checkpoint.

    Raises ``NotTrusted`` naming the file of evidence, or ``PeerError``; both leave all as it was.
    """
    known, before = _kept(store, settings)
    audiences = hub.audiences()
    try:
        walked = _walk(hub, known, before, audiences, settings, tell)
    except Refused as error:
        place = write_evidence(settings.path.parent, error)
        raise NotTrusted(
            f"{error.kind}: {error.message}", hint=f"nothing was used; the evidence is in {place}"
        ) from error
    if walked is None:
        return Pulled(known.size, 0, {}, cosigned=False, waiting=True)
    after, claims, checkpoint = walked
    standings = list(hub.standing())
    with store.begin() as connection:
        had = {(one.stix_id, one.modified) for one in inbox.newest(connection)}
        had |= {(one.stix_id, one.modified) for one in inbox.set_apart(connection)}
        came = [_received(one, settings) for one in claims]
        judged = [(one, unlawful(one.body)) for one in came]
        new = inbox.keep(connection, (one for one, reasons in judged if not reasons))
        apart = inbox.keep_apart(connection, ((o, reasons) for o, reasons in judged if reasons))
        inbox.follow(connection, settings.url, to_json(after), [a.id for a in audiences])
        inbox.set_standing(connection, settings.url, _standings(standings))
        gone = [
            one.stix_id
            for one in came
            if one.body.get("revoked") is True and (one.stix_id, one.modified) not in had
        ]
        resting = inbox.resting_on(connection, gone)
        sunk = fallen(connection)
        decided = settle(connection, datetime.now(UTC))
    return Pulled(
        after.size,
        new,
        {stix_id: resting.get(stix_id, []) for stix_id in gone},
        cosigned=_cosigned(hub, checkpoint, settings, key),
        apart=tuple(apart),
        fallen=sunk,
        decided=decided,
    )


def unlawful(obj: dict[str, Any], today: date | None = None) -> Reasons:
    """What the field policy says of a received version, by the day it bears (or today if later)."""
    stated = datetime.fromtimestamp((version_of(obj) or 0) / 1e6, UTC).date()
    day = min(stated, today or datetime.now(UTC).date())
    return tuple((one.path, one.reason) for one in check_claim(obj, today=day))


def fallen(connection: Connection) -> tuple[Fallen, ...]:
    """Claims on which something here rests and that count nothing now."""
    found = list[Fallen]()
    for claim, resting in inbox.relied_on(connection).items():
        best = max(board(connection, claim), key=lambda e: e.weight.value, default=None)
        if best is None or best.weight.value == 0:
            why = best.weight.why[-1] if best else "it is not among what was received"
            found.append(Fallen(claim, why, tuple(resting)))
    return tuple(found)


def _kept(store: Store, settings: Settings) -> tuple[Known, set[int]]:
    with store.begin() as connection:
        kept = inbox.position(connection, settings.url)
    if kept is None:
        return Known(settings.log_key), set()
    known = from_json(kept[0])
    if known.log_key != settings.log_key:
        raise NotTrusted(
            f"{settings.path} names another log key than the one that was followed so far",
            hint="ask the operator, by a way that is not the hub, whether the key was changed",
        )
    return known, kept[1]


def _walk(
    hub: Hub,
    known: Known,
    before: set[int],
    audiences: list[Audience],
    settings: Settings,
    tell: Tell,
) -> tuple[Known, list[Logged], Checkpoint] | None:
    """New knowledge, or None if too few witnesses have seen anything new."""
    again = known.size > 0 and any(one.id not in before for one in audiences)
    note = hub.checkpoint(settings.witnesses.quorum)
    if settings.witnesses.quorum and _size(note) < known.size:
        Pull(known, hub.checkpoint(), audiences)  # older than what we know, or not yet seen by all
        return None
    start = Known(known.log_key) if again else known
    walk = Pull(start, note, audiences, anchor=known if again else None)
    first, size = start.size, walk.checkpoint.size
    for tile in bundles(first, size) if size > first else ():
        try:
            entries = decode_bundle(hub.bundle(tile))
        except InputError as error:
            raise PeerError(f"the hub's log: {error.message}") from error
        begin = tile.index * 256
        walk.add_entries(entries[max(first - begin, 0) : size - begin])
        tell("following the log", min(begin + tile.width, size) - first, size - first)
    leaves = walk.close_tree()
    for done, record in enumerate(hub.records([leaf.index for leaf in leaves]), 1):
        walk.add_records([record])
        tell("reading claims", done, len(leaves))
    after, claims = walk.finish(settings.witnesses)
    return after, claims, walk.checkpoint


def _size(note: str) -> int:
    """Size that a checkpoint states, before it is verified; a strange one is left to the walk."""
    try:
        return Checkpoint.parse(Note.parse(note).text).size
    except NotTrusted:
        return 2**63


def _received(claim: Logged, settings: Settings) -> Received:
    obj = claim.object
    return Received(
        hub=settings.url,
        collection=claim.collection,
        stix_id=obj["id"],
        modified=str(obj.get("modified", obj.get("created"))),
        index=claim.index,
        publisher=str(obj.get("created_by_ref")),
        kind=str(obj["extensions"][CLAIM].get("kind", obj["type"])),
        signed=True,
        body=obj,
    )


def _standings(said: list[dict[str, Any]]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (one["collection"], one["claim"], one)
        for one in said
        if isinstance(one.get("collection"), str) and isinstance(one.get("claim"), str)
    ]


def _cosigned(hub: Hub, checkpoint: Checkpoint, settings: Settings, key: SigningKey) -> bool:
    """Leave our cosignature; a hub that does not take it has not lied, so the pull stands."""
    name = cosigner(checkpoint.origin, settings.identity)
    line = cosign(checkpoint.text, name, key, int(time.time()))
    try:
        hub.cosign(checkpoint.size, line.removesuffix("\n"))
    except PeerError:
        return False
    return True


def write_evidence(folder: Path, refused: Refused) -> Path:
    """Write what a refusal rests on to a new file that only we may read."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    path = folder / f"evidence-{at}-{refused.kind}.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(refused.evidence, option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    return path

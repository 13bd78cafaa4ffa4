"""From sealed rows to packs with their claims, and to the hub.

Rules
    * All rows that wait go into one pack together: when a pack was made says nothing of a row.
    * Tags stay the same within an epoch, so whoever compares packs sees which are gone, and which
      came again. A snapshot has the rows that hold, and keeps the dummies that are known already;
      with rows that it leaves out it leaves out dummies, and with rows that were sealed anew the
      tags of dummies come again: as many and some more, a number drawn at random (``_decoys``), so
      that neither who they belong to nor how many there were can be told.
    * Pack and signed claim are kept before either leaves. A pack is sent first, then its claim;
      both may be sent again. What the hub refuses is taken apart, and its rows wait for the next.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final

import orjson
from sqlalchemy import Connection

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import TagsClaim
from stillwatch.errors import PeerError
from stillwatch.intel.ids import stix_id
from stillwatch.intel.packform import LIMITS, MULTIPLE, PackLimits
from stillwatch.intel.policy.check import require_lawful
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing import publish as publishing
from stillwatch.sharing.drafts import fresh_terms
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching.interface import TAG_BYTES, KeyEpoch
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.record import Row, dummy
from stillwatch.sharing.matching.tagging import Tell, due, open_epoch, silent, speaking
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox, outbox, tagging
from stillwatch.store.database import Store
from stillwatch.store.outbox import Sent
from stillwatch.store.tagging import OwnPack, Tagged

_random: Final = random.SystemRandom()
_DECOYS: Final = (16, 48)
"""Dummies that go, or come again, with rows of actors, beyond one for each: at least, at most."""
_LEAST: Final = 64
"""Dummies among the rows of one publication, so that there are some to go."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """What became of packs."""

    stored: tuple[OwnPack, ...]
    failed: tuple[tuple[OwnPack, str], ...]
    """With what the hub said; their rows wait for the next pack."""


def pack_up(
    store: Store,
    settings: Settings,
    key: SigningKey,
    epoch: KeyEpoch,
    *,
    snapshot: bool = False,
    released: bool = False,
    limits: PackLimits = LIMITS,
) -> list[OwnPack]:
    """Put the rows that wait, or with ``snapshot`` all that hold, into packs; keeps them.

    A snapshot that waits for the hub is not made again.

    Raises ``PolicyRefused`` if their claims may not leave; then nothing is changed.
    """
    open_epoch(epoch)
    with store.begin() as connection:
        waiting = [one for one in tagging.packs(connection, "made") if one.epoch == epoch.name]
        if snapshot and any(one.snapshot for one in waiting):
            return []  # it was made before and has not left: its bytes stay what was shown
        claims = speaking(connection, released=released)
        there = tagging.rows_of(connection, epoch.name)
        if snapshot:
            wanted = {one.key for one in due(connection, store.secret, claims, Counter())}
            rows = holding(there, wanted)
        else:
            rows = [one for one in there if not one.pack and one.claim in claims]
            dummies = sorted({_tag(one) for one in there if one.pack and not one.claim})
            rows += map(_dummy, _again(there, rows, dummies))
        if not rows and not (snapshot and there):
            return []
        rows += [_dummy() for _ in range(_lacking(rows))]
        _random.shuffle(rows)
        parts = [rows[at : at + limits.rows] for at in range(0, len(rows), limits.rows)] or [[]]
        serial = _serial(connection, settings, epoch.name)
        made, packed = list[OwnPack](), list[Tagged]()
        for place, part in enumerate(parts):
            pack, its = _pack(part, limits)
            replaces = snapshot and place == 0
            made.append(_named(pack, settings, key, epoch, serial + place + 1, snapshot=replaces))
            packed += [replace(one, pack=made[-1].sha256) for one in its]
        if not snapshot:
            packed = _merged(there, packed)
        tagging.replace_rows(connection, epoch.name, packed)
        for one in made:
            tagging.keep_pack(connection, one)
    return made


def holding(
    there: Sequence[Tagged], wanted: set[tuple[str, bytes, bytes]]
) -> list[Tagged]:  # fmt: skip
    """Rows of a snapshot: those wanted, the newest of each, and dummies that were there."""
    newest = {(one.claim, one.mark, one.record): one for one in there if one.claim}
    live = [one for key, one in newest.items() if key in wanted]
    dummies = {_tag(one): one for one in there if not one.claim}
    gone = {_tag(one) for one in there if one.claim} - {_tag(one) for one in live}
    stay = _random.sample(sorted(dummies), len(dummies) - _decoys(len(gone), len(dummies)))
    anew = set(_again(there, live, stay))
    return live + [_dummy(tag) if tag in anew else dummies[tag] for tag in stay]


def _again(
    there: Sequence[Tagged], rows: Sequence[Tagged], dummies: Sequence[bytes]
) -> list[bytes]:
    """Tags of dummies to come again with rows whose tags were seen before with other contents."""
    before = {_tag(one) for one in there if one.pack}
    seen = before & {_tag(one) for one in rows if not one.pack}
    return _random.sample(dummies, _decoys(len(seen), len(dummies)))


def _decoys(rows: int, dummies: int) -> int:
    """How many of so many dummies share the fate of so many rows."""
    return min(dummies, rows + _random.randint(*_DECOYS)) if rows else 0


def _lacking(rows: Sequence[Tagged]) -> int:
    """Dummies that rows need beyond those which fill their packs up."""
    there = sum(not one.claim for one in rows) + -len(rows) % MULTIPLE
    return max(_LEAST - there, 0)


def _dummy(tag: bytes | None = None) -> Tagged:
    return Tagged("", b"", b"", bytes(dummy(tag)))


def _tag(one: Tagged) -> bytes:
    return one.row[:TAG_BYTES]


def settle(connection: Connection, *, released: bool = False) -> list[OwnPack]:
    """Take apart packs that name claims which did not come to stand in the log; returns them.

    With ``released``, claims that would leave next count as standing.
    """
    standing = speaking(connection, released=released).keys()
    unsound = list[OwnPack]()
    for one in tagging.packs(connection, "made"):
        rows = [row for row in tagging.rows_of(connection, one.epoch) if row.pack == one.sha256]
        later = bool(unsound) and unsound[-1].epoch == one.epoch  # its serial would leave a gap
        if later or any(row.claim and row.claim not in standing for row in rows):
            tagging.undo_pack(connection, one.sha256)
            unsound.append(one)
    return unsound


def ship(hub: Hub, store: Store, settings: Settings, tell: Tell = silent) -> Shipped:
    """Send packs that were made, and their claims. Raises ``PeerError``; then send again."""
    with store.begin() as connection:
        waiting = tagging.packs(connection, "made")
    stored, failed = list[OwnPack](), list[tuple[OwnPack, str]]()
    for place, one in enumerate(waiting, 1):
        if any(before.epoch == one.epoch for before, _ in failed):
            failed.append((one, "a pack before it was refused"))
        else:
            problem = _send(hub, store, settings, one)
            if problem is None:
                stored.append(one)
            else:
                failed.append((one, problem))
        with store.begin() as connection:
            if failed and failed[-1][0] is one:
                tagging.undo_pack(connection, one.sha256)
                outbox.record(connection, one.stix_id, "hub", "hub", failed[-1][1])
            else:
                tagging.keep_pack(connection, replace(one, content=b"", state="stored"))
                told = f"pack {one.sha256}, {one.rows} rows, serial {one.serial} of {one.epoch}"
                outbox.record(connection, one.stix_id, "publish", "hub", told)
        tell("sending packs", place, len(waiting))
    return Shipped(tuple(stored), tuple(failed))


def _send(hub: Hub, store: Store, settings: Settings, one: OwnPack) -> str | None:
    """Send a pack and its claim; what the hub has against the claim."""
    kept = hub.post_pack(one.content)
    if kept != one.sha256:
        raise PeerError("the hub keeps the pack under another digest", hint="ask its operator")
    modified = str(orjson.loads(one.body)["modified"])
    claim = Sent(one.stix_id, modified, settings.collection, one.body, "sent", "")
    done = publishing.send(hub, store, settings, [claim])
    return done.failed[0][1] if done.failed else None


def _pack(part: list[Tagged], limits: PackLimits) -> tuple[bytes, list[Tagged]]:
    """Bytes of a pack, and its rows with the dummies that filled it up."""
    rows = [Row.parse(one.row) for one in part]
    content = build(rows or [dummy()], limits)
    had = {one.row for one in part}
    drawn = [bytes(row) for row in parse(content, limits) if bytes(row) not in had]
    return content, [*part, *(Tagged("", b"", b"", row) for row in drawn)]


def _merged(there: Sequence[Tagged], packed: list[Tagged]) -> list[Tagged]:
    """All rows of the epoch after a pack of those that waited."""
    now = {one.row for one in packed}
    return [*(one for one in there if one.row not in now), *packed]


def _named(
    content: bytes,
    settings: Settings,
    key: SigningKey,
    epoch: KeyEpoch,
    serial: int,
    *,
    snapshot: bool,
) -> OwnPack:
    """A pack with the signed claim that names it."""
    terms = fresh_terms("tags", settings)
    end = datetime.combine(epoch.ends + timedelta(days=1), time.min, UTC)
    claim = TagsClaim(
        terms=replace(terms, valid_until=min(terms.valid_until, end)),
        epoch=epoch.name,
        epoch_key=hashlib.sha256(epoch.public_key).hexdigest(),
        pack=digest(content),
        rows=len(parse(content)),
        serial=serial,
        snapshot=snapshot,
    )
    signed = sign(to_stix(claim), key)
    require_lawful(signed)
    body = canonical(signed)
    return OwnPack(
        claim.pack, claim.epoch, serial, snapshot, claim.rows, stix_id(claim), body, content
    )


def _serial(connection: Connection, settings: Settings, epoch: str) -> int:
    """Last serial that we used in an epoch: by our own tables, and by what the log holds of us."""
    used = [tagging.last_serial(connection, epoch)]
    for one in inbox.newest(connection):
        if one.kind == "tags" and one.signed and one.publisher == settings.identity:
            claim = from_stix(one.body)
            if isinstance(claim, TagsClaim) and claim.epoch == epoch:
                used.append(claim.serial)
    return max(used)

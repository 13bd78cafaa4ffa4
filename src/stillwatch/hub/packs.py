"""Packs of tags: kept by their digest, shown to readers of a claim that names them.

Rules
    * A pack is on disk before its claim may enter, and a claim enters only if its pack is there,
      was posted by the same member and has the stated rows. All that is judged inside the
      transaction that stores the claim.
    * Serials of a publisher in an epoch are 1, 2, 3 ...: none is left out and none is used twice,
      so that readers see a withheld pack. A pack stands under one claim, which keeps it for good.
    * Who may not read a pack gets the answer of a missing one, by the same query.
    * What nobody named within a day is dropped, and so is what its claim's end left a day ago.
      How much may wait unnamed is bounded for each member.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, exists, func, insert, or_, select

from stillwatch.domain.claim import TagsClaim
from stillwatch.errors import InputError
from stillwatch.hub.audience import visible
from stillwatch.hub.auth import Caller
from stillwatch.hub.quotas import spend
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, Missing
from stillwatch.hub.schema import objects, packs, standing, tags
from stillwatch.hub.standing.reading import read
from stillwatch.intel import packform
from stillwatch.intel.ids import stix_id

_DAY: Final = 86_400_000_000
_WAITING: Final = 8
"""Packs of one member that no claim names yet."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A pack that is on disk once the transaction ends."""

    sha256: str
    rows: int
    new: bool


def keep(connection: Connection, caller: Caller, content: bytes, *, now: int) -> Kept:
    """Keep a pack for its member. Sending one again changes nothing and costs nothing.

    Raises ``Forbidden``, ``Malformed``, ``Conflict`` or ``QuotaSpent``.
    """
    if not any(one.can_write and one.policy == "claims" for one in caller.collections):
        raise Forbidden("to post a pack one must be able to write to a collection of claims")
    try:
        rows = packform.check(content)
    except InputError as error:
        raise Malformed(error.message, hint="docs/reference/matching.md has its bytes") from error
    sha256 = hashlib.sha256(content).hexdigest()
    drop(connection, now=now)
    if _kept(connection, caller, sha256):
        return Kept(sha256, rows, new=False)
    spend(connection, caller.member, "writes", 1, now=now)
    if _kept(connection, caller, sha256):  # the same bytes, sent twice at once: now we are alone
        return Kept(sha256, rows, new=False)
    if _waiting(connection, caller.member) >= _WAITING:
        raise Conflict(
            f"{_WAITING} packs of yours wait for a claim that names them",
            hint="publish their claims, or wait: what nobody names is dropped after a day",
        )
    row = {"sha256": sha256, "member": caller.member, "rows": rows, "posted": now}
    connection.execute(insert(packs).values(**row, content=content))
    return Kept(sha256, rows, new=True)


def drop(connection: Connection, *, now: int) -> int:
    """Drop packs that no live claim has named for a day; returns how many."""
    its = tags.c.pack == packs.c.sha256
    named = exists().where(its)
    live = (
        exists()
        .where(its, standing.c.collection == tags.c.collection)
        .where(standing.c.stix_id == tags.c.stix_id, standing.c.until > now - _DAY)
        .where(or_(~standing.c.revoked, standing.c.added > now - _DAY))
    )
    followed = exists().where(
        its,
        standing.c.collection == tags.c.collection,
        standing.c.stix_id == tags.c.stix_id,
    )
    ended = named & followed & ~live
    old = packs.c.posted <= now - _DAY
    return connection.execute(delete(packs).where(old, or_(~named, ended))).rowcount


def content(connection: Connection, caller: Caller, sha256: str, *, now: int) -> bytes:
    """Bytes of a pack that a live claim names which the caller may read. Raises ``Missing``."""
    later = objects.alias()
    newer = exists().where(
        later.c.collection == objects.c.collection,
        later.c.stix_id == objects.c.stix_id,
        later.c.version > objects.c.version,
    )
    statement = (
        select(objects.c.body)
        .join(
            tags,
            (tags.c.collection == objects.c.collection) & (tags.c.stix_id == objects.c.stix_id),
        )
        .where(tags.c.pack == sha256, ~newer, visible(connection, caller))
    )
    said = [read(body) for body in connection.scalars(statement)]
    if any(not one.revoked and one.until > now for one in said):
        found = connection.scalar(select(packs.c.content).where(packs.c.sha256 == sha256))
        if found is not None:
            return bytes(found)
    raise Missing(
        f"there is no pack {sha256}, or it is not for you",
        hint="packs are shown to readers of a live claim that names them",
    )


def name(connection: Connection, member: int, collection: str, claim: TagsClaim) -> str | None:
    """Let a claim name its pack, or say why it may not enter.

    The caller holds the lock of the log, so no other claim takes the serial meanwhile.
    """
    me = stix_id(claim)
    before = connection.execute(
        select(tags).where(tags.c.collection == collection, tags.c.stix_id == me)
    ).first()
    said = (claim.terms.publisher, claim.epoch, claim.serial, claim.pack)
    if before is not None:
        same = (before.identity, before.epoch, before.serial, before.pack) == said
        return None if same else "fields.pack: all versions of a tags claim name the same pack"
    if claim.terms.revoked:
        return None  # it names nothing that anybody could fetch
    found = connection.execute(
        select(packs.c.rows)
        .where(packs.c.sha256 == claim.pack, packs.c.member == member)
        .with_for_update()
    ).first()
    if found is None:
        return "fields.pack: the hub has no such pack of yours; post it to /v1/packs first"
    if found.rows != claim.rows:
        return f"fields.rows: the pack has {found.rows} rows"
    if connection.scalar(select(tags.c.serial).where(tags.c.pack == claim.pack)) is not None:
        return "fields.pack: another claim names it already; every serial has a pack of its own"
    mine = (tags.c.identity == claim.terms.publisher) & (tags.c.epoch == claim.epoch)
    last = connection.scalar(select(func.max(tags.c.serial)).where(mine)) or 0
    if claim.serial != last + 1:
        return f"fields.serial: the next of this publisher and epoch is {last + 1}"
    row = dict(zip(("identity", "epoch", "serial", "pack"), said, strict=True))
    connection.execute(insert(tags).values(**row, collection=collection, stix_id=me))
    return None


def _kept(connection: Connection, caller: Caller, sha256: str) -> bool:
    poster = connection.scalar(select(packs.c.member).where(packs.c.sha256 == sha256))
    if poster is not None and poster != caller.member:
        raise Conflict("these bytes are another member's pack", hint="build one of your own rows")
    return poster is not None


def _waiting(connection: Connection, member: int) -> int:
    unnamed = ~exists().where(tags.c.pack == packs.c.sha256)
    mine = select(func.count()).select_from(packs).where(packs.c.member == member, unnamed)
    return connection.scalar(mine) or 0

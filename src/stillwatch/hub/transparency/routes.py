"""The log over HTTP: C2SP tlog-tiles, and what members need beside it.

Rules: checkpoint, tiles and entries are the same for every caller; records and secrets of
audiences are for who is in the audience. Tiles and bundles never change under their path, so who
was let in may keep them for ever. Every answer is bounded: of many records asked for,
``Stillwatch-Answered`` says how many were looked up, and the rest is asked for again. Reading a
claim here counts and is recorded as reading it by TAXII does.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, Select, func, insert, or_, select
from sqlalchemy.exc import IntegrityError

from stillwatch.crypto.note import (
    COSIGNATURE,
    Note,
    VerifierKey,
    cosigner,
    parse_line,
    verify_cosignature,
)
from stillwatch.crypto.records import claim_record, key_record
from stillwatch.crypto.tiles import WIDTH, Tile, encode_bundle, parse_path
from stillwatch.errors import InputError, NotTrusted
from stillwatch.hub.audience import admits
from stillwatch.hub.audit import Act
from stillwatch.hub.auth import Caller, caller
from stillwatch.hub.errors import Problem
from stillwatch.hub.schema import (
    audiences,
    checkpoints,
    cosignatures,
    identities,
    keys,
    leaves,
    objects,
    tiles,
)
from stillwatch.hub.transparency.log import head

ANSWERED: Final = "Stillwatch-Answered"
"""Header: how many of the records asked for were looked up."""
MOST_RECORDS: Final = 1000
_FOR_EVER: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_LINES: Final = "application/x-ndjson"
_BYTES: Final = "application/octet-stream"
_AHEAD_S: Final = 600
"""Seconds by which a witness's clock may be ahead."""
_HASH: Final = 32
_MOST_COSIGNATURES: Final = 200
"""Readers of notes may refuse longer ones."""

router = APIRouter(prefix="/log", tags=["log"])
Calling = Annotated[Caller, Depends(caller)]


class WantedRecords(BaseModel):
    """Which records are asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)

    indexes: list[Annotated[int, Field(ge=0, lt=2**63)]] = Field(
        min_length=1, max_length=MOST_RECORDS, description="Leaves, in the order of the answer."
    )


class Cosignature(BaseModel):
    """A witness's line over a checkpoint (C2SP tlog-cosignature, Ed25519)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    size: int = Field(ge=0, lt=2**63, description="Size of the checkpoint.")
    line: str = Field(max_length=1024, description="The signature line, without its newline.")


@router.get("/checkpoint", response_class=Response)
def checkpoint(
    request: Request,
    cosigned: Annotated[int, Query(ge=0, le=100, description="Witnesses it must have.")] = 0,
    at_most: Annotated[int | None, Query(ge=0, lt=2**63, description="Greatest size.")] = None,
) -> Response:
    """Answer the newest checkpoint with its cosignatures, a C2SP signed note."""
    query = select(checkpoints.c.size, checkpoints.c.note)
    if cosigned:
        enough = select(cosignatures.c.size).group_by(cosignatures.c.size)
        enough = enough.having(func.count() >= cosigned)
        query = query.where(checkpoints.c.size.in_(enough))
    if at_most is not None:
        query = query.where(checkpoints.c.size <= at_most)
    query = query.order_by(checkpoints.c.size.desc()).limit(1)
    with _read(request) as connection:
        found = connection.execute(query).one_or_none()
        if found is None:
            raise Problem(404, f"no such checkpoint has {cosigned} cosignatures yet")
        lines = connection.scalars(
            select(cosignatures.c.line)
            .where(cosignatures.c.size == found.size)
            .order_by(cosignatures.c.member)
            .limit(_MOST_COSIGNATURES)
        ).all()
    note = found.note + "".join(f"{line}\n" for line in lines)
    headers = {"Cache-Control": "no-cache", "Content-Type": "text/plain; charset=utf-8"}
    return Response(note.encode(), headers=headers)


@router.get("/tile/{path:path}", response_class=Response)
def tile(request: Request, path: str) -> Response:
    """Answer a tile of hashes, or a bundle of entries (``entries/…``); ``.p/W`` for a part."""
    try:
        wanted = parse_path(path)
    except InputError as error:
        raise Problem(404, error.message, hint="see C2SP tlog-tiles") from error
    with _read(request) as connection:
        size = head(connection).checkpoint.size
        if _there(size, wanted) < wanted.width:
            raise Problem(404, f"the log of {size} entries has no such tile")
        data = _bundle(connection, wanted) if wanted.level is None else _hashes(connection, wanted)
    return Response(data, media_type=_BYTES, headers=_FOR_EVER)


@router.get("/audiences")
def own_audiences(request: Request, who: Calling) -> Response:
    """Answer the secrets of the caller's audiences: they tell which entries are for it."""
    with _read(request) as connection:
        found = connection.execute(_visible(request, connection, who)).all()
    listed = [
        {"id": row.id, "collection": row.collection, "secret": bytes(row.secret).hex()}
        for row in found
    ]
    headers = {"Cache-Control": "no-store"}
    return Response(
        orjson.dumps({"audiences": listed}), media_type="application/json", headers=headers
    )


@router.post("/records", response_class=Response)
def records(request: Request, wanted: WantedRecords, who: Calling) -> Response:
    """Answer the records of leaves that the caller may see, one canonical JSON text a line."""
    hub = request.app.state.hub
    hub.leases.check(who.member)
    lines: list[bytes] = []
    answered, length, claims = 0, 0, 0
    with _read(request) as connection:
        for row in _records(request, connection, who, wanted.indexes):
            line = b"" if row is None else _record(row)
            if lines and length + len(line) > hub.settings.limits.page_length:
                break
            answered, length = answered + 1, length + len(line) + 1
            if row is not None:
                lines.append(line + b"\n")
                claims += row.object is not None
    if claims:
        hub.leases.charge(who.member, claims)
        hub.audit.record(Act(hub.settings.clock(), who.member, "read", "log", claims))
    headers = {ANSWERED: str(answered), "Cache-Control": "no-store"}
    return Response(b"".join(lines), media_type=_LINES, headers=headers)


@router.post("/cosignatures", status_code=204, response_class=Response)
def cosign(request: Request, sent: Cosignature, who: Calling) -> Response:
    """Keep the caller's cosignature of a stored checkpoint; the first one stays."""
    hub = request.app.state.hub
    with hub.database.read() as connection:
        note = connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == sent.size))
        if note is None:
            raise Problem(404, f"there is no checkpoint of {sent.size} entries")
        at = _verified(connection, note, sent.line, who, hub.signer.origin)
        mine = (cosignatures.c.size == sent.size) & (cosignatures.c.member == who.member)
        kept = connection.scalar(select(cosignatures.c.line).where(mine)) is not None
    if at > hub.settings.clock() // 1_000_000 + _AHEAD_S:
        raise Problem(422, "the cosignature is from the future", hint="set your clock")
    if not kept:
        row = {"size": sent.size, "member": who.member, "line": sent.line}
        # the same witness may send it twice at once: then the other one stays
        with suppress(IntegrityError), hub.database.write() as connection:
            connection.execute(insert(cosignatures).values(row))
    return Response(status_code=204)


def _read(request: Request) -> Any:
    return request.app.state.hub.database.read()


def _there(size: int, wanted: Tile) -> int:
    """How many hashes or entries of a tile there are in a log of that size."""
    count: int = size >> 8 * (wanted.level or 0)
    return max(0, min(WIDTH, count - wanted.index * WIDTH))


def _hashes(connection: Connection, wanted: Tile) -> bytes:
    stored = connection.scalar(
        select(tiles.c.hashes).where(tiles.c.level == wanted.level, tiles.c.index == wanted.index)
    )
    data = bytes(stored or b"")[: wanted.width * _HASH]
    if len(data) != wanted.width * _HASH:
        raise Problem(500, f"tile {wanted.path} is damaged: run `stillwatch hub fsck`")
    return data


def _bundle(connection: Connection, wanted: Tile) -> bytes:
    begin = wanted.index * WIDTH
    entries = connection.scalars(
        select(leaves.c.entry)
        .where(leaves.c.index >= begin, leaves.c.index < begin + wanted.width)
        .order_by(leaves.c.index)
    ).all()
    if len(entries) != wanted.width:
        raise Problem(500, f"bundle {wanted.path} is damaged: run `stillwatch hub fsck`")
    return encode_bundle(bytes(entry) for entry in entries)


def _visible(request: Request, connection: Connection, who: Caller) -> Select[Any]:
    """Audiences that the caller is in: of the collections it may read, and of key statements."""
    hub = request.app.state.hub
    ids = [
        id_
        for collection in who.collections
        if collection.can_read and collection.policy == "claims"
        for id_ in hub.admitted.of(connection, who, collection.id)
    ]
    everyone = connection.execute(
        select(audiences.c.id, audiences.c.rule).where(audiences.c.collection.is_(None))
    )
    ids += [row.id for row in everyone if admits(row.rule, who.name, who.groups)]
    return select(audiences).where(audiences.c.id.in_(ids)).order_by(audiences.c.id)


def _records(
    request: Request, connection: Connection, who: Caller, indexes: Iterable[int]
) -> Iterator[Any]:
    """For each leaf asked for its row, or None if the caller may not see it or it is not there.

    A claim whose row was taken away is not there: who follows the log will call it withheld.
    """
    wanted = list(indexes)
    admitted = [row.id for row in connection.execute(_visible(request, connection, who))]
    query = (
        # a row is a tuple, whose own ``index`` would hide a column of that name
        select(leaves.c.index.label("leaf"), leaves.c.object, leaves.c.statement)
        .add_columns(objects.c.collection, objects.c.body)
        .outerjoin(objects, objects.c.seq == leaves.c.object)
        .where(leaves.c.index.in_(set(wanted)))
        .where(or_(leaves.c.audience.in_(admitted), objects.c.member == who.member))
        .where(or_(leaves.c.statement.is_not(None), objects.c.body.is_not(None)))
    )
    found = {row.leaf: row for row in connection.execute(query)}
    for index in wanted:
        yield found.get(index)


def _record(row: Any) -> bytes:
    if row.statement is not None:
        return key_record(orjson.loads(row.statement))
    return claim_record(row.collection, orjson.loads(row.body))


def _verified(connection: Connection, note: str, line: str, who: Caller, origin: str) -> int:
    """Time of the caller's cosignature, by one of the keys it speaks with openly."""
    name, problem = cosigner(origin, who.identity), "you have no key in use: POST /v1/keys"
    speaking = (
        select(keys.c.public)
        .join(identities, identities.c.id == keys.c.identity)
        .where(keys.c.identity == who.identity, keys.c.ended.is_(None))
        .where(identities.c.state == "active")
    )
    for public in connection.scalars(speaking):
        try:
            key = VerifierKey(name, bytes(public), COSIGNATURE)
            return verify_cosignature(parse_line(line), Note.parse(note).text, key)
        except NotTrusted as error:
            problem = error.message
    raise Problem(422, f"the cosignature does not hold: {problem}", hint=f"its name is {name}")

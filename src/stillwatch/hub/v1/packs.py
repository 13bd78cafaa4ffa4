"""``/v1/packs``: packs of tags, by their SHA-256."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from stillwatch.hub import audit, packs
from stillwatch.hub.auth import Caller
from stillwatch.hub.described import errors, example
from stillwatch.hub.errors import Problem
from stillwatch.hub.v1.parts import Calling, Hub, Parts
from stillwatch.intel.packform import LIMITS

router = APIRouter(prefix="/v1/packs", tags=["packs"])

MEDIA = "application/octet-stream"
_PACK = {
    "sha256": "c57cd1c02d4c0d8aa7ac40dbd4eb7f3b8d97f62d6f8e7c9d3a1b0c4b5a697887",
    "rows": 256,
}
_BYTES = {
    "content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}},
    "required": True,
}


class Pack(BaseModel):
    """A pack that the hub keeps."""

    sha256: str = Field(description="How it is asked for, and how a claim names it.")
    rows: int = Field(description="Dummies included.")


@router.post(
    "",
    status_code=201,
    summary="Post a pack",
    openapi_extra={"requestBody": _BYTES},
    responses={
        **example(_PACK, "Kept: a claim that names it may follow.", 201),
        **example(_PACK, "You have posted the same bytes before.", 200),
        **errors(403, 409, 413, 415, 422, 429),
    },
)
async def posted(hub: Hub, who: Calling, request: Request, response: Response) -> Pack:
    """Keep a pack of tags; docs/reference/matching.md has its bytes.

    It is shown to nobody until a claim of yours names it, and dropped after a day without one.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != MEDIA:
        raise Problem(415, f"a pack is sent as {MEDIA}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LIMITS.bytes:
            raise Problem(413, f"a pack has at most {LIMITS.bytes} bytes", hint="make several")
    kept = await run_in_threadpool(_keep, hub, who, bytes(body))
    response.status_code = 201 if kept.new else 200
    return Pack(sha256=kept.sha256, rows=kept.rows)


@router.get(
    "/{sha256}",
    summary="A pack",
    response_class=Response,
    responses={
        200: {
            "description": "Its bytes.",
            "content": {MEDIA: {"schema": {"type": "string", "format": "binary"}}},
        },
        **errors(404, 422),
    },
)
def one(
    hub: Hub,
    who: Calling,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="Of its bytes.")],
) -> Response:
    """A pack that a live claim names which you may read. Others look like missing ones."""
    now = hub.settings.clock()
    with hub.database.read() as connection:
        found = packs.content(connection, who, sha256, now=now)
    hub.audit.record(audit.Act(now, who.member, "pack.read", sha256))
    return Response(found, media_type=MEDIA, headers={"Cache-Control": "private, immutable"})


def _keep(hub: Parts, who: Caller, body: bytes) -> packs.Kept:
    now = hub.settings.clock()
    with hub.database.write() as connection:
        kept = packs.keep(connection, who, body, now=now)
        if kept.new:
            audit.append(connection, [audit.Act(now, who.member, "pack.post", kept.sha256)])
    return kept

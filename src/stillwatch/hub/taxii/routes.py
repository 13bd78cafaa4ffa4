"""The endpoints of TAXII 2.1, sections 4 and 5.

Rules: a collection the caller may neither read nor write is not there (404, and in no list); one
it may not use in this way is 403. What is served was stored as it is served: a page is a join of
bytes. Answers carry the date of their first and last object; an empty one has none to carry.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stillwatch.hub import claims, envelope, keys, withdrawal
from stillwatch.hub.audience import Admitted
from stillwatch.hub.audit import Act
from stillwatch.hub.auth import Collection, caller
from stillwatch.hub.clock import instant
from stillwatch.hub.errors import MEDIA, Problem
from stillwatch.hub.schema import objects, statuses
from stillwatch.hub.store import Post
from stillwatch.hub.taxii import media, pages
from stillwatch.hub.taxii.pages import Sight
from stillwatch.hub.taxii.query import ALL, Query, Versions, parse

ROOT: Final = "/api/"
_COLLECTION: Final = ROOT + "collections/{collection}/"
_OBJECTS: Final = _COLLECTION + "objects/"
_OBJECT: Final = _OBJECTS + "{object}/"
_EVERY: Final = Versions(all=True)


async def discovery(request: Request) -> Response:
    """4.1: where the API root is."""
    title = request.app.state.hub.settings.title
    return _json({"title": title, "default": ROOT, "api_roots": [ROOT]})


async def api_root(request: Request) -> Response:
    """4.2: what it is and takes."""
    settings = request.app.state.hub.settings
    return _json(
        {
            "title": settings.title,
            "versions": [MEDIA],
            "max_content_length": settings.limits.content_length,
        }
    )


async def status(request: Request) -> Response:
    """4.3: what became of a request, for who sent it."""
    return await run_in_threadpool(_status, request)


async def collections(request: Request) -> Response:
    """5.1: the caller's collections, by id."""
    told = [_told(collection) for collection in caller(request).collections]
    return _json({"collections": told} if told else {})


async def collection(request: Request) -> Response:
    """5.2: one of them, by id or alias."""
    return _json(_told(_collection(request)))


async def get_manifest(request: Request) -> Response:
    """5.3: what is there, without the objects."""
    return await run_in_threadpool(_manifest, request)


async def get_objects(request: Request) -> Response:
    """5.4: the objects."""
    return await run_in_threadpool(_objects, request)


async def add_objects(request: Request) -> Response:
    """5.5: take objects in; answered when they are on disk."""
    mine = _collection(request)
    if not mine.can_write:
        raise Problem(403, "you may not write to this collection")
    if not media.is_taxii(request.headers.get("content-type")):
        raise Problem(415, "the body's Content-Type is not TAXII 2.1", hint=f"send {MEDIA}")
    body = await request.body()
    post = await run_in_threadpool(_prepare, request, mine, body)
    hub = request.app.state.hub
    answer = await asyncio.wrap_future(hub.writer.submit(post))
    _note(request, "write", mine, post.stored)
    return Response(answer, 202, headers={"Content-Type": MEDIA})


async def get_object(request: Request) -> Response:
    """5.6: versions of one object, the last unless others are asked for."""
    return await run_in_threadpool(_objects, request, request.path_params["object"])


async def delete_object(request: Request) -> Response:
    """5.7: remove the caller's own object, whole or by version, from an open collection."""
    return await run_in_threadpool(_delete, request)


async def get_versions(request: Request) -> Response:
    """5.8: versions of one object."""
    return await run_in_threadpool(_versions, request)


def _status(request: Request) -> Response:
    name = request.path_params["status"]
    with request.app.state.hub.database.read() as connection:
        body = connection.scalar(
            select(statuses.c.body).where(
                statuses.c.id == _uuid(name), statuses.c.member == caller(request).member
            )
        )
    if body is None:
        raise Problem(404, "there is no such status, or its time is over")
    return Response(body, headers={"Content-Type": MEDIA})


def _objects(request: Request, stix_id: str | None = None) -> Response:
    mine = _readable(request)
    hub = request.app.state.hub
    query = _query(request, ALL if stix_id is None else ("version", "spec_version"))
    columns = (objects.c.stix_id, objects.c.body)
    most = hub.settings.limits.page_length
    page = _page(request, mine, query, columns, stix_id, most)
    if stix_id is not None and not page.rows and query.versions and query.versions.exact:
        raise Problem(404, "there is no such version of this object")
    body = b'"objects":[' + b",".join([row.body for row in page.rows]) + b"]"
    return _answer(request, mine, page, [body] if page.rows else [])


def _manifest(request: Request) -> Response:
    mine = _readable(request)
    columns = (objects.c.stix_id, objects.c.stated, objects.c.spec_version)
    page = _page(request, mine, _query(request, ALL), columns)
    records = [
        {
            "id": row.stix_id,
            "date_added": instant(row.date_added),
            "version": row.stated,
            "media_type": f"application/stix+json;version={row.spec_version}",
        }
        for row in page.rows
    ]
    body = b'"objects":' + orjson.dumps(records)
    return _answer(request, mine, page, [body] if records else [])


def _versions(request: Request) -> Response:
    mine = _readable(request)
    asked = _query(request, ("spec_version",))
    query = Query(asked.limit, asked.added_after, asked.next, (), (), asked.spec_versions, _EVERY)
    stix_id = request.path_params["object"]
    page = _page(request, mine, query, (objects.c.stated,), stix_id)
    body = b'"versions":' + orjson.dumps([row.stated for row in page.rows])
    return _answer(request, mine, page, [body] if page.rows else [])


def _page(
    request: Request,
    mine: Collection,
    query: Query,
    columns: Sequence[Any],
    stix_id: str | None = None,
    most_bytes: int | None = None,
) -> pages.Page:
    """A page of a collection, or of one object in it (404 if the caller sees no version)."""
    hub, who = request.app.state.hub, caller(request)
    if mine.policy == "claims":
        hub.leases.check(who.member)
    if stix_id is not None:
        query = _only(query, stix_id)
    with hub.database.read() as connection:
        sight = Sight(who, mine, hub.admitted.of(connection, who, mine.id))
        if stix_id is not None and not pages.there(connection, sight, stix_id):
            raise _no_object()
        after = _after(request, mine, query)
        return pages.page(connection, sight, query, columns, after=after, most_bytes=most_bytes)


def _answer(request: Request, mine: Collection, page: pages.Page, parts: list[bytes]) -> Response:
    headers = {"Content-Type": MEDIA}
    if page.rows:
        headers["X-TAXII-Date-Added-First"] = instant(page.rows[0].date_added)
        headers["X-TAXII-Date-Added-Last"] = instant(page.rows[-1].date_added)
        _note(request, "read", mine, len(page.rows))
    if page.more:
        mark = request.app.state.hub.marks.make(mine.id, page.rows[-1].date_added)
        parts = [b'"more":true', b'"next":' + orjson.dumps(mark), *parts]
    return Response(b"{" + b",".join(parts) + b"}", headers=headers)


def _note(request: Request, action: str, mine: Collection, count: int) -> None:
    hub, who = request.app.state.hub, caller(request)
    if count and action == "read" and mine.policy == "claims":
        hub.leases.charge(who.member, count)
    if count:
        hub.audit.record(Act(hub.settings.clock(), who.member, action, mine.id, count))


def _prepare(request: Request, mine: Collection, body: bytes) -> Post:
    hub, who = request.app.state.hub, caller(request)
    items = envelope.read(body, hub.settings.limits)
    if mine.policy != "claims":
        return Post(who, mine, items)
    with hub.database.read() as connection:
        voices = keys.voices_of(connection, who.member)
        directory = claims.names(connection)
    judged, sound = claims.examine(items, voices, directory, now=hub.settings.clock())
    return Post(who, mine, judged, sound)


def _delete(request: Request) -> Response:
    mine, who, hub = _collection(request), caller(request), request.app.state.hub
    if not (mine.can_read and mine.can_write):
        raise Problem(403, "to delete one must be able to read and to write")
    if mine.policy == "claims":
        raise Problem(
            403, "claims are never deleted", hint="publish a version with revoked set to true"
        )
    asked = _query(request, ("version", "spec_version"))
    stix_id = request.path_params["object"]
    query = _only(asked if asked.versions else _all_of(asked), stix_id)
    with hub.database.write() as connection:
        sight = Sight(who, mine, Admitted().of(connection, who, mine.id))
        wanted = pages.chosen(sight, query)
        rows = withdrawal.of(connection, mine.id, wanted)
        if not rows:
            raise _no_object()
        if not all(one.is_of(who) for one in rows):
            raise Problem(403, "the object was posted by another member")
        withdrawal.withdraw(connection, mine.id, who, rows)
    _note(request, "delete", mine, len(rows))
    return Response(b"", headers={"Content-Type": MEDIA})


def _all_of(query: Query) -> Query:
    return Query(query.limit, None, None, (), (), query.spec_versions, _EVERY)


def _only(query: Query, stix_id: str) -> Query:
    if "\0" in stix_id:
        raise _no_object()
    return Query(
        query.limit,
        query.added_after,
        query.next,
        (stix_id,),
        (),
        query.spec_versions,
        query.versions,
    )


def _query(request: Request, fields: Sequence[str]) -> Query:
    return parse(request.scope["query_string"], fields, request.app.state.hub.settings.limits)


def _after(request: Request, mine: Collection, query: Query) -> int | None:
    if query.next is None:
        return None
    try:
        return int(request.app.state.hub.marks.read(mine.id, query.next))
    except ValueError:
        raise Problem(400, "next is not what a page of this collection said") from None


def _collection(request: Request) -> Collection:
    found = caller(request).collection(request.path_params["collection"])
    if found is None:
        raise Problem(404, "there is no such collection, or it is not for you")
    return found


def _readable(request: Request) -> Collection:
    found = _collection(request)
    if not found.can_read:
        raise Problem(403, "you may not read this collection")
    return found


def _told(one: Collection) -> dict[str, Any]:
    told: dict[str, Any] = {"id": one.id, "title": one.title}
    if one.description:
        told["description"] = one.description
    if one.alias:
        told["alias"] = one.alias
    kinds = ("2.1",) if one.policy == "claims" else ("2.1", "2.0")
    return {
        **told,
        "can_read": one.can_read,
        "can_write": one.can_write,
        "media_types": [f"application/stix+json;version={kind}" for kind in kinds],
    }


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Problem(404, "there is no such status") from None


def _no_object() -> Problem:
    return Problem(404, "there is no such object in this collection")


def _json(value: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(value), headers={"Content-Type": MEDIA})


Endpoint = Callable[[Request], Awaitable[Response]]


def _negotiated(endpoint: Endpoint) -> Endpoint:
    async def serve(request: Request) -> Response:
        if not media.acceptable(request.headers.getlist("accept")):
            raise Problem(406, "TAXII 2.1 is all there is", hint=f"accept {MEDIA}")
        return await endpoint(request)

    return serve


def _route(path: str, **methods: Endpoint) -> list[BaseRoute]:
    async def serve(request: Request) -> Response:
        return await chosen[request.method](request)

    chosen = {name: _negotiated(endpoint) for name, endpoint in methods.items()}
    if "GET" in chosen:
        chosen["HEAD"] = chosen["GET"]
    return [Route(path, serve, methods=list(chosen))]


ROUTES: Final[list[BaseRoute]] = [
    *_route("/taxii2/", GET=discovery),
    *_route(ROOT, GET=api_root),
    *_route(ROOT + "status/{status}/", GET=status),
    *_route(ROOT + "collections/", GET=collections),
    *_route(_COLLECTION, GET=collection),
    *_route(_COLLECTION + "manifest/", GET=get_manifest),
    *_route(_OBJECTS, GET=get_objects, POST=add_objects),
    *_route(_OBJECT, GET=get_object, DELETE=delete_object),
    *_route(_OBJECT + "versions/", GET=get_versions),
]

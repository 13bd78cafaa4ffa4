"""TAXII's paths in OpenAPI: what a generic client needs to know of TAXII 2.1, sections 4 and 5."""

from typing import Any, Final

from stillwatch.hub.described import errors

_MEDIA: Final = "application/taxii+json;version=2.1"
_ID: Final = "91a7b528-80eb-42ed-a74d-c6fbd5a26116"
_OBJECT: Final = "indicator--c410e480-e42b-47d1-9476-85307c12bcbf"
_TIME: Final = "2026-01-31T12:00:00.000000Z"
_COLLECTION: Final = {
    "id": _ID,
    "title": "Claims",
    "can_read": True,
    "can_write": True,
    "media_types": ["application/stix+json;version=2.1"],
}
_RECORD: Final = {
    "id": _OBJECT,
    "date_added": _TIME,
    "version": _TIME,
    "media_type": "application/stix+json;version=2.1",
}
_STIX: Final = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": _OBJECT,
    "created": _TIME,
    "modified": _TIME,
    "pattern": "[domain-name:value = 'example.org']",
    "pattern_type": "stix",
    "valid_from": _TIME,
}
_STATUS: Final = {
    "id": "2d086da7-4bdc-4f91-900e-d77486753710",
    "status": "complete",
    "request_timestamp": _TIME,
    "total_count": 1,
    "success_count": 1,
    "failure_count": 0,
    "pending_count": 0,
    "successes": [{"id": _OBJECT, "version": _TIME}],
}


def _in_path(name: str, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": about,
        "schema": {"type": "string"},
    }


def _query(name: str, about: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "in": "query", "description": about, "schema": {"type": kind}}


_OF_COLLECTION: Final = [_in_path("collection", "Id or alias.")]
_OF_OBJECT: Final = [*_OF_COLLECTION, _in_path("object", "STIX id.")]
_PAGED: Final = [
    _query("added_after", "Only what was added later than this instant."),
    _query("limit", "Objects on the page; more than the hub's maximum is lowered.", "integer"),
    _query("next", "Mark of the page before."),
]
_MATCHED: Final = [
    _query("match[id]", "STIX ids, comma for or."),
    _query("match[type]", "STIX types, comma for or."),
    _query("match[version]", "last, first, all, or timestamps."),
    _query("match[spec_version]", "2.0, 2.1."),
]


def _operation(
    summary: str,
    value: Any,
    *statuses: int,
    parameters: list[dict[str, Any]] | None = None,
    success: int = 200,
    body: bool = False,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "tags": ["taxii"],
        "summary": summary,
        "responses": {
            str(success): {
                "description": "TAXII 2.1 resource.",
                "content": {_MEDIA: {"schema": {"type": "object"}, "example": value}},
            },
            **{str(status): about for status, about in errors(*statuses).items()},
        },
    }
    if parameters:
        found["parameters"] = parameters
    if body:
        envelope = {
            "type": "object",
            "properties": {"objects": {"type": "array", "items": {"type": "object"}}},
        }
        content = {_MEDIA: {"schema": envelope, "example": {"objects": [_STIX]}}}
        found["requestBody"] = {"required": True, "content": content}
    return found


_PAGES: Final = [*_OF_COLLECTION, *_PAGED, *_MATCHED]
_ROOT: Final = "/api/collections/{collection}/"
_OBJECTS: Final = _ROOT + "objects/"
PATHS: Final[dict[str, Any]] = {
    "/taxii2/": {
        "get": _operation("Discovery", {"title": "Hub", "default": "/api/", "api_roots": ["/api/"]})
    },
    "/api/": {
        "get": _operation(
            "API root",
            {"title": "Hub", "versions": [_MEDIA], "max_content_length": 33554432},
        )
    },
    "/api/status/{status}/": {
        "get": _operation(
            "Status of a request", _STATUS, 404, parameters=[_in_path("status", "Its id.")]
        )
    },
    "/api/collections/": {"get": _operation("Collections", {"collections": [_COLLECTION]})},
    _ROOT: {"get": _operation("A collection", _COLLECTION, 404, parameters=_OF_COLLECTION)},
    _ROOT + "manifest/": {
        "get": _operation(
            "What is in it", {"objects": [_RECORD]}, 400, 403, 404, 429, parameters=_PAGES
        )
    },
    _OBJECTS: {
        "get": _operation("Objects", {"objects": [_STIX]}, 400, 403, 404, 429, parameters=_PAGES),
        "post": _operation(
            "Add objects",
            _STATUS,
            400,
            403,
            404,
            413,
            415,
            422,
            429,
            parameters=_OF_COLLECTION,
            success=202,
            body=True,
        ),
    },
    _OBJECTS + "{object}/": {
        "get": _operation(
            "Versions of an object",
            {"objects": [_STIX]},
            400,
            403,
            404,
            429,
            parameters=[*_OF_OBJECT, *_PAGED, *_MATCHED[2:]],
        ),
        "delete": _operation(
            "Delete an own object of an open collection",
            {},
            400,
            403,
            404,
            parameters=[*_OF_OBJECT, *_MATCHED[2:]],
        ),
    },
    _OBJECTS + "{object}/versions/": {
        "get": _operation(
            "Names of its versions",
            {"versions": [_TIME]},
            400,
            403,
            404,
            parameters=[*_OF_OBJECT, *_PAGED, _MATCHED[3]],
        )
    },
}

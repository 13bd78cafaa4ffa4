"""The log's paths in OpenAPI: their answers are no JSON, so FastAPI cannot know them."""

from typing import Any, Final

from stillwatch.hub.described import errors

_NOTE: Final = "hub.example.org/log\n2\nhtrC7iMoFUCTo3P8jyv8Z5Z3Pl1+FPV6f0Jy3+oV2fk=\n\n— hub…\n"
_LINE: Final = (
    '{"collection":"91a7b528-80eb-42ed-a74d-c6fbd5a26116","object":{"type":"campaign"}}\n'
)
_BINARY: Final = {"type": "string", "contentMediaType": "application/octet-stream"}


def _answer(about: str, media: str, schema: dict[str, Any], example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        content["example"] = example
    return {"description": about, "content": {media: content}}


def _told(*statuses: int) -> dict[str, Any]:
    return {str(status): answer for status, answer in errors(*statuses).items()}


ANSWERS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("/log/checkpoint", "get"): {
        "200": _answer("A C2SP signed note.", "text/plain", {"type": "string"}, _NOTE),
        **_told(404, 422),
    },
    ("/log/tile/{path}", "get"): {
        "200": _answer("A tile or a bundle of entries.", "application/octet-stream", _BINARY),
        **_told(404),
    },
    ("/log/audiences", "get"): {
        "200": _answer(
            "The secrets of your audiences.",
            "application/json",
            {"type": "object", "required": ["audiences"]},
            {"audiences": [{"id": 1, "collection": None, "secret": "00" * 32}]},
        ),
        **_told(),
    },
    ("/log/records", "post"): {
        "200": _answer(
            "A line for each leaf, empty where you are not in the audience.",
            "application/x-ndjson",
            {"type": "string"},
            _LINE,
        ),
        **_told(400, 413, 422, 429),
    },
    ("/log/cosignatures", "post"): {
        "204": {"description": "The cosignature is kept."},
        **_told(400, 403, 404, 409, 413, 422),
    },
}
"""Answers by path and method."""

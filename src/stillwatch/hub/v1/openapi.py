"""The OpenAPI description: FastAPI's, completed by what it does not know.

Rules: every path but health needs credentials, Basic or bearer; every error is a TAXII error
message; TAXII's own paths are described here because their media type and queries are the
standard's, not FastAPI's.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from stillwatch.hub.v1.log import ANSWERS
from stillwatch.hub.v1.taxii import PATHS

_FREE: Final = ("/healthz", "/readyz")
_ABOUT: Final = (
    "A neutral hub through which providers of language models exchange claims about adversarial "
    "distillation: TAXII 2.1, a transparency log, and the Forum's governance."
)
_SCHEMES: Final = {
    "basic": {"type": "http", "scheme": "basic", "description": "Member's name and a token."},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The token alone."},
}
_TAGS: Final = [
    {"name": "taxii", "description": "TAXII 2.1, sections 4 and 5."},
    {"name": "log", "description": "The transparency log."},
    {"name": "members", "description": "Your account."},
    {"name": "keys", "description": "Signing keys."},
    {"name": "standing", "description": "What distinct members say of claims."},
    {"name": "appeals", "description": "Redress for account holders."},
    {"name": "packs", "description": "Packs of tags, by which members recognise actors."},
    {"name": "epochs", "description": "Keys of private matching, and who holds their shares."},
    {"name": "operations", "description": "Health and figures."},
]


def described(title: str, routes: Sequence[APIRoute]) -> dict[str, Any]:
    """The whole description."""
    found = get_openapi(
        title=title,
        version=version("stillwatch"),
        description=_ABOUT,
        routes=routes,
        tags=_TAGS,
    )
    _keep_nulls(found["paths"], routes)
    for (path, method), answers in ANSWERS.items():
        if path in found["paths"]:
            found["paths"][path][method]["responses"] = answers
    found["paths"] = {**PATHS, **found["paths"]}
    components = found.setdefault("components", {})
    components["securitySchemes"] = _SCHEMES
    for name in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(name, None)  # our errors are TAXII's
    found["security"] = [{"basic": []}, {"bearer": []}]
    for path in _FREE:
        for operation in found["paths"].get(path, {}).values():
            operation["security"] = []
    return found


def _keep_nulls(paths: dict[str, Any], routes: Sequence[APIRoute]) -> None:
    """Put examples back as they were written: FastAPI drops what is null in them."""
    for route in routes:
        for method in route.methods or ():
            told = paths[route.path_format][method.lower()]["responses"]
            for status, answer in route.responses.items():
                for media, content in answer.get("content", {}).items():
                    told[str(status)]["content"][media]["example"] = content["example"]

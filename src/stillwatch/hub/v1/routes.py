"""All routes beside TAXII's and the log's, and the description of the whole API."""

from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from stillwatch.hub.v1 import appeals, epochs, keys, members, operations, packs, standing
from stillwatch.hub.v1.openapi import described

_ROUTERS: Final = (
    members.router,
    keys.router,
    standing.router,
    appeals.router,
    packs.router,
    epochs.router,
    operations.router,
)


async def openapi(request: Request) -> JSONResponse:
    """The description of everything this hub answers, as OpenAPI 3.1."""
    app: Any = request.app
    return JSONResponse(described(app.title, [r for r in app.routes if isinstance(r, APIRoute)]))


ROUTES: Final[list[BaseRoute]] = [
    *(route for router in _ROUTERS for route in router.routes),
    Route("/openapi.json", openapi),
]

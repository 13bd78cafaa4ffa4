"""Health, readiness and figures: for those who keep the hub running."""

from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from stillwatch.hub.described import errors, example
from stillwatch.hub.errors import Problem
from stillwatch.hub.health import ready
from stillwatch.hub.members import Role
from stillwatch.hub.metrics import CONTENT_TYPE
from stillwatch.hub.v1.parts import Hub, Parts

router = APIRouter(tags=["operations"])
FREE = ("/healthz", "/readyz", "/metrics")
"""Paths that the gate lets pass without credentials; figures are guarded here."""
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")
_CHECKS = {"database": "ok", "schema": "ok", "key": "ok", "checkpoint": "ok"}


class Alive(BaseModel):
    """The hub answers."""

    status: str


class Ready(BaseModel):
    """Whether the hub can do its work."""

    status: str = Field(description="ready, or not ready.")
    checks: dict[str, str] = Field(description="Each check: ok, or what is wrong.")


@router.get("/healthz", summary="Whether the process lives", responses=example({"status": "ok"}))
def alive() -> Alive:
    """Answer without asking anybody."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    summary="Whether the hub can do its work",
    responses={
        **example({"status": "ready", "checks": _CHECKS}, "It can."),
        **example(
            {
                "status": "not ready",
                "checks": _CHECKS | {"database": "the database does not answer"},
            },
            "It cannot: one of the checks failed.",
            503,
        ),
    },
)
def readiness(hub: Hub, response: Response) -> Ready:
    """Database, tables, key and last checkpoint."""
    checks = ready(hub.database, hub.signer)
    fine = set(checks.values()) == {"ok"}
    response.status_code = 200 if fine else 503
    return Ready(status="ready" if fine else "not ready", checks=dict(checks))


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"example": "stillwatch_hub_log_size 42.0\n"}},
        },
        **errors(403),
    },
)
def figures(hub: Hub, request: Request) -> Response:
    """All workers' figures: from this machine without credentials, else for the operator."""
    if not _local(request):
        _check_operator(hub, request)
    return Response(hub.metrics.text(), media_type=CONTENT_TYPE)


def _local(request: Request) -> bool:
    """Whether the caller sits on this machine and no proxy speaks for it."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _check_operator(hub: Parts, request: Request) -> None:
    with hub.database.read() as connection:
        who = hub.authenticator.caller(connection, request.headers.get("authorization"))
    if who is None:
        raise Problem(
            401,
            "figures are for this machine and for operators",
            headers={"WWW-Authenticate": 'Bearer realm="stillwatch"'},
        )
    if who.role is not Role.OPERATOR:
        raise Problem(403, "figures are for operators")

"""Runs an evaluator: one process, whose threads use all processors.

Rules: share, database and place are found wrong before a port is opened; core dumps are switched
off first, since one would hold the share. Nothing but loopback is listened on unless the operator
says so: TLS belongs in front of it. One process, so that every charge passes one writer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from stillwatch.hub.evaluator import schema
from stillwatch.hub.evaluator.app import Evaluator, Parts
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.members import Members
from stillwatch.hub.evaluator.shares import Held, Shares
from stillwatch.hub.protocol import Protocol
from stillwatch.hub.serve import Place, Server, listen, shown

_GRACE_S = 20


@dataclass(frozen=True, slots=True)
class Setup:
    """What an evaluator is started with."""

    database: str
    """URL."""
    members: Path
    place: Place
    authorities: Sequence[str] = ()
    """Hosts under which it is reached beside those of the epochs' documents and the place."""
    limits: Limits = field(default_factory=Limits)


def serve(setup: Setup, held: Sequence[Held], say: Callable[[str], None]) -> None:
    """Serve until a signal stops it; ``say`` is told where, once connections are taken.

    Raises ``ConfigError`` or ``StoredDataError`` if something of it cannot be used.
    """
    database = schema.opened(setup.database)
    listener = listen(setup.place)
    host, port = listener.getsockname()[:2]
    own = {f"{shown(host)}:{port}", f"localhost:{port}"}
    members = Members(setup.members, setup.limits)
    stated = [one.authority for one in held if one.authority]
    authorities = frozenset(name.lower() for name in (*setup.authorities, *stated, *own))
    app = Evaluator(Parts(database, Shares(held), members, authorities, setup.limits))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        http=Protocol,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    say(_told(f"http://{shown(host)}:{port}/", setup.place.host, held))
    try:
        Server(config).run(sockets=[listener])
    finally:
        listener.close()


def _told(url: str, host: str, held: Sequence[Held]) -> str:
    epochs = ", ".join(
        f"{one.epoch} generation {one.generation} as {one.share.index}" for one in held
    )
    said = f"evaluator listens on {url} (epochs: {epochs or 'none yet: not ready'}; core dumps off)"
    if host in ("127.0.0.1", "::1", "localhost"):
        return said
    return f"{said}; not loopback: put TLS in front"

"""Runs the HTTP face with uvicorn, on this machine only.

Rules: everything that can be wrong with settings, key, thresholds or token is found before the
port is opened; one line says where it listens once it does.
"""

import ipaddress
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import uvicorn

from stillwatch.errors import ConfigError, StillwatchError
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.matching.face import Face
from stillwatch.sharing.matching.labs import Labs, Newest
from stillwatch.sharing.matching.screening import Screener
from stillwatch.sharing.settings import load_settings, read_secret, write_secret
from stillwatch.store.database import Store


def serve(
    config: Path, layout: Layout, token_file: Path, host: str, port: int, say: Callable[[str], None]
) -> None:
    """Serve until a signal; port 0 takes a free one. Raises ``ConfigError``."""
    if not ipaddress.ip_address(host).is_loopback:
        raise ConfigError(
            f"{host} is not this machine's own address",
            hint="sign-ups travel in the clear: let the sign-up service run here, too",
        )
    settings = load_settings(config)
    if not token_file.exists():
        write_secret(token_file, secrets.token_urlsafe(32))
        say(f"a new token is in {token_file}")
    token = read_secret(token_file)
    with closing(Store(settings.store)) as store, closing(Labs(settings, store)) as labs:
        screener = Screener.over(settings, store, labs)
        _warm(labs, say)
        deadline_s = settings.matching.deadline_ms / 1000
        face = Face(screener, labs, Newest(settings.tags), layout, token, deadline_s)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as listener:
            try:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((host, port))
                listener.listen(512)
            except OSError as error:
                raise ConfigError(
                    f"{host}:{port} cannot be listened on ({error.strerror})"
                ) from error
            shown = f"[{host}]" if ":" in host else host
            say(f"listening on http://{shown}:{listener.getsockname()[1]}")
            options = uvicorn.Config(
                face, log_level="warning", access_log=False, lifespan="on", ws="none"
            )
            uvicorn.Server(options).run(sockets=[listener])


def _warm(labs: Labs, say: Callable[[str], None]) -> None:
    """Take up today's epochs before the first sign-up, so that it need not wait for that."""
    try:
        for epoch in labs.epochs():
            labs.tagger(epoch).outputs([f"v1|canary|{epoch}|start".encode()])
    except StillwatchError as error:
        say(f"sign-ups pass unscreened until this is mended: {error}")

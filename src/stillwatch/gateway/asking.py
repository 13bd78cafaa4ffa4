"""Asking a running gateway what it knows."""

from typing import Any

import httpx
import orjson

from stillwatch.errors import ConfigError, PeerError
from stillwatch.gateway.settings import guarded_url

_MOST_BYTES = 64 * 1024
_PATIENCE_S = 5.0


def state_of(url: str, token: str) -> dict[str, Any]:
    """What a gateway says of itself. Raises ``ConfigError`` or ``PeerError``."""
    base = guarded_url(url, "the address")
    try:
        with httpx.Client(timeout=_PATIENCE_S, trust_env=False) as client:
            answer = client.get(f"{base}/readyz", headers={"authorization": f"Bearer {token}"})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise PeerError(f"{base} did not answer: {error}", hint="does it run?") from error
    if answer.status_code == 401:
        raise ConfigError(f"{base} does not know the token", hint="see --token-file")
    try:
        said = orjson.loads(answer.content[:_MOST_BYTES])
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("status"), str):
        raise PeerError(f"{base} answered {answer.status_code}, not as a gateway does")
    return said

"""Asking a gateway service over HTTP: one short question, one bounded answer, or none in time.

Rules: an answer that is late, damaged or no answer at all is ``PeerError``; what then happens is the
client's business. Connections are kept, never shared between processes or event loops. The token
is in no error and no repr; proxies of the environment are not used.
"""

import asyncio
import threading
import time
import weakref
from typing import Any, Final

import httpx
import orjson

from stillwatch.errors import ConfigError, PeerError
from stillwatch.gateway.decider import Answer
from stillwatch.gateway.table import Request

_MOST_BYTES: Final = 64 * 1024
_STATUSES: Final = {True: {200: 200}, False: {403: 403, 429: 429, 503: 503}}
"""By ``allowed``: what else is said contradicts itself."""
_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Remote:
    """A gateway service at a URL."""

    def __init__(self, url: str, token: str | None, deadline_s: float) -> None:
        self.url = _checked(url, token)
        self.deadline_s = deadline_s
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._limits = httpx.Limits(max_connections=256, max_keepalive_connections=64)
        self.reopen()

    def __repr__(self) -> str:
        return f"Remote({self.url!r})"

    def reopen(self) -> None:
        """Forget all connections, after a fork: they are the parent's."""
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            weakref.WeakKeyDictionary()
        )

    def decide(self, request: Request) -> Answer:
        """The service's answer. Raises ``PeerError``."""
        return _answer(self._post("/v1/decide", _asked(request)))

    async def adecide(self, request: Request) -> Answer:
        """The service's answer. Raises ``PeerError``."""
        return _answer(await self._apost("/v1/decide", _asked(request)))

    def release(self, lease: str) -> None:
        """Give a lease back. Raises ``PeerError``."""
        self._post("/v1/release", orjson.dumps({"lease": lease}))

    async def arelease(self, lease: str) -> None:
        """Give a lease back. Raises ``PeerError``."""
        await self._apost("/v1/release", orjson.dumps({"lease": lease}))

    def ready(self, timeout_s: float) -> bool:
        """Whether the service answers within so many seconds."""
        until = time.monotonic() + timeout_s
        while True:
            try:
                self._post("/v1/decide", b"{}")
            except PeerError:
                if time.monotonic() > until:
                    return False
                time.sleep(min(0.05, self.deadline_s))
            else:
                return True

    def close(self) -> None:
        """Close the connections of synchronous callers."""
        client, self._client = self._client, None
        if client:
            client.close()

    async def aclose(self) -> None:
        """Close all connections of this event loop, and those of synchronous callers."""
        self.close()
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client:
            await client.aclose()

    def _post(self, path: str, body: bytes) -> bytes:
        client = self._client or self._connected()
        until = time.monotonic() + self.deadline_s
        try:
            with client.stream("POST", path, content=body) as response:
                pieces = bytearray()
                for piece in response.iter_raw():
                    pieces += piece
                    if len(pieces) > _MOST_BYTES or time.monotonic() > until:
                        raise PeerError("the gateway's answer is too long or too late")
                return _used(response.status_code, bytes(pieces))
        except httpx.HTTPError as error:
            raise PeerError(f"the gateway does not answer ({type(error).__name__})") from error

    async def _apost(self, path: str, body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(**self._options())
        try:
            async with (
                asyncio.timeout(self.deadline_s),
                client.stream("POST", path, content=body) as response,
            ):
                pieces = bytearray()
                async for piece in response.aiter_raw():
                    pieces += piece
                    if len(pieces) > _MOST_BYTES:
                        raise PeerError("the gateway's answer is too long")
                return _used(response.status_code, bytes(pieces))
        except (httpx.HTTPError, TimeoutError) as error:
            raise PeerError(f"the gateway does not answer ({type(error).__name__})") from error

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options())
            return self._client

    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self.url,
            "headers": self._headers,
            "timeout": self.deadline_s,
            "limits": self._limits,
            "trust_env": False,
        }


def _checked(url: str, token: str | None) -> str:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError(f"the gateway's URL cannot be used: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.host or parts.userinfo:
        raise ConfigError("the gateway's URL is http(s)://HOST[:PORT], without a password")
    if token and parts.scheme == "http" and parts.host not in _LOCAL:
        raise ConfigError(f"{url} would send the token unprotected", hint="use https://")
    return url.rstrip("/")


def _asked(request: Request) -> bytes:
    said = {name: value for name, value in request._asdict().items() if value is not None}
    return orjson.dumps(said)


def _used(status: int, body: bytes) -> bytes:
    if status == httpx.codes.UNAUTHORIZED:
        raise PeerError("the gateway refuses our token")
    if status != httpx.codes.OK:
        raise PeerError(f"the gateway answers with status {status}")
    return body


def _answer(body: bytes) -> Answer:
    try:
        said = orjson.loads(body)
        degrade = said.get("degrade") or {}
        status = _STATUSES[said["allowed"]][said["status"]]
        return Answer(
            allowed=said["allowed"],
            status=status,
            effect=str(said.get("effect", "")),
            decision=_text(said.get("decision")),
            reason=str(said.get("reason", "")),
            retry_after_s=_number(said.get("retry_after_s")),
            shadow=tuple(map(str, said.get("shadow") or ())),
            age_s=_number(said.get("knowledge_age_s")),
            lease=_text(said.get("lease")),
            cohort=_text(degrade.get("cohort")),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PeerError("the gateway's answer is none") from error


def _text(said: Any) -> str | None:
    return None if said is None else str(said)


def _number(said: Any) -> float | None:
    return None if said is None else float(said)

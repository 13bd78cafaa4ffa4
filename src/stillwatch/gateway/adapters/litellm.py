"""A hook for LiteLLM's proxy: asks before a request goes to a model, degrades, gives leases back.

::

    litellm_settings:
      callbacks: stillwatch.gateway.adapters.litellm.guard

``guard`` is made from the environment when it is first named; ``StillwatchGuard(gateway, ...)`` is for a
Python file of one's own beside ``config.yaml``.

Rules
    * Who is asking is what LiteLLM has verified (``user_api_key_dict``), never what the body says. A
      key is known by the SHA-256 that LiteLLM knows it by.
    * A refusal is an HTTP error of the decision's status; a failure of ours passes and is counted.
    * A lease ends with the answer, with the last piece of a stream, with a failure, and at the latest
      with the task that serves the request: a client that hangs up does not keep one.
    * Degraded answers are copies: what LiteLLM caches and logs stays whole.
"""

import asyncio
import hashlib
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stillwatch.errors import ConfigError
from stillwatch.gateway.adapters.client import Gateway, Lease
from stillwatch.gateway.adapters.degrade import concealed, degraded
from stillwatch.gateway.adapters.refusal import refusal
from stillwatch.gateway.adapters.streamed import Events, Text
from stillwatch.gateway.carried import client_address
from stillwatch.gateway.decider import FailRules
from stillwatch.gateway.table import Request

if TYPE_CHECKING:

    class CustomLogger:
        """LiteLLM's own, for type checks without it."""

else:
    try:
        from litellm.integrations.custom_logger import CustomLogger
    except ImportError:  # it is there where the proxy is

        class CustomLogger:
            """What LiteLLM calls its hooks through."""


_LOG: Final = logging.getLogger("stillwatch.gateway")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_HELD: Final[ContextVar["Held | None"]] = ContextVar("stillwatch_held", default=None)


class Held:
    """What is to be remembered of a request until its answer is over."""

    def __init__(self, lease: Lease, *, degrade: bool) -> None:
        self.lease = lease
        self.degrade = degrade


class StillwatchGuard(CustomLogger):
    """The hooks. LiteLLM looks for each in this very class."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        account: Sequence[str] = ("user_id", "team_id", "key_alias"),
        organisation: Sequence[str] = ("org_id", "team_id"),
        ja4: str | None = None,
        proxies: int = 0,
        appeal: str = "",
    ) -> None:
        """``account``, ``organisation``: fields of LiteLLM's key, the first that is set counts.

        ``proxies``: how many of ours stand before LiteLLM and append to X-Forwarded-For; ``ja4``: the
        header in which the first of them says the client's fingerprint.
        """
        super().__init__()
        self.gateway = gateway
        self._account = tuple(account)
        self._organisation = tuple(organisation)
        self._ja4 = ja4
        self._proxies = proxies
        self._appeal = appeal
        self._tasks: set[asyncio.Task[None]] = set()

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Before a request goes to a model. Raises FastAPI's ``HTTPException`` for a refusal."""
        del cache, call_type
        _HELD.set(None)
        answer = await self.gateway.adecide(self._caller(user_api_key_dict, data))
        if not answer.allowed:
            from fastapi import HTTPException  # noqa: PLC0415 - LiteLLM's own

            refused = refusal(answer, self._appeal)
            raise HTTPException(refused.status, refused.body["error"], refused.headers)
        lease = Lease(self.gateway, answer.lease)
        degrade = answer.effect == "degrade"
        if answer.lease or degrade:
            _HELD.set(Held(lease, degrade=degrade))
        if answer.lease:
            self._at_the_latest(lease)
        if degrade:
            left = degraded(data)
            for name in data.keys() - left.keys():
                del data[name]
            data.update(left)
        return data

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> Any:
        """After an answer that came in one piece; the answer as it may be shown."""
        del data, user_api_key_dict
        held = _HELD.get()
        if held is None:
            return response
        await held.lease.release()
        return self._shown(response) if held.degrade else response

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """All pieces of an answer, as they may be shown."""
        del user_api_key_dict, request_data
        held = _HELD.get()
        try:
            if held is None or not held.degrade:
                async for piece in response:
                    yield piece
                return
            events, text = Events(), Text()
            async for piece in response:
                if (shown := self._piece(piece, events, text)) is not None:
                    yield shown
            if rest := text.end():
                yield rest
        finally:
            if held is not None:
                await held.lease.release()

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """After a request that failed, for whatever reason."""
        del request_data, original_exception, user_api_key_dict, traceback_str
        held = _HELD.get()
        if held is not None:
            await held.lease.release()

    def _caller(self, key: Any, data: Mapping[str, Any]) -> Request:
        of = _of_the_proxy(key, data)
        sent = data.get("proxy_server_request") if of is not None else None
        headers = {str(n).lower(): str(v) for n, v in ((sent or {}).get("headers") or {}).items()}
        address = (of or {}).get("requester_ip_address") or None
        if self._proxies and (forwarded := headers.get("x-forwarded-for")):
            address = client_address(forwarded.split(","), self._proxies, ())
        return Request(
            account=_first(key, self._account),
            organisation=_first(key, self._organisation),
            key=_digest(_first(key, ("token", "api_key"))),
            ja4=headers.get(self._ja4) if self._ja4 else None,
            address=address,
        )

    def _at_the_latest(self, lease: Lease) -> None:
        """Give the lease back when the task that serves the request ends, cancelled or not."""

        def ended(_: object) -> None:
            task = asyncio.get_running_loop().create_task(lease.release())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        if task := asyncio.current_task():
            task.add_done_callback(ended)

    def _piece(self, piece: Any, events: Events, text: Text) -> Any:
        if isinstance(piece, bytes):
            return text.feed(piece) or None
        if isinstance(piece, str):
            return text.feed(piece.encode()).decode() or None
        if isinstance(piece, dict):
            return events.event(piece)
        said = piece.model_dump() if hasattr(piece, "model_dump") else None
        if said is None:
            return piece
        shown = events.event(said)
        return None if shown is None else self._rebuilt(piece, said, shown)

    def _shown(self, response: Any) -> Any:
        if isinstance(response, dict):
            return concealed(response)
        if not hasattr(response, "model_dump"):
            return response
        said = response.model_dump()
        return self._rebuilt(response, said, concealed(said))

    def _rebuilt(self, whole: Any, said: Mapping[str, Any], shown: dict[str, Any]) -> Any:
        """An object of the same class that says what may be shown."""
        if shown == said:
            return whole
        try:
            copy = type(whole)(**shown)
            for name in ("_hidden_params", "_response_headers"):
                if hasattr(whole, name):
                    setattr(copy, name, getattr(whole, name))
        except Exception as error:  # another version's class: better whole than no answer
            if not self.gateway.counts["undegraded"]:
                _LOG.warning("%s cannot be degraded (%s)", type(whole), type(error))
            self.gateway.counts["undegraded"] += 1
            return whole
        return copy


def from_environment() -> StillwatchGuard:
    """The guard that environment variables describe; see docs/how-to/guard-litellm.md."""
    said = os.environ
    closed = [scope for scope in said.get("STILLWATCH_GATEWAY_CLOSED", "").split(",") if scope]
    gateway = Gateway.remote(
        said.get("STILLWATCH_GATEWAY_URL", "http://127.0.0.1:8787"),
        token_file=_file("STILLWATCH_GATEWAY_TOKEN_FILE"),
        deadline_s=_number("STILLWATCH_GATEWAY_DEADLINE_MS", 50) / 1000,
        rules=FailRules.of(dict.fromkeys(closed, "closed")),
    )
    return StillwatchGuard(
        gateway,
        ja4=said.get("STILLWATCH_GATEWAY_JA4_HEADER"),
        proxies=int(_number("STILLWATCH_GATEWAY_PROXIES", 0)),
        appeal=said.get("STILLWATCH_GATEWAY_APPEAL", ""),
    )


def __getattr__(name: str) -> Any:
    if name != "guard":
        raise AttributeError(name)
    made = globals()["guard"] = from_environment()
    return made


def _file(name: str) -> Path | None:
    said = os.environ.get(name)
    if said and not Path(said).is_file():
        raise ConfigError(f"{name} = {said!r} is no file")
    return Path(said) if said else None


def _number(name: str, usual: int) -> float:
    said = os.environ.get(name, str(usual))
    try:
        return float(said)
    except ValueError:
        raise ConfigError(f"{name} = {said!r} is no number") from None


def _of_the_proxy(key: Any, data: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What LiteLLM itself wrote beside a request; None for a body that is passed through as it came.

    It holds an object that no body can hold: what a client writes in its place is not believed.
    """
    for name in ("litellm_metadata", "metadata"):
        said = data.get(name)
        if isinstance(said, Mapping) and isinstance(said.get("user_api_key_auth"), type(key)):
            return said
    return None


def _first(key: Any, names: Sequence[str]) -> str | None:
    """The first field that is set, of an object of LiteLLM's."""
    for name in names:
        if value := getattr(key, name, None):
            return str(value)
    return None


def _digest(said: str | None) -> str | None:
    """LiteLLM's own digest of a key; of a key that it holds as it is, the same digest."""
    if said is None or _DIGEST.fullmatch(said):
        return said
    return hashlib.sha256(said.encode()).hexdigest()

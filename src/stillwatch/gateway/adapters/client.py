"""The Python client of decisions: one question, one answer, whether in this process or over HTTP.

``Gateway.following`` holds all decisions in memory and answers in microseconds; ``Gateway.remote`` asks
the service and waits no longer than its deadline. Both have the same methods, for synchronous and
asynchronous callers.

Rules: no answer in time lets the request pass, unless it carries something of a scope that is
closed; both are counted and said once in the log, not at each request. A lease that an answer
holds is to be given back when the response is over: ``admit`` and ``aadmit`` see to that.

>>> gateway = Gateway.remote("http://127.0.0.1:1", token="t")
>>> gateway.decide(account="a").allowed
True
>>> gateway.counts["unanswered"], gateway.counts["passed_open"]
(1, 1)
"""

import asyncio
import logging
import os
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Protocol, Self

from stillwatch.domain.decision import MOST_VALUE
from stillwatch.errors import ConfigError, PeerError
from stillwatch.gateway.adapters.circuit import Circuit
from stillwatch.gateway.adapters.remote import Remote
from stillwatch.gateway.decider import Answer, FailRules
from stillwatch.gateway.table import REQUEST_SCOPES, Request

_LOG: Final = logging.getLogger("stillwatch.gateway")
_RETRY_S: Final = 5.0


class Way(Protocol):
    """Where answers come from; ``PeerError`` where none does."""

    def decide(self, request: Request) -> Answer:
        """The answer to a request."""

    async def adecide(self, request: Request) -> Answer:
        """The answer to a request."""

    def release(self, lease: str) -> None:
        """Give a lease back."""

    async def arelease(self, lease: str) -> None:
        """Give a lease back."""

    def ready(self, timeout_s: float) -> bool:
        """Whether decisions are known, or the service answers, within so many seconds."""

    def reopen(self) -> None:
        """Begin anew, in a child process."""

    def close(self) -> None:
        """Let go of threads and connections."""

    async def aclose(self) -> None:
        """Let go of threads and connections."""


class Gateway:
    """Asks for decisions. Use it as a context manager, synchronous or not, or call ``close``."""

    def __init__(
        self, way: Way, rules: FailRules | None = None, circuit: Circuit | None = None
    ) -> None:
        self.counts: Counter[str] = Counter()
        """``answered``, of them ``refused``; ``unanswered``, ``not_asked`` (while the service rests) and
        ``failed``, together ``passed_open`` and ``refused_closed``; ``unusable`` values,
        ``unreleased`` leases. Counted without a lock."""
        self._way = way
        self._closed = (rules or FailRules()).closed
        self._circuit = circuit or Circuit()
        self._tasks: set[asyncio.Task[None]] = set()
        self._before = (0, 0)
        """Of requests without an answer: passed and refused, when the last outage began."""
        own = weakref.WeakMethod(self._reopen)
        os.register_at_fork(after_in_child=lambda: (method := own()) and method())

    @classmethod
    def remote(
        cls,
        url: str = "http://127.0.0.1:8787",
        *,
        token: str | None = None,
        token_file: Path | None = None,
        deadline_s: float = 0.05,
        rules: FailRules | None = None,
        circuit: Circuit | None = None,
    ) -> Self:
        """A service at a URL, with its token for decisions. Raises ``ConfigError``.

        ``deadline_s``: for one answer; synchronous callers may wait that long to connect, too.
        """
        return cls(Remote(url, _token(token, token_file), deadline_s), rules, circuit)

    @classmethod
    def following(
        cls,
        source: str,
        *,
        token: str | None = None,
        token_file: Path | None = None,
        snapshot: Path | None = None,
        throttle: Path | None = None,
        rules: FailRules | None = None,
        poll_s: float = 0.5,
    ) -> Self:
        """All decisions in this process, from a store's URL or a gateway's with its stream token.

        ``snapshot``: kept for a start without the source; ``throttle``: a file that the processes of
        this machine share, so that a rate holds for all of them together; ``poll_s``: how often a
        store is asked. Until something is known requests pass, but for closed scopes; ``ready`` waits
        for it. Needs SQLAlchemy. Raises ``ConfigError``.
        """
        from stillwatch.gateway.adapters.inprocess import InProcess  # noqa: PLC0415 - SQLAlchemy

        secret = _token(token, token_file) or ""
        way = InProcess(source, secret, snapshot, throttle, rules, poll_s)
        return cls(way, rules)

    def decide(self, request: Request | None = None, /, **fields: str | None) -> Answer:
        """What is to happen to a request, given whole or by its fields. Raises nothing of the network's."""
        asked = self._usable(request or Request(**fields))
        if not self._circuit.may_ask():
            return self._unasked(asked)
        try:
            answer = self._way.decide(asked)
        except PeerError as error:
            return self._unanswered(asked, error)
        except Exception as error:  # whatever fails here, honest callers are not cut off
            return self._failed(asked, error)
        return self._answered(answer)

    async def adecide(self, request: Request | None = None, /, **fields: str | None) -> Answer:
        """As ``decide``, without blocking the event loop."""
        asked = self._usable(request or Request(**fields))
        if not self._circuit.may_ask():
            return self._unasked(asked)
        try:
            answer = await self._way.adecide(asked)
        except PeerError as error:
            return self._unanswered(asked, error)
        except Exception as error:  # whatever fails here, honest callers are not cut off
            return self._failed(asked, error)
        return self._answered(answer)

    def ready(self, timeout_s: float) -> bool:
        """Whether decisions are known, or the service answers; waits so many seconds for it."""
        return self._way.ready(timeout_s)

    def release(self, lease: str | None) -> None:
        """Give a lease back; one that cannot be given back ends by itself, and is counted."""
        if lease is None:
            return
        try:
            self._way.release(lease)
        except Exception:  # as above
            self.counts["unreleased"] += 1

    async def arelease(self, lease: str | None) -> None:
        """As ``release``; goes on when the caller is cancelled."""
        if lease is None:
            return
        task = asyncio.create_task(self._arelease(lease))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.shield(task)

    @contextmanager
    def admit(self, request: Request | None = None, /, **fields: str | None) -> Iterator[Answer]:
        """The answer for as long as the request lasts; its lease is given back at the end."""
        answer = self.decide(request, **fields)
        try:
            yield answer
        finally:
            self.release(answer.lease)

    @asynccontextmanager
    async def aadmit(
        self, request: Request | None = None, /, **fields: str | None
    ) -> AsyncIterator[Answer]:
        """As ``admit``."""
        answer = await self.adecide(request, **fields)
        try:
            yield answer
        finally:
            await self.arelease(answer.lease)

    def close(self) -> None:
        """Stop following, close connections."""
        self._way.close()

    async def aclose(self) -> None:
        """As ``close``, after the leases that are on their way back."""
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._way.aclose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _arelease(self, lease: str) -> None:
        try:
            await self._way.arelease(lease)
        except Exception:  # as above
            self.counts["unreleased"] += 1

    def _usable(self, request: Request) -> Request:
        """As texts, without values that no decision can be about; an address stays one that is unknown."""
        if all(value is None or (type(value) is str and usable(value)) for value in request):
            return request
        texts = {n: str(v) for n, v in request._asdict().items() if v is not None}
        kept = {name: text for name, text in texts.items() if usable(text)}
        self.counts["unusable"] += len(texts) - len(kept)
        if texts.get("address") and "address" not in kept:
            plain = texts["address"].partition("%")[0]  # a zone says nothing of who somebody is
            kept["address"] = plain if usable(plain) else "unknown"
        return Request(**kept)

    def _answered(self, answer: Answer) -> Answer:
        if self._circuit.answered():
            passed, refused = self._missed()
            _LOG.warning(
                "the gateway answers again: meanwhile %d requests passed unchecked and %d were refused",
                passed - self._before[0],
                refused - self._before[1],
            )
        self.counts["answered"] += 1
        self.counts["refused"] += not answer.allowed
        return answer

    def _failed(self, request: Request, error: Exception) -> Answer:
        if not self.counts["failed"]:
            _LOG.warning("asking failed (%s): the request passes unchecked", type(error).__name__)
        self.counts["failed"] += 1
        return self._by_rule(request)

    def _unanswered(self, request: Request, error: PeerError) -> Answer:
        if self._circuit.failed():
            self._before = self._missed()
            _LOG.warning("%s: requests pass unchecked, but for closed scopes", error.message)
        self.counts["unanswered"] += 1
        return self._by_rule(request)

    def _unasked(self, request: Request) -> Answer:
        self.counts["not_asked"] += 1
        return self._by_rule(request)

    def _by_rule(self, request: Request) -> Answer:
        fields = zip(REQUEST_SCOPES, request, strict=True)
        shut = next((s for s, v in fields if v is not None and s in self._closed), None)
        self.counts["refused_closed" if shut else "passed_open"] += 1
        if shut is None:
            return Answer(True, 200, "allow", None, "no answer", None, (), None, None, None)
        why = f"no answer, and requests by {shut.value} are refused then"
        return Answer(False, 503, "closed", None, why, _RETRY_S, (), None, None, None)

    def _missed(self) -> tuple[int, int]:
        return self.counts["passed_open"], self.counts["refused_closed"]

    def _reopen(self) -> None:
        self._tasks.clear()
        self._way.reopen()


class Lease:
    """A lease that is given back once, however often it is asked to."""

    def __init__(self, gateway: Gateway, lease: str | None) -> None:
        self._gateway = gateway
        self._lease = lease

    async def release(self) -> None:
        """Give it back; goes on when the caller is cancelled."""
        lease, self._lease = self._lease, None
        await self._gateway.arelease(lease)


def usable(value: str) -> bool:
    """Whether a decision can be about a text: it has 1 to 512 characters, none of control."""
    return 0 < len(value) <= MOST_VALUE and not any(
        ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in value
    )


def _token(token: str | None, file: Path | None) -> str | None:
    """A token, said or in a file, whose first line counts. Raises ``ConfigError``."""
    if file is None:
        return token
    try:
        lines = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token file {file} cannot be read") from error
    if not lines:
        raise ConfigError(f"the token file {file} is empty")
    return lines[0]

"""The stream of decisions for those who follow this gateway: all in force, or what came since.

Rules: lines of JSON: a head, then blocks or changes, then the SHA-256 of all lines before, so that
what was cut short is not used. Who asks for what is no longer kept is sent back to the start (410).
Readers are bounded; one who waits costs a future, no thread; blocks are made in a thread while
requests are answered.
"""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Final
from urllib.parse import parse_qsl

from stillwatch.gateway.http import NDJSON, Asked, Later, Reply, Stream, problem
from stillwatch.gateway.knowledge import Behind, Knowledge
from stillwatch.gateway.settings import Streaming
from stillwatch.gateway.stream import change_lines, startup_lines

_BATCH: Final = 1000
_LARGEST: Final = 2**63 - 1
_NAMES: Final = ("since", "wait")


class Streams:
    """Answers ``GET /v1/decisions/stream``, in one event loop."""

    def __init__(self, knowledge: Knowledge, bounds: Streaming) -> None:
        self._knowledge, self._bounds = knowledge, bounds
        self.readers = 0
        self._news = asyncio.Event()
        loop = asyncio.get_running_loop()

        def told() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._tell)

        self._stop: Callable[[], None] = knowledge.listen(told)

    def close(self) -> None:
        """Let waiting readers go with what there is."""
        self._stop()
        self._tell()

    def answer(self, asked: Asked) -> Reply | Later:
        """What a reader is sent."""
        try:
            since, wait = _query(asked.query)
        except ValueError as error:
            return problem(400, str(error))
        if not self._knowledge.present:
            return problem(503, "nothing is known yet", ((b"retry-after", b"1"),))
        if self.readers >= self._bounds.readers:
            return problem(503, "too many readers", ((b"retry-after", b"2"),))

        async def later(writer: Stream) -> Reply | None:
            self.readers += 1
            try:
                if since is None:
                    await self._startup(writer)
                    return None
                return await self._changes(writer, since, min(wait, self._bounds.wait_s))
            finally:
                self.readers -= 1

        return later

    async def _startup(self, writer: Stream) -> None:
        lines = startup_lines(self._knowledge)
        await writer.begin(200, NDJSON)
        while line := await asyncio.to_thread(next, lines, b""):
            await writer.write(line)

    async def _changes(self, writer: Stream, since: int, wait_s: float) -> Reply | None:
        await self._wait(since, wait_s)
        try:
            lines = change_lines(self._knowledge, since)
        except Behind:
            return problem(410, "what came since is no longer kept: ask without since")
        await writer.begin(200, NDJSON)
        for batch in iter(lambda: b"".join(islice(lines, _BATCH)), b""):
            await writer.write(batch)
        return None

    async def _wait(self, since: int, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                while self._knowledge.seq == since:
                    await self._news.wait()
        except TimeoutError:
            return

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _query(text: bytes) -> tuple[int | None, float]:
    """``since`` and ``wait``. Raises ``ValueError`` in words for people."""
    said = dict[str, str]()
    for name, value in parse_qsl(text.decode("latin-1"), keep_blank_values=True):
        if name not in _NAMES or name in said:
            raise ValueError("the query knows since=NUMBER and wait=SECONDS, each once")
        said[name] = value
    since, wait = said.get("since"), said.get("wait", "0")
    if since is not None and not (since.isascii() and since.isdigit() and len(since) < 20):
        raise ValueError("since is the number of a change")
    try:
        seconds = float(wait)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise ValueError("wait is seconds, at most 3600")
    return (None if since is None else min(int(since), _LARGEST)), seconds

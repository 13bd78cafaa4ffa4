"""HTTP/1.1 on a connection: parsed by llhttp, answered at once, bounded everywhere.

Rules
    * Most answers need memory only: they are given while the bytes are read, without a task.
    * Answers leave in the order in which requests came (RFC 9112, 9.3.2). Behind an answer that
      takes time only a few requests wait; nothing more is read meanwhile.
    * A head, a trailer and a chunk's extension are bounded in bytes, a head and a body in time;
      so is the time in which a reader takes what it was sent.
    * What is no HTTP, or too much of it, is told once, and the connection ends: what follows on
      it could mean anything.
    * The lease in an answer that did not arrive is given back: the connection was reset, or ended
      with the answer unsent. Where one is on its way, the end waits until it is known.
"""

import asyncio
from collections import deque
from typing import Final, cast

import httptools

from stillwatch.gateway.delivery import Deliveries, arrival
from stillwatch.gateway.heads import (
    Refused,
    target_of,
    too_large,
    too_long,
    waits_to_go_on,
    without_offer,
)
from stillwatch.gateway.http import Asked, Later, Reply, Stream, failed, problem, written
from stillwatch.gateway.shared import Shared

_WAITING: Final = 16
"""Requests behind an answer that takes time."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_FOREVER: Final = float("inf")
_HIGH: Final = 256 * 1024
"""Bytes that may wait to be taken before nothing more is read."""


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, shared: Shared) -> None:
        self.shared, self._limits = shared, shared.limits
        self._parser = httptools.HttpRequestParser(self)
        self.deadline = _FOREVER
        """When what is waited for now takes too long, by the loop's clock."""
        self._transport: asyncio.Transport = None  # type: ignore[assignment]
        self._silent = 0
        """Bytes that the parser has swallowed without telling of them."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._length = 0
        self._reading = self._in_body = self._ending = self._half = self._lost = False
        self._only_reads = False
        self._messages, self._timed = 0, (0, False, False)
        self._out: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._waiting: deque[tuple[Asked, bool, bool]] = deque()
        self._taken = asyncio.Event()
        self._taken.set()
        self._deliveries = Deliveries(shared.handler.undelivered)

    # The transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a head, if there is room for one more connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH)
        self.shared.open.add(self)
        self._wait(self._limits.head_seconds)
        if len(self.shared.open) > self._limits.connections:
            self._refuse(problem(503, "too many connections", ((b"retry-after", b"1"),)))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for an answer any more."""
        self._lost = True
        self.shared.open.discard(self)
        self.shared.leaving.discard(self)
        if exc is not None or not self._taken.is_set():
            self._deliveries.failed(self.shared.loop.time(), unsent=not self._taken.is_set())
        self._waiting.clear()
        self._taken.set()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; answers collect meanwhile, and leave together."""
        if self._ending:
            return
        self._silent += len(data)
        if self._deliveries and not self._transport.get_write_buffer_size():
            self._deliveries.arrived()
        try:
            self._fed(data)
        except Refused as refused:
            self._refuse(refused.reply)
        except httptools.HttpParserError as error:  # of ours too, raised in a callback
            cause = error.__context__
            known = cause.reply if isinstance(cause, Refused) else None
            self._refuse(known or problem(400, "this cannot be read as a request"))
        else:
            if self._silent > self._limits.head_bytes:
                self._refuse(too_long(self._limits))
        self._flush()

    def _fed(self, data: bytes) -> None:
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                # the parser stops behind the head: the request is read anew without the offer
                method, version = self._parser.get_method(), self._parser.get_http_version()
                head = without_offer(method, self._url, version, self._headers)
                self._parser = httptools.HttpRequestParser(self)
                data = head + data[upgrade.args[0] :]
            else:
                return

    def eof_received(self) -> bool:
        """The asker sends no more. It may still read, but one who only waited has gone."""
        self._half = True
        if self._deliveries and self._task is None:
            self.shared.leaving.add(self)
            self._wait(self._limits.reader_seconds)
            self.shared.loop.call_soon(self.look)
            return True
        return self._task is not None and not self._only_reads

    def look(self) -> None:
        """See whether what was written has arrived, and end then."""
        if self._lost:
            return
        told = self._arrival()
        if told is False:
            self._deliveries.failed(self.shared.loop.time())
        if told is not None:
            self.shared.leaving.discard(self)
            self._deliveries.arrived()
            self._transport.close()

    def _arrival(self) -> bool | None:
        return arrival(self._transport.get_extra_info("socket"), ended=self._ending)

    def pause_writing(self) -> None:
        """The reader is slow: take nothing more from it, and do not wait for ever."""
        self._taken.clear()
        self._transport.pause_reading()
        self._wait(self._limits.reader_seconds)

    def resume_writing(self) -> None:
        """It has read."""
        self._taken.set()
        self._settle()

    async def send(self, data: bytes) -> None:
        """Write a part of a stream when the reader has taken what came before."""
        await self._taken.wait()
        if self._lost:
            raise ConnectionError("the reader has gone")
        self._transport.write(data)

    # The parser's calls

    def on_message_begin(self) -> None:
        """A head begins."""
        self._url, self._headers, self._body, self._length = b"", [], [], 0
        self._reading, self._in_body = True, False
        self._messages += 1

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; after the body it is a trailer, which says nothing to us."""
        if not self._in_body:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A head is there: see whether its body is wanted."""
        self._silent, self._in_body = 0, True
        if self._parser.should_upgrade():
            return
        modern = self._parser.get_http_version() == "1.1"
        waits = waits_to_go_on(self._url, self._headers, self._limits, modern=modern)
        if waits and self._task is None and not self._out:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._silent = 0
        self._length += len(body)
        if self._length > self._limits.body_bytes:
            raise Refused(too_large(self._limits))
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is there, whole."""
        self._silent, self._reading = 0, False
        if self._ending or self._parser.should_upgrade():
            return
        target, query = target_of(self._url)
        asked = Asked(self._parser.get_method(), target, query, self._headers, b"".join(self._body))
        keep = self._parser.should_keep_alive()
        old = self._parser.get_http_version() != "1.1"
        if self._task is None:
            self._handle(asked, keep, old)
        elif len(self._waiting) < _WAITING:
            self._waiting.append((asked, keep, old))
        else:  # the asker sends the rest again: what it was told last says that this ends
            last, _, old = self._waiting[-1]
            self._waiting[-1] = (last, False, old)

    # Answers

    def _handle(self, asked: Asked, keep: bool, old: bool) -> None:
        try:
            answer = self.shared.handler.answer(asked)
        except Exception as error:
            answer = failed(error)
        keep = keep and not self.shared.draining
        if isinstance(answer, Reply):
            self._tell(answer, asked.method == b"HEAD", keep, old)
        else:
            self.deadline = _FOREVER
            self._only_reads = asked.method == b"GET"
            self._task = self.shared.start(self._later(answer, asked, keep, old))

    async def _later(self, later: Later, asked: Asked, keep: bool, old: bool) -> None:
        stream = Stream(self.send, self.shared.date, old=old)
        try:
            reply = await later(stream)
        except asyncio.CancelledError:
            self._transport.abort()  # what was begun is not ended: the reader must see that
            raise
        except ConnectionError:
            reply = None
            self._transport.abort()
        except Exception as error:
            reply = failed(error)
        self._task = None
        if self._lost:
            if reply is not None and reply.lease:
                self.shared.handler.undelivered(reply.lease)
            return
        if not stream.begun and reply is not None:
            self._tell(reply, asked.method == b"HEAD", keep and not self._ending, old)
        elif reply is not None:
            self._transport.abort()
        else:
            self._transport.write(stream.end)
            if old or not keep or self._ending:
                self._close()
        self._go_on()

    def _go_on(self) -> None:
        """Take what waited behind an answer that took time."""
        while self._waiting and self._task is None and not self._transport.is_closing():
            self._handle(*self._waiting.popleft())
        self._flush()
        if self._task is None and self._half:
            self._close()
        elif self._task is None:
            self._settle()

    def _tell(self, reply: Reply, headless: bool, keep: bool, old: bool) -> None:
        """Put an answer among those that leave next."""
        self._out += written(reply, self.shared.date, headless=headless, keep=keep, old=old)
        if reply.lease:
            self._deliveries.sent(reply.lease, self.shared.loop.time())
        if not keep:
            self._flush()
            self._close()

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()
        phase = (self._messages, self._reading, self._in_body)
        if phase != self._timed and self._task is None:
            self._timed = phase  # a head or a body gets no more time by coming in drops
            if not self._ending and self._taken.is_set():
                self._wait_on()

    def _wait_on(self) -> None:
        """For what is to come next."""
        limits = self._limits
        if not self._reading:
            self._wait(limits.idle_seconds)
        else:
            self._wait(limits.body_seconds if self._in_body else limits.head_seconds)

    def _refuse(self, reply: Reply) -> None:
        """Tell what is wrong, unless another answer is being told, and end."""
        if self._ending:
            return
        self.shared.handler.refused(reply.status)
        if self._task is None:
            self._tell(reply, headless=False, keep=False, old=False)
        else:
            self._ending = True

    def _close(self) -> None:
        """End, when what was written has been taken."""
        self._ending = True
        self._waiting.clear()
        self._wait(self._limits.reader_seconds)
        if not self._deliveries.fresh(self.shared.loop.time()):
            self._transport.close()
        elif self._half:
            self.shared.leaving.add(self)
        else:
            self._transport.write_eof()  # its end, or a reset, says whether the answer arrived

    # Time

    def _wait(self, seconds: float) -> None:
        self.deadline = self.shared.loop.time() + seconds

    def _settle(self) -> None:
        """Read on, if there is room."""
        if not self._transport.is_closing() and self._taken.is_set():
            self._transport.resume_reading()
            if self._task is not None:
                self.deadline = _FOREVER
            else:
                self._wait_on()

    def late(self) -> None:
        """What was waited for has not come."""
        self.deadline = _FOREVER
        if self._transport.is_closing() or not self._taken.is_set() or self._ending:
            self._transport.abort()
        elif self._reading:
            what = "body" if self._in_body else "head"
            self._refuse(problem(408, f"the {what} did not come in time"))
        else:
            self._close()

    def leave(self, *, now: bool) -> None:
        """The worker stops: end between two requests, or at once."""
        if now:
            self._transport.abort()
        elif self._task is None and not self._reading and not self._ending:
            if self._arrival():
                self._deliveries.arrived()
            self._close()

"""What the connections of one worker have in common: who is open, whose time is up, the date.

Rules: nothing here reads or writes; a connection whose time is up is told so, and ends itself.
"""

import asyncio
import time
from collections.abc import Coroutine
from email.utils import formatdate
from typing import Any, Protocol

from stillwatch.gateway.http import Handler
from stillwatch.gateway.limits import Limits


class Open(Protocol):
    """A connection, as its worker sees it."""

    deadline: float
    """When what is waited for now takes too long, by the loop's clock."""

    def late(self) -> None:
        """What was waited for has not come."""

    def look(self) -> None:
        """See whether what was written has arrived, and end then."""

    def leave(self, *, now: bool) -> None:
        """The worker stops: end between two requests, or at once."""


class Shared:
    """What the connections of one worker have in common."""

    def __init__(self, handler: Handler, limits: Limits) -> None:
        self.handler, self.limits = handler, limits
        self.loop = asyncio.get_running_loop()
        self.open: set[Open] = set()
        self.leaving: set[Open] = set()
        """Whose other side has ended with a lease on its way to it."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.draining = False
        self.date = b""
        self.tick()

    def tick(self) -> None:
        """Once in a while: set the date, and end what took too long."""
        self.date = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
        now = self.loop.time()
        for connection in [one for one in self.open if one.deadline < now]:
            connection.late()
        for connection in list(self.leaving):
            connection.look()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that is to end with the worker."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

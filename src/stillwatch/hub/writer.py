"""One writer for each worker: requests that wait together are committed together.

Rules: a request is answered after the commit that holds it. Requests to the same collection that
have gathered while the last commit went to disk share the next one, so that many small requests
cost few syncs. Should one of them break the shared transaction, each is tried alone.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from stillwatch.hub.database import Database
from stillwatch.hub.errors import Problem
from stillwatch.hub.limits import Limits
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.store import Post, store

_TOGETHER: Final = 64
"""Requests in one transaction, at most."""
_WAITING: Final = 1024
"""Requests that may wait; one more is told to come again."""


class Writer:
    """Stores requests, one transaction after the other."""

    def __init__(
        self, database: Database, signer: LogSigner, limits: Limits, clock: Callable[[], int]
    ) -> None:
        self._database, self._signer = database, signer
        self._limits, self._clock = limits, clock
        self._waiting: deque[tuple[Post, Future[bytes]]] = deque()
        self._woken = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, post: Post) -> "Future[bytes]":
        """The status of a request, once it is on disk. Raises ``Problem`` if too many wait."""
        future: Future[bytes] = Future()
        with self._woken:
            if self._ended or len(self._waiting) >= _WAITING:
                raise Problem(503, "the hub cannot take more now", headers={"Retry-After": "2"})
            self._waiting.append((post, future))
            self._woken.notify()
        return future

    def close(self) -> None:
        """Store what waits, then stop."""
        with self._woken:
            self._ended = True
            self._woken.notify()
        self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._store(batch)

    def _next(self) -> list[tuple[Post, "Future[bytes]"]] | None:
        """Requests to one collection, in the order they came; None at the end."""
        with self._woken:
            while not self._waiting and not self._ended:
                self._woken.wait()
            if not self._waiting:
                return None
            batch: list[tuple[Post, Future[bytes]]] = []
            size = 0
            while self._waiting and len(batch) < _TOGETHER and size < self._limits.objects:
                post, future = self._waiting[0]
                if batch and post.collection.id != batch[0][0].collection.id:
                    break
                self._waiting.popleft()
                if future.set_running_or_notify_cancel():  # false: who sent it has left
                    size += len(post.items)
                    batch.append((post, future))
            return batch

    def _store(self, batch: list[tuple[Post, "Future[bytes]"]]) -> None:
        try:
            # in one order of members: they lock rows of their own
            self._commit(sorted((post for post, _ in batch), key=lambda post: post.caller.member))
        except Exception as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
                return
            for one in batch:
                self._store([one])
            return
        for post, future in batch:
            if post.refused is not None:
                future.set_exception(post.refused)
            else:
                future.set_result(post.answer)

    def _commit(self, posts: list[Post]) -> None:
        for post in posts:
            post.refused = None
        with self._database.write() as connection:
            store(
                connection,
                posts,
                self._signer,
                now=self._clock(),
                limits=self._limits,
            )

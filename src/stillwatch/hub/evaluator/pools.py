"""Where elements are multiplied: a few at once, and big batches beside them without delaying these.

Rules: libsodium is called without the interpreter's lock, so threads compute at the same time. Few
elements have threads of their own; a big batch is cut into pieces that all processors share, at a
lower priority where the system lets a thread have one (Linux).
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from stillwatch.crypto.ristretto import Element
from stillwatch.crypto.threshold import Part
from stillwatch.hub.evaluator.query import Question
from stillwatch.hub.evaluator.shares import Held, evaluate

FEW: Final = 64
"""Elements up to which a request is answered before others: 5 ms of work."""
_PIECE: Final = 500
_NICER: Final = 5


class Pools:
    """Threads of one evaluator."""

    def __init__(self) -> None:
        processors = os.cpu_count() or 1
        self._few = ThreadPoolExecutor(max(2, processors), "few")
        self._many = ThreadPoolExecutor(processors, "many", initializer=_step_back)

    async def evaluate(self, held: Held, asked: Question, elements: Sequence[Element]) -> Part:
        """Answer for a request's elements. Raises ``BadElement`` with the place."""
        run = asyncio.get_running_loop().run_in_executor
        if len(elements) <= FEW:
            return await run(self._few, evaluate, held, asked, elements)
        if asked.proof:  # one proof covers the whole batch
            return await run(self._many, evaluate, held, asked, elements)
        pieces = [
            run(self._many, evaluate, held, asked, elements[at : at + _PIECE], at)
            for at in range(0, len(elements), _PIECE)
        ]
        done = await asyncio.gather(*pieces, return_exceptions=True)
        parts = []
        for piece in done:  # in order, so that the first bad element is the one that is named
            if isinstance(piece, BaseException):
                raise piece
            parts.append(piece)
        return Part(held.share.index, tuple(e for part in parts for e in part.elements))

    def close(self) -> None:
        """Let the threads end."""
        self._few.shutdown(cancel_futures=True)
        self._many.shutdown(cancel_futures=True)


def _step_back() -> None:
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICER)

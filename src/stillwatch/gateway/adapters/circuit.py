"""Stops asking a service that does not answer, so that its outage does not cost every request the deadline.

Rules: after some failures in a row nobody asks for a while; then one caller tries, and one answer is
enough to go on. Time is monotonic.
"""

import threading
import time
from collections.abc import Callable


class Circuit:
    """Whether it is worth asking; safe for any thread."""

    def __init__(
        self,
        after: int = 5,
        rest_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.after = after
        self.rest_s = rest_s
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._next = 0.0

    def may_ask(self) -> bool:
        """Whether this caller may ask; after a rest one may, until it has been heard of."""
        if self._failures < self.after:
            return True
        with self._lock:
            now = self._clock()
            if now < self._next:
                return False
            self._next = now + self.rest_s
            return True

    def answered(self) -> bool:
        """The service answered; whether it had failed before."""
        if not self._failures:
            return False
        with self._lock:
            self._failures = 0
        return True

    def failed(self) -> bool:
        """The service did not answer; whether it had answered before."""
        with self._lock:
            self._failures += 1
            self._next = self._clock() + self.rest_s
            return self._failures == 1

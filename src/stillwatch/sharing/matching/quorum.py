"""Which evaluators are asked: those that answer, the preferred first.

Rules: one that was down, slow, broken or over quota is passed over for a while, so that not every
sign-up pays for finding out; one that answered wrongly is not asked again until a person restores
it. Where fewer than the threshold are left, the error names all and why each is out.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stillwatch.errors import PeerError
from stillwatch.sharing.matching.peer import Failed, Fault


class NoQuorum(PeerError):
    """Fewer evaluators than the threshold can be asked."""

    def __init__(self, message: str, wait_s: float, hint: str) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s
        """Seconds after which asking again may help."""


@dataclass(frozen=True, slots=True)
class Out:
    """Why an evaluator is not asked, and until when by ``clock``."""

    fault: Fault
    why: str
    until: float


class Roster:
    """The evaluators of one epoch, and which of them are out. Safe for several threads."""

    def __init__(
        self,
        names: Mapping[int, str],
        threshold: int,
        preferred: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``names`` are members by index; ``preferred`` are members, the first before the others."""
        order = {name: place for place, name in enumerate(preferred)}
        self._order = sorted(names, key=lambda i: (order.get(names[i], len(order)), i))
        self._names, self._threshold, self._clock = dict(names), threshold, clock
        self._out: dict[int, Out] = {}
        self._lock = threading.Lock()

    def choose(self) -> tuple[int, ...]:
        """Indexes of a quorum, rising. Raises ``NoQuorum``."""
        with self._lock:
            now = self._clock()
            fit = [i for i in self._order if i not in self._out or self._out[i].until <= now]
            if len(fit) >= self._threshold:
                return tuple(sorted(fit[: self._threshold]))
            out = {i: self._out[i] for i in self._order if i not in fit}
        raise self._none(len(fit), out, now)

    def fail(self, failed: Failed) -> None:
        """Pass an evaluator over for as long as its fault asks."""
        until = self._clock() + failed.wait_s
        with self._lock:
            before = self._out.get(failed.index)
            if before is None or before.fault is not Fault.LIED:
                self._out[failed.index] = Out(failed.fault, failed.message, until)

    def aside(self, index: int, why: str) -> None:
        """Ask an evaluator no more."""
        with self._lock:
            self._out[index] = Out(Fault.LIED, why, float("inf"))

    def out(self) -> dict[int, Out]:
        """Who is out now, and why."""
        with self._lock:
            now = self._clock()
            return {i: out for i, out in self._out.items() if out.until > now}

    def liars(self) -> frozenset[int]:
        """Who answered wrongly."""
        with self._lock:
            return frozenset(i for i, out in self._out.items() if out.fault is Fault.LIED)

    def _none(self, fit: int, out: Mapping[int, Out], now: float) -> NoQuorum:
        said = "; ".join(f"{self._names[i]}: {one.fault} - {one.why}" for i, one in out.items())
        wait = _nth((one.until - now for one in out.values()), self._threshold - fit)
        faults = {one.fault for one in out.values()}
        hint = "try again later"
        if Fault.LIED in faults:
            hint = "`stillwatch screen --evaluators` tells more, and how to restore one"
        elif faults == {Fault.SPENT}:
            hint = (
                f"the quota is renewed in {wait / 3600:.1f} h; ask the evaluators for a higher one"
            )
        return NoQuorum(
            f"{fit} of {self._threshold} needed evaluators can be asked: {said}", wait, hint
        )


def _nth(waits: Iterable[float], count: int) -> float:
    """When so many of them will be over."""
    return sorted(waits)[count - 1]

"""The time by which decisions end: the source's, run on by a steady clock in between.

Rules
    * A machine's wall clock is asked once, at the start; from then on the source says what time it
      is and the steady clock (one that also runs while the machine sleeps, where there is one)
      counts on. A jump of the machine's clock changes nothing.
    * A source whose time jumps is not believed at once: one bad answer of a time server would free
      every blocked account. The jump is counted; if the source stands by it for ``settle_s``, it
      is followed. Small differences are followed as they come.

>>> ticks = iter([0.0, 10.0])
>>> clock = Clock(wall=lambda: 1000.0, steady=lambda: next(ticks))
>>> clock.now()
1010.0
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

STEADY: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class Clock:
    """Seconds since 1970 as the source has them. One thread tells it; any may ask."""

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = STEADY,
        *,
        tolerance_s: float = 5.0,
        settle_s: float = 600.0,
    ) -> None:
        """``tolerance_s``: a difference above it is a jump."""
        self.steady = steady
        self.base = wall() - steady()
        """To be added to the steady clock."""
        self.jumps = 0
        """Times that the source, or the wall clock of this machine, went elsewhere."""
        self._wall = wall
        self._wall_base = self.base
        self._tolerance, self._settle = tolerance_s, settle_s
        self._told = False
        self._doubt: tuple[float, float] | None = None
        """What the source says instead, and since when by the steady clock."""

    def now(self) -> float:
        """Seconds since 1970."""
        return self.base + self.steady()

    def skew_s(self) -> float:
        """How far the machine's own clock is from this one."""
        return self._wall() - self.now()

    def hear(self, said: float) -> None:
        """The source says what time it is: seconds since 1970."""
        steady = self.steady()
        base = said - steady
        if not self._told or abs(base - self.base) <= self._tolerance:
            self.base, self._told, self._doubt = base, True, None
        elif self._doubt is None or abs(base - self._doubt[0]) > self._tolerance:
            self.jumps += 1
            self._doubt = base, steady
        elif steady - self._doubt[1] >= self._settle:
            self.base, self._doubt = base, None

    def look(self) -> None:
        """Notice, now and then, whether the machine's own clock has jumped."""
        base = self._wall() - self.steady()
        if abs(base - self._wall_base) > self._tolerance:
            self.jumps += 1
        self._wall_base = base

"""Deciding in this process: a follower keeps all decisions in memory, a decider looks them up.

Rules: the same answers as the service gives, without the way there. Each process holds a table of its own;
throttles are shared where they have a file. After a fork the child follows for itself: threads do not
come along.
"""

from pathlib import Path

from stillwatch.gateway.decider import Answer, Decider, FailRules
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.source import source_of
from stillwatch.gateway.table import Request
from stillwatch.gateway.throttle import Throttles


class InProcess:
    """A follower, started, with the decider over its knowledge."""

    def __init__(
        self,
        source: str,
        token: str,
        snapshot: Path | None,
        throttle: Path | None,
        rules: FailRules | None,
        poll_s: float,
    ) -> None:
        """Raises ``ConfigError``."""
        self._source, self._token = source, token
        self._snapshot, self._throttle = snapshot, throttle
        self._rules, self._poll_s = rules, poll_s
        self.reopen()

    def reopen(self) -> None:
        """Begin, also anew in a child process."""
        source = source_of(self._source, self._token)
        self.follower = Follower(source, self._snapshot, self._poll_s)
        self.throttles = Throttles(self._throttle)
        self.decider = Decider(self.follower.knowledge, self.throttles, self._rules)
        self.follower.start()

    def ready(self, timeout_s: float) -> bool:
        """Whether decisions are known, waiting for them so many seconds."""
        return self.follower.ready(timeout_s)

    def decide(self, request: Request) -> Answer:
        """The decider's answer."""
        return self.decider.decide(request)

    async def adecide(self, request: Request) -> Answer:
        """The decider's answer: it waits for nothing."""
        return self.decider.decide(request)

    def release(self, lease: str) -> None:
        """Give a lease back."""
        self.decider.release(lease)

    async def arelease(self, lease: str) -> None:
        """Give a lease back."""
        self.decider.release(lease)

    def close(self) -> None:
        """Stop following."""
        self.follower.stop()
        self.decider.close()
        self.throttles.close()

    async def aclose(self) -> None:
        """Stop following."""
        self.close()

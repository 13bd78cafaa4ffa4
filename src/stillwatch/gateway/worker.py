"""One worker of a gateway: a table of its own, a follower that keeps it, and an event loop.

Rules: a worker takes connections when it knows something, or when its source has failed to tell
it anything: before that, who is blocked would pass. Told to stop, it takes no more, lets what runs
end, and closes connections between two requests. The figures of what it follows are mirrored a
few times a second, and whenever somebody asks.
"""

import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from stillwatch.errors import ConfigError
from stillwatch.gateway.breaker import Bounds
from stillwatch.gateway.connection import Connection
from stillwatch.gateway.decider import Decider
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.http import Handler
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.live import Live
from stillwatch.gateway.metrics import Figures
from stillwatch.gateway.service import Parts, Screening, Service
from stillwatch.gateway.settings import Settings, Source
from stillwatch.gateway.shared import Shared
from stillwatch.gateway.source import Source as Followed
from stillwatch.gateway.source import source_of
from stillwatch.gateway.streaming import Streams
from stillwatch.gateway.throttle import Throttles
from stillwatch.gateway.tokens import Door, read_token

log = logging.getLogger("stillwatch.gateway")
_TICK_S: Final = 0.25
_LINGER_S: Final = 1.0
"""How long a connection on which nothing runs may still ask something, when the worker stops."""
_GRACE_S: Final = 20.0
_FIRST_S: Final = 30.0
"""How long the first knowledge is waited for."""
_SWITCH_S: Final = 0.0005
"""Seconds that the follower's thread may keep the interpreter from requests."""
ScreeningMaker = Callable[[], Screening]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is started with; crosses to its process by pickling."""

    settings: Settings
    doors: tuple[Door, ...]
    figures: Path | None
    row: int = 0
    """Its place among the workers."""
    grpc_address: str | None = None
    screening: ScreeningMaker | None = None
    limits: Limits = field(default_factory=Limits)
    watcher: int | None = None
    """Process without which the worker is not to go on."""


def followed(source: Source) -> Followed:
    """What the settings say is followed. Raises ``ConfigError``."""
    if source.store is not None:
        return source_of(source.store)
    if source.upstream is None or source.token_file is None:
        raise ConfigError("the settings name no source")
    return source_of(source.upstream, read_token(source.token_file))


def run(setup: Setup, listener: socket.socket, listening: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; ``listening`` is called once connections are taken."""
    sys.setswitchinterval(_SWITCH_S)
    uvloop.run(Worker(setup, listener, listening).serve())


class Worker:
    """Everything of one process."""

    def __init__(
        self, setup: Setup, listener: socket.socket, listening: Callable[[], None]
    ) -> None:
        self._setup, self._listener, self._listening = setup, listener, listening
        settings = setup.settings
        self.live = Live(settings, setup.doors)
        self.figures = Figures(setup.figures, setup.row)
        source = settings.source
        self.follower = Follower(followed(source), source.snapshot, source.poll_s)
        self.throttles = Throttles(settings.throttle.file, lease_s=settings.throttle.lease_s)
        self.decider = Decider(self.follower.knowledge, self.throttles, self.live.rules)
        self._bound(self.live)
        self._trips_told = 0
        self._stopping = asyncio.Event()
        self._shared: Shared | None = None
        self._streams: Streams | None = None

    async def serve(self) -> None:
        """Follow, answer, and stop when told to."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        self.figures.add("worker_starts_total")
        screening = self._setup.screening() if self._setup.screening else None
        self.follower.start()
        try:
            await asyncio.to_thread(self.follower.ready, _FIRST_S)
            gc.collect()
            gc.freeze()  # what was loaded stays: looking through it would delay requests
            await self._serve(screening)
        finally:
            await asyncio.to_thread(self.follower.stop)
            if screening is not None:
                await asyncio.to_thread(screening.close)
            self._mirror()

    async def _serve(self, screening: Screening | None) -> None:
        loop = asyncio.get_running_loop()
        streams = self._streams = Streams(self.follower.knowledge, self._setup.settings.stream)
        parts = Parts(
            self.decider, self.live, self.figures, streams, self.state, screening,
            self._setup.limits,
        )  # fmt: skip
        service = Service(parts)
        shared = self._shared = Shared(
            Handler(service.answer, service.refused, service.undelivered), self._setup.limits
        )
        server = await loop.create_server(lambda: Connection(shared), sock=self._listener)
        rpc = await self._start_rpc(service)
        ticking = loop.create_task(self._tick(shared))
        self._listening()
        await self._stopping.wait()
        server.close()
        shared.draining = True
        streams.close()
        if rpc is not None:
            await rpc()
        await self._drain(shared)
        ticking.cancel()

    async def _start_rpc(self, service: Service) -> Callable[[], Any] | None:
        address = self._setup.grpc_address
        if address is None:
            return None
        from stillwatch.gateway import rpc  # noqa: PLC0415 - an extra

        server = await rpc.start(service, self.live, self.figures, address)
        return lambda: rpc.stop(server)

    async def _tick(self, shared: Shared) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            shared.tick()
            self._mirror()
            if self._setup.watcher not in (None, os.getppid()):
                log.error("the watcher of the workers has gone: this one ends, too")
                self._stopping.set()
            if self.live.changed():
                self.reload()

    async def _drain(self, shared: Shared) -> None:
        """Let connections end by themselves, then between two requests, then at once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while shared.open and loop.time() - began < _GRACE_S:
            if loop.time() - began >= _LINGER_S:
                for connection in list(shared.open):
                    connection.leave(now=False)
            await asyncio.sleep(0.02)
            shared.tick()
        for connection in list(shared.open):
            connection.leave(now=True)
        await asyncio.sleep(0)

    def reload(self) -> None:
        """Take up the settings anew."""
        taken = self.live.reload(self._taken)
        self.figures.add("reloads_total", "ok" if taken else "failed")

    def _taken(self, live: Live) -> None:
        self.decider.rules = live.rules
        self._bound(live)

    def _bound(self, live: Live) -> None:
        """The second guard as the settings have it."""
        said = live.settings.breaker
        left = said.accepted_until.timestamp() - time.time() if said.accepted_until else 0.0
        self.decider.bound(Bounds(share=said.share), accepted_s=max(0.0, left))

    def state(self) -> tuple[bool, dict[str, Any]]:
        """Whether it decides from knowledge, and what it knows of itself."""
        self._mirror()
        knowledge, rules = self.follower.knowledge, self.decider.rules
        age = knowledge.age_s()
        if self._stopping.is_set():
            status = "stopping"
        elif age is None:
            status = "not ready"
        else:
            status = "stale" if age > rules.stale_s else "ready"
        return status in ("ready", "stale"), {
            "status": status,
            "knowledge_age_s": age,
            "sequence": knowledge.seq,
            "decisions": len(knowledge.table),
            "source_error": self.follower.counts.last_error or None,
            "settings_error": self.live.error or None,
            "restart_needed": list(self.live.restart),
            "breaker_open": self.decider.breaker.tripped,
            "fresh_refused_share": round(self.decider.breaker.share(), 4),
            "worker": self._setup.row,
        }

    def _told_of_breaker(self) -> None:
        """One line in the log each time it trips, and what to do."""
        breaker = self.decider.breaker
        if breaker.trips > self._trips_told:
            log.warning(
                "fresh decisions would refuse %.1f %% of requests: they are said and not done. Look at "
                "`stillwatch decisions list`; `stillwatch gateway status` says how to let them through",
                100 * breaker.share(),
            )
            self._trips_told = breaker.trips

    def _followed(self) -> dict[str, int]:
        """What the follower, its clock and the throttles have counted."""
        seen, throttles = self.follower.counts, self.throttles
        return {
            "source_errors_total": seen.failures,
            "startups_total": seen.startups,
            "behind_total": seen.behind,
            "changes_total": seen.changes,
            "changes_unusable_total": seen.unusable,
            "snapshots_total": seen.snapshots,
            "snapshot_refusals_total": seen.snapshots_refused,
            "snapshot_failures_total": seen.snapshots_failed,
            "clock_jumps_total": self.follower.knowledge.clock.jumps,
            "breaker_trips_total": self.decider.breaker.trips,
            "throttles_replaced_total": throttles.replaced,
            "throttles_evicted_total": throttles.evicted,
            "throttles_untracked_total": throttles.untracked,
        }

    def _mirror(self) -> None:
        """Put into figures what the follower and the decider have counted."""
        figures, knowledge = self.figures, self.follower.knowledge
        counts = self.decider.counts()
        for name, counted in (
            ("shadow_total", counts.shadow),
            ("fail_open_total", counts.failed_open),
            ("fail_closed_total", counts.failed_closed),
        ):
            for label, value in counted.items():
                figures.mirror(value, name, label)
        figures.mirror(counts.held_back, "held_by_breaker_total")
        figures.mirror(counts.throttled, "throttled_total")
        for name, value in self._followed().items():
            figures.mirror(value, name)
        age = knowledge.age_s()
        figures.set(-1.0 if age is None else age, "knowledge_age_seconds")
        figures.set(knowledge.seq, "knowledge_sequence")
        figures.set(len(knowledge.table), "table_decisions")
        figures.set(self.decider.breaker.tripped, "breaker_open")
        self._told_of_breaker()
        figures.set(self.decider.breaker.share(), "fresh_refused_share")
        figures.set(self.follower.counts.connected, "source_connected")
        figures.set(time.time(), "heartbeat_seconds")
        if self._shared is not None and self._streams is not None:
            figures.set(len(self._shared.open), "connections")
            figures.set(self._streams.readers, "stream_readers")

"""Figures of a watcher, for progress lines and for Prometheus.

They are served on loopback, or written to a file for the node exporter's textfile collector. No
label names an account.
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, start_http_server, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from stillwatch.errors import ConfigError
from stillwatch.watch.judging import Judged, Looked

_COUNTED: Final = {
    "read": ("events", "Events read and kept, over all runs with this state."),
    "bad": ("bad_rows", "Rows that could not be used."),
    "late": ("late_events", "Events of days that had left the window."),
    "ahead": ("events_ahead", "Events dated more than a day ahead of this machine's clock."),
    "bytes": ("bytes", "Bytes read."),
}
_FILE_S: Final = 5.0
"""Seconds between two writings of the file."""


@dataclass(eq=False)
class Figures(Collector):
    """The figures, as of the last checkpoint."""

    file: Path | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    accounts: int = 0
    backlog: int = 0
    newest: datetime | None = None
    """Time of the newest event."""
    checkpoint_s: float = 0.0
    stalled: bool = False
    last: Judged | None = None
    judgements: int = 0
    failures: int = 0
    judged_at: float | None = None
    last_look: Looked | None = None
    looks: int = 0
    looked_at: float | None = None
    decided: dict[str, int] = field(default_factory=dict)
    """Decisions in this run, by what became of them."""
    _written: float = 0.0
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self._registry.register(self)

    def serve(self, port: int) -> int:
        """Serve on loopback; the port. Raises ``ConfigError`` where it is taken."""
        try:
            server, _ = start_http_server(port, addr="127.0.0.1", registry=self._registry)
        except OSError as error:
            raise ConfigError(
                f"cannot serve metrics on 127.0.0.1:{port}: {error.strerror}",
                hint="name a free --metrics-port",
            ) from error
        return int(server.server_port)

    def update(
        self, counts: Mapping[str, int], *, accounts: int, backlog: int, newest: datetime | None
    ) -> None:
        """Take the figures of the reading."""
        self.counts = dict(counts)
        self.accounts, self.backlog, self.newest = accounts, backlog, newest
        if self.file is not None and time.monotonic() - self._written >= _FILE_S:
            self._written = time.monotonic()
            write_to_textfile(str(self.file), self._registry)

    def judged(self, judged: Judged) -> None:
        """Take a judgement."""
        self.last, self.judged_at = judged, time.time()
        self.judgements += 1
        self.failures += bool(judged.failed)
        self._decided(judged.decided)

    def looked(self, looked: Looked) -> None:
        """Take a quick judgement."""
        self.last_look, self.looked_at = looked, time.time()
        self.looks += 1
        self.failures += bool(looked.failed)
        self._decided(looked.decided)

    def _decided(self, decided: Mapping[str, int]) -> None:
        for name, count in decided.items():
            self.decided[name] = self.decided.get(name, 0) + count

    @property
    def lag(self) -> float | None:
        """Seconds from the newest event to now."""
        if self.newest is None:
            return None
        return max(0.0, (datetime.now(UTC) - self.newest).total_seconds())

    def record(self) -> dict[str, Any]:
        """The figures of the reading."""
        said = {name: self.counts.get(name, 0) for name in _COUNTED}
        said |= {"accounts": self.accounts, "backlog": self.backlog}
        lag = self.lag
        return {
            **said,
            "lag_s": None if lag is None else round(lag, 1),
            "checkpoint_s": round(self.checkpoint_s, 3),
        }

    def judgement(self) -> dict[str, Any]:
        """The figures of the last judgement."""
        judged = self.last
        if judged is None:
            return {}
        said: dict[str, Any] = {
            "accounts": judged.accounts,
            "events": judged.events,
            "flagged": judged.flagged,
            "campaigns": judged.campaigns,
            "seconds": round(judged.seconds, 2),
            "decided": dict(judged.decided),
        }
        return {**said, "failed": judged.failed} if judged.failed else said

    def look(self) -> dict[str, Any]:
        """The figures of the last quick judgement."""
        looked = self.last_look
        if looked is None:
            return {}
        said: dict[str, Any] = {
            "accounts": looked.accounts,
            "looked_at": looked.looked_at,
            "groups": looked.groups,
            "flagged": looked.flagged,
            "campaigns": looked.campaigns,
            "seconds": round(looked.seconds, 3),
            "decided": dict(looked.decided),
            "waits": list(looked.waits),
        }
        return {**said, "failed": looked.failed} if looked.failed else said

    def collect(self) -> Iterator[Metric]:
        """For Prometheus."""
        for name, (title, about) in _COUNTED.items():
            yield _counter(title, about, self.counts.get(name, 0))
        yield _gauge("accounts", "Accounts in the window.", self.accounts)
        yield _gauge("backlog", "Bytes or messages known to be there and not read.", self.backlog)
        if (lag := self.lag) is not None:
            yield _gauge("lag_seconds", "Seconds from the newest event to now.", lag)
        yield _gauge("checkpoint_seconds", "Time the last checkpoint took.", self.checkpoint_s)
        yield _gauge("stalled", "1 while reading waits because nothing can be kept.", self.stalled)
        yield _counter("judgements", "Full judgements, of the whole window.", self.judgements)
        yield _counter(
            "judgement_failures", "Judgements of both kinds with a step that failed.", self.failures
        )
        if self.last is not None and self.judged_at is not None:
            yield _gauge(
                "last_judgement_timestamp_seconds", "When the last one ended.", self.judged_at
            )
            yield _gauge("judgement_seconds", "Time the last one took.", self.last.seconds)
            yield _gauge("flagged_accounts", "Accounts flagged by the last one.", self.last.flagged)
            yield _gauge("campaigns", "Campaigns found by the last one.", self.last.campaigns)
        yield _counter("looks", "Quick judgements.", self.looks)
        if self.last_look is not None and self.looked_at is not None:
            yield _gauge("last_look_timestamp_seconds", "When the last one ended.", self.looked_at)
            yield _gauge("look_seconds", "Time the last one took.", self.last_look.seconds)
        decided = CounterMetricFamily(
            "stillwatch_watch_decisions", "Decisions by what became of them.", labels=["outcome"]
        )
        for outcome, count in sorted(self.decided.items()):
            decided.add_metric([outcome], count)
        yield decided


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(f"stillwatch_watch_{name}", about, value)


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"stillwatch_watch_{name}", about, float(value))

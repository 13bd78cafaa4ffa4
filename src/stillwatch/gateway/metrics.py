"""Figures for Prometheus, of all workers together.

Rules: labels take few values, all of them known beforehand, so that no request can fill the memory
and nothing names a customer. Every worker counts in a row of its own of one mapped file: nothing
is locked, whichever worker is asked adds the rows up, and what a worker has counted stays when it
dies. A worker that takes the place of a dead one goes on in its row.
"""

import mmap
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

from stillwatch.domain.decision import Effect, Scope

ENDPOINTS: Final = ("decide", "release", "envoy", "grpc", "nginx", "screen", "stream", "other")
STATUSES: Final = (
    "200", "204", "400", "401", "403", "404", "405", "408", "410", "413", "417", "422", "429",
    "431", "500", "503",
)  # fmt: skip
_EFFECTS: Final = tuple(effect.value for effect in Effect)
_SCOPES: Final = tuple(scope.value for scope in Scope)
_CARRIED: Final = ("account", "key", "organisation", "ja4", "campaign", "sign_up", "address")
BUCKETS: Final = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure."""

    kind: str
    """``counter``, ``gauge`` (told of each worker) or ``histogram``."""
    about: str
    labels: Mapping[str, tuple[str, ...]]


def _of(kind: str, about: str, **labels: tuple[str, ...]) -> Figure:
    return Figure(kind, about, labels)


FIGURES: Final[Mapping[str, Figure]] = {
    "requests_total": _of("counter", "Requests answered.", endpoint=ENDPOINTS, status=STATUSES),
    "refused_total": _of("counter", "What was no request that could be read.", status=STATUSES),
    "decisions_total": _of(
        "counter", "Answers by the effect of the decision that said so, allow where none stands.",
        effect=(*_EFFECTS, "closed"), scope=(*_SCOPES, "none"),
    ),
    "shadow_total": _of(
        "counter", "Answers that a shadow decision would have changed.", effect=_EFFECTS
    ),
    "fail_open_total": _of("counter", "Passed for want of knowledge.", scope=_SCOPES),
    "fail_closed_total": _of("counter", "Refused for want of knowledge.", scope=_SCOPES),
    "held_by_breaker_total": _of("counter", "Passed because too much would have been refused."),
    "throttled_total": _of("counter", "Refused beyond a rate."),
    "undelivered_total": _of(
        "counter", "Places given back at once: the answer did not reach who had asked."
    ),
    "unusable_total": _of("counter", "Parts of requests that could not be used.", member=_CARRIED),
    "answer_seconds": _of("histogram", "From a request read to its answer.", endpoint=ENDPOINTS),
    "source_errors_total": _of("counter", "Times that the source could not be asked."),
    "startups_total": _of("counter", "Times that everything in force was loaded anew."),
    "changes_total": _of("counter", "Changes that were followed."),
    "behind_total": _of("counter", "Times that the place in the stream was no longer kept."),
    "changes_unusable_total": _of(
        "counter", "Changes that could not be read; their decisions stand no longer."
    ),
    "snapshots_total": _of("counter", "Snapshots written."),
    "snapshot_refusals_total": _of("counter", "Snapshots that could not be used."),
    "snapshot_failures_total": _of("counter", "Snapshots that could not be written."),
    "clock_jumps_total": _of("counter", "Jumps of this machine's clock."),
    "breaker_trips_total": _of("counter", "Times that fresh decisions refused too much."),
    "throttles_replaced_total": _of(
        "counter", "Times that the file of throttles could not be used or had gone, and was made anew."
    ),
    "throttles_evicted_total": _of("counter", "Rates that made room though they were in use."),
    "throttles_untracked_total": _of("counter", "Requests passed for want of room for a lease."),
    "reloads_total": _of("counter", "Settings taken up.", result=("ok", "failed")),
    "worker_starts_total": _of("counter", "Times that a worker was started."),
    "stream_readers": _of("gauge", "Followers that are being answered."),
    "knowledge_age_seconds": _of("gauge", "Since the source last answered; -1 without knowledge."),
    "knowledge_sequence": _of("gauge", "Number of the newest change that is known."),
    "table_decisions": _of("gauge", "Decisions in memory."),
    "source_connected": _of("gauge", "1 while the source answers."),
    "fresh_refused_share": _of("gauge", "Share of requests that fresh decisions refuse, 0-1."),
    "breaker_open": _of("gauge", "1 while new blocks are said and not done."),
    "connections": _of("gauge", "Open connections."),
    "heartbeat_seconds": _of("gauge", "When the worker last wrote this, since 1970."),
}  # fmt: skip
_PREFIX: Final = "stillwatch_gateway_"
Key = tuple[str, ...]


def _slots() -> dict[Key, int]:
    keys: list[Key] = []
    for name, figure in FIGURES.items():
        extra = [*map(str, BUCKETS), "+Inf", "sum"] if figure.kind == "histogram" else None
        for values in product(*figure.labels.values()):
            keys += [(name, *values, end) for end in extra] if extra else [(name, *values)]
    return {key: place for place, key in enumerate(keys)}


SLOTS: Final = _slots()
ROW_BYTES: Final = 8 * len(SLOTS)


def make_file(path: Path, workers: int) -> None:
    """An empty file for the figures of some workers, mode 0600."""
    path.touch(0o600)
    with path.open("r+b") as file:
        file.truncate(ROW_BYTES * workers)


class Figures:
    """The row of one worker, and the text of all."""

    def __init__(self, path: Path | None = None, row: int = 0) -> None:
        """``path`` from ``make_file``; None counts in memory, for a single worker."""
        if path is None:
            self._map = mmap.mmap(-1, ROW_BYTES)
        else:
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)
        self._all = memoryview(self._map).cast("d")
        self._row = self._all[row * len(SLOTS) : (row + 1) * len(SLOTS)]
        self._before = list(self._row)

    def add(self, *key: str) -> None:
        """Count one."""
        place = SLOTS.get(key)
        if place is not None:
            self._row[place] += 1

    def set(self, value: float, *key: str) -> None:
        """Set a gauge."""
        self._row[SLOTS[key]] = value

    def mirror(self, value: float, *key: str) -> None:
        """Set a counter that this process counts elsewhere, on top of its forerunners' count."""
        place = SLOTS[key]
        self._row[place] = self._before[place] + value

    def observe(self, seconds: float, name: str, label: str) -> None:
        """Put a time into a histogram."""
        at = bisect_left(BUCKETS, seconds)
        first = SLOTS[name, label, str(BUCKETS[0])]
        self._row[first + at] += 1
        self._row[first + len(BUCKETS) + 1] += seconds

    def total(self, *key: str) -> float:
        """A figure over all workers."""
        return sum(self._all[SLOTS[key] :: len(SLOTS)])

    def text(self) -> bytes:
        """All figures in Prometheus' text format 0.0.4."""
        lines = list[str]()
        for name, figure in FIGURES.items():
            lines.append(f"# HELP {_PREFIX}{name} {figure.about}")
            lines.append(f"# TYPE {_PREFIX}{name} {figure.kind}")
            for values in product(*figure.labels.values()):
                labels = [f'{k}="{v}"' for k, v in zip(figure.labels, values, strict=True)]
                lines += self._lines(name, figure, labels, values)
        return ("\n".join(lines) + "\n").encode()

    def _lines(self, name: str, figure: Figure, labels: list[str], values: Key) -> Iterator[str]:
        if figure.kind == "counter":
            yield f"{_PREFIX}{name}{_braced(labels)} {self.total(name, *values):.15g}"
        elif figure.kind == "gauge":
            for row in range(len(self._all) // len(SLOTS)):
                value = self._all[row * len(SLOTS) + SLOTS[(name, *values)]]
                yield f"{_PREFIX}{name}{_braced([*labels, _worker(row)])} {value:.15g}"
        else:
            yield from self._histogram(name, labels, values)

    def _histogram(self, name: str, labels: list[str], values: Key) -> Iterator[str]:
        count = 0.0
        for bound in (*map(str, BUCKETS), "+Inf"):
            count += self.total(name, *values, bound)
            bucket = f'le="{bound}"'
            yield f"{_PREFIX}{name}_bucket{_braced([*labels, bucket])} {count:.15g}"
        total = self.total(name, *values, "sum")
        yield f"{_PREFIX}{name}_sum{_braced(labels)} {total:.9g}"
        yield f"{_PREFIX}{name}_count{_braced(labels)} {count:.15g}"


def _braced(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""


def _worker(row: int) -> str:
    return f'worker="{row}"'

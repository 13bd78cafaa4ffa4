"""Figures of an evaluator for Prometheus.

Rules: labels take few values (a route, a status, a reason, an epoch that is held); no figure names
a member, so whoever watches the machine learns of no lab's habits.
"""

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Counters of the process."""

    def __init__(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        """``gauges``: name to what it tells and how it is read."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "stillwatch_evaluator_requests",
            "Requests answered.",
            ["route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stillwatch_evaluator_request_seconds",
            "Time to the answer, by size of the request.",
            ["size"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._elements = Counter(
            "stillwatch_evaluator_elements",
            "Elements charged and answered.",
            ["epoch", "generation"],
            registry=self._registry,
        )
        self._refused = Counter(
            "stillwatch_evaluator_refusals",
            "Requests refused, by reason.",
            ["reason"],
            registry=self._registry,
        )
        for name, (about, read) in gauges.items():
            gauge = Gauge(f"stillwatch_evaluator_{name}", about, registry=self._registry)
            gauge.set_function(read)

    def answered(self, route: str, status: int) -> None:
        """Count a request."""
        self._requests.labels(route, str(status)).inc()

    def evaluated(self, epoch: str, generation: int, elements: int, seconds: float) -> None:
        """Count an evaluation."""
        self._elements.labels(epoch, str(generation)).inc(elements)
        self._seconds.labels("few" if elements <= 16 else "many").observe(seconds)

    def refused(self, reason: str) -> None:
        """Count a refusal."""
        self._refused.labels(reason).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        return generate_latest(self._registry)

"""The HTML page of ``decisions simulate``: one file that opens anywhere, loads and runs nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import stillwatch
from stillwatch.gateway.policy.simulate import EFFECTS, Trial
from stillwatch.report.page import environment

PLACES: Final = (*EFFECTS, "held", "spared", "left alone")
"""What may become of an account, the gravest first."""
_WIDTH: Final = 640
_HEIGHT: Final = 150
_SHOWN: Final = 300


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a stacked bar."""

    place: str
    count: int
    start: float
    """Percent of the widest bar."""
    size: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day, in SVG units."""

    day: str
    x: float
    width: float
    total: int
    parts: tuple[tuple[str, int, float, float], ...]
    """Place, requests, top and height."""


def stacked(counts: Mapping[str, int], most: int) -> tuple[Part, ...]:
    """A horizontal bar, as long as its part of ``most``."""
    parts, start = list[Part](), 0.0
    for place in PLACES:
        if count := counts.get(place, 0):
            size = 100 * count / max(1, most)
            parts.append(Part(place, count, start, size))
            start += size
    return tuple(parts)


def columns(days: tuple[tuple[str, Mapping[str, int]], ...]) -> tuple[Column, ...]:
    """A column for each day, the gravest at the foot."""
    most = max((sum(counts.values()) for _, counts in days), default=0) or 1
    step = _WIDTH / max(1, len(days))
    found = list[Column]()
    for number, (day, counts) in enumerate(days):
        foot, parts = float(_HEIGHT), list[tuple[str, int, float, float]]()
        for place in PLACES:
            if count := counts.get(place, 0):
                height = (_HEIGHT - 6) * count / most
                foot -= height
                parts.append((place, count, foot, height))
        total = sum(counts.values())
        found.append(Column(day, number * step, min(step * 0.8, 28.0), total, tuple(parts)))
    return tuple(found)


def render_simulation(trial: Trial, sources: tuple[str, ...], at: datetime) -> str:
    """The page."""
    most = max((sum(row.accounts.values()) for row in trial.populations), default=0)
    refused = sum(
        one.outcome == "in force" and one.effect in ("block", "challenge") for one in trial.touched
    )
    bears = [
        one
        for one in trial.touched
        if one.outcome in ("in force", "held") and one.effect != "observe"
    ]
    return (
        environment()
        .get_template("simulation.html.j2")
        .render(
            trial=trial,
            sources=sources,
            at=at,
            version=stillwatch.__version__,
            places=[
                place for place in PLACES if any(place in row.accounts for row in trial.effects)
            ],
            populations=[(row, stacked(row.accounts, most)) for row in trial.populations],
            days=columns(trial.days),
            refused=refused,
            requests=sum(one.requests for one in bears),
            width=_WIDTH,
            height=_HEIGHT,
            shown=trial.touched[:_SHOWN],
            css=[(place, place.replace(" ", "-")) for place in PLACES],
        )
    )

"""What each kind of evidence earns: detection without it, on the standard worlds.

A facet of cohesion is left out by the weight 0, the other weights stay as shipped; a kind of
account evidence by leaving it out of the sum. Differences are in points of recall.

    cd bench && python -m quality.ablation [--worlds 8] [--json]
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from common import arguments, emit
from quality.harness import World, against_truth, judgement, load, standard, weighted, without
from quality.pooling import Pooled
from stillwatch.detection.pooled import WEIGHTS
from stillwatch.detection.scoring import GROUPS

TOGETHER = {
    "all settings": ("settings_unity", "system_unity"),
    "all time": ("turns", "hour_unity", "evenness"),
    "all lengths": ("output", "output_unity", "length", "length_unity"),
    "all phrases": ("tactics", "family_unity"),
    "all wording": ("exclusivity", "wording_unity", "repeats", "overlap"),
    "all amounts": ("depth", "evenness"),
}
"""Facets that one attacker could hide together, or one missing column takes away."""
HEAD = (
    "without", "recall at FPR 1e-2", "recall at FPR 1e-3", "change", "recall of the flags",
    "change", "FDR",
)  # fmt: skip


def measure(worlds: int) -> dict[str, Any]:
    """One table for the facets, one for the kinds of account evidence."""
    loaded = [load(options) for options in standard(worlds)]
    whole = _run(loaded, nullcontext())
    facets = [
        _row(f"{name} ({weight:+.2f})", _run(loaded, weighted({name: 0.0})), whole)
        for name, weight in sorted(WEIGHTS.items(), key=lambda item: -abs(item[1]))
    ]
    facets += [
        _row(name, _run(loaded, weighted(dict.fromkeys(names, 0.0))), whole)
        for name, names in TOGETHER.items()
    ]
    kinds = [
        _row(name, _run(loaded, without([number])), whole) for number, name in enumerate(GROUPS)
    ]
    kinds.append(_row("all of these", _run(loaded, without(list(range(len(GROUPS))))), whole))
    nothing = _row("nothing left out", whole, whole)
    return {
        "tables": [
            {"title": "Facets of cohesion (weight)", "head": HEAD, "rows": [nothing, *facets]},
            {"title": "Kinds of account evidence", "head": HEAD, "rows": [nothing, *kinds]},
        ]
    }


def _run(worlds: list[World], change: AbstractContextManager[None]) -> Pooled:
    with change:
        return Pooled.of(against_truth(world, judgement(world)) for world in worlds)


def _row(name: str, found: Pooled, whole: Pooled) -> list[Any]:
    def points(one: Pooled) -> tuple[float, float]:
        bad = one.hostile
        return one.caught[1e-3][bad].mean(), one.flagged[bad].mean()

    changes = [f"{100 * (a - b):+.1f}" for a, b in zip(points(found), points(whole), strict=True)]
    return [
        name, found.recall(1e-2), found.recall(1e-3), changes[0], found.flag_recall(), changes[1],
        found.fdr(),
    ]  # fmt: skip


if __name__ == "__main__":
    options = arguments(__doc__, worlds=8)
    emit(measure(options.worlds), options.json)

"""Fits the weights of the facets, and tries them on what they were not fitted on.

Logistic regression with fixed signs and an L2 penalty, classes balanced: proposed groups with a
hostile majority (more than 0.7) against innocent ones (less than 0.15), on their facets in spreads of
the innocent groups of their world, with the request settings as simulated, absent and shuffled. The
shipped weights are fitted on worlds apart from those that figures are reported on (``refit``). To see
what a fit is worth elsewhere, the latter are split in two halves; each half is judged with weights fitted on the
other, without the tactic (or the kind of prompts) in question. ``--fitting 0`` leaves out the fit of the
shipped weights, which has worlds of its own to simulate.

    cd bench && python -m quality.weights [--worlds 8] [--fitting 12] [--json]
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from common import arguments, emit
from quality.harness import (
    FITTING_SEED,
    WAYS,
    World,
    against_truth,
    judgement,
    load,
    standard,
    weighted,
    with_settings,
)  # fmt: skip
from quality.pooling import Pooled
from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.pooled import WEIGHTS, Yardstick

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FITTING_WORLDS = 12
HOSTILE, INNOCENT = 0.7, 0.15
PENALTY = 0.03
NEGATIVE = ("overlap", "repeats")
FITTED = tuple(WEIGHTS)
HEAD = (
    "held out", "weights", "recall at FPR 1e-3", "recall of the flags", "FDR (all flags)",
)  # fmt: skip


@dataclass(frozen=True)
class Examples:
    """Proposed groups of one world whose nature is clear."""

    spreads: Floats
    """Shape (groups, len(FITTED))."""
    hostile: Bools
    tactic: npt.NDArray[np.str_]
    """Of most hostile members, empty for innocent groups."""
    world: World


def examples(world: World) -> Examples:
    """The groups that the detector proposes, with their truth, in every way of ``WAYS``."""
    parts = [_examples(with_settings(world, way)) for way in WAYS]
    return Examples(
        np.concatenate([part.spreads for part in parts]),
        np.concatenate([part.hostile for part in parts]),
        np.concatenate([part.tactic for part in parts]), world,
    )  # fmt: skip


def _examples(world: World) -> Examples:
    groups = judgement(world).groups
    tactic_of = np.array(
        [
            kind if label == "distillation" else ""
            for kind, label in zip(
                world.labels["kind"].to_pylist(), world.labels["label"].to_pylist(), strict=True
            )
        ]
    )
    share, tactic = np.empty(len(groups.proposed)), []
    for number, group in enumerate(groups.proposed):
        kinds = tactic_of[groups.accounts(group)]
        share[number] = (kinds != "").mean()
        names, counts = np.unique(kinds[kinds != ""], return_counts=True)
        tactic.append(str(names[counts.argmax()]) if names.size else "")
    innocent, hostile = share < INNOCENT, share > HOSTILE
    clear = innocent | hostile
    spreads = Yardstick.learn(groups.figures[innocent]).spreads(groups.figures[clear])
    columns = [NAMES.index(name) for name in FITTED]
    return Examples(
        spreads[:, columns], hostile[clear],
        np.where(hostile[clear], np.array(tactic)[clear], ""), world,
    )  # fmt: skip


UNSEEN: tuple[tuple[str, ...], ...] = (
    (),
    ("settings_unity", "system_unity"),
    ("output", "output_unity", "length", "length_unity"),
    ("turns", "hour_unity", "evenness"),
    ("tactics", "family_unity"),
)
"""Parts of the evidence that a fit must do without, in turn."""


def _blind(spreads: Floats, unseen: tuple[str, ...]) -> Floats:
    out = spreads.copy()
    out[:, [FITTED.index(name) for name in unseen]] = 0.0
    return out


def fit(parts: Iterable[Examples], without: str = "nothing") -> dict[str, float]:
    """Weights from some worlds, without one tactic.

    Each group counts once more for every part of the evidence in ``UNSEEN``, without that part: a
    log may lack it, and a job may hide it, so no part must carry the verdict alone.
    """
    chosen = [
        (_blind(e.spreads[e.tactic != without], unseen), e.hostile[e.tactic != without])
        for e in parts
        for unseen in UNSEEN
    ]
    x, y = (np.concatenate(column) for column in zip(*chosen, strict=True))
    balance = np.where(y, 0.5 / max(1, y.sum()), 0.5 / max(1, (~y).sum()))
    signs = np.where(y, 1.0, -1.0)

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = signs * (x @ w[:-1] + w[-1])
        pull = -balance * signs * expit(-margin)
        penalty = PENALTY * w[:-1]
        value = balance @ np.logaddexp(0, -margin) + 0.5 * penalty @ w[:-1]
        return float(value), np.append(x.T @ pull + penalty, pull.sum())

    bounds = [(None, 0.0) if name in NEGATIVE else (0.0, None) for name in FITTED]
    start = np.zeros(len(FITTED) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)])
    return dict(zip(FITTED, found.x[:-1].round(2).tolist(), strict=True))


def refit(worlds: int = FITTING_WORLDS) -> dict[str, float]:
    """Weights as shipped: from worlds that no figure is reported on."""
    return fit(examples(load(options)) for options in standard(worlds, FITTING_SEED))


def measure(worlds: int, fitting: int = FITTING_WORLDS) -> dict[str, Any]:
    """Fitted weights, and both kinds of rows of what was held out."""
    known = [examples(load(options)) for options in standard(worlds)]
    # pairs of worlds (one of each kind of prompts) go into the same half
    halves = [[e for i, e in enumerate(known) if i // 2 % 2 == half] for half in (0, 1)]
    shipped = Pooled.of(against_truth(e.world, judgement(e.world)) for half in halves for e in half)
    crossed = _crossed(halves, fit)
    rows = [_row("nothing", shipped, crossed, None)]
    for tactic in sorted({t for e in known for t in e.tactic.tolist()} - {""}):
        without = _crossed(halves, lambda parts, tactic=tactic: fit(parts, tactic))  # type: ignore[misc]
        rows.append(_row(tactic, shipped, without, tactic))
    return {
        "tables": [
            _weights_table(known, fitting),
            {
                "title": "Without one tactic",
                "head": HEAD,
                "rows": [r for pair in rows for r in pair],
            },
            _by_prompts(known),
        ]
    }


def _crossed(
    halves: list[list[Examples]], fitted: Callable[[list[Examples]], dict[str, float]]
) -> Pooled:
    """Each half judged with the weights of the other."""
    judged = []
    for mine, other in ((0, 1), (1, 0)):
        with weighted(fitted(halves[other])):
            judged += [against_truth(e.world, judgement(e.world)) for e in halves[mine]]
    return Pooled.of(judged)


def _row(name: str, shipped: Pooled, fitted: Pooled, tactic: str | None) -> list[list[Any]]:
    return [
        [name, which, one.recall(1e-3, among), one.flag_recall(among), one.fdr()]
        for which, one in (("shipped", shipped), ("fitted", fitted))
        for among in [None if tactic is None else one.kind == tactic]
    ]


def _weights_table(known: list[Examples], fitting: int) -> dict[str, Any]:
    fits = {
        "all": known,
        "generated prompts": [e for e in known if not e.world.real],
        "real prompts": [e for e in known if e.world.real],
    }
    found = {"worlds of the fit": refit(fitting)} if fitting else {}
    found |= {name: fit(parts) for name, parts in fits.items() if parts}
    rows = [[facet, WEIGHTS[facet], *(found[name][facet] for name in found)] for facet in FITTED]
    groups = ["groups: innocent, hostile", "", *([""] if fitting else []), *(
        f"{sum(int((~e.hostile).sum()) for e in parts)}, {sum(int(e.hostile.sum()) for e in parts)}"
        for parts in fits.values() if parts
    )]  # fmt: skip
    return {
        "title": "Fitted weights",
        "head": ("facet", "shipped", *found),
        "rows": [*rows, groups],
    }


def _by_prompts(known: list[Examples]) -> dict[str, Any]:
    rows = []
    for real, name in ((False, "generated prompts"), (True, "real prompts")):
        held = [e.world for e in known if e.world.real == real]
        others = [e for e in known if e.world.real != real]
        if not held or not others:
            continue
        shipped = Pooled.of(against_truth(w, judgement(w)) for w in held)
        with weighted(fit(others)):
            fitted = Pooled.of(against_truth(w, judgement(w)) for w in held)
        rows += _row(name, shipped, fitted, None)
    return {"title": "Without one kind of prompts", "head": HEAD, "rows": rows}


if __name__ == "__main__":
    options = arguments(__doc__, worlds=8, fitting=FITTING_WORLDS)
    emit(measure(options.worlds, options.fitting), options.json)

"""Where the promise is hardest to keep: small logs, few and many attackers, copied scaffolds.

Small logs have 1,500 accounts, a week and the same requests per account and day; the others are standard
worlds with another share of hostile accounts. No baseline. A copier is an innocent account of which
a few sampled requests are given the wording of a flagged campaign's (a scaffold seen on the web),
each with contents of its own; campaigns are copied one at a time.

    cd bench && python -m quality.edges [--worlds 8] [--json]
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from common import arguments, data_folder, emit
from quality.harness import FIRST_SEED, STANDARD, World, against_truth, judgement, load, standard
from quality.pooling import Pooled, rate
from quality.worlds import PROMISES, innocent_large
from stillwatch.detection.judge import Judgement
from stillwatch.evaluation import assess
from stillwatch.evaluation.report import ENOUGH
from stillwatch.profiles.estimators import sampled
from stillwatch.simulation import SimulationOptions

Ints = npt.NDArray[np.int64]

WORDING = (
    "sample_shingles",
    "sample_families",
    "sample_template",
    "sample_closing",
    "sample_words",
)
COPIED = (1, 2, 4)
FEW, MANY = 0.012, 0.2
"""Shares of hostile accounts; the standard is 0.075."""


def measure(worlds: int) -> dict[str, Any]:
    """Both tables."""
    half = max(2, worlds // 2)
    logs = {
        "1,500 accounts": _small(worlds),
        f"hostile share {FEW}": standard(half, FIRST_SEED + 30, attack_share=FEW),
        f"hostile share {MANY}": standard(half, FIRST_SEED + 40, attack_share=MANY),
        "nobody hostile": standard(half, attack_share=0.0),
    }
    return {
        "tables": [
            {
                "title": "Other logs",
                "head": ("logs", "n", "promised FDR", "recall at FPR 1e-3", "recall of the flags",
                         "innocent among flagged accounts", "innocent groups of 20 or more"),
                "rows": [row for name, options in logs.items() for row in _rows(name, options)],
            },
            {
                "title": "Copied scaffolds (promised 5 %)",
                "head": ("prompts copied", "copiers of a campaign", "copiers flagged",
                         "other innocents flagged", "accounts of the copied campaign flagged"),
                "rows": _copied(standard(half)),
            },
        ]
    }  # fmt: skip


def _small(worlds: int) -> list[SimulationOptions]:
    small = replace(STANDARD, accounts=1500, days=7, volume=1.0)
    return [
        replace(small, seed=FIRST_SEED + 240 + i, corpus=data_folder() if i % 2 else None)
        for i in range(worlds)
    ]


def _rows(name: str, options: list[SimulationOptions]) -> Iterator[list[Any]]:
    loaded = [load(one) for one in options]
    for promise in PROMISES:
        judged = [against_truth(w, judgement(w, promise), promise) for w in loaded]
        pooled = Pooled.of(judged)
        large = sum(innocent_large(one, assess(one)) for one in judged)
        yield [name, len(loaded), f"{promise:.0%}", pooled.recall(1e-3), pooled.flag_recall(),
               pooled.fdr(), large]  # fmt: skip


def _copied(options: Iterable[SimulationOptions]) -> list[list[Any]]:
    loaded = [load(one) for one in options]
    told = [judgement(world) for world in loaded]
    rows = [
        ["-", "none", "-", *_counted([_without(w, t) for w, t in zip(loaded, told, strict=True)])]
    ]
    for prompts in COPIED:
        for name, share in (("3", 0.0), ("half as many as it has", 0.5), ("as many", 1.0)):
            found = [
                _with(world, one, row, prompts, share)
                for world, one in zip(loaded, told, strict=True)
                for row in range(min(3, len(one.campaigns.members)))
            ]
            rows.append([prompts, name, *_counted(found, copiers=True)])
    return rows


def _hostile(world: World) -> npt.NDArray[np.bool_]:
    return np.array([label == "distillation" for label in world.labels["label"].to_pylist()])


def _without(world: World, told: Judgement) -> Ints:
    """Nobody copies: as ``_with``."""
    hostile = _hostile(world)
    first = np.concatenate(told.campaigns.members[:3])
    first = first[hostile[first]]
    counted = [
        0,
        0,
        int(told.flagged[~hostile].sum()),
        int((~hostile).sum()),
        first.size,
        first.size,
    ]
    return np.array(counted)


def _with(world: World, told: Judgement, campaign: int, prompts: int, share: float) -> Ints:
    """Flagged and all: copiers, other innocents, the accounts of the campaign."""
    rng = np.random.default_rng([campaign, prompts])
    hostile, members = _hostile(world), told.campaigns.members[campaign]
    ordinary = np.flatnonzero(~hostile & (world.profiles["events"] >= ENOUGH))
    copiers = rng.choice(ordinary, max(3, round(share * members.size)), replace=False)
    profiles = world.profiles.copy()
    row, slot = told.groups.streams.events(told.campaigns.streams[campaign])
    sizes = sampled(profiles)
    for copier in copiers.tolist():
        own = rng.choice(int(sizes[copier]), min(prompts, int(sizes[copier])), replace=False)
        source = rng.integers(row.size, size=own.size)
        for field in WORDING:
            profiles[field][copier, own] = profiles[field][row[source], slot[source]]
        profiles["sample_prompt"][copier, own] = rng.integers(1 << 32, size=own.size)
    flagged = judgement(replace(world, profiles=profiles)).flagged
    others = ~hostile
    others[copiers] = False
    job = members[hostile[members]]
    return np.array(
        [flagged[copiers].sum(), copiers.size, flagged[others].sum(), others.sum(),
         flagged[job].sum(), job.size]
    )  # fmt: skip


def _counted(found: list[Ints], *, copiers: bool = False) -> list[str]:
    total = np.sum(found, axis=0).tolist()
    pairs = list(zip(total[::2], total[1::2], strict=True))
    return [rate(hits, n) for hits, n in (pairs if copiers else pairs[1:])]


if __name__ == "__main__":
    options = arguments(__doc__, worlds=8)
    emit(measure(options.worlds), options.json)

"""Quality on standard worlds: 6,400 accounts, 14 days, about 560,000 events, every tactic.

Every second world has real prompts. Figures are over accounts with at least 20 requests; rates
are pooled over worlds, with 95 % Wilson intervals. No baseline: each log calibrates itself.

    cd bench && python -m quality.worlds [--worlds 8] [--hydra 4] [--json]
"""

from collections import Counter
from typing import Any

import numpy as np

from common import arguments, emit
from quality.harness import World, against_truth, judgement, load, standard
from quality.pooling import Pooled, rate
from stillwatch.evaluation import Evaluation, Judged, assess

PROMISES = (0.01, 0.05, 0.10)
HEAD = (
    "world", "prompts", "accounts", "hostile", "AUC", "recall at FPR 1e-2", "at 1e-3", "at 0",
    "recall of the flags", "false flags", "campaigns found", "B-cubed P", "B-cubed R",
    "innocent groups of 20 or more",
)  # fmt: skip
RATES = ("recall at FPR 1e-2", "at FPR 1e-3", "at zero innocents", "recall of the flags", "FDR")
BANDS = {
    "cover": ((0.0, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 0.96)),
    "noise": ((0.0, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.6)),
}
LARGE = 20


def measure(worlds: int, hydra: int) -> dict[str, Any]:
    """All tables."""
    at: dict[float, list[Judged]] = {promise: [] for promise in PROMISES}
    rows, bands, real = [], [], []
    for options in standard(worlds):
        world = load(options)
        for promise in PROMISES:
            at[promise].append(against_truth(world, judgement(world, promise), promise))
        rows.append(_world_row(world, at[0.05][-1]))
        bands.append(world.campaigns)
        real.append(world.real)
    low_and_slow = [
        against_truth(world, judgement(world))
        for options in standard(hydra, tactics=("hydra_low_and_slow",), cover=0.6, noise=0.2)
        for world in [load(options)]
    ]
    judged = at[0.05]
    pooled = Pooled.of(judged)
    return {
        "tables": [
            {"title": "One row per world, flags at a promised 5 %", "head": HEAD, "rows": rows},
            _pooled_table(judged, real, low_and_slow),
            _promises(at),
            _populations(pooled),
            _tactics(pooled),
            _bands(pooled, bands),
        ]
    }


def _world_row(world: World, judged: Judged) -> list[Any]:
    told = assess(judged)
    found = told.restricted[1]
    agreement = told.campaigns.bcubed
    return [
        world.name.split("-")[0], "real" if world.real else "grammar", found.accounts,
        found.hostile, round(found.auc, 3),
        *((point.recall.hits, point.recall.total) for point in found.points),
        (found.recall.hits, found.recall.total), (found.fdr.hits, found.fdr.total),
        (told.campaigns.found, told.campaigns.true), round(agreement.precision, 3),
        round(agreement.recall, 3), _innocent_large(judged, told),
    ]  # fmt: skip


def _innocent_large(judged: Judged, told: Evaluation) -> int:
    sizes = Counter(name for name in judged.reported if name)
    return sum(sizes[name] >= LARGE for name in told.campaigns.benign)


def _rates(pooled: Pooled) -> list[str]:
    return [
        *(pooled.recall(limit) for limit in (1e-2, 1e-3, 0.0)),
        pooled.flag_recall(),
        pooled.fdr(),
    ]


def _pooled_table(judged: list[Judged], real: list[bool], hydra: list[Judged]) -> dict[str, Any]:
    parts = {
        "all": judged,
        "generated prompts": [j for j, is_real in zip(judged, real, strict=True) if not is_real],
        "real prompts": [j for j, is_real in zip(judged, real, strict=True) if is_real],
        "hydra only, cover 0.6, noise 0.2": hydra,
    }
    rows = [[name, len(part), *_rates(Pooled.of(part))] for name, part in parts.items() if part]
    return {"title": "Pooled over worlds", "head": ("worlds", "n", *RATES), "rows": rows}


def _promises(at: dict[float, list[Judged]]) -> dict[str, Any]:
    rows = []
    for promise, judged in at.items():
        pooled = Pooled.of(judged)
        told = [assess(one).campaigns for one in judged]
        innocent, reported = (
            sum(len(t.benign) for t in told), sum(t.reported for t in told),
        )  # fmt: skip
        rows.append(
            [f"{promise:.0%}", pooled.fdr(), pooled.flag_recall(), rate(innocent, reported)]
        )
    return {
        "title": "What was promised and what came true",
        "head": ("promised FDR", "innocent among flagged accounts", "recall of the flags",
                 "innocent among reported campaigns"),
        "rows": rows,
    }  # fmt: skip


def _populations(pooled: Pooled) -> dict[str, Any]:
    rows = [[name, rate(bad, n)] for name, bad, n in pooled.worst_populations()]
    return {
        "title": "Innocent populations with most flags (promised 5 %)",
        "head": ("population", "share flagged"),
        "rows": rows,
    }


def _tactics(pooled: Pooled) -> dict[str, Any]:
    rows = []
    for tactic in sorted(set(pooled.kind[pooled.hostile].tolist())):
        among = pooled.kind == tactic
        n = np.unique(pooled.campaign[pooled.hostile & among]).size
        rows.append([tactic, n, pooled.recall(1e-3, among), pooled.flag_recall(among)])
    return {
        "title": "Per tactic",
        "head": ("tactic", "campaigns", "recall at FPR 1e-3", "recall of the flags"),
        "rows": rows,
    }


def _bands(pooled: Pooled, campaigns: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    rows = []
    for name, bands in BANDS.items():
        value = {
            f"{number} {campaign}": told[name]
            for number, world in enumerate(campaigns)
            for campaign, told in world.items()
        }
        own = np.array([value.get(campaign, -1.0) for campaign in pooled.campaign])
        for low, high in bands:
            among = (own >= low) & (own < high)
            rows.append(
                [f"{name} {low:.1f} to {high:.1f}", np.unique(pooled.campaign[among]).size,
                 pooled.recall(1e-3, among), pooled.flag_recall(among)]
            )  # fmt: skip
    return {
        "title": "By share of cover traffic and by paraphrase noise",
        "head": ("campaigns with", "n", "recall at FPR 1e-3", "recall of the flags"),
        "rows": rows,
    }


if __name__ == "__main__":
    options = arguments(__doc__, worlds=8, hydra=4)
    emit(measure(options.worlds, options.hydra), options.json)

"""Quality on standard worlds: 6,400 accounts, 14 days, about 560,000 events, every tactic.

Every second world has real prompts. Figures are over accounts with at least 20 requests; rates
are pooled over worlds, with 95 % Wilson intervals. No baseline: each log calibrates itself. Three tables
ask what becomes of them where request settings are absent, or shuffled among accounts.

    cd bench && python -m quality.worlds [--worlds 8] [--hydra 4] [--json]
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from common import arguments, emit
from quality.harness import WAYS, World, against_truth, judgement, load, standard, with_settings
from quality.pooling import Pooled, rate
from stillwatch.detection.judge import Judgement
from stillwatch.evaluation import Evaluation, Judged, assess
from stillwatch.evaluation.metrics import operating_point
from stillwatch.evaluation.report import ENOUGH
from stillwatch.simulation.settings import WAYS as CAMPAIGN_WAYS

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
_OWN = 0.7


def measure(worlds: int, hydra: int) -> dict[str, Any]:
    """All tables."""
    at: dict[tuple[str, float], list[Judged]] = {
        (way, promise): [] for way in WAYS for promise in PROMISES
    }
    rows, bands, real, reached = [], [], [], []
    for options in standard(worlds):
        world = load(options)
        for way in WAYS:
            changed = with_settings(world, way)
            for promise in PROMISES:
                told = judgement(changed, promise)
                at[way, promise].append(against_truth(changed, told, promise))
                if (way, promise) == ("simulated", 0.05):
                    reached.append(_reached(told, at[way, promise][-1]))
        rows.append(_world_row(world, at["simulated", 0.05][-1]))
        bands.append(world.campaigns)
        real.append(world.real)
    low_and_slow = [
        against_truth(world, judgement(world))
        for options in standard(hydra, tactics=("hydra_low_and_slow",), cover=0.6, noise=0.2)
        for world in [load(options)]
    ]
    judged = at["simulated", 0.05]
    pooled = {way: Pooled.of(at[way, 0.05]) for way in WAYS}
    return {
        "tables": [
            {"title": "One row per world, flags at a promised 5 %", "head": HEAD, "rows": rows},
            _pooled_table(judged, real, low_and_slow),
            _settings_table({way: at[way, 0.05] for way in WAYS}),
            _promises(at),
            _populations(pooled),
            _roc(judged),
            _tactics(pooled),
            _losses(pooled["simulated"], np.concatenate(reached)),
            _ways_of_campaigns(pooled["simulated"], bands),
            _bands(pooled["simulated"], bands),
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
        round(agreement.recall, 3), innocent_large(judged, told),
    ]  # fmt: skip


def innocent_large(judged: Judged, told: Evaluation) -> int:
    """Reported groups of mostly innocent accounts that have ``LARGE`` or more."""
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


def _settings_table(at: dict[str, list[Judged]]) -> dict[str, Any]:
    rows = []
    for way, judged in at.items():
        told = [assess(one) for one in judged]
        agreement = [one.campaigns.bcubed for one in told]
        least = min(
            point.recall.value for one in told for point in one.restricted[1].points
            if point.limit == 1e-3
        )  # fmt: skip
        rows.append(
            [way, *_rates(Pooled.of(judged)), f"{least:.3f}",
             f"{np.nanmean([a.precision for a in agreement]):.3f}",
             f"{np.mean([a.recall for a in agreement]):.3f}"]
        )  # fmt: skip
    return {
        "title": "By what became of the request settings",
        "head": ("settings", *RATES, "at FPR 1e-3, worst world", "B-cubed P", "B-cubed R"),
        "rows": rows,
    }


def _promises(at: dict[tuple[str, float], list[Judged]]) -> dict[str, Any]:
    rows = []
    for (way, promise), judged in at.items():
        pooled = Pooled.of(judged)
        told = [assess(one).campaigns for one in judged]
        innocent, reported = (
            sum(len(t.benign) for t in told), sum(t.reported for t in told),
        )  # fmt: skip
        rows.append(
            [way, f"{promise:.0%}", pooled.fdr(), pooled.flag_recall(), rate(innocent, reported)]
        )
    return {
        "title": "What was promised and what came true",
        "head": ("settings", "promised FDR", "innocent among flagged accounts", "recall of the flags",
                 "innocent among reported campaigns"),
        "rows": rows,
    }  # fmt: skip


def _populations(pooled: dict[str, Pooled]) -> dict[str, Any]:
    rows = [
        [way, name, rate(bad, n)]
        for way, one in pooled.items()
        for name, bad, n in one.worst_populations(3)
    ]
    return {
        "title": "Innocent populations with most flags (promised 5 %)",
        "head": ("settings", "population", "share flagged"),
        "rows": rows,
    }


def _roc(judged: list[Judged]) -> dict[str, Any]:
    """Recall along the false-positive rate, and whose accounts come in from one row to the next."""
    rows, before = [], Counter[str]()
    for limit in (0.0, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1):
        hits = total = 0
        innocent = Counter[str]()
        for one in judged:
            use = one.events >= ENOUGH
            score, hostile = one.score[use], one.hostile[use]
            caught = score >= operating_point(score, hostile, limit).threshold
            hits, total = hits + int((caught & hostile).sum()), total + int(hostile.sum())
            innocent.update(np.array(one.kind)[use][caught & ~hostile].tolist())
        new = (innocent - before).most_common(4)
        rows.append([f"{limit:g}", rate(hits, total), ", ".join(f"{n} {k}" for k, n in new) or "-"])
        before = innocent
    return {
        "title": "Recall along the false-positive rate, and the innocents that come in with each row",
        "head": (
            "FPR at most",
            "recall",
            "innocent accounts that are new here, most frequent first",
        ),
        "rows": rows,
    }


def _reached(told: Judgement, judged: Judged) -> npt.NDArray[np.int64]:
    """How far each account with enough requests got: 0 no stream, 1 a stream, 2 a group of its own.

    A group of its own is a proposed one of which at least seven accounts in ten are hostile.
    """
    reached = np.zeros(judged.events.size, dtype=np.int64)
    reached[told.groups.streams.owner] = 1
    for group in told.groups.proposed:
        accounts = told.groups.accounts(group)
        if judged.hostile[accounts].mean() >= _OWN:
            reached[accounts] = 2
    return reached[judged.events >= ENOUGH]


def _losses(pooled: Pooled, reached: npt.NDArray[np.int64]) -> dict[str, Any]:
    rows = []
    for tactic in ["all", *sorted(set(pooled.kind[pooled.hostile].tolist()))]:
        among = pooled.hostile & ((pooled.kind == tactic) | (tactic == "all"))
        n, caught = int(among.sum()), among & pooled.caught[1e-3]
        rows.append(
            [tactic, n, *(rate(int((among & (reached >= step)).sum()), n) for step in (1, 2)),
             rate(int(caught.sum()), n)]
        )  # fmt: skip
    return {
        "title": "Where recall is lost",
        "head": ("tactic", "hostile accounts", "have a stream", "are in a proposed group of their own",
                 "are caught at FPR 1e-3"),
        "rows": rows,
    }  # fmt: skip


def _tactics(pooled: dict[str, Pooled]) -> dict[str, Any]:
    known = pooled["simulated"]
    rows = []
    for tactic in sorted(set(known.kind[known.hostile].tolist())):
        among = known.kind == tactic
        n = np.unique(known.campaign[known.hostile & among]).size
        rows.append(
            [tactic, n, *(one.recall(1e-3, among) for one in pooled.values()),
             known.flag_recall(among)]
        )  # fmt: skip
    return {
        "title": "Per tactic",
        "head": ("tactic", "campaigns", *(f"recall at FPR 1e-3, {way}" for way in pooled),
                 "recall of the flags, simulated"),
        "rows": rows,
    }  # fmt: skip


def _ways_of_campaigns(
    pooled: Pooled, campaigns: list[dict[str, dict[str, Any]]]
) -> dict[str, Any]:
    own = _parameter(pooled, campaigns, "settings")
    rows = [
        [way, np.unique(pooled.campaign[own == way]).size,
         pooled.recall(1e-3, own == way), pooled.flag_recall(own == way)]
        for way in CAMPAIGN_WAYS
    ]  # fmt: skip
    return {
        "title": "By how a campaign holds to its settings",
        "head": ("settings", "campaigns", "recall at FPR 1e-3", "recall of the flags"),
        "rows": rows,
    }


def _parameter(
    pooled: Pooled, campaigns: list[dict[str, dict[str, Any]]], name: str
) -> npt.NDArray[np.object_]:
    """A parameter of each account's campaign, None for innocents."""
    value = {
        f"{number} {campaign}": told[name]
        for number, world in enumerate(campaigns)
        for campaign, told in world.items()
    }
    return np.array([value.get(campaign) for campaign in pooled.campaign], dtype=object)


def _bands(pooled: Pooled, campaigns: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    rows = []
    for name, bands in BANDS.items():
        own = _parameter(pooled, campaigns, name)
        own = np.array([-1.0 if v is None else v for v in own.tolist()])
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

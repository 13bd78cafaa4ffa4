"""Fit the weights of cohesion (``stillwatch.detection.pooled.WEIGHTS``) on simulated worlds.

Sign-constrained, regularised logistic regression over proposed groups: campaign or not. Beside
that, each world is judged by weights of worlds of other seeds (and of the other source of prompts,
where there are two): what weights are worth where they were not fitted.

    python bench/weights.py [--seeds 3] [--json]        uses real prompts where they are present
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from scipy.optimize import minimize

from common import arguments, data_folder, emit, stillwatch
from stillwatch.campaigns.cohesion import NAMES
from stillwatch.config import Config
from stillwatch.detection.exempt import align, exemptions
from stillwatch.detection.groups import Groups, choose
from stillwatch.detection.pooled import WEIGHTS, Yardstick
from stillwatch.evaluation.metrics import wilson
from stillwatch.logs.accounts import read_accounts
from stillwatch.pipeline import summarise
from stillwatch.profiles.phrases import load_families, shipped_rules

PENALTY = 0.1
COLUMNS = [NAMES.index(name) for name in WEIGHTS]
SIGNS = np.sign(list(WEIGHTS.values()))


@dataclass(frozen=True)
class World:
    """Proposed groups of one world, and what each account is."""

    source: str
    seed: int
    groups: Groups
    hostile: np.ndarray
    share: np.ndarray
    """Share of hostile accounts of each group."""


def world(seed: int, corpus: Path | None) -> World:
    families = load_families(shipped_rules() / "phrases")
    mask = sum(1 << bit for bit, family in enumerate(families) if family.kind == "tactic")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "world"
        extra = ("--corpus", corpus) if corpus else ()
        stillwatch(
            "simulate", "--out", folder, "--seed", seed, "--accounts", 6400, "--volume", 0.3,
            "--json", *extra,
        )  # fmt: skip
        table = summarise([str(folder / "events")], Config()).table
        records = align(read_accounts(folder / "accounts.parquet"), table.account_ids)
        labels = pq.read_table(folder / "labels.parquet").to_pylist()
    truth = {row["account_id"]: row["label"] == "distillation" for row in labels}
    hostile = np.array([truth[name] for name in table.account_ids])
    excused = exemptions(table.account_ids, records, frozenset())
    usable = np.array([why is None for why in excused])
    groups = Groups.find(table.profiles, usable, mask, least=4)
    share = np.array([hostile[groups.accounts(group)].mean() for group in groups.proposed])
    return World("real" if corpus else "grammar", seed, groups, hostile, share)


def fit(worlds: list[World]) -> dict[str, float]:
    """Weights from groups that are clearly campaigns or clearly not, both classes alike."""
    spreads, campaign = [], []
    for w in worlds:
        clear = (w.share > 0.7) | (w.share < 0.15)
        yardstick = Yardstick.learn(w.groups.figures[w.share < 0.3])
        spreads.append(yardstick.spreads(w.groups.figures)[clear][:, COLUMNS])
        campaign.append(w.share[clear] > 0.5)
    x, y = np.concatenate(spreads), np.concatenate(campaign)
    weight = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum())
    sign = np.where(y, -1.0, 1.0)

    def loss(p: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (x @ p[:-1] + p[-1])
        slope = weight * sign / (1 + np.exp(-margin))
        value = (weight * np.logaddexp(0, margin)).sum() + PENALTY * (p[:-1] @ p[:-1]) / 2
        return value, np.append(x.T @ slope + PENALTY * p[:-1], slope.sum())

    bounds = [(0, None) if s > 0 else (None, 0) for s in SIGNS] + [(None, None)]
    found = minimize(loss, np.zeros(len(COLUMNS) + 1), jac=True, bounds=bounds, method="L-BFGS-B")
    return dict(zip(WEIGHTS, found.x[:-1].round(2).tolist(), strict=True))


def judged(w: World, weights: dict[str, float], fdr: float) -> tuple[int, int, int, int]:
    """Hostile accounts flagged and in all (from 20 requests on), innocents flagged, flagged."""
    yardstick = Yardstick.learn(w.groups.figures, weights)
    test = yardstick.test(w.groups.figures)
    found = choose(w.groups, yardstick, test, fdr=fdr, least=4).members
    flagged = np.zeros(w.hostile.size, dtype=np.bool_)
    flagged[np.concatenate([np.empty(0, np.int64), *found])] = True
    seen = w.hostile & (w.groups.profiles["events"] >= 20)
    return (
        int((flagged & seen).sum()), int(seen.sum()),
        int((flagged & ~w.hostile).sum()), int(flagged.sum()),
    )  # fmt: skip


def _rate(hits: int, total: int) -> str:
    share = wilson(hits, total)
    return f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}]"


def measure(seeds: int) -> dict[str, Any]:
    """Weights of all worlds; recall and false discoveries where weights were held out."""
    sources = [data_folder(), None] if data_folder() else [None]
    worlds = [world(200 + s, source) for s in range(seeds) for source in sources]

    def others(w: World) -> list[World]:
        apart = [v for v in worlds if v.seed != w.seed]
        return [v for v in apart if v.source != w.source] or apart

    rows: list[list[Any]] = [
        ["fitted on all worlds", ", ".join(f"{n} {v:+g}" for n, v in fit(worlds).items()), ""]
    ]
    rows.append(["shipped", ", ".join(f"{n} {v:+g}" for n, v in WEIGHTS.items()), ""])
    held_out = {id(w): fit(others(w)) for w in worlds}
    for name, chosen in (("held out", lambda w: held_out[id(w)]), ("shipped", lambda _: WEIGHTS)):
        for fdr in (0.01, 0.05, 0.1):
            told = np.sum([judged(w, chosen(w), fdr) for w in worlds], axis=0).tolist()
            rows.append(
                [f"{name} weights, promised {fdr:.0%}", f"recall {_rate(*told[:2])}",
                 f"innocents among the flagged {_rate(*told[2:])}"]
            )  # fmt: skip
    return {"head": ("what", f"over {len(worlds)} worlds of 6,400 accounts", ""), "rows": rows}


if __name__ == "__main__":
    options = arguments(__doc__, seeds=3)
    emit(measure(options.seeds), options.json)

"""Detection on simulated worlds: 2,000 accounts, 14 days, six campaigns a seed, no baseline.

python bench/quality.py [--seeds 6] [--json]
"""

import tempfile
from pathlib import Path
from typing import Any

from common import arguments, emit, stillwatch
from stillwatch.evaluation import evaluate
from stillwatch.evaluation.metrics import wilson

HEAD = (
    "seed", "hostile", "AUC", "recall at FPR 1e-2", "at 1e-3", "at 0", "recall of the flags",
    "false flags", "attack requests in flagged accounts", "campaigns found",
)  # fmt: skip


def measure_world(seed: int, corpus: Path | None = None) -> list[Any]:
    """Simulate, detect, evaluate; counts as (hits, total)."""
    with tempfile.TemporaryDirectory() as name:
        world, result = Path(name) / "world", Path(name) / "result"
        extra = ("--corpus", corpus) if corpus else ()
        stillwatch("simulate", "--out", world, "--seed", seed, "--json", *extra)
        records = world / "accounts.parquet"
        stillwatch("detect", world / "events", "--accounts", records, "--out", result, "--json")
        told = evaluate(result, world / "labels.parquet")
    found = told.restricted[0]
    points = [(p.recall.hits, p.recall.total) for p in found.points]
    return [
        seed, found.hostile, round(found.auc, 3), *points,
        (found.recall.hits, found.recall.total), (found.fdr.hits, found.fdr.total),
        round(found.attack_requests, 3), (told.campaigns.found, told.campaigns.true),
    ]  # fmt: skip


def summary(rows: list[list[Any]]) -> list[Any]:
    """All seeds together: means of figures, pooled rates with 95 % Wilson intervals."""

    def pooled(column: int) -> str:
        hits, total = (sum(row[column][i] for row in rows) for i in (0, 1))
        if not total:
            return "no cases"
        rate = wilson(hits, total)
        return f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"

    def mean(column: int) -> float:
        return round(sum(row[column] for row in rows) / len(rows), 3)

    rates = [pooled(column) for column in (3, 4, 5, 6, 7)]
    return ["all", sum(row[1] for row in rows), mean(2), *rates, mean(8), pooled(9)]


if __name__ == "__main__":
    options = arguments(__doc__, seeds=6)
    rows = [measure_world(seed) for seed in range(1, options.seeds + 1)]
    emit({"head": HEAD, "rows": [*rows, summary(rows)]}, options.json)

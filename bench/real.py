"""Does `stillwatch detect` separate real extraction prompts from real organic ones?

Accounts are composed: no public corpus has account ids, prompts and times together. An organic
account asks 40 prompts of one organic source (of one user or session where the source has them);
a campaign's 25 accounts share out prompts of one extraction source. Times, models and settings
are drawn alike for all, and there is no network or sign-up column, so only the text can tell.

    python bench/real.py [--json] [--seeds 3]        needs STILLWATCH_DATA or ../shared/data
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from common import data_folder, stillwatch
from stillwatch.evaluation import evaluate
from stillwatch.logs.schema import EVENTS_SCHEMA, LABELS_SCHEMA

PROMPTS = 40
ORGANIC = 600
CAMPAIGN = 25
START = 1_772_409_600_000_000
DAY = 86_400_000_000


def organic_accounts(rng: np.random.Generator, table: pa.Table) -> list[tuple[str, list[str]]]:
    """(kind, prompts) of each organic account."""
    rows = table.to_pylist()
    by_source: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_source.setdefault(row["source"], []).append(row)
    sources = sorted(by_source)
    accounts = []
    for number in range(ORGANIC):
        source = sources[number % len(sources)]
        pool = by_source[source]
        sessions = sorted({r["session"] for r in pool if r["session"]})
        if len(sessions) > 1:  # one template or session per account, as its users would
            chosen = set(rng.choice(sessions, min(len(sessions), 3), replace=False).tolist())
            pool = [r for r in pool if r["session"] in chosen] or pool
        picks = rng.integers(0, len(pool), PROMPTS)
        accounts.append((source, [pool[i]["prompt"] for i in picks]))
    return accounts


def campaign_accounts(
    rng: np.random.Generator, table: pa.Table
) -> list[tuple[str, str, list[str]]]:
    """(source, campaign, prompts) of each hostile account; the prompts are shared out."""
    accounts = []
    for source in sorted(set(table["source"].to_pylist())):
        pool = table.filter(pa.compute.equal(table["source"], source))["prompt"].to_pylist()
        order = rng.permutation(len(pool))
        share = max(1, min(PROMPTS, len(pool) // CAMPAIGN))
        for number in range(CAMPAIGN):
            mine = order[number * share : (number + 1) * share]
            prompts = [pool[i] for i in rng.choice(mine, PROMPTS, replace=len(mine) < PROMPTS)]
            accounts.append((source, f"campaign-{source}", prompts))
    return accounts


def write_world(folder: Path, data: Path, seed: int) -> None:
    """Write events.parquet and labels.parquet."""
    rng = np.random.default_rng(seed)
    organic = organic_accounts(rng, pq.read_table(data / "organic_prompts.parquet"))
    hostile = campaign_accounts(rng, pq.read_table(data / "extraction_prompts.parquet"))
    kinds = [(k, None, p) for k, p in organic] + [(k, c, p) for k, c, p in hostile]
    order = rng.permutation(len(kinds))
    events, labels = [], []
    for number, which in enumerate(order.tolist()):
        kind, campaign, prompts = kinds[which]
        account = f"acct-{number:05d}"
        labels.append(
            {
                "account_id": account,
                "label": "distillation" if campaign else "benign",
                "kind": kind,
                "campaign_id": campaign,
                "attack_share": 1.0 if campaign else 0.0,
            }
        )
        times = START + np.sort(rng.integers(0, 14 * DAY, len(prompts)))
        for i, (prompt, when) in enumerate(zip(prompts, times.tolist(), strict=True)):
            events.append(
                {
                    "event_id": f"{account}-{i}",
                    "timestamp": when,
                    "account_id": account,
                    "model": f"m{rng.integers(3)}",
                    "prompt": prompt,
                }
            )
    schema = pa.schema([EVENTS_SCHEMA.field(n) for n in events[0]])
    pq.write_table(pa.Table.from_pylist(events, schema=schema), folder / "events.parquet")
    pq.write_table(pa.Table.from_pylist(labels, schema=LABELS_SCHEMA), folder / "labels.parquet")


def measure(seeds: int) -> dict[str, Any]:
    """AUC, recall and realised FDR per seed, and their means."""
    data = data_folder()
    if data is None:
        return {"skipped": "real prompts absent: set STILLWATCH_DATA to their folder"}
    rows = []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_world(folder, data, seed)
            stillwatch("detect", folder / "events.parquet", "--out", folder / "result", "--json")
            found = evaluate(folder / "result", folder / "labels.parquet").restricted[0]
            rows.append(
                {
                    "seed": seed,
                    "auc": found.auc,
                    "recall at FPR 1e-2": found.points[0].recall.value,
                    "recall at FPR 1e-3": found.points[1].recall.value,
                    "recall of the flags": found.recall.value,
                    "realised FDR": found.fdr.value,
                    "flagged": found.fdr.total,
                }
            )
    return {"rows": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    result = measure(arguments.seeds)
    if arguments.json:
        print(json.dumps(result))
    else:
        for row in result.get("rows", [result]):
            print(row)

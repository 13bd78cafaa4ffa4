"""Whom the shipped policies touch, on simulated worlds of known truth.

Each world is detected as ``stillwatch detect`` does it, without a baseline, and the policy decides as
``stillwatch decisions simulate`` does. In these worlds one account in nine is hostile, a hundred times more
than a provider will see, so the blast radius holds most of it for a person: rules are told first
without that bound, then with it.

cd bench && python -m decisions.touched [--worlds 4] [--json]
"""

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from common import arguments, emit
from quality.harness import folder_of, load, standard
from stillwatch.cli.decisions.common import moment
from stillwatch.cli.decisions.found import Found, cases
from stillwatch.config import Config
from stillwatch.domain.share import wilson
from stillwatch.gateway.policy.load import Policy, load_policy
from stillwatch.gateway.policy.simulate import Label, Trial, simulate
from stillwatch.pipeline import detect
from stillwatch.simulation import SimulationOptions

_PLACES = ("block", "degrade", "challenge", "observe", "held")
HARD = {"tactics": ("hydra_low_and_slow",), "cover": 0.6, "noise": 0.2}
"""Worlds in which innocents are flagged: one hard tactic, mostly cover traffic, paraphrased."""


def measure(worlds: int) -> dict[str, Any]:
    """Tables per world, per kind, and per policy."""
    easy = [Known(options) for options in standard(worlds)]
    hard = [Known(options) for options in standard(max(2, worlds // 2), **HARD)]
    standard_ = load_policy()
    tried = {known.name: known.tried(_unbounded(standard_)) for known in (*easy, *hard)}
    bounded = {known.name: known.tried(standard_) for known in (*easy, *hard)}
    cautious = {k.name: k.tried(_unbounded(load_policy(Path("cautious")))) for k in (*easy, *hard)}
    ways = (
        ("standard", tried),
        ("standard, with its blast radius", bounded),
        ("cautious", cautious),
    )
    return {
        "tables": [
            {
                "title": "One row per world: `standard`, blast radius aside",
                "head": ("world", "hostile", *_PLACES, "refused", "innocent", "innocent refused", "innocent observed or held"),
                "rows": [_world(known, tried[known.name]) for known in (*easy, *hard)],
            },
            {
                "title": "Pooled (refused: blocked or challenged)",
                "head": ("policy", "worlds", "hostile blocked", "hostile refused", "hostile held", "innocents blocked", "innocents refused", "innocents held"),
                "rows": [
                    [policy, which, *_pooled(known, found)]
                    for policy, found in ways
                    for which, known in (("all tactics", easy), ("hydra only, cover 0.6, noise 0.2", hard))
                ],
            },
            {
                "title": "By kind: `standard`, blast radius aside, worlds of all tactics",
                "head": ("kind", "", "accounts", "blocked", "challenged", "held", "refused"),
                "rows": list(_kinds(easy, tried)),
            },
            {
                "title": "Innocents that would be touched in the worlds of one hard tactic, by kind",
                "head": ("kind", "", "accounts", "blocked", "challenged", "held", "refused"),
                "rows": [row for row in _kinds(hard, tried) if row[1] == "innocent"],
            },
        ]
    }  # fmt: skip


class Known:
    """One world, detected, with its truth."""

    def __init__(self, options: SimulationOptions) -> None:
        load(options)
        folder = folder_of(options)
        self.name = f"{options.seed}{' hard' if options.tactics else ''}, {'real' if options.corpus else 'generated'} prompts"
        accounts = folder / "world" / "accounts.parquet"
        with tempfile.TemporaryDirectory() as kept:
            detect([str(folder / "profiles.parquet")], Path(kept), Config(), accounts=accounts)
            self.found: Found = cases(Path(kept), accounts, None)
        seen = set(load(options).account_ids)
        self.labels = {
            row["account_id"]: Label(row["label"] == "distillation", row["kind"])
            for row in pq.read_table(folder / "world" / "labels.parquet").to_pylist()
            if row["account_id"] in seen
        }

    def tried(self, policy: Policy) -> Trial:
        """What the policy would do."""
        return simulate(
            policy, self.found.cases, now=moment(), accounts=self.found.accounts,
            events=self.found.events, labels=self.labels,
        )  # fmt: skip


def _unbounded(policy: Policy) -> Policy:
    guards = replace(
        policy.guards, new_blocks_per_hour=10**9, new_touched_per_hour=10**9, traffic_share=1.0,
        account_share=1.0,
    )  # fmt: skip
    return replace(policy, guards=guards)


def _counts(trial: Trial, hostile: bool) -> Counter[str]:
    word = "hostile" if hostile else "innocent"
    found = Counter[str]()
    for one in trial.touched:
        if one.label == word:
            found[one.effect if one.outcome == "in force" else one.outcome] += 1
    found["refused"] = found["block"] + found["challenge"]
    return found


def _world(known: Known, trial: Trial) -> list[Any]:
    bad, good = _counts(trial, True), _counts(trial, False)
    hostile = sum(label.hostile for label in known.labels.values())
    quiet = good["observe"] + good["held"] + good["degrade"]
    return [
        known.name, hostile, *(bad[place] for place in _PLACES), (bad["refused"], hostile),
        len(known.labels) - hostile, good["refused"], quiet,
    ]  # fmt: skip


def _interval(hits: int, total: int) -> str:
    share = wilson(hits, total)
    return f"{share.value:.4f} [{share.low:.4f}, {share.high:.4f}] ({hits}/{total})"


def _pooled(known: Iterable[Known], found: dict[str, Trial]) -> list[str]:
    listed = list(known)
    rows = list[str]()
    for hostile in (True, False):
        total = sum(label.hostile is hostile for one in listed for label in one.labels.values())
        counts = sum((_counts(found[one.name], hostile) for one in listed), Counter[str]())
        rows += [_interval(counts[name], total) for name in ("block", "refused", "held")]
    return rows


def _kinds(known: Iterable[Known], found: dict[str, Trial]) -> Iterable[list[Any]]:
    hits, totals = dict[tuple[bool, str], Counter[str]](), Counter[tuple[bool, str]]()
    for one in known:
        for truth in found[one.name].truth:
            if truth.kind.startswith("all "):
                continue
            key = (truth.hostile, truth.kind)
            totals[key] += truth.touched["block"].total
            mine = hits.setdefault(key, Counter())
            mine.update({name: share.hits for name, share in truth.touched.items()})
    for (hostile, kind), counts in sorted(hits.items()):
        total = totals[hostile, kind]
        if not hostile and not any(counts.values()):
            continue
        yield [
            kind, "hostile" if hostile else "innocent", total, counts["block"], counts["challenge"],
            counts["held"], _interval(counts["refused"], total),
        ]  # fmt: skip


if __name__ == "__main__":
    options = arguments(__doc__, worlds=4)
    emit(measure(options.worlds), options.json)

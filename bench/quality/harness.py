"""Worlds of known truth, profiled once and judged many times.

Simulating and profiling a world takes half a minute, judging it a second. So profiles are kept
under bench/data, in a folder named by the sources they come from: a change there starts anew.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from common import DATA, ROOT, data_folder
from stillwatch.config import Config
from stillwatch.detection import judge as judge_module
from stillwatch.detection.exempt import align, exemptions
from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.detection.pooled import WEIGHTS
from stillwatch.evaluation import Judged
from stillwatch.pipeline import summarise
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import SAMPLE
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.phrases import load_families, shipped_rules
from stillwatch.profiles.store import read_profiles, write_profiles
from stillwatch.simulation import SimulationOptions, simulate

FIRST_SEED, FITTING_SEED = 501, 201
"""Worlds that figures are reported on, and worlds that weights are fitted on."""
STANDARD = SimulationOptions(Path(), accounts=6400, days=14, volume=0.3)

WAYS = ("simulated", "absent", "shuffled")
"""What may have become of the request settings; see ``with_settings``."""
_NO_STYLE = 7  # any constant: requests without settings have one style

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """One simulated log, as profiles and truth."""

    name: str
    real: bool
    """Whether its prompts are real ones."""
    account_ids: tuple[str, ...]
    profiles: Profiles
    records: pa.Table
    """Sign-up records in the order of the profiles."""
    labels: pa.Table
    """Truth in the order of the profiles."""
    campaigns: dict[str, dict[str, Any]]
    """Parameters of each campaign, by id."""


def standard(worlds: int, first: int = FIRST_SEED, **changes: Any) -> list[SimulationOptions]:
    """Options of ``worlds`` worlds, every second one with real prompts (where there are any)."""
    data = data_folder()
    return [
        replace(STANDARD, seed=first + i, corpus=data if i % 2 else None, **changes)
        for i in range(worlds)
        if i % 2 == 0 or data
    ]


def load(options: SimulationOptions) -> World:
    """The world of these options, simulated and profiled at the first call."""
    folder = folder_of(options)
    if not (folder / "profiles.parquet").exists():
        made = simulated(options)
        table = summarise([str(made / "events")], Config()).table
        write_profiles(table, folder / "profiles.parquet")
        shutil.rmtree(folder / "world" / "events")
    table = read_profiles(folder / "profiles.parquet")
    made = folder / "world"
    described = json.loads((made / "world.json").read_text(encoding="utf-8"))
    return World(
        folder.name,
        options.corpus is not None,
        tuple(table.account_ids),
        table.profiles,
        align(pq.read_table(made / "accounts.parquet"), table.account_ids),
        align(pq.read_table(made / "labels.parquet"), table.account_ids),
        {campaign["campaign_id"]: campaign for campaign in described["campaigns"]},
    )


def with_settings(world: World, way: str) -> World:
    """A world whose request settings are as ``simulated``, ``absent``, or ``shuffled``.

    Absent: as in a log without those columns. Shuffled: each account has the settings of another,
    drawn at random, so that they say nothing about who works together.
    """
    if way == "simulated":
        return world
    profiles = world.profiles.copy()
    if way == "absent":
        profiles["sample_style"], profiles["sample_system"] = _NO_STYLE, 0
    else:
        lender = np.random.default_rng(0).permutation(profiles.size)
        slots = np.arange(SAMPLE) % np.maximum(sampled(profiles)[lender], 1)[:, None]
        for field in ("sample_style", "sample_system"):
            profiles[field] = profiles[field][lender[:, None], slots]
    return replace(world, profiles=profiles)


def simulated(options: SimulationOptions) -> Path:
    """The world's own folder, written anew with its events."""
    out = folder_of(options) / "world"
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    simulate(replace(options, out=out))
    return out


def folder_of(options: SimulationOptions) -> Path:
    """Where a world of these options is kept."""
    told = repr(replace(options, out=Path()))
    name = f"{options.seed}-{hashlib.sha256(told.encode()).hexdigest()[:10]}"
    return DATA / f"quality-{_sources()}" / name


@cache
def _sources() -> str:
    """Digest of all that decides what a world's profiles are."""
    package = ROOT / "src" / "stillwatch"
    digest = hashlib.sha256()
    for part in ("simulation", "profiles"):
        for source in sorted((package / part).rglob("*.py")):
            digest.update(source.read_bytes())
    for source in sorted((ROOT / "rules" / "phrases").glob("*.yaml")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


@cache
def _families() -> tuple[tuple[str, ...], tuple[str, ...]]:
    families = load_families(shipped_rules() / "phrases")
    tactics = tuple(family.name for family in families if family.kind == "tactic")
    return tuple(family.name for family in families), tactics


def judgement(world: World, fdr: float = 0.05, baseline: Profiles | None = None) -> Judgement:
    """Judge a world as ``stillwatch detect`` does."""
    excused = exemptions(list(world.account_ids), world.records, frozenset())
    return judge(
        world.profiles,
        np.array([why is not None for why in excused], dtype=np.bool_),
        *_families(),
        DetectionOptions(fdr=fdr),
        baseline,
    )


def against_truth(world: World, told: Judgement, fdr: float = 0.05) -> Judged:
    """A judgement beside the labels, without the way over files."""
    labels = world.labels.to_pydict()
    hostile = np.array([label == "distillation" for label in labels["label"]])
    listed = frozenset(str(n) for n in range(len(told.campaigns.members)))
    return Judged(
        score=told.scores,
        p_value=told.p_values,
        flagged=told.flagged,
        events=world.profiles["events"].astype(np.int64),
        reported=tuple(str(n) if n >= 0 else None for n in told.campaign.tolist()),
        hostile=hostile,
        kind=tuple(labels["kind"]),
        campaign=tuple(labels["campaign_id"]),
        attack_share=np.where(hostile, np.array(labels["attack_share"], dtype=float), 0.0),
        missing=0,
        missing_hostile=0,
        unlabelled=0,
        promised_fdr=fdr,
        listed=listed,
    )


@contextmanager
def weighted(weights: dict[str, float]) -> Iterator[None]:
    """Judge with other weights of the facets; no option for it, since only these tables do."""
    kept = dict(WEIGHTS)
    WEIGHTS.update(weights)
    try:
        yield
    finally:
        WEIGHTS.update(kept)


@contextmanager
def without(kinds: list[int]) -> Iterator[None]:
    """Judge without some kinds of account evidence (indices into ``scoring.GROUPS``)."""
    kept = judge_module.score
    judge_module.score = lambda groups: kept(np.delete(groups, kinds, axis=1))
    try:
        yield
    finally:
        judge_module.score = kept

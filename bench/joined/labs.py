"""One simulated world, seen by one lab or cut over three: accounts go to labs at random.

Campaigns are cut like everybody else, and so are users of one framework, classes and sharers of one
viral prompt: natural groups continue at other labs just as jobs do.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from common import data_folder
from quality.harness import STANDARD, World, judgement
from stillwatch.detection.joint import Candidate, Elsewhere, Joined, Part, join
from stillwatch.detection.judge import DetectionOptions, Judgement
from stillwatch.detection.suspects import Suspect, Suspects, suspects_of
from stillwatch.evaluation.report import ENOUGH
from stillwatch.intel.scales import one_digit_up, span
from stillwatch.simulation import SimulationOptions

LABS = 3
FIRST_SEED = 601
ACCOUNTS = 19_200
"""Three labs of 6,400."""
LEAST = DetectionOptions().least_campaign

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def worlds(count: int, first: int = FIRST_SEED, **changes: Any) -> list[SimulationOptions]:
    """Worlds of low-and-slow campaigns of some 25 accounts; every second has real prompts."""
    data = data_folder()
    made = {"accounts": ACCOUNTS, "attack_share": 0.025, "tactics": ("hydra_low_and_slow",)}
    return [
        replace(STANDARD, seed=first + i, corpus=data if i % 2 else None, **(made | changes))
        for i in range(count)
        if i % 2 == 0 or data
    ]


@dataclass(frozen=True)
class Lab:
    """What one lab sees."""

    world: World
    rows: Ints
    """Its accounts' rows in the whole world."""
    fdr: float = 0.05

    @cached_property
    def told(self) -> Judgement:
        return judgement(self.world, self.fdr)

    @cached_property
    def suspects(self) -> Suspects:
        return suspects_of(self.told, self.fdr)

    @property
    def flagged(self) -> Ints:
        """Rows (of the whole world) that its own evidence reports as campaigns."""
        return self.rows[self.told.campaign >= 0]


def cut(world: World, fdr: float = 0.05, labs: int = LABS) -> list[Lab]:
    """Three labs, each with the accounts that a hash of their names gives it."""
    lab = np.array([hashlib.sha256(name.encode()).digest()[0] % labs for name in world.account_ids])
    return [
        Lab(_part(world, np.flatnonzero(lab == n), n), np.flatnonzero(lab == n), fdr)
        for n in range(labs)
    ]


def _part(world: World, rows: Ints, number: int) -> World:
    return replace(
        world,
        name=f"{world.name}-{number}",
        account_ids=tuple(world.account_ids[row] for row in rows.tolist()),
        profiles=world.profiles[rows],
        records=world.records.take(rows),
        labels=world.labels.take(rows),
    )


def elsewhere(own: Suspect, labs: Sequence[Lab], here: Lab) -> tuple[Elsewhere, ...]:
    """What the tags of other labs' groups would open, and what their claims say."""
    found = []
    for number, lab in enumerate(labs):
        if lab is here:
            continue
        for place, other in enumerate(lab.suspects.groups):
            if not other.stands:
                continue
            bands = len(set(own.marks.bands) & set(other.marks.bands))
            prompts = len(set(own.marks.prompts) & set(other.marks.prompts))
            if bands + prompts:
                part = Part(one_digit_up(other.p_value), span(other.accounts.size).low)
                found.append(Elsewhere(str(number), f"{place}", part, bands, prompts))
    return tuple(found)


def joined(here: Lab, labs: Sequence[Lab]) -> tuple[Joined, ...]:
    """What joint evidence says at one lab."""
    candidates = [
        Candidate(
            frozenset(map(str, one.accounts.tolist())), one.p_value, one.campaign >= 0,
            elsewhere(one, labs, here),
        )
        for one in here.suspects.groups
    ]  # fmt: skip
    return join(candidates, here.suspects.tested, here.fdr, LEAST)


def promoted(here: Lab, labs: Sequence[Lab]) -> Ints:
    """Rows (of the whole world) that joint evidence adds."""
    rows = [int(row) for one in joined(here, labs) for row in one.promoted]
    return here.rows[np.array(sorted(rows), dtype=np.int64)]


def truth(world: World) -> tuple[Bools, Bools]:
    """Who is hostile, and who sent enough to be counted."""
    hostile = np.array([label == "distillation" for label in world.labels["label"].to_pylist()])
    return hostile, world.profiles["events"] >= ENOUGH

"""Quick judgements: what a full one would say, at the price of what changed."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from stillwatch.campaigns.carriers import holdings
from stillwatch.config import Config
from stillwatch.detection.frozen import Frozen
from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.detection.near import GROWTH, Near, Seen
from stillwatch.pipeline import summarise
from stillwatch.profiles.merge import Profiles, merge, take
from stillwatch.profiles.table import ProfileTable
from stillwatch.simulation.interface import SimulationOptions
from stillwatch.simulation.world import simulate

OPTIONS = DetectionOptions()
Ids = frozenset[str]


@dataclass
class Crowd:
    """The accounts of a table, and what was asked of them."""

    table: ProfileTable
    asked: set[str] = field(default_factory=set)
    searches: int = 0

    def current(self, account_ids: Sequence[str]) -> Profiles:
        self.asked |= set(account_ids)
        rows = {name: row for row, name in enumerate(self.table.account_ids)}
        return take(self.table.profiles, np.array([rows[one] for one in account_ids], np.int64))

    def holding(
        self, keys: npt.NDArray[np.uint32]
    ) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        self.searches += 1
        everybody = np.ones(len(self.table), dtype=np.bool_)
        return self.table.account_ids, *holdings(self.table.profiles, keys, everybody)


@dataclass
class World:
    """A simulated log, judged in full."""

    table: ProfileTable
    families: tuple[str, ...]
    tactics: tuple[str, ...]
    judgement: Judgement

    @property
    def ids(self) -> list[str]:
        return self.table.account_ids

    def judged(self, table: ProfileTable) -> Judgement:
        exempt = np.zeros(len(table), dtype=np.bool_)
        return judge(table.profiles, exempt, self.families, self.tactics, OPTIONS)

    def near(self, crowd: Crowd, table: ProfileTable | None = None) -> Near:
        """By the statistics of a table, of the whole one unless said otherwise."""
        chosen = self.table if table is None else table
        judgement = self.judgement if table is None else self.judged(chosen)
        exempt = np.zeros(len(chosen), dtype=np.bool_)
        frozen = Frozen.of(judgement, chosen.profiles, chosen.account_ids, exempt, OPTIONS)
        return Near(frozen, crowd, nobody)


def nobody(account_ids: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.zeros(len(account_ids), dtype=np.bool_)


def campaigns(judgement: Judgement, ids: Sequence[str]) -> set[Ids]:
    return {
        frozenset(ids[row] for row in members.tolist()) for members in judgement.campaigns.members
    }


def flagged(judgement: Judgement, ids: Sequence[str]) -> set[str]:
    return {ids[row] for row in np.flatnonzero(judgement.flagged).tolist()}


def of(seen: Seen) -> tuple[set[Ids], set[str]]:
    return campaigns(seen.judgement, seen.account_ids), flagged(seen.judgement, seen.account_ids)


def without(table: ProfileTable, ids: set[str]) -> ProfileTable:
    """The table before these accounts came."""
    rest = ProfileTable(table.families)
    rows = [row for row, name in enumerate(table.account_ids) if name not in ids]
    part = ProfileTable(table.families)
    part.account_ids = [table.account_ids[row] for row in rows]
    chosen = take(table.profiles, np.array(rows, np.int64))
    at = rest.rows(pa.array(part.account_ids, pa.string()))
    merge(rest.profiles, at, chosen)
    rest.model_names |= table.model_names
    return rest


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("near") / "world"
    simulate(SimulationOptions(out=folder, accounts=1200, days=3, seed=7))
    files = sorted(map(str, (folder / "events").glob("*.parquet")))
    read = summarise(files, Config(workers=1))
    families = tuple(one.name for one in read.families)
    tactics = tuple(one.name for one in read.families if one.kind == "tactic")
    found = World(read.table, families, tactics, None)  # type: ignore[arg-type]
    found.judgement = found.judged(read.table)
    assert len(found.judgement.campaigns.members) >= 3
    return found


def test_of_everybody_it_says_what_the_full_one_says(world: World) -> None:
    near = world.near(Crowd(world.table))
    for _ in range(2):
        found, accounts = of(near.look(world.ids))
        assert found == campaigns(world.judgement, world.ids)
        assert accounts == flagged(world.judgement, world.ids)
    assert near.slack == 1.0


def test_of_one_account_it_says_what_the_full_one_says_of_what_it_touches(world: World) -> None:
    near = world.near(Crowd(world.table))
    whole = campaigns(world.judgement, world.ids)
    for members in whole:
        seen = near.look([min(members)])
        found, accounts = of(seen)
        assert members in found
        assert found <= whole
        assert accounts <= flagged(world.judgement, world.ids)
        assert seen.scored == 1


def test_p_values_and_scores_of_a_campaign_are_those_of_the_full_one(world: World) -> None:
    seen = world.near(Crowd(world.table)).look(world.ids)
    ours, theirs = seen.judgement, world.judgement
    assert seen.account_ids == world.ids
    np.testing.assert_allclose(ours.p_values, theirs.p_values, rtol=1e-9)
    order = [sorted(map(len, one.campaigns.members)) for one in (ours, theirs)]
    assert order[0] == order[1]
    np.testing.assert_allclose(
        ours.campaigns.test.p_values, theirs.campaigns.test.p_values, rtol=1e-9
    )


def carried(world: World) -> dict[str, set[int]]:
    """The scaffolds that accounts carry, by the full judgement."""
    groups = world.judgement.groups
    assert groups.wording is not None
    found: dict[str, set[int]] = {name: set() for name in world.ids}
    for row, label in zip(groups.streams.owner, groups.wording.scaffold, strict=True):
        found[world.ids[row]].add(int(label))
    return found


def test_only_what_changed_is_scored_and_only_what_it_touches_looked_at(world: World) -> None:
    scaffolds = carried(world)
    for members in campaigns(world.judgement, world.ids):
        crowd = Crowd(world.table)
        one = min(members)
        seen = world.near(crowd).look([one])
        assert seen.scored == 1
        assert crowd.asked == set(seen.account_ids)
        assert members <= crowd.asked
        assert all(scaffolds[name] & scaffolds[one] for name in crowd.asked)
        assert not crowd.searches
        scored = ~np.isnan(seen.judgement.below).all(axis=1)
        told = {seen.account_ids[row] for row in np.flatnonzero(scored).tolist()}
        assert told <= {one} | flagged(seen.judgement, seen.account_ids)


def test_who_touches_nothing_that_may_be_a_campaign_is_looked_at_alone(world: World) -> None:
    """One account more or less makes no job of a natural group."""
    scaffolds = carried(world)
    sizes = Counter(label for labels in scaffolds.values() for label in labels)
    test = world.judgement.yardstick.test(world.judgement.groups.figures)
    assert world.judgement.groups.wording is not None
    named = world.judgement.groups.wording.scaffold
    near = {
        int(named[group[0]])
        for group, p in zip(world.judgement.groups.proposed, test.p_values, strict=True)
        if p <= 0.1
    }
    hostile = flagged(world.judgement, world.ids)
    alone = [
        name
        for name, labels in scaffolds.items()
        if labels
        and not labels & near
        and all(sizes[label] > 10 for label in labels)
        and name not in hostile
    ]
    crowd = Crowd(world.table)
    seen = world.near(crowd).look(alone[:1])
    assert crowd.asked == set(alone[:1])
    assert (seen.scored, seen.groups) == (1, 0)


def test_a_campaign_that_begins_is_found_without_a_full_judgement(world: World) -> None:
    """The largest campaigns are new; each comes in two halves, as it would in a log."""
    whole = sorted(campaigns(world.judgement, world.ids), key=len)
    found_of = list[float]()
    for members in whole[-2:]:
        crowd = Crowd(world.table)
        near = world.near(crowd, without(world.table, set(members)))
        ordered = sorted(members)
        near.look(ordered[::2])
        found, accounts = of(near.look(ordered[1::2]))
        assert near.slack > 1.0
        assert accounts <= flagged(world.judgement, world.ids)
        found_of.append(max((len(one & members) / len(members) for one in found), default=0.0))
        assert crowd.searches
    assert min(found_of) >= 0.8


def test_statistics_become_too_old_as_the_window_grows(world: World) -> None:
    half = set(world.ids[::2])
    near = world.near(Crowd(world.table), without(world.table, half))
    assert near.slack == 1.0
    assert not near.stale
    before = near.events
    near.look(sorted(half)[:10])
    grown = near.events / before - 1
    assert grown > 0
    assert near.slack == pytest.approx(1 + grown / GROWTH)
    near.look(sorted(half))
    assert near.stale


def test_p_values_are_taken_times_the_slack(world: World) -> None:
    some = set(world.ids[::10])
    table = without(world.table, some)
    near = world.near(Crowd(world.table), table)
    seen = near.look(sorted(some))
    assert 1.0 < near.slack < 2.0
    own = seen.judgement.alone.measured(seen.profiles)
    row = [seen.account_ids.index(name) for name in sorted(some)]
    alone = [r for r in row if seen.judgement.campaign[r] < 0]
    np.testing.assert_allclose(
        seen.judgement.p_values[alone], np.minimum(1.0, near.slack * own.p_values[alone])
    )

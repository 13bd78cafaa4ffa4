"""Quick judgements of a watcher: what comes is decided long before the next full judgement."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from stillwatch.config import Config
from stillwatch.pipeline import detect
from stillwatch.simulation.interface import SimulationOptions
from stillwatch.simulation.world import simulate
from stillwatch.store import decisions
from stillwatch.store.database import Store
from stillwatch.watch.acting import Acting
from stillwatch.watch.service import Pace
from tests.watching import Told, prepared

NOW = datetime(2026, 3, 20, tzinfo=UTC).timestamp()
NEVER = 1e-9
"""Share of the time in which no second full judgement comes."""


class Steps(Told):
    """Does something when something happens, one step after the other; then stops."""

    def __init__(self, *steps: tuple[Callable[[str, dict[str, Any]], bool], Callable[[], None]]):
        super().__init__()
        self._steps = list(steps)

    def __call__(self, what: str, figures: dict[str, Any]) -> None:
        super().__call__(what, figures)
        if self._steps and self._steps[0][0](what, figures):
            self._steps.pop(0)[1]()
            if not self._steps:
                self.stop.set()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quick") / "world"
    simulate(SimulationOptions(out=folder, accounts=1200, days=3, seed=7))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'share.db'}")
    yield opened
    opened.close()


def members(world: Path, tmp_path: Path) -> list[str]:
    """The accounts of the largest campaign that a full judgement finds."""
    result = detect([str(world / "events")], tmp_path / "detected", Config(workers=1))
    return list(map(str, max(result.campaigns, key=lambda one: len(one.accounts)).accounts))


def split(world: Path, ids: list[str], logs: Path) -> pa.Table:
    """A log without these accounts; their requests."""
    table = pa.concat_tables(
        pq.read_table(file) for file in sorted((world / "events").glob("*.parquet"))
    )
    inside = pc.is_in(table["account_id"], value_set=pa.array(ids))
    logs.mkdir()
    pq.write_table(table.filter(pc.invert(inside)), logs / "day-1.parquet")
    return table.filter(inside)


def test_a_campaign_that_begins_is_decided_before_the_next_full_judgement(
    world: Path, tmp_path: Path, store: Store
) -> None:
    ids = members(world, tmp_path)
    logs = tmp_path / "logs"
    theirs = split(world, ids, logs)
    rest = sum(pq.read_metadata(file).num_rows for file in logs.iterdir())

    def begin() -> None:
        watching.judging.share = NEVER
        told.said.clear()
        pq.write_table(theirs, logs / "day-2.parquet")

    told = Steps(
        (lambda what, said: what == "judged" and said["events"] == rest, begin),
        (lambda what, said: what == "looked" and said["campaigns"] > 0, lambda: None),
    )
    act = Acting(store, None, "00ff00ff00ff00ff", clock=lambda: NOW)
    watching = prepared(
        [logs], tmp_path / "state", told, act=act, pace=Pace(0.05), days=60,
        accounts=world / "accounts.parquet",
    )  # fmt: skip
    watching.run(told.stop)
    assert "judged" not in told.names
    assert told.last("looked")["accounts"] == len(ids)  # nobody else was scored
    with store.begin() as connection:
        kept = decisions.listed(connection, limit=1000)
    quick = [one.decision for one in kept if "Quick judgement by" in one.decision.reason]
    named = {account for one in quick for account in (*one.members, one.subject.value)}
    assert len(named & set(ids)) >= 0.8 * len(ids)


def test_statistics_that_are_too_old_force_a_full_judgement(world: Path, tmp_path: Path) -> None:
    table = pa.concat_tables(
        pq.read_table(file) for file in sorted((world / "events").glob("*.parquet"))
    ).slice(0, 20_000)
    half, logs = table.num_rows // 2, tmp_path / "logs"
    logs.mkdir()
    pq.write_table(table.slice(0, half), logs / "day-1.parquet")

    def both(*_: object) -> bool:
        """Judged quickly and in full, whichever was told first."""
        whole = [s for what, s in told.said if what == "judged" and s["events"] == table.num_rows]
        return bool(whole) and "looked" in told.names

    told = Steps(
        (
            lambda what, said: what == "judged" and said["events"] == half,
            lambda: pq.write_table(table.slice(half), logs / "day-2.parquet"),
        ),
        (both, lambda: None),
    )
    watching = prepared([logs], tmp_path / "state", told, pace=Pace(0.05), days=60)
    watching.run(told.stop)
    looked = [said for what, said in told.said if what == "looked"]
    old = [one for one in looked if one["waits"] == ["the statistics are too old"]]
    assert old
    assert not any(one["flagged"] or one["campaigns"] or one["decided"] for one in old)

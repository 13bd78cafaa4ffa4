"""What a judgement finds becomes decisions, once; a campaign that grows is the same decision."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from stillwatch.simulation.interface import SimulationOptions
from stillwatch.simulation.world import simulate
from stillwatch.store import decisions
from stillwatch.store.database import Store
from stillwatch.watch.acting import Acting
from tests.watching import Told, prepared

NOW = datetime(2026, 3, 20, tzinfo=UTC).timestamp()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Campaigns that a judgement finds."""
    folder = tmp_path_factory.mktemp("acting") / "world"
    simulate(SimulationOptions(out=folder, accounts=1200, days=4, seed=7))
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'share.db'}")
    yield opened
    opened.close()


def standing(store: Store) -> dict[str, tuple[str, frozenset[str]]]:
    """Decisions by the campaign or account that they are about: state and members."""
    with store.begin() as connection:
        kept = decisions.listed(connection, limit=1000)
    return {
        one.decision.subject.value: (str(one.state), frozenset(one.decision.members))
        for one in kept
    }


def watch(world: Path, days: int, tmp_path: Path, act: Acting) -> Told:
    """Watch the first days of a world."""
    logs = tmp_path / "logs"
    logs.mkdir(exist_ok=True)
    for file in sorted((world / "events").glob("*.parquet"))[:days]:
        if not (logs / file.name).exists():
            (logs / file.name).write_bytes(file.read_bytes())
    told = Told()
    watching = prepared(
        [logs], tmp_path / "state", told, act=act, accounts=world / "accounts.parquet"
    )
    watching.run(told.stop)
    return told


def acting(store: Store, **more: object) -> Acting:
    return Acting(store, None, "00ff00ff00ff00ff", clock=lambda: NOW, **more)  # type: ignore[arg-type]


def test_a_restart_judges_again_and_doubles_nothing(
    world: Path, tmp_path: Path, store: Store
) -> None:
    first = watch(world, 3, tmp_path, acting(store)).last("judged")
    assert first["campaigns"] >= 2
    assert first["decided"].get("made", 0) + first["decided"].get("held", 0) >= 2
    before = standing(store)
    with store.begin() as connection:
        newest = decisions.newest(connection)
    again = watch(world, 3, tmp_path, acting(store)).last("judged")["decided"]
    assert standing(store) == before
    assert not {"made", "held", "renewed", "grown"} & again.keys()
    with store.begin() as connection:
        assert decisions.newest(connection) == newest  # gateways hear nothing


def test_a_campaign_that_grows_is_the_same_decision(
    world: Path, tmp_path: Path, store: Store
) -> None:
    watch(world, 2, tmp_path, acting(store))
    before = standing(store)
    watch(world, 4, tmp_path, acting(store))
    after = standing(store)
    shared = [name for name in before if before[name][1] and name in after]
    assert shared
    assert any(after[name][1] > before[name][1] for name in shared)


@pytest.mark.parametrize("kind", ["shadow", "dry_run"])
def test_shadow_and_dry_run_touch_nobody(
    world: Path, tmp_path: Path, store: Store, kind: str
) -> None:
    told = watch(world, 3, tmp_path, acting(store, **{kind: True}))
    assert told.last("judged")["decided"]
    with store.begin() as connection:
        kept = decisions.listed(connection, limit=1000)
    assert all(one.decision.shadow for one in kept)
    assert bool(kept) == (kind == "shadow")


def test_a_store_that_is_down_is_told_and_caught_up_with(
    world: Path, tmp_path: Path, store: Store
) -> None:
    with store.begin() as connection:
        connection.execute(text("ALTER TABLE decisions RENAME TO away"))
    told = watch(world, 3, tmp_path, acting(store))
    assert "failed" in told.last("judged")["failed"]
    assert told.last("ended")["read"] > 0
    with store.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO decisions"))
    assert watch(world, 3, tmp_path, acting(store)).last("judged")["decided"]
    assert standing(store)


def test_a_broken_policy_leaves_the_one_before_in_use(
    world: Path, tmp_path: Path, store: Store
) -> None:
    source = Path(__file__).parents[3] / "rules" / "decisions" / "cautious.yaml"
    policy = tmp_path / "cautious.yaml"
    policy.write_bytes(source.read_bytes())
    act = Acting(store, policy, "00ff00ff00ff00ff", clock=lambda: NOW)
    policy.write_text("rules: [")
    judged = watch(world, 3, tmp_path, act).last("judged")
    assert "the policy before stays in use" in judged["failed"]
    assert judged["decided"]


def test_an_account_that_no_decision_can_name_is_counted(
    world: Path, tmp_path: Path, store: Store
) -> None:
    odd = tmp_path / "odd" / "events"
    odd.mkdir(parents=True)
    for file in sorted((world / "events").glob("*.parquet"))[:3]:
        table = pq.read_table(file)
        ids = [f"{name}\x01" for name in table.column("account_id").to_pylist()]
        at = table.schema.get_field_index("account_id")
        pq.write_table(table.set_column(at, "account_id", pa.array(ids)), odd / file.name)
    told = Told()
    prepared([odd], tmp_path / "state", told, act=acting(store)).run(told.stop)
    assert told.last("judged")["decided"]["unusable"] > 0
    assert not standing(store)

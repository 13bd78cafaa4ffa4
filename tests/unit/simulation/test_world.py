"""A world as its reader sees it: files, truth, order, repeatability."""

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import ConfigError, InputError
from stillwatch.logs.schema import ACCOUNTS_SCHEMA, EVENTS_SCHEMA, LABELS_SCHEMA
from stillwatch.simulation import POPULATIONS, TACTICS, SimulationOptions, WorldSummary, simulate

OPTIONS = {"accounts": 400, "days": 4, "seed": 3}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    out = tmp_path_factory.mktemp("world") / "w"
    return out, simulate(SimulationOptions(out, **OPTIONS))


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_equal_seeds_give_equal_bytes_and_others_do_not(
    tmp_path: Path, world: tuple[Path, WorldSummary]
) -> None:
    simulate(SimulationOptions(tmp_path / "again", **OPTIONS))
    assert _digest(tmp_path / "again") == _digest(world[0])
    simulate(SimulationOptions(tmp_path / "other", **{**OPTIONS, "seed": 4}))
    assert not set(_digest(tmp_path / "other").values()) & set(_digest(world[0]).values())


def test_files_carry_the_canonical_schemas(world: tuple[Path, WorldSummary]) -> None:
    out, _ = world
    days = sorted(out.glob("events/day=*.parquet"))
    assert [path.stem for path in days] == [f"day=2026-03-0{n}" for n in range(2, 6)]
    assert all(pq.read_schema(path).remove_metadata() == EVENTS_SCHEMA for path in days)
    assert pq.read_schema(out / "accounts.parquet").remove_metadata() == ACCOUNTS_SCHEMA
    assert pq.read_schema(out / "labels.parquet").remove_metadata() == LABELS_SCHEMA


def test_days_are_complete_and_in_order(world: tuple[Path, WorldSummary]) -> None:
    for path in world[0].glob("events/day=*.parquet"):
        times = pl.read_parquet(path)["timestamp"]
        assert times.is_sorted()
        assert times.dt.date().unique().to_list() == [date.fromisoformat(path.stem[4:])]


def test_required_columns_have_no_nulls_and_ids_are_unique(
    world: tuple[Path, WorldSummary],
) -> None:
    out, summary = world
    events = pl.read_parquet(out / "events" / "*.parquet", hive_partitioning=False)
    assert events.height == summary.events
    required = events.select("event_id", "timestamp", "account_id", "model", "prompt")
    assert sum(required.null_count().row(0)) == 0
    assert events["event_id"].n_unique() == events.height
    assert (events["prompt"].str.len_bytes() > 0).all()


def test_truth_counts_the_requests_that_were_written(world: tuple[Path, WorldSummary]) -> None:
    out, summary = world
    events = pl.read_parquet(out / "events" / "*.parquet").group_by("account_id").len()
    labels = pl.read_parquet(out / "labels.parquet").join(events, "account_id")
    attack = (labels["attack_share"] * labels["len"]).sum()
    assert attack == pytest.approx(summary.attack_events, rel=1e-4)
    innocent = labels.filter(pl.col("label") == "benign")
    assert innocent["attack_share"].max() == 0
    assert innocent["campaign_id"].null_count() == innocent.height
    hostile = labels.filter(pl.col("label") == "distillation")
    assert hostile["campaign_id"].null_count() == 0
    assert set(hostile["kind"]) <= {tactic.name for tactic in TACTICS}
    assert set(innocent["kind"]) <= {population.name for population in POPULATIONS}


def test_attacks_are_events_and_add_up_to_the_labels(world: tuple[Path, WorldSummary]) -> None:
    out, summary = world
    attacks = pl.read_parquet(out / "attacks.parquet")
    assert attacks.height == summary.attack_events
    assert not attacks["event_id"].is_duplicated().any()
    events = pl.read_parquet(out / "events" / "*.parquet", hive_partitioning=False)
    day = events.select("event_id", "account_id", day=pl.col("timestamp").dt.date())
    assert day.join(attacks, ["event_id", "account_id", "day"]).height == attacks.height
    labels = pl.read_parquet(out / "labels.parquet")
    share = (
        events.join(attacks.select("event_id", hit=pl.lit(1)), "event_id", how="left")
        .group_by("account_id").agg(share=pl.col("hit").fill_null(0).mean())
        .join(labels, "account_id")
    )  # fmt: skip
    assert (share["share"] - share["attack_share"]).abs().max() < 1e-6


def test_the_number_of_campaigns_can_be_asked_for(tmp_path: Path) -> None:
    for campaigns in (1, 3):
        options = SimulationOptions(tmp_path / str(campaigns), campaigns=campaigns, **OPTIONS)
        summary = simulate(options)
        assert (summary.campaigns, summary.hostile_accounts) == (campaigns, 30)


def test_hostile_share_and_every_population_are_there(world: tuple[Path, WorldSummary]) -> None:
    out, summary = world
    labels = pl.read_parquet(out / "labels.parquet")
    assert labels.height == 400
    assert labels["account_id"].n_unique() == 400
    assert (labels["label"] == "distillation").sum() == summary.hostile_accounts == 30
    kinds = set(labels.filter(pl.col("label") == "benign")["kind"])
    assert kinds == {population.name for population in POPULATIONS}


def test_every_tactic_can_be_asked_for(tmp_path: Path) -> None:
    for tactic in TACTICS:
        out = tmp_path / tactic.name
        simulate(
            SimulationOptions(out, accounts=80, days=1, tactics=(tactic.name,), attack_share=0.2)
        )
        labels = pl.read_parquet(out / "labels.parquet")
        assert set(labels.filter(pl.col("label") == "distillation")["kind"]) == {tactic.name}


def test_two_seeds_cover_all_tactics(tmp_path: Path) -> None:
    seen: set[str] = set()
    for seed in (1, 2):
        simulate(SimulationOptions(tmp_path / str(seed), seed=seed, days=1, volume=0.05))
        campaigns = orjson.loads((tmp_path / str(seed) / "world.json").read_bytes())["campaigns"]
        assert all(20 <= campaign["accounts"] <= 150 for campaign in campaigns)
        seen |= {campaign["tactic"] for campaign in campaigns}
    assert seen == {tactic.name for tactic in TACTICS}


def test_accounts_of_a_job_divide_its_prompts(tmp_path: Path) -> None:
    """Beyond retries, no two accounts of a campaign send the same prompt."""
    options = SimulationOptions(
        tmp_path / "w", accounts=200, days=5, tactics=("infrastructure_burst",), attack_share=0.2
    )
    simulate(options)
    labels = pl.read_parquet(tmp_path / "w" / "labels.parquet")
    events = pl.read_parquet(tmp_path / "w" / "events" / "*.parquet").join(labels, "account_id")
    job = events.filter(pl.col("attack_share") > 0.9).group_by("prompt")
    shared = job.agg(pl.col("account_id").n_unique().alias("n"))
    assert shared.height > 500
    assert (shared["n"] > 1).mean() < 0.05


def test_successors_open_after_the_ban_they_replace(tmp_path: Path) -> None:
    out = tmp_path / "w"
    simulate(
        SimulationOptions(out, accounts=300, days=10, tactics=("ban_evasion",), attack_share=0.1)
    )
    labels = pl.read_parquet(out / "labels.parquet").filter(pl.col("label") == "distillation")
    accounts = pl.read_parquet(out / "accounts.parquet").join(labels, "account_id")
    events = pl.read_parquet(out / "events" / "*.parquet").join(accounts, "account_id")
    banned = accounts.filter(pl.col("status") == "banned")
    assert banned.height >= 10
    assert banned["banned_at"].null_count() == 0
    assert (
        events.filter(pl.col("status") == "banned")["timestamp"].dt.date()
        <= events.filter(pl.col("status") == "banned")["banned_at"].dt.date()
    ).all()
    first_day = pl.datetime(2026, 3, 2, time_zone="UTC")
    young = accounts.filter(pl.col("created_at") > first_day)
    assert young.height >= 10
    assert banned["banned_at"].min() <= young["created_at"].min()


def test_the_new_model_appears_at_its_release(world: tuple[Path, WorldSummary]) -> None:
    out, _ = world
    release = orjson.loads((out / "world.json").read_bytes())["release_day"]
    events = pl.read_parquet(out / "events" / "*.parquet")
    start = np.datetime64("2026-03-02", "us")
    first = (
        events.filter(pl.col("model") == "aster-3")["timestamp"].dt.replace_time_zone(None).min()
    )
    assert np.datetime64(first, "us") - start >= np.timedelta64(int(release * 86_400e6) - 1, "us")


def test_gaps_do_not_depend_on_the_class(world: tuple[Path, WorldSummary]) -> None:
    out, _ = world
    labels = pl.read_parquet(out / "labels.parquet")
    accounts = pl.read_parquet(out / "accounts.parquet").join(labels, "account_id")
    hostile = accounts["label"] == "distillation"
    for column in ("email", "phone", "payment_fingerprint", "device_fingerprint", "signup_ip"):
        gaps = accounts[column].is_null()
        share = gaps.mean()
        assert 0 < share < 1
        spread = (share * (1 - share) / hostile.sum()) ** 0.5
        assert abs(gaps.filter(hostile).mean() - gaps.filter(~hostile).mean()) < 4 * spread


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"accounts": 3}, "accounts"),
        ({"days": 0}, "days"),
        ({"attack_share": 0.9}, "attack_share"),
        ({"volume": 0.0}, "volume"),
        ({"cover": 0.99}, "cover"),
        ({"noise": -0.1}, "noise"),
        ({"tactics": ("trace_elicitatoin",)}, "trace_elicitatoin"),
    ],
)
def test_impossible_options_are_refused(
    tmp_path: Path, change: dict[str, object], word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        simulate(SimulationOptions(tmp_path / "w", **{**OPTIONS, **change}))  # type: ignore[arg-type]
    assert not (tmp_path / "w").exists()


def test_a_directory_in_use_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(InputError, match="not an empty directory"):
        simulate(SimulationOptions(tmp_path, **OPTIONS))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


def test_a_world_without_campaigns_is_possible(tmp_path: Path) -> None:
    summary = simulate(SimulationOptions(tmp_path / "w", accounts=60, days=1, attack_share=0))
    assert summary.campaigns == summary.attack_events == summary.hostile_accounts == 0
    assert set(pl.read_parquet(tmp_path / "w" / "labels.parquet")["label"]) == {"benign"}


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    def stop(day: int, _events: int) -> None:
        if day == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(SimulationOptions(tmp_path / "w", **OPTIONS), stop)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_days(tmp_path: Path) -> None:
    held: list[int] = []
    options = SimulationOptions(tmp_path / "w", accounts=200, days=15, volume=0.5)
    simulate(options, lambda _day, _events: held.append(pa.total_allocated_bytes()))
    assert max(held[10:]) < 1.3 * max(held[1:5])


def test_cover_can_be_fixed_and_is_realised(tmp_path: Path) -> None:
    shares = []
    for cover in (0.2, 0.8):
        out = tmp_path / str(cover)
        summary = simulate(
            SimulationOptions(
                out,
                accounts=300,
                days=8,
                tactics=("seed_task_sweep",),
                cover=cover,
                attack_share=0.2,
            )
        )
        campaigns = orjson.loads((out / "world.json").read_bytes())["campaigns"]
        running = [c for c in campaigns if c["starts_on_day"] <= 0]
        shares.append(sum(c["attack_events"] for c in running) / sum(c["events"] for c in running))
        assert summary.campaigns == len(campaigns)
    assert shares[0] == pytest.approx(0.8, abs=0.2)
    assert shares[1] == pytest.approx(0.2, abs=0.15)


def test_campaigns_that_wrap_seeds_have_a_scaffold(tmp_path: Path) -> None:
    for tactic in ("trace_elicitation", "rubric_grader", "sensitive_rewrite"):
        out = tmp_path / tactic
        simulate(SimulationOptions(out, days=1, volume=0.01, tactics=(tactic,)))
        for campaign in orjson.loads((out / "world.json").read_bytes())["campaigns"]:
            assert len(campaign["scaffold_head"] + campaign["scaffold_tail"]) >= 15

"""How innocents and campaigns hold to their request settings."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stillwatch.errors import ConfigError
from stillwatch.simulation import SimulationOptions, simulate
from stillwatch.simulation.interface import ACCOUNT
from stillwatch.simulation.keys import fresh
from stillwatch.simulation.populations import NAMES
from stillwatch.simulation.settings import WAYS, ordinary_styles

STYLE = ("max_tokens", "temperature", "top_p", "stream", "response_format")


def _job(tmp_path: Path, way: str) -> pl.DataFrame:
    """First turns of the accounts of a campaign that does nothing but its job."""
    options = SimulationOptions(
        tmp_path / way,
        accounts=200,
        days=2,
        seed=5,
        attack_share=0.25,
        campaigns=1,
        cover=0.0,
        settings=way,
    )
    simulate(options)
    events = pl.read_parquet(options.out / "events" / "*.parquet", hive_partitioning=False)
    labels = pl.read_parquet(options.out / "labels.parquet").filter(pl.col("attack_share") > 0.99)
    return events.join(labels.select("account_id"), "account_id").with_columns(
        style=pl.concat_str(pl.col(STYLE).cast(pl.String).fill_null("-"), separator=" ")
    )


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    folder = tmp_path_factory.mktemp("ways")
    return {way: _job(folder, way) for way in WAYS}


def _habits(job: pl.DataFrame) -> pl.Series:
    """The most frequent style of each account."""
    return job.group_by("account_id").agg(pl.col("style").mode().sort().first())["style"]


def test_one_tool_gives_most_accounts_one_style(jobs: dict[str, pl.DataFrame]) -> None:
    assert _habits(jobs["one"]).value_counts()["count"].max() > 0.5 * _habits(jobs["one"]).len()
    assert _habits(jobs["default"]).n_unique() <= 2


def test_few_styles_lie_between_one_and_an_own_one_each(jobs: dict[str, pl.DataFrame]) -> None:
    assert _habits(jobs["few"]).n_unique() < _habits(jobs["account"]).n_unique()


def test_requests_of_one_account_vary_where_settings_are_lent(
    jobs: dict[str, pl.DataFrame],
) -> None:
    def styles(way: str) -> float:
        return float(
            jobs[way].group_by("account_id").agg(pl.col("style").n_unique())["style"].mean()
        )

    assert styles("request") > 1.5 * styles("account")


def test_innocents_share_the_defaults_of_their_library() -> None:
    rng = np.random.default_rng(3)
    accounts = np.zeros(6000, dtype=ACCOUNT)
    accounts["key"] = fresh(rng, len(accounts))
    accounts["kind"] = np.arange(len(accounts)) % len(NAMES)
    styles = ordinary_styles(rng, accounts)
    limited = styles["max_tokens_p"] > 0
    shared = [
        np.unique(styles[["max_tokens", "temperature", "stream"]][accounts["kind"] == kind],
                  return_counts=True)[1].max() / (accounts["kind"] == kind).sum()
        for kind in NAMES.values()
    ]  # fmt: skip
    assert 0.2 < np.median(shared) < 0.7
    assert max(shared) - min(shared) > 0.3
    assert 0.2 < limited.mean() < 0.8


def test_an_unknown_way_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no way 'odd'"):
        simulate(SimulationOptions(tmp_path, settings="odd"))

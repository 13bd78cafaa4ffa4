"""No obvious single signal may tell hostile from innocent accounts in a simulated world."""

from pathlib import Path

import polars as pl
import pytest

from stillwatch.evaluation.metrics import roc_auc
from stillwatch.simulation import SimulationOptions, simulate
from tests.unit.simulation.signals import signals


@pytest.mark.parametrize("seed", [1, 2])
def test_no_single_signal_separates_the_classes(tmp_path: Path, seed: int) -> None:
    simulate(SimulationOptions(tmp_path / "w", seed=seed, accounts=1500, days=7))
    table = signals(tmp_path / "w")
    hostile = table["hostile"].to_numpy()
    assert 60 < hostile.sum() < 200
    areas = {}
    for name in table.columns:
        if name == "hostile":
            continue
        values = table[name].cast(pl.Float64).fill_nan(None)
        area = roc_auc(values.fill_null(values.median()).to_numpy(), hostile)
        areas[name] = max(area, 1 - area)
    assert len(areas) >= 60
    assert max(areas.values()) < 0.9, sorted(areas.items(), key=lambda item: -item[1])[:5]
    # The measure itself must see a difference, or the limit above would mean nothing.
    assert roc_auc(hostile.astype(float), hostile) == 1.0

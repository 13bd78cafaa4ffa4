"""Are p-values what they say? Logs without any campaign, so that every null hypothesis is true.

Accounts: as reported, of those with at least 20 requests. Groups: all proposed ones, which overlap, so
the intervals are too narrow for them. "Own log" means that the log calibrates itself; "baseline" that
another log without campaigns does.

    cd bench && python -m quality.calibration [--worlds 4] [--json]
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from common import arguments, emit
from quality.harness import World, judgement, load, standard
from quality.pooling import rate
from stillwatch.detection.judge import Judgement
from stillwatch.detection.pooled import Yardstick
from stillwatch.evaluation.metrics import ks_uniform
from stillwatch.evaluation.report import ENOUGH

Floats = npt.NDArray[np.float64]

HEAD = (
    "p-values of", "against", "n", "p < 0.01", "p < 0.05", "p < 0.1", "KS distance from uniform",
    "tenths of [0, 1], lowest first",
)  # fmt: skip
_BARS = "▁▂▃▄▅▆▇█"


def measure(worlds: int) -> dict[str, Any]:
    """Both tables."""
    loaded = [load(options) for options in standard(worlds, attack_share=0.0)]
    alone = [judgement(world) for world in loaded]
    # the baseline is the next world of the same prompts, where there are two
    step = 2 if len(loaded) > 2 else 1
    partner = [(i + step) % len(loaded) for i in range(len(loaded))]
    guided = [
        judgement(world, baseline=loaded[other].profiles)
        for world, other in zip(loaded, partner, strict=True)
    ]
    figures = [told.groups.figures for told in alone]
    own = [Yardstick.learn(f).test(f).p_values for f in figures]
    other = [
        Yardstick.learn(figures[b]).test(f).p_values for f, b in zip(figures, partner, strict=True)
    ]
    rows = [
        _row("accounts", "own log", _accounts(loaded, alone)),
        _row("accounts", "baseline", _accounts(loaded, guided)),
        _row("groups", "own log", np.concatenate(own)),
        _row("groups", "baseline", np.concatenate(other)),
    ]
    reported = [
        _alarms(world, told, against)
        for against, run in (("own log", alone), ("baseline", guided))
        for world, told in zip(loaded, run, strict=True)
    ]
    return {
        "tables": [
            {"title": "p-values where nobody is guilty", "head": HEAD, "rows": rows},
            {
                "title": "What is reported where nobody is guilty (promised FDR 5 %)",
                "head": ("world", "prompts", "against", "groups proposed", "campaigns reported",
                         "of 20 accounts or more", "accounts flagged"),
                "rows": reported,
            },
        ]
    }  # fmt: skip


def _accounts(worlds: list[World], told: list[Judgement]) -> Floats:
    return np.concatenate(
        [
            one.p_values[world.profiles["events"] >= ENOUGH]
            for world, one in zip(worlds, told, strict=True)
        ]
    )


def _row(what: str, against: str, p_values: Floats) -> list[Any]:
    n = p_values.size
    below = [rate(int((p_values < level).sum()), n) for level in (0.01, 0.05, 0.1)]
    return [what, against, n, *below, round(ks_uniform(p_values)[0], 3), histogram(p_values)]


def histogram(p_values: Floats) -> str:
    """Ten bars, of which the tallest is full."""
    counts = np.histogram(p_values, bins=10, range=(0, 1))[0]
    level = np.ceil(counts / max(counts.max(), 1) * len(_BARS)).astype(int)
    return "".join(_BARS[max(0, n - 1)] for n in level)


def _alarms(world: World, told: Judgement, against: str) -> list[Any]:
    sizes = [members.size for members in told.campaigns.members]
    return [
        world.name.split("-")[0], "real" if world.real else "grammar", against,
        len(told.groups.proposed), len(sizes), sum(size >= ENOUGH for size in sizes),
        int(told.flagged.sum()),
    ]  # fmt: skip


if __name__ == "__main__":
    options = arguments(__doc__, worlds=4)
    emit(measure(options.worlds), options.json)

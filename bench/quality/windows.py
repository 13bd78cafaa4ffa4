"""Windows of mixed traffic: the published MMD detector beside our window test, on the same windows.

Thresholds are taken from benign windows at a false-positive rate of at most 0.003, and checked on as
many others. Attackers: six extraction sources, each with a scaffold (paraphrase noise 0, 0.2, 0.4) and
without any. Figures published for the MMD detector on its own traffic, for n = 1,500 and 5 / 10 / 25 %:
0.590 / 0.937 / 1; for 10 % and n = 100 / 200 / 500: 0.046 / 0.272 / 0.80.

    cd bench && python -m quality.windows [--benign 1000] [--repeat 6] [--json]
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common import arguments, data_folder, emit
from quality.pooling import rate
from quality.streams import Extraction, Organic, Published, pick, text_kernel, together
from stillwatch.detection.window import Traffic, WindowTest
from stillwatch.profiles.text import TextFeatures

Floats = npt.NDArray[np.float64]

SIZES = (100, 200, 500, 1500)
SHARES = (0.05, 0.10, 0.25, 0.50, 1.0)
NOISES = (None, 0.0, 0.2, 0.4)
LIMIT = 0.003
DRIFT = 30.0
HEAD = (
    "queries", "attacker's share", "with a scaffold: MMD", "ours", "without scaffold: MMD", "ours",
)  # fmt: skip


@dataclass
class Trial:
    """Both detectors, ready for windows of one size and one kind of mixture."""

    organic: Organic
    size: int
    drift: float
    ours: WindowTest
    ours_limit: float
    theirs: Published
    theirs_limit: float

    @classmethod
    def prepare(
        cls, rng: np.random.Generator, organic: Organic, size: int, drift: float, benign: int
    ) -> "Trial":
        """Learn both from the training third, and thresholds from ``benign`` windows."""
        known = pick(organic.features, np.flatnonzero(organic.training))
        theirs = Published.learn(rng.permutation(known.embedding)[:2000])
        windows = [pick(organic.features, organic.window(rng, size, drift)) for _ in range(benign)]
        ours = WindowTest.learn(Traffic.learn(known), windows)
        usual = np.array([theirs.statistic(window.embedding) for window in windows])
        return cls(organic, size, drift, ours, bar(ours.benign), theirs, bar(usual))

    def hits(self, window: TextFeatures) -> tuple[bool, bool]:
        """Whether the published detector and ours give alarm."""
        return (
            self.theirs.statistic(window.embedding) > self.theirs_limit,
            self.ours.score(window) > self.ours_limit,
        )

    def mixed(self, rng: np.random.Generator, job: TextFeatures) -> TextFeatures:
        """The job's queries filled up with benign ones."""
        rest = self.organic.window(rng, self.size - len(job.prompt), self.drift)
        return together(job, pick(self.organic.features, rest))


def bar(benign: Floats) -> float:
    """Score above which the conformal p-value, (1 + benign above) / (1 + benign), is at most ``LIMIT``."""
    assert LIMIT * (benign.size + 1) >= 1, "too few benign windows for so small a rate"
    return float(np.sort(benign)[-int(LIMIT * (benign.size + 1))])


def measure(benign: int, repeat: int) -> dict[str, Any]:
    """All tables."""
    data = data_folder()
    if data is None:
        return {"skipped": "real prompts absent: set STILLWATCH_DATA to their folder"}
    kernel = text_kernel()
    organic, extraction = Organic.read(data, kernel), Extraction.read(data, kernel)
    rng = np.random.default_rng(11)
    steady = [Trial.prepare(rng, organic, size, 0.0, benign) for size in SIZES]
    drifting = [Trial.prepare(rng, organic, size, DRIFT, benign) for size in (200, 1500)]
    found = {id(t): _hits(rng, t, extraction, repeat) for t in [*steady, *drifting]}
    return {
        "tables": [
            _power(f"Steady mixture of sources, {benign} benign windows", steady, found),
            _power("Mixture that changes from window to window", drifting, found),
            _by_source(steady, found),
            _false_alarms(rng, [*steady, *drifting], benign),
            _strange(rng, organic, benign),
        ]
    }


Cell = tuple[str, float | None, float]
Hits = dict[Cell, list[tuple[bool, bool]]]


def _hits(rng: np.random.Generator, trial: Trial, extraction: Extraction, repeat: int) -> Hits:
    """Alarms by source, noise and share; the shares of one job are nested."""
    out: Hits = {}
    for source, noise, job in _jobs(rng, extraction, trial.size, repeat):
        for share in SHARES:
            part = pick(job, np.arange(round(trial.size * share)))
            window = trial.mixed(rng, part)
            out.setdefault((source, noise, share), []).append(trial.hits(window))
    return out


def _jobs(
    rng: np.random.Generator, extraction: Extraction, size: int, repeat: int
) -> Iterator[tuple[str, float | None, TextFeatures]]:
    for source in extraction.prompts:
        for noise in NOISES:
            # as many windows without a scaffold as with one, over all noises
            for _ in range(repeat if noise is not None else (len(NOISES) - 1) * repeat):
                yield source, noise, extraction.job(rng, source, size, noise)


def _rate(found: Hits, which: int, share: float, *, scaffold: bool, source: str = "") -> str:
    hits = [
        hit[which]
        for (name, noise, s), cell in found.items()
        for hit in cell
        if s == share and (noise is not None) == scaffold and name.startswith(source)
    ]
    return rate(sum(hits), len(hits))


def _power(title: str, trials: list[Trial], found: dict[int, Hits]) -> dict[str, Any]:
    rows = [
        [t.size, f"{share:.0%}",
         *(_rate(found[id(t)], which, share, scaffold=scaffold)
           for scaffold in (True, False) for which in (0, 1))]
        for t in trials for share in SHARES
    ]  # fmt: skip
    return {"title": title, "head": HEAD, "rows": rows}


def _by_source(trials: list[Trial], found: dict[int, Hits]) -> dict[str, Any]:
    rows = []
    for size, share in ((200, 0.10), (1500, 0.05)):
        (trial,) = (t for t in trials if t.size == size)
        hits = found[id(trial)]
        rows += [
            [size, f"{share:.0%}", source,
             *(_rate(hits, which, share, scaffold=scaffold, source=source)
               for scaffold in (True, False) for which in (0, 1))]
            for source in sorted({name for name, _, _ in hits})
        ]  # fmt: skip
    return {
        "title": "By the attacker's source (steady mixture)",
        "head": (*HEAD[:2], "source", *HEAD[2:]),
        "rows": rows,
    }


def _false_alarms(rng: np.random.Generator, trials: list[Trial], benign: int) -> dict[str, Any]:
    rows = []
    for t in trials:
        windows = (
            pick(t.organic.features, t.organic.window(rng, t.size, t.drift)) for _ in range(benign)
        )
        alarms = np.array([t.hits(window) for window in windows])
        mixture = "changing" if t.drift else "steady"
        rows.append([t.size, mixture, *(rate(int(a.sum()), benign) for a in alarms.T)])
    return {
        "title": f"False alarms on {benign} other benign windows (promised: at most {LIMIT})",
        "head": ("queries", "mixture", "MMD", "ours"),
        "rows": rows,
    }


def _strange(rng: np.random.Generator, organic: Organic, benign: int) -> dict[str, Any]:
    """Windows in which a tenth comes from an innocent source that was never in training."""
    size, tenth = 200, 20
    rows = []
    for name in organic.names:
        known = np.flatnonzero(organic.training & (organic.source != name))
        theirs = Published.learn(rng.permutation(organic.features.embedding[known])[:2000])
        usual = [
            pick(organic.features, organic.window(rng, size, without=name)) for _ in range(benign)
        ]
        ours = WindowTest.learn(Traffic.learn(pick(organic.features, known)), usual)
        limits = [bar(np.array([theirs.statistic(w.embedding) for w in usual])), bar(ours.benign)]
        own = np.flatnonzero(organic.source == name)
        alarms = []
        for _ in range(100):
            rest = organic.window(rng, size - tenth, without=name)
            some = np.concatenate([rng.choice(own, tenth, replace=False), rest])
            window = pick(organic.features, some)
            scores = theirs.statistic(window.embedding), ours.score(window)
            alarms.append([score > limit for score, limit in zip(scores, limits, strict=True)])
        hits = np.array(alarms).sum(axis=0)
        rows.append([name, *(rate(int(h), len(alarms)) for h in hits)])
    return {
        "title": "Alarms where a tenth of 200 queries comes from an innocent source never seen before",
        "head": ("source", "MMD", "ours"),
        "rows": rows,
    }


if __name__ == "__main__":
    options = arguments(__doc__, benign=1000, repeat=6)
    emit(measure(options.benign, options.repeat), options.json)

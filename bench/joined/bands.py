"""Do bands find the same scaffold again, and only the same?

A job is asked at two labs, by as many prompts at each, in one scaffold of the simulator and in different
contents: real extraction prompts where there are any, seeds of the grammar where not. Each variation of the
scaffold has a share of its words replaced, moved or dropped (noise). Innocents are accounts of worlds in
which nobody is hostile, by their own streams: everyone of one lab beside everyone of another, apart from
pairs whose wide or firm skeletons are alike (Jaccard of ``ALIKE`` or more: users of one framework), which are
counted apart.

    cd bench && python -m joined.bands [--jobs 400] [--accounts 1500] [--json]
"""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from common import arguments, data_folder, emit
from joined.labs import cut, worlds
from quality.harness import load
from quality.pooling import rate
from stillwatch.campaigns.skeletons import SHARES, bands_of, skeletons, skeletons_of
from stillwatch.campaigns.streams import Streams, streams_of
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.text import TextKernel
from stillwatch.simulation.keys import fresh
from stillwatch.simulation.library import Library
from stillwatch.simulation.paraphrase import variations
from stillwatch.simulation.tactics import TACTICS

NOISE = (0.0, 0.1, 0.2, 0.3, 0.4)
PROMPTS = (20, 100)
ENOUGH = (2, 3)
"""Equal bands: what is asked for, and what is asked for where no rare prompt is equal."""
ALIKE = 0.2

Shingles = npt.NDArray[np.uint32]


def measure(jobs: int, accounts: int) -> dict[str, Any]:
    """Both tables."""
    return {
        "tables": [
            {
                "title": "The same scaffold at two labs",
                "head": ("prompts at each lab", "noise", *(f"{n} bands or more" for n in ENOUGH)),
                "rows": [
                    [n, noise, *_recall(n, noise, jobs)] for n in PROMPTS for noise in NOISE
                ],
            },
            {
                "title": "Innocent accounts of two labs",
                "head": ("prompts", "skeletons", "pairs", "unlike", *(f"unlike, {n} bands or more" for n in ENOUGH),
                         "alike", f"alike, {ENOUGH[1]} bands or more"),
                "rows": [_innocent(number, accounts) for number in range(2 if data_folder() else 1)],
            },
        ]
    }  # fmt: skip


def _recall(prompts: int, noise: float, jobs: int) -> list[str]:
    rng = np.random.default_rng([prompts, round(noise * 100)])
    kernel, contents, library = _kernel(), _contents(), Library()
    heads = sorted(
        {rule for tactic in TACTICS for target in tactic.targets for rule in target.head}
    )
    tails = sorted(
        {rule for tactic in TACTICS for target in tactic.targets for rule in target.tail}
    )
    shared = []
    for _ in range(jobs):
        head, tail = _scaffold(rng, library, heads, tails)
        ways = variations(rng, head, noise), variations(rng, tail, noise)
        sides = [_sketched(rng, kernel, contents, ways, prompts) for _ in range(2)]
        shared.append(len(set(sides[0]) & set(sides[1])))
    return [rate(int((np.array(shared) >= least).sum()), jobs) for least in ENOUGH]


def _scaffold(
    rng: np.random.Generator, library: Library, heads: list[str], tails: list[str]
) -> tuple[str, str]:
    """Head and tail of at least eight words together: shorter ones have no skeleton."""
    while True:
        rules = str(rng.choice(heads)), str(rng.choice(tails))
        head, tail = (library.text(rule, fresh(rng, 1))[0].as_py() for rule in rules)
        if len(f"{head} {tail}".split()) >= 8:
            return head, tail


def _sketched(
    rng: np.random.Generator, kernel: TextKernel, contents: list[str],
    ways: tuple[list[str], list[str]], prompts: int,
) -> tuple[bytes, ...]:  # fmt: skip
    heads, tails = ways
    texts = [
        f"{heads[rng.integers(len(heads))]} {contents[rng.integers(len(contents))]} "
        f"{tails[rng.integers(len(tails))]}"
        for _ in range(prompts)
    ]
    told = kernel.features(pa.array(texts, pa.string()))
    return bands_of(skeletons_of(told.prompt, told.shingles))


def _kernel() -> TextKernel:
    return TextKernel(FamilyTable.compile(load_families(shipped_rules() / "phrases")), None)


def _contents() -> list[str]:
    folder = data_folder()
    if folder is None:
        keys = fresh(np.random.default_rng(1), 4000)
        return [str(text) for text in Library().text("seed", keys).to_pylist()]
    table = pq.read_table(folder / "extraction_prompts.parquet", columns=["prompt"])
    return [str(text) for text in table["prompt"].to_pylist()]


def _innocent(number: int, accounts: int) -> list[Any]:
    """One row: pairs of innocent accounts of two labs; generated prompts first, then real ones."""
    options = worlds(number + 1, 651, attack_share=0.0, tactics=())[number]
    here, there, _ = cut(load(options))
    ours, theirs = (_skeletons(lab.world.profiles, accounts) for lab in (here, there))
    alike = np.zeros((len(ours), len(theirs)), np.bool_)
    for which in range(len(SHARES)):
        own, other = [one[which] for one in ours], [one[which] for one in theirs]
        common = _intersections(own, other)
        sizes = np.array([s.size for s in own])[:, None] + np.array([s.size for s in other])
        alike |= common / np.maximum(sizes - common, 1) >= ALIKE
    equal = _equal_bands(ours, theirs)
    unlike = int((~alike).sum())
    return [
        "real" if options.corpus else "generated", len(ours) + len(theirs), alike.size, unlike,
        *(rate(int((~alike & (equal >= least)).sum()), unlike) for least in ENOUGH),
        int(alike.sum()), rate(int((alike & (equal >= ENOUGH[1])).sum()), int(alike.sum())),
    ]  # fmt: skip


def _skeletons(profiles: Profiles, most: int) -> list[tuple[Shingles, ...]]:
    """Skeletons that have bands, of the first stream of each account."""
    streams: Streams = streams_of(profiles)
    _, first = np.unique(streams.owner, return_index=True)
    found = (skeletons(profiles, streams, np.array([stream])) for stream in first)
    with_bands = [one for one in found if bands_of(one)]
    return with_bands[:most]


def _intersections(ours: list[Shingles], theirs: list[Shingles]) -> npt.NDArray[np.int64]:
    places: dict[int, list[int]] = {}
    for column, one in enumerate(theirs):
        for shingle in one.tolist():
            places.setdefault(shingle, []).append(column)
    out = np.zeros((len(ours), len(theirs)), np.int64)
    for row, one in enumerate(ours):
        for shingle in one.tolist():
            out[row, places.get(shingle, [])] += 1
    return out


def _equal_bands(
    ours: list[tuple[Shingles, ...]], theirs: list[tuple[Shingles, ...]]
) -> npt.NDArray[np.int64]:
    places: dict[bytes, list[int]] = {}
    for column, one in enumerate(theirs):
        for band in bands_of(one):
            places.setdefault(band, []).append(column)
    out = np.zeros((len(ours), len(theirs)), np.int64)
    for row, one in enumerate(ours):
        for column, count in Counter(c for b in bands_of(one) for c in places.get(b, [])).items():
            out[row, column] = count
    return out


if __name__ == "__main__":
    given = arguments(__doc__, jobs=400, accounts=1500)
    emit(measure(given.jobs, given.accounts), given.json)

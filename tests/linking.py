"""Skeletons for tests of linking: who holds what, as a relation and as streams."""

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from stillwatch.campaigns.cluster import scaffolds
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.streams import Ints
from tests.streams import made

Held = list[list[int]]
Found = tuple[list[int], list[list[int]]]


def made_up(seed: int) -> Held:
    """Shingles of each account: some jobs' in whole or in part, some of the account's own."""
    rng = np.random.default_rng(seed)
    jobs = [rng.integers(0, 60, rng.integers(2, 30)) for _ in range(rng.integers(1, 5))]
    held = []
    for _ in range(rng.integers(0, 41)):
        job = jobs[int(rng.integers(len(jobs)))]
        part = job[rng.random(job.size) < rng.choice([0.3, 0.8, 1.0])]
        held.append(sorted({*part.tolist(), *rng.integers(0, 2**32 - 1, 2).tolist()}))
    return held


def accounts() -> st.SearchStrategy[Held]:
    """Anything that is made up."""
    return st.builds(made_up, st.integers(0, 2**32 - 1))


def dense() -> Held:
    """Two jobs whose phrases form one large component, and everyday language beside them."""
    rng = np.random.default_rng(3)
    first, second = np.arange(100, 130), np.arange(125, 155)
    held = [job[rng.random(job.size) < 0.9].tolist() for job in [first] * 12 + [second] * 12]
    return [sorted({*own, 7}) for own in held] + [[7, 1000 + n] for n in range(600)]


def relation(held: Held) -> pa.Table:
    """``skeleton(account, shingle)``."""
    owner = np.repeat(np.arange(len(held)), [len(own) for own in held])
    flat = np.array([key for own in held for key in own], np.int64)
    return pa.table({"account": owner.astype(np.int64), "shingle": flat})


def by_kernels(held: Held) -> Found:
    phrases = phrases_of(made(held), np.ones(len(held), np.bool_))
    return told(phrases.keys, scaffolds(phrases))


def told(keys: np.ndarray, labels: Ints) -> Found:
    """Phrases that are part of any scaffold, and of which at each level."""
    part = (labels >= 0).any(axis=0)
    return keys[part].tolist(), labels[:, part].tolist()

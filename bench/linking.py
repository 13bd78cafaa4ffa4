"""What linking costs by number of accounts: the kernels, and the relations that define them on DuckDB.

Skeletons are synthetic: of each account one to 96 shingles, some its own, some of a group that it is in
(4 to 400 accounts share 5 to 20 phrases), some everyday language that a tenth of all hold. CPU seconds.

    python bench/linking.py [--accounts 10000 100000 1000000] [--repeat 3] [--json]
"""

import argparse
import resource
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from common import emit
from stillwatch.campaigns.cluster import scaffolds
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.plan import scaffolds_of
from stillwatch.campaigns.relations import DuckRelations
from stillwatch.campaigns.streams import Streams, occurrences

HEAD = (
    "accounts", "pairs of account and shingle", "phrases in scaffolds",
    "kernels, CPU s", "DuckDB, CPU s", "kernels, CPU µs/account", "peak RSS GB", "runs",
)  # fmt: skip
Held = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]


def skeletons(accounts: int, seed: int = 1) -> Held:
    """Accounts, ascending, and shingles that each holds."""
    rng = np.random.default_rng(seed)
    sizes = np.minimum(rng.geometric(0.1, accounts), 60)
    owner, key = [np.repeat(np.arange(accounts), sizes)], [rng.integers(0, 2**32 - 1, sizes.sum())]
    everyday = rng.integers(0, 2**32 - 1, 50)
    busy = np.repeat(np.flatnonzero(rng.random(accounts) < 0.5), 10)
    owner.append(busy)
    key.append(everyday[rng.integers(0, everyday.size, busy.size)])
    for _ in range(accounts // 150):
        members = rng.integers(0, accounts, int(np.exp(rng.uniform(np.log(4), np.log(400)))))
        phrases = rng.integers(0, 2**32 - 1, rng.integers(5, 21))
        held = np.nonzero(rng.random((members.size, phrases.size)) < 0.85)
        owner.append(members[held[0]])
        key.append(phrases[held[1]])
    whole, keys = np.concatenate(owner), np.concatenate(key).astype(np.uint32)
    order = np.argsort(whole, kind="stable")
    return whole[order], keys[order]


def as_streams(held: Held, accounts: int) -> Streams:
    """A stream an account, without events."""
    starts = np.searchsorted(held[0], np.arange(accounts + 1))
    none = np.zeros(accounts + 1, np.int64)
    return Streams(
        np.arange(accounts), none, none[:0], starts, held[1], np.ones(held[1].size),
        occurrences(held[1]),
    )  # fmt: skip


def measure(sizes: list[int], repeat: int) -> dict[str, Any]:
    rows = []
    for accounts in sizes:
        held = skeletons(accounts)
        streams, usable = as_streams(held, accounts), np.ones(accounts, np.bool_)

        def kernels(streams: Streams = streams, usable: Any = usable) -> int:
            phrases = phrases_of(streams, usable)
            return int((scaffolds(phrases) >= 0).any(axis=0).sum())

        def duckdb(held: Held = held) -> int:
            table = pa.table({"account": held[0], "shingle": held[1].astype(np.int64)})
            with DuckRelations() as relations:
                relations.put("skeleton", table)
                return int((scaffolds_of(relations)[1] >= 0).any(axis=0).sum())

        told = kernels()  # compiled, and what both must find
        assert duckdb() == told
        spent = [(cpu(kernels), cpu(duckdb)) for _ in range(repeat)]
        ours, theirs = (median(column) for column in zip(*spent, strict=True))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        rows.append(
            [accounts, held[0].size, told, round(ours, 2), round(theirs, 2),
             round(ours / accounts * 1e6, 1), round(peak, 2), repeat]
        )  # fmt: skip
    return {"head": HEAD, "rows": rows}


def cpu(work: Callable[[], int]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    emit(measure(options.accounts, options.repeat), options.json)

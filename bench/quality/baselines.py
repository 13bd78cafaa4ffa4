"""Simple detectors on the same accounts of the same worlds, beside ours.

volume          requests of the account
shared things   what it shares with others (addresses, networks, clients, cards, devices,
                telephone numbers, e-mail patterns ...): per kind the rarest, log(accounts / holders),
                summed over the kinds
cluster size    accounts in the component that addresses, cards and devices join
PRADA           Shapiro-Wilk test that the least distances of an account's successive prompts are
                normal (Juuti et al. 2019, in embedding space; first 500 prompts)
account MMD     squared MMD of the account's prompts to the mean of all accounts

cd bench && python -m quality.baselines [--worlds 4] [--json]
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.stats import shapiro

from common import arguments, emit
from quality.harness import World, against_truth, judgement, load, simulated, standard
from quality.pooling import Pooled
from quality.streams import text_kernel
from stillwatch.campaigns.keys import KINDS, Keys, collect
from stillwatch.detection.judge import DetectionOptions
from stillwatch.evaluation import Judged, assess
from stillwatch.evaluation.report import ENOUGH
from stillwatch.profiles.signals import NAMES
from stillwatch.simulation import SimulationOptions

Floats = npt.NDArray[np.float64]

HEAD = ("detector", "AUC", "recall at FPR 1e-2", "recall at FPR 1e-3", "at zero innocents")
_MOST = 500
_HUB_SHARE = DetectionOptions().hub_share
_JOINING = ("address", "payment", "device")


def measure(worlds: int) -> dict[str, Any]:
    """One row per detector."""
    judged: dict[str, list[Judged]] = {}
    for options in standard(worlds):
        world = load(options)
        told = judgement(world)
        truth = against_truth(world, told)
        everybody = np.arange(world.profiles.size)
        keys = collect(world.profiles, world.records, _HUB_SHARE, told.groups.streams, everybody)
        scores = {
            "volume": world.profiles["events"].astype(np.float64),
            "shared things": shared(keys),
            "cluster size": cluster_size(keys),
            "PRADA": prada(options, world),
            "account MMD": np.nan_to_num(told.signals[:, NAMES.index("distance")], nan=-1.0),
            "stillwatch": told.scores,
        }
        for name, score in scores.items():
            judged.setdefault(name, []).append(replace(truth, score=score))
    rows = []
    for name, per_world in judged.items():
        pooled = Pooled.of(per_world)
        auc = np.mean([assess(one).restricted[1].auc for one in per_world])
        rows.append(
            [name, round(float(auc), 3), *(pooled.recall(limit) for limit in (1e-2, 1e-3, 0.0))]
        )
    return {"head": HEAD, "rows": rows}


def shared(keys: Keys) -> Floats:
    """Rarest shared thing of each kind, summed over the kinds that are not content."""
    n = keys.starts.size - 1
    rarity = np.log(n / keys.holders)
    best = np.zeros((n, len(KINDS)))
    np.maximum.at(best, (_owners(keys), keys.kinds), rarity)
    return best[:, [kind.sort != "content" for kind in KINDS]].sum(axis=1)


def cluster_size(keys: Keys) -> Floats:
    """Accounts in each account's component."""
    n = keys.starts.size - 1
    joins = np.isin(keys.kinds, [i for i, kind in enumerate(KINDS) if kind.name in _JOINING])
    _, column = np.unique(keys.keys[joins], return_inverse=True)
    pairs = (_owners(keys)[joins], n + column)
    size = n + int(column.max(initial=-1)) + 1
    graph = coo_matrix((np.ones(column.size), pairs), shape=(size, size))
    label = connected_components(graph, directed=False)[1][:n]
    return np.bincount(label)[label].astype(np.float64)


def _owners(keys: Keys) -> npt.NDArray[np.int64]:
    return np.repeat(np.arange(keys.starts.size - 1), np.diff(keys.starts))


def prada(options: SimulationOptions, world: World) -> Floats:
    """Minus the Shapiro-Wilk statistic of each account's least distances; low W is suspicious."""
    made = simulated(options)
    kernel = text_kernel()
    accounts, vectors = [], []
    for log in sorted((made / "events").glob("*.parquet")):  # days in order, each in order of time
        events = pq.read_table(log, columns=["account_id", "prompt"], partitioning=None)
        vectors.append(kernel.features(events["prompt"].combine_chunks()).embedding)
        accounts.append(events["account_id"].combine_chunks())
    ids = pa.chunked_array(accounts).combine_chunks()
    row = ids.dictionary_encode()
    number = {name: i for i, name in enumerate(world.account_ids)}
    own = np.array([number[name] for name in row.dictionary.to_pylist()])[row.indices.to_numpy()]
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(len(number) + 1))
    embedded = np.concatenate(vectors)
    out = np.full(len(number), -1.0)
    for account in np.flatnonzero(np.diff(starts) >= ENOUGH):
        mine = embedded[order[starts[account] : starts[account + 1]][:_MOST]]
        least = least_distances(mine)
        out[account] = -shapiro(least).statistic if np.ptp(least) > 0 else -1.0
    return out


def least_distances(vectors: npt.NDArray[np.float32]) -> Floats:
    """Distance of each prompt but the first to the nearest of those before it."""
    squared = np.maximum(2 - 2 * vectors @ vectors.T, 0).astype(np.float64)
    squared[np.triu_indices(len(vectors))] = np.inf
    return np.sqrt(squared[1:].min(axis=1))


if __name__ == "__main__":
    options = arguments(__doc__, worlds=4)
    emit(measure(options.worlds), options.json)

"""Cohesion: one job, or many people with something in common.

Accounts of one job draw from one pool of prompts: each is like any other in what it asks and
when, and the pool is shared out, so that nobody repeats a sister's prompt. People who share a
framework, a campus or a class each have topics and habits of their own; strangers who run one
benchmark repeat the same prompts. All figures compare events of *different* accounts with events
of the *same* account, so they do not depend on volume or on how odd the group is as a whole.

What cover traffic dilutes is restored by looking at core events: sampled events that hold the
shingles which the group's skeletons share.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.profiles.estimators import sampled, wording
from stillwatch.profiles.fields import FOURIER_UNIT, SAMPLE
from stillwatch.profiles.merge import Profiles, take

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NAMES = (
    "locality", "overlap", "breadth", "core_tactic", "core_share",
    "content_unity", "hour_unity", "day_unity", "length_unity", "marks_unity", "model_unity",
)  # fmt: skip
"""Columns of ``cohesion``, in order."""

_MEMBERS = 128  # members looked at, at most: pairs grow with the square
_CORE_KEYS = 64
_HELD = 0.3  # share of the members whose skeletons must hold a core shingle


def cohesion(profiles: Profiles, groups: list[Ints], tactic_mask: int) -> Floats:
    """Cohesion figures of each group (rows of ``profiles``), shape (len(groups), len(NAMES)).

    locality       log of same-account over cross-account chance that two core events share a
                   topic; about 0 for one pool, high for people with topics of their own
    overlap        share of core events whose prompt another member sent too
    breadth        -log of the cross-account chance; how many topics the pool covers
    core_tactic    mean number of extraction tactics whose words a core event holds
    core_share     share of the members' sampled events that are core
    *_unity        cross-account over same-account agreement in content, hours of activity, days,
                   prompt lengths, request settings and models; about 1 for one pool
    """
    out = np.full((len(groups), len(NAMES)), np.nan)
    for g, members in enumerate(groups):
        part = take(profiles, members[:_MEMBERS])
        out[g, :5] = _core(part, tactic_mask)
        out[g, 5:] = _unities(part)
    return out


def core_mask(part: Profiles) -> npt.NDArray[np.bool_]:
    """Which sampled events of the group's members are core, shape (members, SAMPLE)."""
    alive = np.arange(SAMPLE) < sampled(part)[:, None]
    skeleton = wording(part).keys
    keys, holders = np.unique(skeleton[skeleton > 0], return_counts=True)
    common = holders >= max(2, np.ceil(_HELD * part.size))
    core_keys = keys[common][np.argsort(-holders[common], kind="stable")[:_CORE_KEYS]]
    hits = np.isin(part["sample_shingles"], core_keys).sum(axis=2)
    return np.asarray(alive & (hits >= max(1, min(2, core_keys.size))))


def _core(part: Profiles, tactic_mask: int) -> tuple[float, float, float, float, float]:
    alive = sampled(part).sum()
    mask = core_mask(part)
    account, slot = np.nonzero(mask)
    if account.size < 8 or np.unique(account).size < 2:
        return (np.nan, np.nan, np.nan, np.nan, account.size / max(1, alive))
    prompt = part["sample_prompt"][account, slot].astype(np.int64)
    topic = (part["sample_topic"][account, slot] & 1023).astype(np.int64)
    same, cross, overlap = _pairs(account, topic, prompt)
    families = part["sample_families"][account, slot] & np.uint64(tactic_mask)
    tactics = np.bitwise_count(families).mean()
    locality = np.log((same + 0.01) / (cross + 0.01))
    return (locality, overlap, -np.log(cross + 0.003), tactics, account.size / alive)


@njit(nogil=True, cache=True)
def _pairs(account, topic, prompt):  # type: ignore[no-untyped-def]
    """Chance that two events of one account (of two accounts) share a topic; prompt overlap."""
    same = same_n = cross = cross_n = 0.0
    repeated = 0
    for i in range(account.size):
        elsewhere = False
        for j in range(account.size):
            if i == j:
                continue
            if prompt[i] == prompt[j]:
                elsewhere |= account[i] != account[j]
                continue
            if account[i] == account[j]:
                same_n += 1
                same += topic[i] == topic[j]
            else:
                cross_n += 1
                cross += topic[i] == topic[j]
        repeated += elsewhere
    return (
        same / same_n if same_n else np.nan,
        cross / cross_n if cross_n else np.nan,
        repeated / account.size,
    )


def _unities(part: Profiles) -> tuple[float, ...]:
    hours = part["by_hour"].astype(np.float64)
    days = hours.reshape(part.size, -1, 24)
    marks = part["marks"].astype(np.float64)
    return (
        _feature_unity(part),
        _count_unity(days.sum(axis=1)),
        _count_unity(days.sum(axis=2)),
        _count_unity(part["words_hist"].astype(np.float64)),
        _count_unity(marks),
        _count_unity(_models(part)),
    )


def _models(part: Profiles) -> Floats:
    keys, where = np.unique(part["models_key"], return_inverse=True)
    counts = np.zeros((part.size, keys.size))
    np.add.at(counts, (np.arange(part.size)[:, None], where), part["models_count"])
    return counts


def _count_unity(counts: Floats) -> float:
    """Cross-account over same-account coincidence of cells, accounts weighing alike."""
    n = counts.sum(axis=1)
    usable = n >= 2
    counts, n = counts[usable], n[usable]
    if n.size < 2:
        return float("nan")
    own = ((counts * (counts - 1)).sum(axis=1) / (n * (n - 1))).mean()
    shares = counts / n[:, None]
    total = shares.sum(axis=0)
    cross = ((total * total).sum() - (shares * shares).sum()) / (n.size * (n.size - 1))
    return float(cross / own) if own > 0 else float("nan")


def _feature_unity(part: Profiles) -> float:
    """The same for the mean Fourier features, whose self-term is known (see ``estimators``)."""
    n = part["events"].astype(np.float64)
    usable = n >= 2
    sums, n = part["fourier"][usable] / FOURIER_UNIT, n[usable]
    if n.size < 2:
        return float("nan")
    half = sums.shape[1] / 2
    own = (((sums * sums).sum(axis=1) - n * half) / (n * (n - 1))).mean()
    means = sums / n[:, None]
    total = means.sum(axis=0)
    cross = ((total * total).sum() - (means * means).sum()) / (n.size * (n.size - 1))
    return float(cross / own) if own > 0 else float("nan")

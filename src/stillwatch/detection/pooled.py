"""The pooled test: a cluster is judged as one merged profile, against natural benign groups.

A hundred accounts that each look slightly odd in the same way look very odd together. But so do
the members of any natural group (one campus, one framework, one class): their oddities are
shared too. So the yardstick is how far *natural groups* of the reference stray: groups that
hold one common key. Two statistics per group, each against that yardstick:

    coherence   mean of the members' own scores as normal deviates
    strength    score of the merged profile

A cluster's p-value is twice the smaller of the two tails (Bonferroni).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from stillwatch.campaigns.keys import Keys
from stillwatch.detection.calibration import fitted_tail
from stillwatch.detection.scoring import Ordinary, by_group, score, surprises
from stillwatch.profiles.merge import Profiles, pool
from stillwatch.profiles.signals import Reference, measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NATURAL = 300  # natural groups used as yardstick, at most
_MEMBERS = 200  # members of a natural group that are pooled, at most
_LEAST = 3


@dataclass(frozen=True, slots=True)
class Pooled:
    """Clusters as merged profiles."""

    profiles: Profiles
    signals: Floats
    below: Floats
    """As in ``Judgement``, one row per cluster."""
    coherence: Floats
    strength: Floats
    p_values: Floats

    def keep(self, chosen: npt.NDArray[np.bool_], labels: Ints) -> tuple["Pooled", Ints]:
        """The chosen clusters, most significant first, and the labels renumbered to match."""
        kept = np.flatnonzero(chosen)
        kept = kept[np.lexsort((-self.strength[kept], self.p_values[kept]))]
        number = np.full(self.p_values.size + 1, -1, dtype=np.int64)
        number[kept] = np.arange(kept.size)
        pooled = Pooled(
            self.profiles[kept],
            self.signals[kept],
            self.below[kept],
            self.coherence[kept],
            self.strength[kept],
            self.p_values[kept],
        )
        return pooled, number[labels]


def pooled_test(
    profiles: Profiles,
    labels: Ints,
    p_own: Floats,
    judged: npt.NDArray[np.bool_],
    keys: Keys,
    reference: Reference,
    ordinary: Ordinary,
    resolution: float,
) -> Pooled:
    """Test every cluster; ``labels`` as from ``cluster``, ``p_own`` the accounts' own p-values."""
    deviates = stats.norm.isf(np.clip(p_own, 1e-6, 1 - 1e-6))
    n = int(labels.max(initial=-1)) + 1
    merged, signals, below, strength, coherence, sizes = _measured(
        profiles, labels, n, deviates, judged, reference, ordinary, resolution
    )
    natural = natural_groups(keys, profiles.size)
    n_natural = int(natural.max(initial=-1)) + 1
    _, _, _, null_strength, null_coherence, null_sizes = _measured(
        profiles, natural, n_natural, deviates, judged, reference, ordinary, resolution
    )
    if n:
        p_strength = fitted_tail(strength, null_strength)
        p_coherence = _coherence_tail(coherence, sizes, null_coherence, null_sizes)
        p_values = np.minimum(1.0, 2 * np.minimum(p_strength, p_coherence))
    else:
        p_values = np.empty(0)
    return Pooled(merged, signals, below, coherence, strength, p_values)


def _measured(
    profiles: Profiles,
    labels: Ints,
    n: int,
    deviates: Floats,
    judged: npt.NDArray[np.bool_],
    reference: Reference,
    ordinary: Ordinary,
    resolution: float,
) -> tuple[Profiles, Floats, Floats, Floats, Floats, Floats]:
    merged = pool(profiles, labels, n)
    signals = measure(merged, reference)
    below = ordinary.below(signals, merged["events"].astype(np.float64))
    strength = score(by_group(surprises(below, resolution)))
    inside = (labels >= 0) & judged
    sizes = np.bincount(labels[inside], minlength=n).astype(np.float64)
    sums = np.bincount(labels[inside], weights=deviates[inside], minlength=n)
    return merged, signals, below, strength, sums / np.maximum(sizes, 1), sizes


def _coherence_tail(values: Floats, sizes: Floats, null: Floats, null_sizes: Floats) -> Floats:
    """Normal tail of a mean deviate whose variance is shared-cause plus 1/n.

    The shared-cause variance is the natural groups' own, estimated robustly (median absolute
    deviation), so that the guilty among them do not widen it.
    """
    usable = null[null_sizes >= _LEAST]
    if usable.size < 10:
        centre, shared = 0.0, 1.0
    else:
        centre = float(np.median(usable))
        spread = 1.4826 * float(np.median(np.abs(usable - centre)))
        shared = max(0.05, spread**2 - float(np.median(1 / null_sizes[null_sizes >= _LEAST])))
    deviation = np.sqrt(shared + 1 / np.maximum(sizes, 1))
    return np.asarray(stats.norm.sf((values - centre) / deviation))


def natural_groups(keys: Keys, n: int) -> Ints:
    """Disjoint groups of accounts that hold one key in common, shape (n,), -1 for none.

    Keys are taken in hash order, so the choice is arbitrary but the same on every run; an
    account joins the first group that claims it.
    """
    rows = np.repeat(np.arange(n), np.diff(keys.starts))
    order = np.argsort(keys.keys, kind="stable")
    row, key = rows[order], keys.keys[order]
    bounds = np.flatnonzero(np.r_[True, key[1:] != key[:-1], True])
    big = np.flatnonzero(np.diff(bounds) >= _LEAST)
    labels = np.full(n, -1, dtype=np.int64)
    found = 0
    for b in big[np.argsort(_spread(key[bounds[big]]))]:
        members = row[bounds[b] : bounds[b + 1]]
        free = members[labels[members] < 0][:_MEMBERS]
        if free.size >= _LEAST and free.size * 2 >= min(members.size, _MEMBERS):
            labels[free] = found
            found += 1
            if found == _NATURAL:
                break
    return labels


def _spread(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    return keys * np.uint64(0x9E3779B97F4A7C15)

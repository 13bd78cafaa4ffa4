"""Scoring: signals to surprises to one score.

A signal's surprise is measured against benign accounts of like volume, in the direction fixed
for the signal beforehand. Within a kind of evidence the strongest signal counts; each kind is
capped, so that one oddity, however extreme, cannot accuse: innocents are odd in one way,
extraction in several at once. Kinds that were not observed contribute nothing.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.profiles.signals import SIGNALS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CAP = 2.5
"""Most surprise one kind of evidence can add: one benign account in 10**2.5 shows as much."""
STRATUM = 400
"""Reference accounts per volume stratum, at least."""
_MOST_STRATA = 8
_ENOUGH = 30  # observed reference values needed to judge a signal inside a stratum

_SIGN = np.array([1.0 if s.high else -1.0 for s in SIGNALS])
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(s.group for s in SIGNALS))
_GROUP_OF = np.array([GROUPS.index(s.group) for s in SIGNALS])


@dataclass(frozen=True, slots=True)
class Ordinary:
    """What benign accounts look like, by volume."""

    edges: Floats
    """Events at which the next stratum begins, shape (strata - 1,)."""
    values: tuple[tuple[Floats, ...], ...]
    """Per stratum and signal: sorted, signed reference values."""

    @classmethod
    def learn(cls, signals: Floats, events: Floats) -> "Ordinary":
        """From reference signals (m, s) and their volumes (m,)."""
        strata = int(np.clip(events.size // STRATUM, 1, _MOST_STRATA))
        cuts = np.arange(1, strata) / strata
        edges = np.unique(np.quantile(events, cuts)) if cuts.size else np.empty(0)
        everywhere = tuple(_sorted(signals[:, s] * _SIGN[s]) for s in range(len(SIGNALS)))
        which = np.searchsorted(edges, events, side="right")
        values = []
        for stratum in range(edges.size + 1):
            inside = signals[which == stratum]
            local = tuple(_sorted(inside[:, s] * _SIGN[s]) for s in range(len(SIGNALS)))
            values.append(
                tuple(
                    here if here.size >= _ENOUGH else all_
                    for here, all_ in zip(local, everywhere, strict=True)
                )
            )
        return cls(edges, tuple(values))

    def below(self, signals: Floats, events: Floats) -> Floats:
        """Share of the reference below each value in its suspicious direction, NaN if unknown.

        Ties count half; shape (n, s).
        """
        out = np.full(signals.shape, np.nan)
        which = self.stratum(events)
        for stratum, columns in enumerate(self.values):
            rows = np.flatnonzero(which == stratum)
            for s, ordered in enumerate(columns):
                if ordered.size < _ENOUGH:
                    continue
                values = signals[rows, s] * _SIGN[s]
                left = np.searchsorted(ordered, values, side="left")
                right = np.searchsorted(ordered, values, side="right")
                share = (left + right) / 2 / ordered.size
                out[rows, s] = np.where(np.isnan(values), np.nan, share)
        return out

    def stratum(self, events: Floats) -> Ints:
        """Stratum of each volume, shape (n,)."""
        return np.searchsorted(self.edges, events, side="right")

    @property
    def typical(self) -> Floats:
        """Median of each signal in each stratum, shape (strata, s); NaN where never observed."""
        middle = [
            [ordered[ordered.size // 2] if ordered.size else np.nan for ordered in columns]
            for columns in self.values
        ]
        return np.asarray(_SIGN * np.array(middle))


def _sorted(values: Floats) -> Floats:
    return np.sort(values[~np.isnan(values)])


def surprises(below: Floats, resolution: float) -> Floats:
    """-log10 of the upper tail, never finer than ``resolution`` allows; 0 where unknown."""
    tail = np.maximum(1 - below, resolution)
    return np.asarray(np.where(np.isnan(below), 0.0, -np.log10(tail)))


def by_group(surprise: Floats) -> Floats:
    """Strongest capped surprise of each kind of evidence, shape (n, len(GROUPS))."""
    out = np.zeros((surprise.shape[0], len(GROUPS)))
    for group in range(len(GROUPS)):
        out[:, group] = surprise[:, group == _GROUP_OF].max(axis=1)
    return np.minimum(out, CAP)


def score(groups: Floats) -> npt.NDArray[np.float64]:
    """One score per profile, higher is worse, shape (n,)."""
    return np.asarray(groups.sum(axis=1))

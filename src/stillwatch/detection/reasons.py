"""Reasons: the signals of a profile that stand out, in sentences with their figures.

The strongest evidence comes first, one signal per kind of evidence before a second of any kind.
A run speaks of every account, so reasons are kept as columns and become objects where asked for.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stillwatch.detection.scoring import Ordinary
from stillwatch.domain.finding import Reason
from stillwatch.profiles.signals import NAMES, SIGNALS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NOTEWORTHY = 0.8  # benign share below a value from which it is worth a sentence
_HIGH = np.array([signal.high for signal in SIGNALS])
_GROUPS = np.unique([signal.group for signal in SIGNALS], return_inverse=True)[1]


@dataclass(frozen=True, slots=True)
class Reasons:
    """Reasons of many profiles as columns, profile by profile, the strongest first."""

    row: Ints
    """Number of the profile, ascending."""
    signal: list[str]
    value: Floats
    percentile: Floats
    """Share of benign profiles below the value itself (not: on its innocent side), 0-100."""
    sentence: list[str]

    @classmethod
    def of(
        cls, signals: Floats, below: Floats, events: Floats, most: Ints, ordinary: Ordinary
    ) -> "Reasons":
        """From the signals of n profiles and how unusual they are; at most ``most`` (n,) each."""
        chosen = strongest(below, int(most.max(initial=0)))
        chosen[np.arange(chosen.shape[1]) >= most[:, None]] = -1
        row, place = np.nonzero(chosen >= 0)
        signal = chosen[row, place]
        value, share = signals[row, signal], below[row, signal]
        stratum = ordinary.stratum(events)[row]
        opened = [
            [s.sentence.format(value=_LATER, typical=t) for s, t in zip(SIGNALS, line, strict=True)]
            for line in ordinary.typical.tolist()
        ]
        return cls(
            row,
            [NAMES[s] for s in signal.tolist()],
            value,
            100.0 * np.where(_HIGH[signal], share, 1 - share),
            [
                opened[k][s].format(v)
                for k, s, v in zip(stratum.tolist(), signal.tolist(), value.tolist(), strict=True)
            ],
        )

    def objects(self, n: int) -> list[tuple[Reason, ...]]:
        """The reasons of each of the ``n`` profiles."""
        columns = (self.signal, self.value.tolist(), self.percentile.tolist(), self.sentence)
        every = [Reason(*of) for of in zip(*columns, strict=True)]
        bounds = np.searchsorted(self.row, np.arange(n + 1)).tolist()
        return [tuple(every[start:stop]) for start, stop in pairwise(bounds)]


class _Later:
    """A number that is not known yet: leaves its place open, with the format it was given."""

    def __format__(self, how: str) -> str:
        return f"{{:{how}}}"


_LATER = _Later()


def strongest(below: Floats, most: int) -> Ints:
    """The signals worth a sentence, strongest first, shape (n, most); -1 where there are fewer.

    The strongest of each kind of evidence comes before the second of any kind.
    """
    worth = np.nan_to_num(below, nan=-1.0)
    first = np.zeros(below.shape, dtype=np.bool_)
    rows = np.arange(below.shape[0])
    for group in range(_GROUPS.max() + 1):
        columns = np.flatnonzero(group == _GROUPS)
        first[rows, columns[worth[:, columns].argmax(axis=1)]] = True
    rank = np.where(worth >= _NOTEWORTHY, worth + first, -1.0)
    order = np.argsort(-rank, axis=1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(rank, order, axis=1) > 0, order, -1)

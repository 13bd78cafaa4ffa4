"""The window test: whether mixed traffic holds a job, although no account in it is known.

For logs without account ids, and for streams that must be judged before accounts have a history.
Two statistics of the text alone, neither of which has ever seen an attacker:

    distance   squared MMD of the window to benign traffic, by the prompts' Fourier features: the
               mixture is not the usual one
    scaffold   wording that recurs in the window and is rare in benign traffic: shingles, openings
               and closings, by their log-likelihood ratio against the benign share; mean of the
               most surprising few, so that the rest of the window dilutes nothing

Each is put in units of its upper spread over benign windows of the same size, and the two are
added. The p-value is conformal: the rank of the sum among those windows. Windows of another size,
or of traffic whose innocent templates the benign traffic lacks, are outside the promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.detection.calibration import conformal
from stillwatch.profiles.embed import FEATURES, FOURIER_UNIT
from stillwatch.profiles.sketch import PADDING
from stillwatch.profiles.text import TextFeatures

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_RARE = 0.004  # share of benign prompts from which wording is no news, however often it comes
_RECURS = 3  # different prompts of the window that must hold it
_ABOVE = 2.0  # times as often as in benign traffic
_STRONGEST = 8  # pieces of wording that count
_MOST = 10.0  # upper spreads that one statistic may add
_OPENING, _CLOSING = np.uint64(1 << 63), np.uint64(1 << 62)  # bits no 32-bit shingle has


@dataclass(frozen=True, slots=True)
class Traffic:
    """What benign traffic says: its mean prompt and how common each piece of wording is."""

    centre: Floats
    """Mean Fourier features, shape (FEATURES,)."""
    pieces: Hashes
    """Wording seen, ascending."""
    counts: Ints
    """Different prompts that hold each."""
    prompts: int
    """Different prompts in all."""

    @classmethod
    def learn(cls, prompts: TextFeatures) -> "Traffic":
        """From the features of benign prompts."""
        pieces, _, different = _wording(prompts)
        known, counts = np.unique(pieces, return_counts=True)
        centre = prompts.fourier.astype(np.float64).mean(axis=0) / FOURIER_UNIT
        return cls(centre, known, counts, different)

    def statistics(self, window: TextFeatures) -> Floats:
        """Distance and scaffold of one window, shape (2,)."""
        return np.array([self._distance(window), self._scaffold(window)])

    def _distance(self, window: TextFeatures) -> float:
        """Unbiased squared MMD (Gretton et al. 2012): the squared norm of features is constant."""
        n, half = len(window.fourier), FEATURES / 2
        total = window.fourier.astype(np.float64).sum(axis=0) / FOURIER_UNIT
        own = (total @ total - n * half) / max(1, n * (n - 1))
        return float(own - 2 * total @ self.centre / n + self.centre @ self.centre) / half

    def _scaffold(self, window: TextFeatures) -> float:
        pieces, counts, n = _wording(window, counted=True)
        expected = n * (self._known(pieces) + 0.5) / (self.prompts + 1)
        news = (counts >= _RECURS) & (expected < _RARE * n) & (counts > _ABOVE * expected)
        seen, usual = counts[news].astype(np.float64), expected[news]
        surprise = np.sort(seen * np.log(seen / usual) - (seen - usual))
        return float(surprise[-_STRONGEST:].sum()) / _STRONGEST

    def _known(self, pieces: Hashes) -> Ints:
        """How many benign prompts hold each piece of wording."""
        at = np.minimum(np.searchsorted(self.pieces, pieces), self.pieces.size - 1)
        return np.where(self.pieces[at] == pieces, self.counts[at], 0)


def _wording(prompts: TextFeatures, counted: bool = False) -> tuple[Hashes, Ints, int]:
    """Wording of the different prompts, in how many it is (if ``counted``), how many there are."""
    _, first = np.unique(prompts.prompt, return_index=True)
    shingles = prompts.shingles[first]
    pieces = np.concatenate(
        [
            shingles[shingles != PADDING].astype(np.uint64),
            prompts.template[first] | _OPENING,
            prompts.closing[first] >> np.uint64(2) | _CLOSING,
        ]
    )
    if not counted:
        return pieces, np.ones(pieces.size, dtype=np.int64), first.size
    known, counts = np.unique(pieces, return_counts=True)
    return known, counts, first.size


@dataclass(frozen=True, slots=True)
class WindowTest:
    """The test for windows of one size."""

    traffic: Traffic
    middle: Floats
    """Median of each statistic over benign windows, shape (2,)."""
    spread: Floats
    """Its 99th percentile minus the median."""
    benign: Floats
    """Scores of the benign windows."""

    @classmethod
    def learn(cls, traffic: Traffic, windows: Sequence[TextFeatures]) -> "WindowTest":
        """From benign windows, all of one size and disjoint from what ``traffic`` was learned of."""
        figures = np.array([traffic.statistics(window) for window in windows])
        middle, high = np.quantile(figures, [0.5, 0.99], axis=0)
        spread = np.maximum(high - middle, 1e-9)
        return cls(traffic, middle, spread, _score(figures, middle, spread))

    def score(self, window: TextFeatures) -> float:
        """Higher is worse; 1 is what one benign window in a hundred shows in one statistic."""
        return float(_score(self.traffic.statistics(window)[None], self.middle, self.spread)[0])

    def p_value(self, window: TextFeatures) -> float:
        """Conformal p-value against the benign windows."""
        return float(conformal(np.array([self.score(window)]), self.benign)[0])


def _score(figures: Floats, middle: Floats, spread: Floats) -> Floats:
    return np.asarray(np.clip((figures - middle) / spread, 0.0, _MOST).sum(axis=1))

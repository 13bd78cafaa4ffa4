"""Figures pooled over worlds: thresholds are taken in each world, cases are counted in all."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.domain.share import wilson
from stillwatch.evaluation import Judged
from stillwatch.evaluation.metrics import operating_point
from stillwatch.evaluation.report import ENOUGH, LIMITS

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pooled:
    """Accounts with at least ``ENOUGH`` requests, of all worlds; arrays of one length."""

    hostile: Bools
    flagged: Bools
    caught: dict[float, Bools]
    """Per limit of the false-positive rate: at or above the threshold of the own world."""
    kind: npt.NDArray[np.str_]
    campaign: npt.NDArray[np.str_]
    """World and true campaign, empty for innocents."""

    @classmethod
    def of(cls, judged: Iterable[Judged]) -> "Pooled":
        """Pool several worlds."""
        parts = [_part(number, one) for number, one in enumerate(judged)]
        join: Callable[[str], npt.NDArray[np.generic]] = lambda name: np.concatenate(  # noqa: E731
            [getattr(part, name) for part in parts]
        )
        caught = {limit: np.concatenate([p.caught[limit] for p in parts]) for limit in LIMITS}
        return cls(join("hostile"), join("flagged"), caught, join("kind"), join("campaign"))

    def recall(self, limit: float, among: Bools | None = None) -> str:
        """Share of the hostile that are caught at a false-positive rate."""
        return self._share(self.caught[limit], among)

    def flag_recall(self, among: Bools | None = None) -> str:
        """Share of the hostile that are flagged."""
        return self._share(self.flagged, among)

    def _share(self, hit: Bools, among: Bools | None) -> str:
        asked = self.hostile if among is None else self.hostile & among
        return rate(int((hit & asked).sum()), int(asked.sum()))

    def fdr(self) -> str:
        """Share of the flagged that are innocent."""
        return rate(int((self.flagged & ~self.hostile).sum()), int(self.flagged.sum()))

    def worst_populations(self, most: int = 5) -> list[tuple[str, int, int]]:
        """Innocent populations by share flagged: name, flagged, all."""
        total = Counter(self.kind[~self.hostile].tolist())
        bad = Counter(self.kind[~self.hostile & self.flagged].tolist())
        ranked = sorted(total, key=lambda name: (-bad[name] / total[name], name))
        return [(name, bad[name], total[name]) for name in ranked[:most]]


def _part(number: int, judged: Judged) -> Pooled:
    use = judged.events >= ENOUGH
    score, hostile = judged.score[use], judged.hostile[use]
    points = {limit: operating_point(score, hostile, limit).threshold for limit in LIMITS}
    campaign = np.array([f"{number} {name}" if name else "" for name in judged.campaign])
    return Pooled(
        hostile,
        judged.flagged[use],
        {limit: score >= threshold for limit, threshold in points.items()},
        np.array(judged.kind)[use],
        campaign[use],
    )


def rate(hits: int, total: int) -> str:
    """A share with its Wilson interval and its cases."""
    if not total:
        return "no cases"
    share = wilson(hits, total)
    return f"{share.value:.3f} [{share.low:.3f}, {share.high:.3f}] ({hits}/{total})"

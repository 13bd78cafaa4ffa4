"""The combiner: logistic weights that turn standings into one score.

Rules
    - Weights are not negative: being more like a teacher never speaks against having learned from it.
    - Few known pairs exist, so weights are pulled to zero (ridge), and clusters weigh equally.
    - What is fitted is kept with what it was fitted on and how good it was out of sample.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import orjson
from scipy import optimize

from stillwatch.errors import StoredDataError
from stillwatch.provenance.affinities import AFFINITIES

Floats = npt.NDArray[np.float64]

RIDGE: Final = 10.0
_MASS: Final = 20.0
"""Total weight of the known pairs, and of the null pairs."""
_VERSION: Final = 1


@dataclass(frozen=True)
class Combiner:
    """A fitted combiner with its history."""

    features: tuple[str, ...]
    """Affinities, by name."""
    weights: tuple[float, ...]
    """One for each; not negative."""
    intercept: float
    trained_on: tuple[dict[str, Any], ...] = ()
    """Known pairs: student, teacher, cluster, held-out score."""
    quality: dict[str, Any] | None = None
    """Cross-fitted figures."""
    data: str = ""
    """Where the answers came from."""
    date: str = ""

    def score(self, standings: Floats) -> Floats:
        """Combine softened standings, shape ``(..., features)``; NaN if one is missing."""
        return np.asarray(standings @ np.asarray(self.weights) + self.intercept)


def fit_weights(x: Floats, known: npt.NDArray[np.bool_], cluster: Sequence[str]) -> Floats:
    """Fit intercept and weights.

    ``x`` are softened standings, shape ``(pairs, features)``; ``known`` says which are student and
    teacher. Returns shape ``(features + 1,)``, intercept first.
    """
    weight = balanced(known, cluster)
    y = known.astype(np.float64)

    def loss(b: Floats) -> tuple[float, Floats]:
        z = x @ b[1:] + b[0]
        p = 1 / (1 + np.exp(-z))
        value = float((weight * (np.logaddexp(0, z) - y * z)).sum() + RIDGE * (b[1:] ** 2).sum())
        slope = weight * (p - y)
        return value, np.concatenate(([slope.sum()], x.T @ slope + 2 * RIDGE * b[1:]))

    bounds = [(None, None), *[(0, None)] * x.shape[1]]
    start = np.zeros(x.shape[1] + 1)
    return np.asarray(optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def balanced(known: npt.NDArray[np.bool_], cluster: Sequence[str]) -> Floats:
    """Weights of pairs by which clusters weigh equally among the known and among the null ones."""
    weight = np.zeros(len(cluster))
    names = np.asarray(cluster)
    for side in (True, False):
        for name in set(names[known == side]):
            mine = (known == side) & (names == name)
            weight[mine] = 1 / mine.sum()
        if (known == side).any():
            weight[known == side] *= _MASS / weight[known == side].sum()
    return weight


def shipped() -> Combiner:
    """Return the combiner that comes with stillwatch."""
    return _parse((files("stillwatch.provenance") / "combiner.json").read_bytes(), "combiner.json")


def load(path: Path) -> Combiner:
    """Read a combiner that ``save`` wrote; ``StoredDataError`` if it is none."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StoredDataError(
            f"combiner {path} cannot be read ({error.strerror})",
            hint="see stillwatch correlate fit",
        ) from error
    return _parse(raw, str(path))


def save(combiner: Combiner) -> bytes:
    """Write a combiner as JSON."""
    return orjson.dumps(
        {"version": _VERSION, **asdict(combiner)},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _parse(raw: bytes, where: str) -> Combiner:
    hint = "write it anew with stillwatch correlate fit"
    try:
        data = orjson.loads(raw)
        version = data.pop("version")
        data["features"], data["weights"] = tuple(data["features"]), tuple(data["weights"])
        data["trained_on"] = tuple(data["trained_on"])
        combiner = Combiner(**data)
        sound = all(np.isfinite(w) and w >= 0 for w in combiner.weights)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise StoredDataError(f"{where} is no combiner ({error})", hint=hint) from error
    unknown = [name for name in combiner.features if name not in AFFINITIES]
    if (
        version != _VERSION
        or unknown
        or not sound
        or len(combiner.weights) != len(combiner.features)
    ):
        raise StoredDataError(f"{where} is a combiner of another version", hint=hint)
    return combiner

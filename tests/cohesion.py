"""Figures of cohesion as groups may have them, made by hand."""

import numpy as np

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.pooled import WEIGHTS, WORK

SIGNS = np.sign([WEIGHTS.get(name, 0.0) for name in NAMES])
PRODUCT = np.isin(NAMES, [*WORK, "exclusivity", "overlap", "repeats"])


def natural(n: int, seed: int) -> np.ndarray:
    """Figures of natural groups: a scaffold of one's own, and much work, but not one hand."""
    rng = np.random.default_rng(seed)
    product = rng.normal(size=(n, 1)) * SIGNS * np.where(PRODUCT, 1, -1)
    figures = 0.8 * rng.normal(size=(n, len(NAMES))) + 0.6 * product
    figures[:, 0] = rng.uniform(1.8, 4.5, n)
    return figures


def jobs(n: int, seed: int, strength: float = 3.0) -> np.ndarray:
    figures = natural(n, seed)
    for name, weight in WEIGHTS.items():
        figures[:, NAMES.index(name)] += strength * np.sign(weight)
    return figures

"""From a sum of token vectors to what profiles keep: a unit vector, a topic code, Fourier features.

Topics are the signs of fixed random projections (Charikar 2002): near prompts share a code, and
distinct codes count distinct topics. Fourier features (Rahimi & Recht 2007) turn the Gaussian
kernel into an inner product, so that the mean feature vector of an account, which is a sum and
merges, gives its kernel distance (MMD) to any reference.

Rules
    * Every loop runs in a fixed order and nothing is re-associated, so the same prompt gives the
      same bits in any batch, on any thread and on any machine.
    * Projections come from NumPy's legacy generator, whose stream is frozen, and are rounded, so
      that profiles of different versions and machines can be merged.
    * Topic codes are not centred: prompt vectors of this model have a mean of norm 0.3, and every
      centre taken from the vocabulary made the codes less even, not more.

>>> DIM, FEATURES
(64, 128)
"""

import numpy as np

from stillwatch.profiles.hashing import allocating_kernel, kernel
from stillwatch.profiles.simd import product_of
from stillwatch.profiles.words import DIM

FREQUENCIES = 64
FEATURES = 2 * FREQUENCIES
"""Cosines of all frequencies, then their sines."""
FOURIER_UNIT = 4096
"""A feature of 1.0 as stored."""
BANDWIDTH = 1.0
"""Of the kernel exp(-d^2 / (2 BANDWIDTH^2)): unrelated prompts (cosine 0 to 0.1) get about 0.4."""
TOPIC_BITS = 16

_STEPS = 4096


def _rounded(draws: np.ndarray, scale: float) -> np.ndarray:
    """``draws`` rounded so that numerical libraries cannot disagree on them, times ``scale``."""
    return np.ascontiguousarray((np.rint(draws * _STEPS) / _STEPS * scale).astype(np.float32))


def _orthogonal(seed: int, scale: float) -> np.ndarray:
    """Frequencies (DIM, FREQUENCIES) that are normal deviates one by one and orthogonal together.

    Orthogonal random features (Yu et al. 2016): the same expected kernel with less variance.
    """
    generator = np.random.RandomState(seed)
    basis, _ = np.linalg.qr(generator.standard_normal((DIM, FREQUENCIES)))
    lengths = np.sqrt((generator.standard_normal((DIM, FREQUENCIES)) ** 2).sum(axis=0))
    return _rounded(basis * lengths, scale)


_TURNS = _orthogonal(64501, 1 / (2 * np.pi * BANDWIDTH))  # angles in turns
_TOPICS = _rounded(np.random.RandomState(64502).standard_normal((DIM, TOPIC_BITS)), 1.0)
_PROJECTIONS = np.ascontiguousarray(np.hstack([_TURNS, _TOPICS]))
_SUMS = FREQUENCIES + TOPIC_BITS
_ROWS = 4
_product = product_of(DIM, _SUMS, _ROWS)  # 20 sums of 16 floats: what 32 registers can hold
_UNIT = np.float32(FOURIER_UNIT)
_HALF = np.float32(0.5)
_ZERO = np.float32(0)

# Fits of cos(2 pi t) in t^2 and of sin(2 pi t) / t in t^2 for |t| <= 1/2; error below 2e-6.
_C0, _C1, _C2, _C3, _C4, _C5 = (
    np.float32(c)
    for c in (0.999999225, -19.7389812, 64.9286575, -85.2716217, 58.790493, -21.071106)
)
_S0, _S1, _S2, _S3, _S4, _S5 = (
    np.float32(c)
    for c in (6.28318501, -41.3415909, 81.5999451, -76.6144714, 41.3428841, -12.4712439)
)


@kernel
def unit_vector(total, out):  # type: ignore[no-untyped-def]
    """Scale ``total`` i64 (DIM,) to length 1 into ``out`` f32 (DIM,); a zero stays zero."""
    a = b = c = e = 0.0  # four sums, so that one addition need not wait for the last
    for d in range(0, DIM, 4):
        a += np.float64(total[d]) * np.float64(total[d])
        b += np.float64(total[d + 1]) * np.float64(total[d + 1])
        c += np.float64(total[d + 2]) * np.float64(total[d + 2])
        e += np.float64(total[d + 3]) * np.float64(total[d + 3])
    norm = (a + b) + (c + e)
    scale = 0.0 if norm == 0.0 else 1.0 / np.sqrt(norm)
    for d in range(DIM):
        out[d] = np.float32(np.float64(total[d]) * scale)


@kernel
def _waves(sums, out):  # type: ignore[no-untyped-def]
    """Quantised cosine and sine of the first ``FREQUENCIES`` sums (in turns) into ``out``."""
    for f in range(FREQUENCIES):
        t = sums[f] - np.floor(sums[f] + _HALF)
        u = t * t
        cosine = ((((_C5 * u + _C4) * u + _C3) * u + _C2) * u + _C1) * u + _C0
        sine = (((((_S5 * u + _S4) * u + _S3) * u + _S2) * u + _S1) * u + _S0) * t
        out[f] = np.int16(np.floor(cosine * _UNIT + _HALF))
        out[FREQUENCIES + f] = np.int16(np.floor(sine * _UNIT + _HALF))


@allocating_kernel
def project_rows(units, sizes, topics, fourier) -> None:  # type: ignore[no-untyped-def]
    """Topic codes and Fourier features of n unit vectors f32 (n, DIM), into the last two.

    ``topics`` u16 (n,), 0 for a zero vector; ``fourier`` i16 (n, FEATURES). Rows of which
    ``sizes`` is 0 are all 0.

    Rows are projected four at a time, so that the projections are fetched once for all four.
    """
    sums = np.empty((_ROWS, _SUMS), dtype=np.float32)
    few = np.zeros((_ROWS, DIM), dtype=np.float32)
    for start in range(0, units.shape[0], _ROWS):
        rows = min(_ROWS, units.shape[0] - start)
        if rows == _ROWS:
            _product(units, start, _PROJECTIONS, sums)
        else:
            few[:rows] = units[start:]
            _product(few, 0, _PROJECTIONS, sums)
        for r in range(rows):
            i = start + r
            if sizes[i] == 0:
                fourier[i] = 0
                topics[i] = 0
                continue
            _waves(sums[r], fourier[i])
            code = 0
            for b in range(TOPIC_BITS):
                code |= int(sums[r, FREQUENCIES + b] > _ZERO) << b
            topics[i] = code

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
from numba import njit

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


def _gaussian(seed: int, columns: int, scale: float) -> np.ndarray:
    """Fixed normal deviates (DIM, columns), rounded so that libraries cannot disagree on them."""
    draws = np.random.RandomState(seed).standard_normal((DIM, columns))
    rounded = np.rint(draws * _STEPS) / _STEPS * scale
    return np.ascontiguousarray(rounded.astype(np.float32))


_TURNS = _gaussian(64501, FREQUENCIES, 1 / (2 * np.pi * BANDWIDTH))  # angle in turns
_TOPICS = _gaussian(64502, TOPIC_BITS, 1.0)
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


@njit(nogil=True, cache=True)
def unit_vector(total, out):  # type: ignore[no-untyped-def]
    """Scale ``total`` i64 (DIM,) to length 1 into ``out`` f32 (DIM,); whether it was not zero."""
    squares = np.zeros(8)
    for d in range(0, DIM, 8):
        for lane in range(8):
            x = np.float64(total[d + lane])
            squares[lane] += x * x
    norm = 0.0
    for lane in range(8):
        norm += squares[lane]
    if norm == 0.0:
        out[:] = _ZERO
        return False
    scale = 1.0 / np.sqrt(norm)
    for d in range(DIM):
        out[d] = np.float32(np.float64(total[d]) * scale)
    return True


@njit(nogil=True, cache=True)
def topic_code(unit, projections):  # type: ignore[no-untyped-def]
    """Signs of the projections of a unit vector as a 16-bit number."""
    sums = np.zeros(TOPIC_BITS, dtype=np.float32)
    for d in range(DIM):
        x = unit[d]
        for b in range(TOPIC_BITS):
            sums[b] += x * projections[d, b]
    code = 0
    for b in range(TOPIC_BITS):
        code |= np.int64(sums[b] > _ZERO) << b
    return np.uint16(code)


@njit(nogil=True, cache=True)
def fourier_features(unit, turns, out):  # type: ignore[no-untyped-def]
    """Quantised cosines and sines of the angles of a unit vector into ``out`` i16 (FEATURES,)."""
    angles = np.zeros(FREQUENCIES, dtype=np.float32)
    for d in range(DIM):
        x = unit[d]
        for f in range(FREQUENCIES):
            angles[f] += x * turns[d, f]
    for f in range(FREQUENCIES):
        t = angles[f] - np.floor(angles[f] + _HALF)
        u = t * t
        cosine = ((((_C5 * u + _C4) * u + _C3) * u + _C2) * u + _C1) * u + _C0
        sine = (((((_S5 * u + _S4) * u + _S3) * u + _S2) * u + _S1) * u + _S0) * t
        out[f] = np.int16(np.floor(cosine * _UNIT + _HALF))
        out[FREQUENCIES + f] = np.int16(np.floor(sine * _UNIT + _HALF))


@njit(nogil=True, cache=True)
def project(total, unit, fourier):  # type: ignore[no-untyped-def]
    """Unit vector and Fourier features of one prompt, in place; its topic code (0 for no text)."""
    some = unit_vector(total, unit)
    fourier_features(unit, _TURNS, fourier)
    return topic_code(unit, _TOPICS) if some else np.uint16(0)

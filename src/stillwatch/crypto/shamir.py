"""Polynomials over the scalars of ristretto255: shares of a secret (Shamir 1979, Feldman 1987).

A secret is the value at 0 of a polynomial of degree ``t - 1``; the share of index ``i`` is its
value at ``i``. Any ``t`` shares give the value at 0 by Lagrange's coefficients, fewer give
nothing. Indices are public and run from 1 to 255; all arithmetic is libsodium's.

    >>> quorum = Quorum.of([3, 1])
    >>> str(quorum), quorum == Quorum.parse("1,3")
    ('1,3', True)
"""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from stillwatch.crypto.ristretto import (
    IDENTITY,
    ZERO,
    Element,
    Scalar,
    add,
    invert,
    minus,
    multiply,
    multiply_base,
    plus,
    scalar_of,
    times,
    total,
)
from stillwatch.errors import InputError

MAX_INDEX: Final = 255
MAX_SHARES: Final = 32
"""Holders of shares at most: bounds the work that a foreign document can cause."""


def check_index(index: object) -> int:
    """Return a number that can be the index of a share, or raise ``InputError``."""
    if type(index) is not int or not 1 <= index <= MAX_INDEX:
        raise InputError(f"the index of a share is a number from 1 to {MAX_INDEX}, not {index!r}")
    return index


@dataclass(frozen=True, slots=True)
class Quorum:
    """The evaluators that answer one request together."""

    indices: tuple[int, ...]
    """Ascending, each once."""

    def __post_init__(self) -> None:
        for index in self.indices:
            check_index(index)
        if not self.indices or list(self.indices) != sorted(set(self.indices)):
            raise InputError(f"a quorum names evaluators in ascending order, not {self.indices!r}")
        if len(self.indices) > MAX_SHARES:
            raise InputError(f"a quorum has at most {MAX_SHARES} evaluators")

    @classmethod
    def of(cls, indices: Iterable[int]) -> Self:
        """Quorum of indices in any order; one given twice is refused."""
        return cls(tuple(sorted(indices)))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` writes, ``1,3``. Raises ``InputError`` for any other spelling."""
        parts = text.split(",", MAX_SHARES + 1)
        sound = all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts)
        quorum = cls(tuple(int(part) for part in parts)) if sound else None
        if quorum is None or str(quorum) != text:
            raise InputError(
                f"{text[:80]!r} names no quorum", hint="write the indices ascending: quorum=1,3"
            )
        return quorum

    def coefficient(self, index: int) -> Scalar:
        """Lagrange's coefficient of an evaluator of the quorum, for the value at 0."""
        return coefficient(self.indices, index, 0)

    def __str__(self) -> str:
        return ",".join(str(index) for index in self.indices)


@functools.lru_cache(maxsize=4096)
def coefficient(indices: tuple[int, ...], index: int, at: int) -> Scalar:
    """What the value at ``index`` counts in the value at ``at``, given the values at ``indices``.

    All of it is public. Raises ``InputError`` if the index is not among them.
    """
    if index not in indices:
        raise InputError(f"evaluator {index} is not in the quorum {indices}")
    above, below = scalar_of(1), scalar_of(1)
    for other in indices:
        if other != index:
            above = times(above, minus(scalar_of(at), scalar_of(other)))
            below = times(below, minus(scalar_of(index), scalar_of(other)))
    return times(above, invert(below))


def value_at(coefficients: Sequence[Scalar], index: int) -> Scalar:
    """Value of a secret polynomial, its constant first, at an index."""
    x, value = scalar_of(index), ZERO
    for part in reversed(coefficients):
        value = plus(times(value, x), part)
    return value


def commitments_to(coefficients: Sequence[Scalar]) -> tuple[Element, ...]:
    """What may be shown of a polynomial: each coefficient times the generator (Feldman)."""
    return tuple(IDENTITY if part == ZERO else multiply_base(part) for part in coefficients)


def committed_value_at(commitments: Sequence[Element], index: int) -> Element:
    """Value at an index, times the generator, from the commitments alone."""
    x, value = scalar_of(index), IDENTITY
    for part in reversed(commitments):
        value = add(IDENTITY if value == IDENTITY else multiply(x, value), part)
    return value


def interpolate(shares: Mapping[int, Element], at: int = 0) -> Element:
    """Value at ``at`` of the polynomial through public shares, times the generator."""
    indices = tuple(sorted(shares))
    return total(multiply(coefficient(indices, i, at), shares[i]) for i in indices)

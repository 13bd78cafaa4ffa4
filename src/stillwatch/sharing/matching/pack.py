"""Many rows in one file, so that fetching it tells nobody which of them was wanted.

Layout (docs/reference/matching.md): 16 bytes of head - ``SWPACK`` 0 1, bytes a row and rows as
32-bit numbers, big-endian - then the rows, sorted by tag.

Rules
    * The number of rows is a multiple of 256, filled up with dummies, so that it is known to
      within 255 only.
    * Sorting by tag is all the order there is: tags are as good as random, so rows of one actor
      stand among all others.
    * What is parsed comes from others: size, order and number are checked before anything is used.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from stillwatch.errors import InputError
from stillwatch.intel.packform import HEAD, LIMITS, MAGIC, MULTIPLE, PackLimits, rows_in
from stillwatch.sharing.matching.interface import TAG_BYTES
from stillwatch.sharing.matching.record import ROW_BYTES, Row, dummy

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack that was checked."""

    data: Bytes
    """Its rows, shape (rows, 312); a view of what was parsed."""

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Row]:
        return (self.row(index) for index in range(len(self)))

    def row(self, index: int) -> Row:
        """One row, by its place."""
        return Row.parse(self.data[index].tobytes())

    def tags(self) -> tuple[Words, Words]:
        """All tags, in order, as two numbers each: the first 8 bytes and the last, big-endian."""
        return words(self.data)


def build(rows: Iterable[Row], limits: PackLimits = LIMITS) -> bytes:
    """Bytes of a pack of these rows and of as many dummies as the next multiple of 256 asks for.

    Raises ``InputError`` for no rows or too many.
    """
    made = list(rows)
    if not made:
        raise InputError("a pack needs at least one row")
    made += [dummy() for _ in range(-len(made) % MULTIPLE)]
    if len(made) > limits.rows:
        raise InputError(
            f"{len(made)} rows are too many for a pack of {limits.rows}", hint="make several"
        )
    made.sort()
    return HEAD.pack(MAGIC, ROW_BYTES, len(made)) + b"".join(map(bytes, made))


def parse(content: bytes, limits: PackLimits = LIMITS) -> Pack:
    """Pack of its bytes. Raises ``InputError`` that says what is wrong; nothing is used then."""
    pack = view(content, limits)
    if not _ordered(*pack.tags()):
        raise InputError("the rows of the pack are not sorted by tag")
    return pack


def view(content: bytes | mmap, limits: PackLimits = LIMITS) -> Pack:
    """Pack whose order was checked before: only its head and length are looked at."""
    rows = rows_in(content[: HEAD.size], len(content), limits)
    return Pack(np.frombuffer(content, np.uint8, offset=HEAD.size).reshape(rows, ROW_BYTES))


def digest(content: bytes) -> str:
    """SHA-256 of a pack in hex: its name at the hub and in a claim."""
    return hashlib.sha256(content).hexdigest()


def words(data: Bytes) -> tuple[Words, Words]:
    """Tags at the start of rows, shape (rows, 16 or more), as two 64-bit numbers each."""
    both = np.ascontiguousarray(data[:, :TAG_BYTES]).view(">u8").astype(np.uint64)
    return both[:, 0], both[:, 1]


def _ordered(high: Words, low: Words) -> bool:
    before, after = high[:-1], high[1:]
    return bool(np.all((before < after) | ((before == after) & (low[:-1] <= low[1:]))))

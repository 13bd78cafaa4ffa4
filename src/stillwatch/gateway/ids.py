"""Decisions by id: which rows of the table hold one.

Rules: ids that come in blocks are found through small sorted arrays, those that come one by one
through a dict, so that a million take a few megabytes. What is found may be gone or another's with
the same first bits: whoever asks looks at the row. One thread only.
"""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

from stillwatch.domain.decision import DecisionId

_LOW: Final = 0xFFFF
"""Of a key: the place in its segment; above it, bits of the id."""
_FEW: Final = 256


class Ids:
    """Rows by the 16 bytes of an id."""

    def __init__(self) -> None:
        self._segments: list[tuple[int, array[int]]] = []
        """First row, and sorted keys, of each block."""
        self._recent: dict[bytes, int] = {}
        """What is in no segment."""

    def __len__(self) -> int:
        """Of those that came one by one."""
        return len(self._recent)

    def add(self, start: int, names: bytes) -> None:
        """Those of a block whose first row is ``start``."""
        count = len(names) // 16
        if count < _FEW:
            for place in range(count):
                self._recent[names[place * 16 : place * 16 + 16]] = start + place
            return
        words = array("Q", names)
        if sys.byteorder == "little":
            words.byteswap()
        keys = sorted([(key & ~_LOW) | place for place, key in enumerate(words[::2])])
        self._segments.append((start, array("Q", keys)))

    def put(self, name: bytes, row: int) -> None:
        """One."""
        self._recent[name] = row

    def forget(self, name: bytes, row: int | None = None) -> None:
        """Whatever came one by one under an id, or only where it is this row."""
        if row is None or self._recent.get(name) == row:
            self._recent.pop(name, None)

    def rows(self, name: bytes) -> Iterator[int]:
        """Rows that may be of this id."""
        recent = self._recent.get(name)
        if recent is not None:
            yield recent
        low = int.from_bytes(name[:8], "big") & ~_LOW
        for start, keys in self._segments:
            at = bisect_left(keys, low)
            while at < len(keys) and keys[at] & ~_LOW == low:
                yield start + (keys[at] & _LOW)
                at += 1


def id_of_name(name: bytes) -> DecisionId:
    """An id from its 16 bytes."""
    text = name.hex()
    return DecisionId(f"decision--{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


def name_of_id(id_: str) -> bytes:
    """The 16 bytes of an id. Raises ``ValueError``."""
    name = bytes.fromhex(id_.removeprefix("decision--").replace("-", ""))
    if len(name) != 16:
        raise ValueError(id_)
    return name

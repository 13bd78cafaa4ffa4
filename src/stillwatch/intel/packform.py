"""The outer form of a pack of tags, which hub and members judge alike (docs/reference/matching.md).

Rules: nothing of a row but its tag means anything to who does not hold the identifier, so all
that can be judged is form: the head, the number of rows, their order. Whoever reads the rows
(``sharing/matching``) states the same sizes.
"""

import struct
from dataclasses import dataclass
from typing import Final

from stillwatch.errors import InputError

MAGIC: Final = b"SWPACK\0\1"
HEAD: Final = struct.Struct(">8sII")
"""Magic, bytes a row, rows."""
TAG_BYTES: Final = 16
ROW_BYTES: Final = 312
MULTIPLE: Final = 256


@dataclass(frozen=True, slots=True)
class PackLimits:
    """Bounds on packs of others."""

    rows: int = 102_400
    """Rows of one pack: 31.9 MB, which one request to the hub can carry."""

    @property
    def bytes(self) -> int:
        """Bytes of the largest pack."""
        return HEAD.size + self.rows * ROW_BYTES


LIMITS: Final = PackLimits()


def rows_in(head: bytes, length: int, limits: PackLimits = LIMITS) -> int:
    """Rows that a pack states, from its first 16 bytes and its length.

    Raises ``InputError`` that says what is wrong.
    """
    if len(head) < HEAD.size or head[: len(MAGIC)] != MAGIC:
        raise InputError("this is no pack: its first bytes are others")
    _, size, rows = HEAD.unpack_from(head)
    if size != ROW_BYTES:
        raise InputError(f"the pack has rows of {size} bytes, not {ROW_BYTES}")
    if not 0 < rows <= limits.rows or rows % MULTIPLE:
        raise InputError(
            f"the pack states {rows} rows: not a multiple of {MULTIPLE} up to {limits.rows}"
        )
    if length != HEAD.size + rows * ROW_BYTES:
        raise InputError(f"the pack has {length} bytes; {rows} rows need another number")
    return int(rows)


def check(content: bytes, limits: PackLimits = LIMITS) -> int:
    """Rows of a pack whose form holds. Raises ``InputError`` that says what is wrong."""
    rows = rows_in(content[: HEAD.size], len(content), limits)
    before = b""
    for at in range(HEAD.size, len(content), ROW_BYTES):
        tag = content[at : at + TAG_BYTES]
        if tag < before:
            raise InputError("the rows of the pack are not sorted by tag")
        before = tag
    return rows

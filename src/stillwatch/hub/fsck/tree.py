"""The Merkle tree and its tiles, a second time (RFC 6962, section 2.1; C2SP tlog-tiles).

Written as the definitions read: a stack of complete subtrees by height, and each level's hashes
gathered in rows of 256.
"""

import hashlib
from collections.abc import Iterator

ROW = 256
HASH = 32


def hash_entry(entry: bytes) -> bytes:
    """Leaf hash."""
    return hashlib.sha256(bytes((0,)) + entry).digest()


def hash_pair(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node."""
    return hashlib.sha256(bytes((1,)) + left + right).digest()


class Tree:
    """Grows by leaf hashes; tells its root and hands out each tile row as it fills."""

    def __init__(self) -> None:
        self.size = 0
        self._stack: list[tuple[int, bytes]] = []
        self._rows: list[list[bytes]] = []
        self._filled: list[int] = []

    def add(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Add a leaf hash; yields (level, index, hashes) of every tile that became full."""
        self.size += 1
        node = (0, leaf)
        while self._stack and self._stack[-1][0] == node[0]:
            height, left = self._stack.pop()
            node = (height + 1, hash_pair(left, node[1]))
        self._stack.append(node)
        yield from self._put(0, leaf)

    def root(self) -> bytes:
        """Root of all leaves so far."""
        if not self._stack:
            return hashlib.sha256().digest()
        whole = self._stack[-1][1]
        for _, left in reversed(self._stack[:-1]):
            whole = hash_pair(left, whole)
        return whole

    def partial(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield (level, index, hashes) of the unfinished tile of each level."""
        for level, row in enumerate(self._rows):
            if row:
                yield level, self._filled[level], b"".join(row)

    def _put(self, level: int, node: bytes) -> Iterator[tuple[int, int, bytes]]:
        if level == len(self._rows):
            self._rows.append([])
            self._filled.append(0)
        row = self._rows[level]
        row.append(node)
        if len(row) < ROW:
            return
        yield level, self._filled[level], b"".join(row)
        self._filled[level] += 1
        self._rows[level] = []
        yield from self._put(level + 1, _fold(row))


def tile_name(level: int | str, index: int, width: int = ROW) -> str:
    """Path of a tile below ``tile/``: three digits a step, all but the last after an x."""
    steps = [f"{index % 1000:03d}"]
    while index >= 1000:
        index //= 1000
        steps.insert(0, f"x{index % 1000:03d}")
    return f"{level}/{'/'.join(steps)}" + (f".p/{width}" if width < ROW else "")


def _fold(row: list[bytes]) -> bytes:
    while len(row) > 1:
        row = [hash_pair(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]

"""Tiles: the tree and its entries as static files (C2SP tlog-tiles).

A tile is up to 256 hashes of one level; each hash of a tile is the root of a full tile of the
level below. A bundle is up to 256 entries, each after its length in two bytes. Full ones never
change. Inclusion and consistency proofs are computed by who wants them::

    proof = inclusion_proof(from_tiles(fetch, size), index, size)
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from stillwatch.crypto.merkle import HASH_BYTES, Frontier, Subtrees
from stillwatch.errors import InputError

WIDTH: Final = 256
_MAX_LEVEL: Final = 7
"""2^63 leaves need no more."""
_N: Final = r"(?P<n>(?:x\d{3}/){0,5}\d{3})"
_PATH: Final = re.compile(
    rf"(?P<level>\d|[1-5]\d|6[0-3]|entries)/{_N}(?:\.p/(?P<width>[1-9]\d{{0,2}}))?"
)


@dataclass(frozen=True, slots=True)
class Tile:
    """Names one tile or, with ``level`` None, one bundle of entries."""

    level: int | None
    index: int
    width: int = WIDTH
    """Hashes or entries in it; fewer than 256 in a partial one."""

    @property
    def path(self) -> str:
        """Path below ``tile/``, e.g. ``0/x001/x234/067`` or ``entries/000.p/12``."""
        digits = f"{self.index:03d}"
        digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        number = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        partial = f".p/{self.width}" if self.width < WIDTH else ""
        return f"{'entries' if self.level is None else self.level}/{number}{partial}"


def parse_path(path: str) -> Tile:
    """Read a path below ``tile/``; raises ``InputError`` for any but the one spelling."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise InputError(f"{path[:80]!r} is no path of a tile")
    level = None if match["level"] == "entries" else int(match["level"])
    index = int(match["n"].replace("x", "").replace("/", ""))
    tile = Tile(level, index, int(match["width"] or WIDTH))
    if tile.path != path:
        raise InputError(f"{path[:80]!r} is no path of a tile")
    return tile


def tiles_of(size: int) -> Iterator[Tile]:
    """Yield every tile of hashes of a tree, from the leaves up; the rightmost may be partial."""
    level, count = 0, size
    while count:
        yield from (Tile(level, n) for n in range(count // WIDTH))
        if count % WIDTH:
            yield Tile(level, count // WIDTH, count % WIDTH)
        level, count = level + 1, count // WIDTH


def bundles(begin: int, size: int) -> Iterator[Tile]:
    """Yield the bundles that hold the entries from ``begin`` to the end of a tree."""
    for n in range(begin // WIDTH, -(-size // WIDTH)):
        yield Tile(None, n, min(WIDTH, size - n * WIDTH))


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries of less than 64 KiB, each after its length in two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes) -> list[bytes]:
    """Entries of a bundle; raises ``InputError`` if it ends amid one."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise InputError("a bundle of entries ends amid an entry")
        entries.append(data[at + 2 : end])
        at = end
    return entries


def from_tiles(fetch: Callable[[Tile], bytes], size: int) -> Subtrees:
    """Answer for ranges of a tree of ``size`` leaves from its tiles.

    The ranges must be those that proofs ask for: they begin at a multiple of the largest power
    of two within them. ``fetch`` is asked for each tile at most once.
    """
    kept: dict[tuple[int, int], bytes] = {}

    def hashes(level: int, begin: int, count: int) -> list[bytes]:
        """Nodes of a tile's level, all in one tile."""
        n = begin // WIDTH
        if (level, n) not in kept:
            width = min(WIDTH, (size >> 8 * level) - n * WIDTH)
            data = fetch(Tile(level, n, width))
            if len(data) < width * HASH_BYTES:
                raise InputError(f"tile {Tile(level, n, width).path} is too short")
            kept[level, n] = data
        data, at = kept[level, n], (begin - n * WIDTH) * HASH_BYTES
        return [data[at + i * HASH_BYTES : at + (i + 1) * HASH_BYTES] for i in range(count)]

    def complete(begin: int, count: int) -> bytes:
        """Root of a complete subtree of 2^k leaves, at a multiple of its size."""
        level = min((count.bit_length() - 1) // 8, _MAX_LEVEL)
        return Frontier().extend(hashes(level, begin >> 8 * level, count >> 8 * level)).root()

    def mth(begin: int, end: int) -> bytes:
        roots, at = [], begin
        while at < end:
            step = 1 << ((end - at).bit_length() - 1)
            roots.append(complete(at, step))
            at += step
        return Frontier(end - begin, tuple(roots)).root()

    return mth

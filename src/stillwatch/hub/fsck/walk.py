"""Goes through a log entry by entry and holds everything against everything before it.

Each entry extends the tree; a full row of the tree is held against the stored tile; a checkpoint
of the size reached is held against the root; what the record says is held against the keys
stated before and the versions seen before.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from stillwatch.hub.fsck.notes import Unsound
from stillwatch.hub.fsck.proofs import Keys, signed_part
from stillwatch.hub.fsck.report import Report
from stillwatch.hub.fsck.shown import Shown
from stillwatch.hub.fsck.tree import ROW, Tree, hash_entry, tile_name

Tiles: TypeAlias = Callable[[int, int, int], bytes | None]
"""Stored hashes of a tile by level, index and width; None if there is no such tile."""

ENTRY = 48


class Walk:
    """State of one check."""

    def __init__(self, report: Report, tiles: Tiles, shown: Shown) -> None:
        self.report, self._tiles, self._shown = report, tiles, shown
        self.tree, self.keys = Tree(), Keys()
        self._versions: dict[tuple[str, str], tuple[str, bool]] = {}
        self.expected_tiles = 0

    def entry(self, index: int, entry: bytes) -> None:
        """Add the next entry to the tree; compares tiles that it fills."""
        self.report.looked_at["entries"] += 1
        if len(entry) != ENTRY:
            self.report.fault("entry", f"leaf {index}", "wrong length", ENTRY, len(entry))
        for level, at, hashes in self.tree.add(hash_entry(entry)):
            self._tile(level, at, hashes)
        self._shown.at(self.tree)

    def finish_tiles(self) -> None:
        """Compare the unfinished tiles at the right edge, and checkpoints from elsewhere that are left."""
        self._shown.finish(self.tree)
        for level, at, hashes in self.tree.partial():
            self._tile(level, at, hashes)

    def statement(self, index: int, statement: Any) -> None:
        """Follow a key statement."""
        self.report.looked_at["statements"] += 1
        try:
            self.keys.state(statement, index)
        except Unsound as error:
            self.report.fault("statement", f"leaf {index}", str(error))

    def claim(self, index: int, collection: str, obj: Any, where: str) -> None:
        """Verify a claim's signature against the keys stated before, and its place in order."""
        self.report.looked_at["claims"] += 1
        try:
            signature, covered = signed_part(obj)
            self.keys.claim(signature, covered, str(obj.get("created_by_ref")))
        except (Unsound, AttributeError, TypeError) as error:
            self.report.fault("signature", where, str(error))
        self._version(index, collection, obj, where)

    def _version(self, index: int, collection: str, obj: Any, where: str) -> None:
        if not isinstance(obj, dict):
            self.report.fault("object", where, "it is no object")
            return
        place = (collection, str(obj.get("id")))
        version = _comparable(str(obj.get("modified") or obj.get("created") or ""))
        before = self._versions.get(place)
        if before is not None and before[1]:
            self.report.fault("order", where, f"leaf {index} follows a revocation of {place[1]}")
        elif before is not None and version <= before[0]:
            message = f"leaf {index} replays {place[1]}: it is not newer than a version before"
            self.report.fault("order", where, message, f"after {before[0]}", version)
        self._versions[place] = (version, obj.get("revoked") is True)

    def _tile(self, level: int, index: int, hashes: bytes) -> None:
        self.expected_tiles += 1
        self.report.looked_at["tiles"] += 1
        width = len(hashes) // 32
        stored, name = self._tiles(level, index, width), f"tile {tile_name(level, index, width)}"
        if stored is None:
            self.report.fault("tile", name, "it is missing")
        elif stored != hashes:
            self._differs(name, level, index, hashes, stored)

    def _differs(self, name: str, level: int, index: int, hashes: bytes, stored: bytes) -> None:
        if len(stored) != len(hashes):
            self.report.fault("tile", name, "wrong length", len(hashes), len(stored))
            return
        at = next(i for i in range(0, len(hashes), 32) if hashes[i : i + 32] != stored[i : i + 32])
        covers = (index * ROW + at // 32) * ROW**level
        message = f"hash {at // 32} is not that of the entries from leaf {covers}"
        self.report.fault("tile", name, message, hashes[at : at + 32], stored[at : at + 32])


def _comparable(timestamp: str) -> str:
    """A STIX timestamp as text that sorts by time, whatever its decimals."""
    whole, _, fraction = timestamp.removesuffix("Z").partition(".")
    return f"{whole}.{fraction[:6]:0<6}"

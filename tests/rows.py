"""A publisher, its record, and packs of rows in a folder."""

from datetime import date
from pathlib import Path
from typing import Final

from stillwatch.domain.claim import StixId
from stillwatch.sharing.matching.pack import build, digest
from stillwatch.sharing.matching.record import Record, Row
from stillwatch.sharing.matching.tagset import Source

PUBLISHER: Final = StixId("identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1")
OTHER: Final = StixId("identity--6f01cd1f-195f-46d4-b581-e2a1bd4fddd1")


def example() -> Record:
    return Record(
        claim=StixId("intrusion-set--9f1c1c5e-0b5e-4f2e-9d4e-3d1a3b6f0c11"),
        kind="email",
        first_seen=date(2026, 11, 2),
        last_seen=date(2026, 11, 20),
        confidence=80,
        tactic="rubric-grading",
        until=date(2027, 2, 18),
    )


def put(folder: Path, rows: list[Row], serial: int = 1, epoch: str = "2026-q4") -> Source:
    """Pack of these rows in the folder, as pulling would have left it."""
    content = build(rows)
    name = digest(content)
    (folder / f"{name}.pack").write_bytes(content)
    claim = StixId(f"indicator--5f01cd1f-195f-46d4-b581-e2a1bd4fdd{serial:02d}")
    return Source(name, PUBLISHER, epoch, claim, serial)

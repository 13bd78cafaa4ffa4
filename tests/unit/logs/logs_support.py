"""Builders for the tests of the readers."""

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from stillwatch.logs import EventLog, Quarantine, ReadOptions, events_schema, open_logs

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "examples" / "logs"


def event(number: int = 0, **changes: Any) -> dict[str, Any]:
    """One good canonical record."""
    return {
        "event_id": f"req_{number}",
        "timestamp": "2026-03-02T08:00:00Z",
        "account_id": f"acct_{number % 7}",
        "model": "lumen",
        "prompt": f"question {number}",
        **changes,
    }


def write_lines(path: Path, records: list[Any]) -> Path:
    """JSON lines; bytes are written as they are."""
    lines = [each if isinstance(each, bytes) else orjson.dumps(each) for each in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def read(*paths: Path | str, **options: Any) -> tuple[pa.Table, EventLog, Quarantine]:
    """The whole log as one table, with what was counted."""
    quarantine = Quarantine(None)
    chosen = ReadOptions(**options)
    log = open_logs(paths, chosen, quarantine)
    batches = list(log.batches())
    return pa.Table.from_batches(batches, events_schema(chosen.columns)), log, quarantine


def ids(table: pa.Table) -> list[str]:
    return table.column("event_id").to_pylist()

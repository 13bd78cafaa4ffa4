"""Builders shared by tests."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from stillwatch.logs.schema import EVENTS_SCHEMA

ROOT = Path(__file__).parent.parent
START = datetime(2026, 3, 2, tzinfo=UTC)


def data_folder() -> Path | None:
    """Where the real prompts and traces lie, or None."""
    for folder in (os.environ.get("STILLWATCH_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "organic_prompts.parquet").exists():
            return Path(folder)
    return None


def event(number: int, **values: Any) -> dict[str, Any]:
    """One canonical event; every required column has a value."""
    return {
        "event_id": f"e{number}",
        "timestamp": START + timedelta(minutes=7 * number),
        "account_id": "a",
        "model": "m1",
        "prompt": f"question number {number}",
        **values,
    }


def batch(rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Canonical batch of the columns that occur in ``rows``."""
    names = {name for row in rows for name in row}
    schema = pa.schema([field for field in EVENTS_SCHEMA if field.name in names])
    return pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema)

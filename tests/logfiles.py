"""Small request logs on disk, for tests of commands."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from tests.support import START, event


def requests_of(accounts: int = 12, each: int = 10, *, days: int = 3) -> list[dict[str, Any]]:
    """Ordinary requests, spread over days; every account its own words and address."""
    rows = []
    for i in range(accounts * each):
        account = i % accounts
        own = "".join(chr(97 + int(d)) for d in str(account))
        rows.append(
            event(
                i,
                account_id=f"acct-{account}",
                timestamp=START
                + timedelta(days=i % days, hours=account % 24, minutes=i // accounts),
                prompt=f"how do i {own} the {own}{'xyz'[i % 3]} before number {i}",
                client_ip=f"192.0.{account}.1",
                output_tokens=50 + i,
            )
        )
    return rows


def write_jsonl(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write canonical events as JSON lines."""
    path.write_bytes(b"".join(orjson.dumps(_plain(row)) + b"\n" for row in rows))
    return path


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}


def contents(folder: Path) -> list[str]:
    """Names of everything below ``folder``."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

"""Claims as a table (CSV, RFC 4180, UTF-8), one row a claim.

Rules: columns keep their names, places and meanings; new ones are added at the end. Lists are
joined by ``;``. A cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from stillwatch.domain.claim import Span
from stillwatch.intel.exports.files import write_whole
from stillwatch.intel.exports.items import Item, Said, claims
from stillwatch.intel.render import native

COLUMNS: Final = (
    "id", "kind", "state", "weight", "confidence", "publisher", "publisher_name", "tlp",
    "name", "techniques", "targets", "evidence", "accounts_low", "accounts_high",
    "exchanges_low", "exchanges_high", "first_seen", "last_seen", "p_value", "fdr",
    "asns", "about", "opinion", "reason", "verdict", "digest",
    "created", "modified", "valid_until", "description",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_ELSEWHERE: Final[dict[str, tuple[str, ...]]] = {
    "name": ("suspect",),
    "targets": ("families",),
    "evidence": (),
    "digest": ("pack",),
    "about": ("object", "campaigns"),
    "accounts": ("count",),
}
"""Columns that more than one kind fills, by the names of their fields."""


def write(path: Path, items: Sequence[Item]) -> tuple[int, Counter[str]]:
    """Write the table; returns how many rows it has, and what stayed and why."""
    stays = Counter[str]()
    said = claims(items, stays)
    if not said:
        return 0, stays
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, COLUMNS, restval="")
    table.writeheader()
    table.writerows(row(one) for one in said)
    write_whole(path, text.getvalue().encode())
    return len(said), stays


def row(said: Said) -> dict[str, str]:
    """Cells of one claim by column; empty ones are left out."""
    claim, terms = said.claim, said.claim.terms
    shown = native(claim)
    found: dict[str, Any] = {
        "id": said.item.obj["id"],
        "kind": said.kind,
        "state": said.state,
        "weight": said.item.weight,
        "confidence": terms.confidence,
        "publisher": terms.publisher,
        "publisher_name": said.item.publisher,
        "tlp": terms.tlp.value,
        "created": terms.created.isoformat(),
        "modified": terms.modified.isoformat(),
        "valid_until": terms.valid_until.isoformat(),
        "description": shown.get("description", shown.get("explanation", "")),
    }
    for column in COLUMNS:
        value = _field(claim, column)
        if value is not None:
            found.setdefault(column, value)
    for count in ("accounts", "exchanges"):
        span = _field(claim, count)
        if isinstance(span, Span):
            found |= {f"{count}_low": span.low, f"{count}_high": span.high}
    return {column: _cell(value) for column, value in found.items()}


def _field(claim: Any, column: str) -> Any:
    for name in (column, *_ELSEWHERE.get(column, ())):
        if hasattr(claim, name):
            return getattr(claim, name)
    return None


def _cell(value: Any) -> str:
    text = ";".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text

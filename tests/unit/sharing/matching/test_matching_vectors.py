"""The published vectors of records and packs: what any other implementation must give."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError, NotTrusted
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.record import Record, Row, encode, open_row, seal

VECTORS = json.loads((Path("tests") / "vectors" / "matching" / "packs.json").read_text("utf-8"))


def record(said: dict[str, Any]) -> Record:
    days = {name: date.fromisoformat(said[name]) for name in ("first_seen", "last_seen", "until")}
    return Record(**{**said, **days})


@pytest.mark.parametrize("case", VECTORS["records"], ids=lambda case: case["name"])
def test_a_record_is_sealed_to_these_bytes(case: dict[str, Any]) -> None:
    output, nonce = bytes.fromhex(case["output"]), bytes.fromhex(case["nonce"])
    said = record(case["record"])
    row = seal(said, output, StixId(case["publisher"]), case["epoch"], nonce)
    assert encode(said).decode() == case["plain"]
    assert bytes(row).hex() == case["row"]
    assert open_row(row, output, StixId(case["publisher"]), case["epoch"]) == said


@pytest.mark.parametrize("case", VECTORS["refused_rows"], ids=lambda case: case["name"])
def test_these_rows_open_for_nobody(case: dict[str, Any]) -> None:
    row = Row.parse(bytes.fromhex(case["row"]))
    with pytest.raises(NotTrusted):
        open_row(row, bytes.fromhex(case["output"]), StixId(case["publisher"]), case["epoch"])


def test_a_pack_has_these_bytes() -> None:
    case = VECTORS["pack"]
    rows = [Row.parse(bytes([at]) * 16 + bytes([at]) * 296) for at in range(256)]
    content = build(reversed(rows))
    assert content[:16].hex() == case["head"]
    assert (len(content), digest(content)) == (case["bytes"], case["sha256"])
    assert len(parse(content)) == case["rows"]


@pytest.mark.parametrize("case", VECTORS["refused_heads"], ids=lambda case: case["name"])
def test_these_heads_are_of_no_pack(case: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=case["reason"]):
        parse(bytes.fromhex(case["head"]) + bytes(case["body_bytes"]))

import csv
from pathlib import Path

import pytest
from hypothesis import given

from stillwatch.domain.claim import Claim
from stillwatch.errors import InputError
from stillwatch.intel.exports.items import Said
from stillwatch.intel.exports.table import COLUMNS, _cell, row, write
from tests.claims import any_claim
from tests.exporting import item, items

FIRST = (
    "id,kind,state,weight,confidence,publisher,publisher_name,tlp,name,techniques,targets,evidence,"
    "accounts_low,accounts_high,exchanges_low,exchanges_high,first_seen,last_seen,p_value,fdr,"
    "asns,about,opinion,reason,verdict,digest,created,modified,valid_until,description"
)
"""Columns as they were first shipped: later versions may only add to the right."""


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_keep_their_names_and_places(tmp_path: Path) -> None:
    write(tmp_path / "t.csv", items())
    assert (tmp_path / "t.csv").read_text().splitlines()[0].startswith(FIRST)


def test_each_kind_says_what_it_has(tmp_path: Path) -> None:
    count, stays = write(tmp_path / "t.csv", items())
    rows = {r["kind"]: r for r in _read(tmp_path / "t.csv")}
    assert (count, dict(stays), len(rows)) == (9, {}, 9)
    assert rows["campaign"]["accounts_low"] == "200"
    assert rows["campaign"]["targets"] == "mathematics;trace_elicitation"
    assert rows["infrastructure"]["asns"] == "13335;64495;200000"
    assert rows["opinion"]["about"] == rows["campaign"]["id"]
    assert rows["sighting"]["accounts_high"] == "19"
    assert rows["verdict"]["name"] == "qwen/Qwen2.5-7B-Instruct"
    assert len(rows["rule"]["digest"]) == 64


@given(any_claim())
def test_any_claim_has_cells_of_known_columns_only(claim: Claim) -> None:
    cells = row(Said(item(claim), claim))
    assert set(cells) <= set(COLUMNS)
    assert cells["state"] == ("revoked" if claim.terms.revoked else "current")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert _cell(text) == f"'{text}"


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "none" / "t.csv", items())


def test_an_earlier_file_stays_when_there_is_nothing_to_write(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("earlier")
    assert write(tmp_path / "t.csv", [])[0] == 0
    assert (tmp_path / "t.csv").read_text() == "earlier"

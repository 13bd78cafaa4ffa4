"""Ranges that touch give every line once, wherever they are cut."""

import io
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.logs import ranges
from stillwatch.logs.interface import Part, Source, Tally


def lines_of(text: bytes, part: Part) -> tuple[bytes, int]:
    tally = Tally()
    with io.BufferedReader(ranges.Lines(io.BytesIO(text), part, tally), 16) as file:
        return file.read(), tally.lines


@given(st.lists(st.binary(max_size=9).map(lambda raw: raw.replace(b"\n", b"")), max_size=12),
       st.booleans(), st.data())  # fmt: skip
def test_every_line_is_in_the_range_where_it_begins(
    lines: list[bytes], closed: bool, data: st.DataObject
) -> None:
    text = b"\n".join(lines) + (b"\n" if closed else b"")
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
    edges = sorted({0, len(text), *cuts})
    parts = [Part(*pair) for pair in pairwise(edges)]
    read = [lines_of(text, part) for part in parts]
    assert b"".join(part for part, _ in read) == text
    assert [count for _, count in read] == [part.count(b"\n") for part, _ in read]
    at = 0
    for part, (got, _) in zip(parts, read, strict=True):
        assert not got or part.first <= at < part.last  # begins where its first line does
        at += len(got)


def test_a_line_longer_than_a_range_leaves_the_next_ones_empty() -> None:
    text = b"x" * 200_000 + b"\ny\n"
    assert lines_of(text, Part(0, 10)) == (text[:-2], 1)
    assert lines_of(text, Part(10, 150_000)) == (b"", 0)
    assert lines_of(text, Part(150_000, len(text))) == (b"y\n", 1)


@pytest.mark.parametrize(
    "source",
    [
        Source("a.jsonl.gz", "jsonl", 500, "gzip"),
        Source("https://example.com/a.jsonl", "jsonl", 500, None, remote=True),
        Source("a.jsonl", "jsonl", 100, None),
    ],
)
def test_what_cannot_or_need_not_be_divided_stays_whole(source: Source) -> None:
    assert ranges.ranges(source, 100) == [source]


def test_ranges_cover_the_file(tmp_path: Path) -> None:
    source = Source(str(tmp_path / "a"), "jsonl", 1001, None)
    parts = [each.part for each in ranges.ranges(source, 100)]
    assert [part.first for part in parts if part] == [0, *(p.last for p in parts[:-1] if p)]
    assert parts[-1] == Part(910, 1001)
    assert sum(each.bytes for each in ranges.ranges(source, 100)) == 1001

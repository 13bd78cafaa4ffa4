"""A pack holds what was put in, hides how much that is, and is taken from others with care."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.errors import InputError
from stillwatch.intel.packform import HEAD, PackLimits
from stillwatch.sharing.matching.pack import build, digest, parse
from stillwatch.sharing.matching.record import ROW_BYTES, Row, dummy, seal
from tests.rows import PUBLISHER, example

_TAGS = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=40)


@given(_TAGS)
def test_building_and_parsing_are_inverse(tags: list[bytes]) -> None:
    rows = [dummy(tag) for tag in tags]
    content = build(rows)
    pack = parse(content)
    assert len(pack) == 256
    assert set(rows) <= set(pack)
    assert [row.tag for row in pack] == sorted(row.tag for row in pack)
    assert build(pack) == content
    high, low = pack.tags()
    both = [
        int(h).to_bytes(8, "big") + int(w).to_bytes(8, "big")
        for h, w in zip(high, low, strict=True)
    ]
    assert both == [row.tag for row in pack]


@pytest.mark.parametrize(("rows", "held"), [(1, 256), (255, 256), (256, 256), (257, 512)])
def test_sizes_come_in_steps(rows: int, held: int) -> None:
    content = build([dummy() for _ in range(rows)])
    assert len(parse(content)) == held
    assert len(content) == HEAD.size + held * ROW_BYTES


def test_two_packs_of_the_same_rows_differ() -> None:
    rows = [dummy()]
    assert digest(build(rows)) != digest(build(rows))


def test_the_largest_pack_is_bounded_on_both_sides() -> None:
    small = PackLimits(rows=512)
    content = build([dummy() for _ in range(512)], small)
    assert len(content) == small.bytes
    with pytest.raises(InputError, match="too many"):
        build([dummy() for _ in range(513)], small)
    with pytest.raises(InputError, match="states 512 rows"):
        parse(content, PackLimits(rows=256))
    with pytest.raises(InputError, match="at least one"):
        build([])


def _swapped(content: bytes) -> bytes:
    first, second = HEAD.size, HEAD.size + ROW_BYTES
    return (
        content[:first]
        + content[second : second + ROW_BYTES]
        + content[first:second]
        + content[second + ROW_BYTES :]
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c[:-1], "needs? another number"),
        (lambda c: c + b"\0", "need another number"),
        (lambda c: c[: HEAD.size - 1], "no pack"),
        (lambda c: c[:0], "no pack"),
        (lambda c: b"SWPACK\0\2" + c[8:], "no pack"),
        (lambda c: HEAD.pack(c[:8], 311, 256) + c[16:], "311 bytes"),
        (lambda c: HEAD.pack(c[:8], 312, 255) + c[16:], "multiple"),
        (lambda c: HEAD.pack(c[:8], 312, 0) + c[16:], "states 0 rows"),
        (lambda c: HEAD.pack(c[:8], 312, 2**32 - 256) + c[16:], "states 4294967040"),
        (_swapped, "not sorted"),
    ],
)
def test_a_pack_that_is_none_is_refused_with_its_reason(change, told: str) -> None:  # type: ignore[no-untyped-def]
    content = build([dummy() for _ in range(200)])
    with pytest.raises(InputError, match=told):
        parse(change(content))


@given(st.binary(max_size=400))
def test_no_bytes_break_the_parser(noise: bytes) -> None:
    with pytest.raises(InputError):
        parse(noise)
    with pytest.raises(InputError):
        parse(HEAD.pack(b"SWPACK\0\1", 312, 256) + noise)


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_real_rows_and_dummies_look_alike(seed: int) -> None:
    """Bytes of both are uniform: chi-squared of 256 values, to a level of one in a million."""
    outputs = [bytes(np.random.default_rng([seed, at]).bytes(64)) for at in range(512)]
    real = [seal(example(), output, PUBLISHER, "2026-q4") for output in outputs]
    noise = [dummy() for _ in range(512)]
    assert {len(bytes(row)) for row in real} == {len(bytes(row)) for row in noise} == {ROW_BYTES}
    for rows in (real, noise):
        data = np.frombuffer(b"".join(map(bytes, rows)), np.uint8)
        counts = np.bincount(data, minlength=256)
        expected = len(data) / 256
        assert float(((counts - expected) ** 2 / expected).sum()) < 371
        bits = np.unpackbits(data.reshape(512, ROW_BYTES), axis=1).mean(axis=0)
        assert abs(bits - 0.5).max() < 0.14  # of 512 bits a column: six standard deviations


def test_rows_of_one_actor_stand_where_their_tags_do() -> None:
    mine = [seal(example(), os.urandom(64), PUBLISHER, "e") for _ in range(4)]
    rows = list(parse(build(mine)))
    assert [rows.index(row) for row in sorted(mine)] == sorted(rows.index(row) for row in mine)
    assert all(isinstance(row, Row) for row in rows)

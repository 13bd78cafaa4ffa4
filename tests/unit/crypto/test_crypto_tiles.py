"""Paths and examples of C2SP tlog-tiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    subtrees,
)
from stillwatch.crypto.tiles import (
    Tile,
    bundles,
    decode_bundle,
    encode_bundle,
    from_tiles,
    parse_path,
    tiles_of,
)
from stillwatch.errors import InputError


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "0/x001/x234/067"),
        (Tile(0, 0), "0/000"),
        (Tile(3, 999), "3/999"),
        (Tile(1, 1000, 7), "1/x001/000.p/7"),
        (Tile(None, 70_000 // 256, 112), "entries/273.p/112"),
    ],
)
def test_paths_are_those_of_the_specification(tile, path):
    assert tile.path == path
    assert parse_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "0/0", "0/0000", "00/000", "64/000", "0/x000/000", "0/001/000", "0/000.p/0",
        "0/000.p/256", "0/000.p/01", "0/000.p/999", "entry/000", "entries/x001", "0/000/", "-1/000",
        "0/٠٠٠", "0/000\n",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(path):
    with pytest.raises(InputError, match="no path of a tile"):
        parse_path(path)


def test_the_example_of_70_000_entries():
    found = list(tiles_of(70_000))
    assert [t for t in found if t.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert len([t for t in found if t.level == 0 and t.width == 256]) == 273
    assert [t for t in found if t.level == 1 and t.width == 256] == [Tile(1, 0)]


def test_a_tree_of_256_has_a_full_tile_and_one_above():
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []


@given(st.lists(st.binary(max_size=70), max_size=20), st.data())
def test_bundles_survive_and_cut_ones_are_refused(entries, data):
    encoded = encode_bundle(entries)
    assert decode_bundle(encoded) == entries
    if encoded:
        starts, at = set(), 0
        for entry in entries:
            starts.add(at)
            at += 2 + len(entry)
        cut = data.draw(st.integers(0, len(encoded) - 1))
        if cut not in starts:
            with pytest.raises(InputError, match="amid"):
                decode_bundle(encoded[:cut])


@pytest.mark.parametrize(
    ("begin", "size", "paths"),
    [
        (0, 0, []),
        (0, 256, ["entries/000"]),
        (255, 257, ["entries/000", "entries/001.p/1"]),
        (256, 256, []),
        (300, 513, ["entries/001", "entries/002.p/1"]),
    ],
)
def test_the_bundles_of_a_range(begin, size, paths):
    assert [tile.path for tile in bundles(begin, size)] == paths


class Log:
    """A static tile server made from leaf hashes alone."""

    def __init__(self, size: int) -> None:
        self.leaves = [leaf_hash(i.to_bytes(4, "big")) for i in range(size)]
        self.fetched: list[Tile] = []

    def fetch(self, tile: Tile) -> bytes:
        self.fetched.append(tile)
        mth, step = subtrees(self.leaves), 256**tile.level
        first = tile.index * 256
        return b"".join(mth(i * step, (i + 1) * step) for i in range(first, first + tile.width))


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 65_536 + 300])
def test_proofs_from_tiles_are_those_from_leaves(size):
    log = Log(size)
    expected, found = subtrees(log.leaves), from_tiles(log.fetch, size)
    assert found(0, size) == Frontier().extend(log.leaves).root()
    for index in {0, size // 2, size - 1}:
        assert inclusion_proof(found, index, size) == inclusion_proof(expected, index, size)
    for old in {1, size // 3 + 1, size}:
        assert consistency_proof(found, old, size) == consistency_proof(expected, old, size)
    assert len(log.fetched) == len(set(log.fetched))


def test_a_short_tile_is_refused():
    with pytest.raises(InputError, match="too short"):
        from_tiles(lambda _: b"short", 3)(0, 3)

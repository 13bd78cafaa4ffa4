"""Looking up finds exactly what was put in, in whichever pack, and sees whole sets only."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.errors import StoredDataError
from stillwatch.sharing.matching.pack import parse
from stillwatch.sharing.matching.record import dummy
from stillwatch.sharing.matching.tagset import TagSet, packs_in, replace_index
from tests.rows import put

_TAGS = st.lists(
    st.binary(min_size=16, max_size=16)
    # same first word, other second word; and the very same tag again
    | st.integers(0, 3).map(lambda n: b"\xff" * 8 + bytes(7) + bytes([n])),
    min_size=1,
    max_size=20,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(packs=st.lists(_TAGS, min_size=1, max_size=3), others=_TAGS)
def test_lookup_finds_exactly_what_was_put_in(
    tmp_path: Path, packs: list[list[bytes]], others: list[bytes]
) -> None:
    sources = [put(tmp_path, [dummy(tag) for tag in tags], at) for at, tags in enumerate(packs)]
    assert replace_index(tmp_path, sources) == 256 * len(packs)
    found = TagSet.open(tmp_path)
    assert len(found) == 256 * len(packs)
    kept = Counter(
        (row, one)
        for one in sources
        for row in parse((tmp_path / f"{one.sha256}.pack").read_bytes())
    )
    for asked in ([row.tag for row, _ in kept], others):
        for tag, hits in zip(asked, found.lookup(asked), strict=True):
            want = Counter({key: n for key, n in kept.items() if key[0].tag == tag})
            assert Counter((hit.row, hit.source) for hit in hits) == want
            for hit in hits:
                assert (hit.publisher, hit.epoch) == (sources[0].publisher, "2026-q4")
                assert hit.claim in {one.claim for one in sources}


def test_an_empty_folder_is_an_empty_set(tmp_path: Path) -> None:
    empty = TagSet.open(tmp_path)
    assert len(empty) == 0
    assert empty.lookup([bytes(16)]) == [[]]
    assert empty.lookup([]) == []
    assert replace_index(tmp_path, []) == 0
    assert TagSet.open(tmp_path).lookup([bytes(16)]) == [[]]


def test_a_set_that_is_open_outlives_its_replacement(tmp_path: Path) -> None:
    old, new = dummy(), dummy()
    first = put(tmp_path, [old], 1)
    replace_index(tmp_path, [first])
    before = TagSet.open(tmp_path)
    second = put(tmp_path, [new], 2)
    replace_index(tmp_path, [second])
    (tmp_path / f"{first.sha256}.pack").unlink()
    assert [hit.row for hit in before.lookup([old.tag])[0]] == [old]
    after = TagSet.open(tmp_path)
    assert after.lookup([old.tag]) == [[]]
    assert [hit.row for hit in after.lookup([new.tag])[0]] == [new]
    assert list(packs_in(tmp_path)) == [second.sha256]


def test_damage_is_said_and_changes_nothing(tmp_path: Path) -> None:
    row = dummy()
    good = put(tmp_path, [row], 1)
    replace_index(tmp_path, [good])
    bad = put(tmp_path, [dummy()], 2)
    path = tmp_path / f"{bad.sha256}.pack"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoredDataError, match="digest is another"):
        replace_index(tmp_path, [good, bad])
    path.write_bytes(content[:-1])
    with pytest.raises(StoredDataError, match=r"another number.*share pull"):
        replace_index(tmp_path, [good, bad])
    path.unlink()
    with pytest.raises(StoredDataError, match="No such file"):
        replace_index(tmp_path, [good, bad])
    assert [hit.row for hit in TagSet.open(tmp_path).lookup([row.tag])[0]] == [row]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c[:-1], "cut off"),
        (lambda c: c[:0], "is empty"),
        (lambda c: b"SWTAGS\0\2" + c[8:], "no index"),
        (lambda c: c[:20], "no index"),
        (lambda c: c[:16] + b"x" + c[17:], "damaged"),
    ],
)
def test_a_damaged_index_says_what_to_do(tmp_path: Path, change, told: str) -> None:  # type: ignore[no-untyped-def]
    replace_index(tmp_path, [put(tmp_path, [dummy()])])
    index = tmp_path / "tags.index"
    index.write_bytes(change(index.read_bytes()))
    with pytest.raises(StoredDataError, match=rf"{told}.*share pull"):
        TagSet.open(tmp_path)


def test_an_index_whose_pack_is_gone_says_so(tmp_path: Path) -> None:
    one = put(tmp_path, [dummy()])
    replace_index(tmp_path, [one])
    (tmp_path / f"{one.sha256}.pack").unlink()
    with pytest.raises(StoredDataError, match="missing"):
        TagSet.open(tmp_path)


def test_a_tag_has_16_bytes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        TagSet.open(tmp_path).lookup([bytes(15)])

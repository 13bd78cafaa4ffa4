"""Profiles on disk: what is written is what is read, and nothing else is read."""

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.errors import InputError, StoredDataError
from stillwatch.profiles.fields import FIELDS, VERSION
from stillwatch.profiles.store import is_profiles, merge_tables, read_profiles, write_profiles
from stillwatch.profiles.table import ProfileTable
from tests.profiling import by_account, profiled
from tests.support import event

KEY = b"stillwatch.profiles"


def random_table(n: int, seed: int) -> ProfileTable:
    """Any bits in any field: a store must not care what they mean."""
    rng = np.random.default_rng(seed)
    table = ProfileTable(("one", "two"))
    table.rows(pa.array([f"é{i}" for i in range(n)], pa.string()))
    for field in FIELDS:
        part = table.profiles[field.name]
        part[...] = np.frombuffer(rng.bytes(part.nbytes), part.dtype).reshape(part.shape)
    table.model_names = {int(rng.integers(2**63)): "m-1", 7: "模型"}
    return table


def assert_same(got: ProfileTable, expected: ProfileTable) -> None:
    assert got.account_ids == expected.account_ids
    assert got.families == expected.families
    assert got.model_names == expected.model_names
    for field in FIELDS:
        same = got.profiles[field.name].tobytes() == expected.profiles[field.name].tobytes()
        assert same, field.name


@given(st.integers(0, 12), st.integers(0, 2**32))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_round_trip_changes_no_bit(tmp_path: Path, n: int, seed: int) -> None:
    table = random_table(n, seed)
    write_profiles(table, tmp_path / "deep" / "a.parquet")
    assert_same(read_profiles(tmp_path / "deep" / "a.parquet"), table)


def test_more_than_one_row_group(tmp_path: Path) -> None:
    n = 8192 + 5
    table = ProfileTable(())
    table.rows(pa.array([str(i) for i in range(n)]))
    table.profiles["events"] = np.arange(n)
    table.profiles["by_hour"][:, 3] = np.arange(n)
    table.profiles["networks_hll"][:, 9] = np.arange(n) % 251
    table.profiles["exemplar_text"][:, 1, 4] = np.arange(n) % 249
    write_profiles(table, tmp_path / "a.parquet")
    assert pq.ParquetFile(tmp_path / "a.parquet").num_row_groups > 1
    assert_same(read_profiles(tmp_path / "a.parquet"), table)


def test_profiles_read_back_merge_like_those_in_memory(tmp_path: Path) -> None:
    rows = [event(i, account_id=f"a{i % 5}", client_ip=f"10.0.{i}.1") for i in range(60)]
    write_profiles(profiled(rows[:30]), tmp_path / "a.parquet")
    table = read_profiles(tmp_path / "a.parquet")
    merge_tables(table, profiled(rows[30:]), "the rest")
    assert by_account(table) == by_account(profiled(rows))


def test_it_tells_profiles_from_other_files(tmp_path: Path) -> None:
    write_profiles(random_table(1, 1), tmp_path / "a.parquet")
    pq.write_table(pa.table({"account_id": ["a"]}), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    (tmp_path / "d.parquet").mkdir()
    found = {name: is_profiles(tmp_path / f"{name}.parquet") for name in "abcde"}
    assert found == {"a": True, "b": False, "c": False, "d": False, "e": False}


def resaved(path: Path, change: pa.Table | None = None, **meta: object) -> Path:
    """The stored table with other metadata or other contents."""
    table = pq.read_table(path) if change is None else change
    kept = orjson.loads(pq.read_schema(path).metadata[KEY])
    pq.write_table(table.replace_schema_metadata({KEY: orjson.dumps({**kept, **meta})}), path)
    return path


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    write_profiles(
        profiled([event(i, account_id=f"a{i % 3}") for i in range(9)]), tmp_path / "p.parquet"
    )
    return tmp_path / "p.parquet"


def test_resaving_alone_is_no_damage(stored: Path) -> None:
    assert len(read_profiles(resaved(stored))) == 3


def test_another_version_is_refused(stored: Path) -> None:
    with pytest.raises(StoredDataError, match=rf"layout {VERSION + 1}.*profile the logs again"):
        read_profiles(resaved(stored, version=VERSION + 1))


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"account_id": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(StoredDataError, match=r"b\.parquet is not a profile file"):
        read_profiles(tmp_path / "b.parquet")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoredDataError, match=r"none\.parquet"):
        read_profiles(tmp_path / "none.parquet")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_cut_file_is_refused(stored: Path, share: float) -> None:
    data = stored.read_bytes()
    stored.write_bytes(data[: int(share * len(data))])
    with pytest.raises(StoredDataError, match=r"p\.parquet"):
        read_profiles(stored)


def test_a_file_with_a_broken_page_is_refused(stored: Path) -> None:
    data = bytearray(stored.read_bytes())
    data[200:2000] = bytes(1800)
    stored.write_bytes(data)
    with pytest.raises(StoredDataError, match=r"p\.parquet is damaged"):
        read_profiles(stored)


def test_a_single_flipped_bit_in_the_counts_is_noticed(stored: Path) -> None:
    chunk = pq.ParquetFile(stored).metadata.row_group(0).column(1)
    whole = stored.read_bytes()
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    for at in range(start + chunk.total_compressed_size - 12, start + chunk.total_compressed_size):
        stored.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(StoredDataError, match=r"p\.parquet is damaged"):
            read_profiles(stored)


@pytest.mark.parametrize("change", ["column", "type", "twice"])
def test_a_file_with_other_contents_is_refused(stored: Path, change: str) -> None:
    table = pq.read_table(stored)
    changed = {
        "column": table.drop_columns(["words"]),
        "type": table.set_column(1, "events", table["events"].cast(pa.int32())),
        "twice": pa.concat_tables([table, table]),
    }[change]
    with pytest.raises(StoredDataError, match=r"p\.parquet is damaged"):
        read_profiles(resaved(stored, changed))


def test_other_phrase_families_are_refused(stored: Path) -> None:
    into = ProfileTable(("another",))
    with pytest.raises(StoredDataError, match=r"monday.*other phrase families"):
        merge_tables(into, read_profiles(stored), "monday")
    assert len(into) == 0


def test_a_failed_write_leaves_the_old_file(stored: Path) -> None:
    before = stored.read_bytes()
    broken = random_table(2, 1)
    broken.account_ids[1] = 7  # type: ignore[call-overload]
    with pytest.raises(pa.ArrowException):
        write_profiles(broken, stored)
    assert stored.read_bytes() == before
    assert [p.name for p in stored.parent.iterdir()] == [stored.name]


def test_a_place_that_cannot_be_written_is_one_error(stored: Path) -> None:
    with pytest.raises(InputError, match="cannot write profiles"):
        write_profiles(random_table(1, 1), stored / "below.parquet")
    stored.with_name("folder").mkdir()
    with pytest.raises(InputError, match="cannot write profiles"):
        write_profiles(random_table(1, 1), stored.with_name("folder"))
    assert sorted(p.name for p in stored.parent.iterdir()) == ["folder", stored.name]

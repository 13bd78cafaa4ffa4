"""The table: rows are found again, growth moves nothing, names are remembered."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.fields import identity
from stillwatch.profiles.table import ProfileTable
from tests.profiling import by_account, profiled
from tests.support import event


@given(st.lists(st.lists(st.sampled_from(["a", "b", "ü", "", "d"]), max_size=6), max_size=5))
def test_an_id_keeps_its_row(batches: list[list[str]]) -> None:
    table = ProfileTable(())
    expected = list(dict.fromkeys(name for names in batches for name in names))
    for names in batches:
        rows = table.rows(pa.array(names, pa.string()))
        assert [table.account_ids[row] for row in rows] == names
    assert table.account_ids == expected
    assert len(table) == len(expected) == table.profiles.size


def test_new_rows_are_identities_and_growth_keeps_the_old() -> None:
    table = ProfileTable(())
    table.rows(pa.array(["first"]))
    table.profiles["events"][0] = 41
    before = table.profiles[0].tobytes()
    table.rows(pa.array([f"a{i}" for i in range(10_000)]))
    assert table.profiles[0].tobytes() == before
    blank = table.profiles[1:]
    assert blank.size == 10_000
    for name in blank.dtype.names or ():
        assert (blank[name] == identity()[name]).all(), name


def test_a_table_grown_in_small_steps_is_the_table_made_at_once() -> None:
    rows = [event(i, account_id=f"a{i * 7 % 31}", model=f"m{i % 4}") for i in range(200)]
    grown = ProfileTable(profiled([]).families)
    for start in range(0, 200, 13):
        grown.merge(profiled(rows[start : start + 13]))
    whole = profiled(rows)
    assert by_account(grown) == by_account(whole)
    assert grown.model_names == whole.model_names


def test_models_are_remembered_by_the_hash_that_profiles_hold() -> None:
    table = profiled([event(i, model=f"model-{i % 3}") for i in range(9)])
    assert sorted(table.model_names.values()) == ["model-0", "model-1", "model-2"]
    held = table.profiles[0]["models_key"][:3].tolist()
    assert set(held) == set(table.model_names)


def test_merging_leaves_the_other_table_alone() -> None:
    one, two = profiled([event(1)]), profiled([event(2), event(3, account_id="b")])
    before = by_account(two)
    one.merge(two)
    assert by_account(two) == before
    assert one.profiles["events"].tolist() == [2, 1]


@given(st.lists(st.text(max_size=3), unique=True, max_size=40))
def test_sorting_moves_whole_profiles(names: list[str]) -> None:
    table = ProfileTable(())
    table.rows(pa.array(names, pa.string()))
    table.profiles["events"] = [hash(name) % 1000 for name in names]
    table.profiles["exemplar_text"][:, -1, -1] = [len(name) for name in names]
    before = by_account(table)
    table.sort()
    assert table.account_ids == sorted(names)
    assert by_account(table) == before
    assert table.rows(pa.array(names, pa.string())).tolist() == [
        sorted(names).index(name) for name in names
    ]
    assert len(table) == len(names)

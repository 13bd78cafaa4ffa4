"""Laws of merging: any split, any order, any grouping gives the same profiles."""

from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.profiles.fields import FIELDS, HOURLY, PROFILE, SAMPLE
from stillwatch.profiles.merge import empty, merge, pool
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextKernel
from stillwatch.profiles.words import WordVectors
from tests.support import batch, event


@cache
def kernel() -> TextKernel:
    return TextKernel(
        FamilyTable.compile(load_families(shipped_rules() / "phrases")), WordVectors()
    )


def table(rows: list[dict[str, Any]]) -> ProfileTable:
    result = ProfileTable(kernel_families())
    if rows:
        add(result, batch(rows))
    return result


def kernel_families() -> tuple[str, ...]:
    return tuple(f.name for f in load_families(shipped_rules() / "phrases"))


def add(into: ProfileTable, events: pa.RecordBatch) -> None:
    into.add(events, requests(events), kernel().features(events.column("prompt")))


def by_account(profiles: ProfileTable) -> dict[str, bytes]:
    return {name: profiles.profiles[row].tobytes() for row, name in enumerate(profiles.account_ids)}


words = st.sampled_from(["the", "of", "solve", "Привет", "世界", "step by step", "explain", "x1"])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "account_id": st.sampled_from(["a", "b", "c"]),
            "model": st.sampled_from([f"m{i}" for i in range(12)]),
            "prompt": st.lists(words, max_size=9).map(" ".join),
        },
        optional={
            "client_ip": st.sampled_from([f"10.0.{i}.{i}" for i in range(12)] + ["2001:db8::1"]),
            "output_tokens": st.integers(0, 5000),
            "max_tokens": st.sampled_from([None, 10, 4096]),
            "logprobs": st.booleans(),
            "turn": st.integers(0, 3),
            "temperature": st.sampled_from([None, 0.0, 1.0]),
            "system_prompt": st.sampled_from(["be brief", "du bist", None]),
        },
    ),
    max_size=60,
).map(lambda drawn: [event(i, **row) for i, row in enumerate(drawn)])


@given(rows, st.data())
@settings(max_examples=60, deadline=None)
def test_any_split_and_order_gives_the_same_profiles(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = table(drawn)
    shuffled = data.draw(st.permutations(drawn))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(drawn)), max_size=3)))
    parts = [table(shuffled[a:b]) for a, b in zip([0, *cuts], [*cuts, len(drawn)], strict=True)]
    merged = ProfileTable(kernel_families())
    for part in data.draw(st.permutations(parts)):
        merged.merge(part)
    assert by_account(merged) == by_account(whole)


@given(rows, rows, rows)
@settings(max_examples=30, deadline=None)
def test_merge_is_associative_commutative_with_identity(
    first: list[dict[str, Any]], second: list[dict[str, Any]], third: list[dict[str, Any]]
) -> None:
    second = [{**row, "event_id": f"s{row['event_id']}"} for row in second]
    third = [{**row, "event_id": f"t{row['event_id']}"} for row in third]

    def one(rows_: list[dict[str, Any]]) -> np.ndarray:
        return pool_all(table(rows_).profiles)

    def plus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        result = a.copy()
        merge(result, np.zeros(1, dtype=np.int64), b)
        return result

    x, y, z = one(first), one(second), one(third)
    assert plus(x, y).tobytes() == plus(y, x).tobytes()
    assert plus(plus(x, y), z).tobytes() == plus(x, plus(y, z)).tobytes()
    assert plus(x, empty(1)).tobytes() == x.tobytes() == plus(empty(1), x).tobytes()


def pool_all(profiles: np.ndarray) -> np.ndarray:
    return pool(profiles, np.zeros(profiles.size, dtype=np.int64), 1)


def test_pool_is_one_profile_of_all_events() -> None:
    rows_ = [event(i, account_id=f"a{i % 7}", client_ip=f"10.0.0.{i}") for i in range(200)]
    pooled = pool_all(table(rows_).profiles)
    single = table([{**row, "account_id": "all"} for row in rows_]).profiles
    assert pooled.tobytes() == single.tobytes()


def test_pool_leaves_out_accounts_without_a_group() -> None:
    profiles = table([event(i, account_id=f"a{i % 4}") for i in range(40)]).profiles
    pooled = pool(profiles, np.array([1, -1, 0, 1]), 2)
    assert pooled["events"].tolist() == [10, 20]


@pytest.mark.parametrize("events", [1, SAMPLE, SAMPLE + 1, 500])
def test_sample_holds_the_smallest_event_hashes(events: int) -> None:
    rows_ = [event(i) for i in range(events)]
    profile = table(rows_).profiles[0]
    keys = np.sort(requests(batch(rows_)).keys)[:SAMPLE]
    assert profile["sample_key"][: keys.size].tolist() == keys.tolist()


def test_exemplars_are_text_of_the_log_cut_at_a_character() -> None:
    prompt = "ж" * 1000
    profile = table([event(0, prompt=prompt)]).profiles[0]
    size = int(profile["exemplar_size"][0])
    text = bytes(profile["exemplar_text"][0][:size]).decode()
    assert len(text) > 100
    assert prompt.startswith(text)


def test_every_field_of_the_record_has_a_merge_rule() -> None:
    assert set(PROFILE.names or ()) == {f.name for f in FIELDS}
    assert PROFILE.itemsize == sum(PROFILE[f.name].itemsize for f in FIELDS)  # no padding
    rules = {"sum", "capped", "min", "max", "keys", "sample", "tally"}
    assert {f.merge for f in FIELDS} == rules


def test_an_hour_counts_up_to_its_cap_in_any_order() -> None:
    parts = empty(3)
    parts["by_hour"][:, 5] = [HOURLY - 1, 1, 7]
    for order in ([0, 1, 2], [2, 1, 0]):
        merged = empty(1)
        merge(merged, np.zeros(3, dtype=np.int64), parts[order])
        assert merged["by_hour"][0, 5] == HOURLY

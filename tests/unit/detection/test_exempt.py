"""Exemptions: by allow list or agreement, each with its reason; records find their accounts."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.exempt import align, exemptions
from stillwatch.logs.schema import ACCOUNTS_SCHEMA


def records(*rows: dict[str, str]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=ACCOUNTS_SCHEMA)


def test_nobody_is_exempt_without_a_reason() -> None:
    assert exemptions(["a", "b"], None, frozenset()) == [None, None]
    table = records({"account_id": "a", "authorized_use": ""}, {"account_id": "b"})
    assert exemptions(["a", "b"], table, frozenset()) == [None, None]


def test_agreed_use_and_allow_list_say_so() -> None:
    table = records({"account_id": "a", "authorized_use": "benchmarking"}, {"account_id": "b"})
    assert exemptions(["a", "b"], table, frozenset({"b", "elsewhere"})) == [
        "authorised use: benchmarking",
        "on the allow list of the configuration",
    ]


def test_the_allow_list_works_without_records() -> None:
    assert exemptions(["a"], None, frozenset({"a"}))[0] is not None


def test_an_account_without_a_record_is_a_null_row() -> None:
    table = align(records({"account_id": "b", "email": "b@example.net"}), ["x", "b"])
    assert table.column("email").to_pylist() == [None, "b@example.net"]
    assert exemptions(["x", "b"], table, frozenset()) == [None, None]


ids = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(ids, ids)
def test_records_are_brought_into_the_order_of_the_accounts(
    listed: list[str], seen: list[str]
) -> None:
    table = records(*({"account_id": name, "authorized_use": f"use of {name}"} for name in listed))
    aligned = align(table, seen)
    assert aligned.num_rows == len(seen)
    expected = [f"authorised use: use of {name}" if name in listed else None for name in seen]
    assert exemptions(seen, aligned, frozenset()) == expected

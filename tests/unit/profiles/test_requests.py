"""Columns to dense arrays: absent is not zero, and every mark has its threshold."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.tables import EVENTS
from stillwatch.profiles.fields import MARKS, OBSERVED
from stillwatch.profiles.requests import HASHED, READ, Requests, requests
from tests.support import batch, event


def of(*values: dict[str, Any]) -> Requests:
    return requests(batch([event(i, **row) for i, row in enumerate(values)]))


def marks(**values: Any) -> set[str]:
    mask = int(of(values).marks[0])
    return {name for i, name in enumerate(MARKS) if mask >> i & 1}


def observed(mask: np.uint32) -> set[str]:
    return {name for i, name in enumerate(OBSERVED) if int(mask) >> i & 1}


def test_required_columns_alone_observe_nothing() -> None:
    got = of({}, {})
    assert not got.observed.any()
    assert not got.marks.any()
    assert not got.hashes[:, 1:].any()
    assert (got.tokens == -1).all()
    assert got.times.tolist() == [1772409600_000_000, 1772409600_000_000 + 7 * 60_000_000]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"turn": 0}, {"first_turn"}),
        ({"turn": 1}, set()),
        ({"operation": "batch"}, {"batch"}),
        ({"operation": "chat"}, set()),
        ({"temperature": 0.0}, {"greedy"}),
        ({"temperature": 0.5}, set()),
        ({"temperature": 1.0}, {"hot"}),
        ({"choices": 1}, set()),
        ({"choices": 2}, {"many_choices"}),
        ({"logprobs": True}, {"logprobs"}),
        ({"logprobs": False}, set()),
        ({"reasoning": True}, {"reasoning"}),
        ({"stream": True}, {"stream"}),
        ({"response_format": "json_schema"}, {"json"}),
        ({"response_format": "text"}, set()),
        ({"tools": 0}, set()),
        ({"tools": 3}, {"tools"}),
        ({"finish_reason": "length"}, {"cut_at_length"}),
        ({"max_tokens": 100, "output_tokens": 90}, {"rides_max_tokens"}),
        ({"max_tokens": 100, "output_tokens": 89}, set()),
        ({"max_tokens": 0, "output_tokens": 0}, set()),
        ({"max_tokens": 100}, set()),
        ({"output_tokens": 100}, set()),
    ],
)
def test_marks(values: dict[str, Any], expected: set[str]) -> None:
    assert marks(**values) == expected


FULL: dict[str, Any] = {
    "end_user_id": "u", "conversation_id": "c",
    "turn": 0, "operation": "batch", "system_prompt": "s", "input_tokens": 5,
    "output_tokens": 90, "max_tokens": 100, "temperature": 0.0, "top_p": 0.5, "choices": 2,
    "logprobs": True, "reasoning": True, "response_format": "json_object", "tools": 1,
    "stream": True, "finish_reason": "length", "client_ip": "192.0.2.1", "asn": 64500,
    "user_agent": "x", "tls_fingerprint": "t",
}  # fmt: skip


def test_all_columns_are_observed_and_read() -> None:
    assert observed(of(FULL).observed[0]) == set(OBSERVED) == set(FULL)
    assert set(FULL) <= READ <= {column.name for column in EVENTS}


@pytest.mark.parametrize("name", sorted(FULL))
def test_a_null_changes_its_own_row_and_column_only(name: str) -> None:
    full, holed = of(FULL, FULL, FULL), of(FULL, {**FULL, name: None}, FULL)
    for field in ("observed", "marks", "hashes", "tokens"):
        assert (getattr(full, field)[[0, 2]] == getattr(holed, field)[[0, 2]]).all()
    assert observed(holed.observed[1]) == set(FULL) - {name}
    assert int(holed.marks[1]) & ~int(full.marks[1]) == 0
    for i, column in enumerate(HASHED):
        changed = bool(holed.hashes[1, i] != full.hashes[1, i])
        assert changed == (column == name)
        assert not changed or holed.hashes[1, i] == 0


@pytest.mark.parametrize("name", sorted(FULL))
def test_a_column_of_nulls_is_an_absent_column(name: str) -> None:
    rest = {key: value for key, value in FULL.items() if key != name}
    absent, null = of(rest), of({**rest, name: None})
    for field in ("keys", "observed", "marks", "hashes", "tokens"):
        assert (getattr(absent, field) == getattr(null, field)).all()


def test_an_empty_batch_has_the_same_shapes() -> None:
    got = requests(batch([event(0, **FULL)]).slice(0, 0))
    assert got.hashes.shape == (0, len(HASHED) + 1)
    assert got.tokens.shape == (0, 2)
    assert got.keys.size == got.times.size == got.marks.size == 0


def test_a_slice_is_its_rows() -> None:
    rows = [
        event(i, **{**FULL, "client_ip": f"10.0.{i}.1", "logprobs": i % 2 == 0}) for i in range(9)
    ]
    whole, part = requests(batch(rows)), requests(batch(rows).slice(3, 4))
    for field in ("keys", "times", "observed", "marks", "hashes", "tokens"):
        assert (getattr(whole, field)[3:7] == getattr(part, field)).all()


FIELDS = ("keys", "times", "observed", "marks", "hashes", "tokens", "styles")
TEXTS = tuple(name for name, value in FULL.items() if isinstance(value, str))


def encoded(whole: pa.RecordBatch, unused: str | None = "json batch length") -> pa.RecordBatch:
    """The same rows with their texts as dictionaries, which hold a value that no row uses."""
    for name in (*TEXTS, "model"):
        at = whole.schema.get_field_index(name)
        array = whole.column(at).dictionary_encode()
        values = pa.concat_arrays([array.dictionary, pa.array([unused], pa.string())])
        array = pa.DictionaryArray.from_arrays(array.indices, values)
        whole = whole.set_column(at, name, array)
    return whole


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                name: st.none() | st.sampled_from([FULL[name], "", "chat", "ünder", "json"])
                for name in TEXTS
            }
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 11),
    st.sampled_from([None, "json", "batch"]),
)
def test_dictionaries_are_their_rows(
    values: list[dict[str, Any]], start: int, unused: str | None
) -> None:
    whole = batch([event(i, **{**FULL, **row}) for i, row in enumerate(values)])
    plain, other = requests(whole.slice(start)), requests(encoded(whole, unused).slice(start))
    for field in FIELDS:
        assert (getattr(plain, field) == getattr(other, field)).all(), field
        assert getattr(plain, field).dtype == getattr(other, field).dtype


def test_settings_are_told_apart_and_null_is_none_of_them() -> None:
    values = [
        {}, {"stream": True}, {"stream": False}, {"max_tokens": 0}, {"max_tokens": 1},
        {"temperature": 0.0}, {"temperature": 0.001}, {"temperature": 3e38}, {"operation": "chat"},
    ]  # fmt: skip
    assert np.unique(of(*values).styles).size == len(values)
    assert of({"top_p": 0.7}).styles == of({"top_p": 0.70001}).styles

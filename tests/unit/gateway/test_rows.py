from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.blocks import EFFECTS, SCOPES, SHADOW, checked, record_columns
from stillwatch.gateway.rows import FOLLOWED, NONE, WORDS, Rows
from tests.unit.gateway.made import START, id_of, record

LATEST = 253_402_300_799
"""The end of the year 9999."""


@given(
    st.lists(
        st.tuples(
            st.integers(1, LATEST),
            st.integers(0, LATEST - 1),
            st.sampled_from(["policy:standard", "policy:", "person:ann", "policies:x"]),
            st.sampled_from([effect.value for effect in EFFECTS]),
            st.sampled_from([scope.value for scope in SCOPES if scope != "range"]),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_a_row_says_what_was_put_in_to_the_ends_of_time(
    said: list[tuple[int, int, str, str, str, bool]],
) -> None:
    rows, records = Rows(), []
    for n, (until, made, origin, effect, scope, shadow) in enumerate(said):
        records.append(
            record(n, until=until, made=made, origin=origin, effect=effect, scope=scope,
                   value=f"v{n}", shadow=shadow)
        )  # fmt: skip
    assert rows.extend(checked(record_columns(records))) == range(len(records))
    for row, one in enumerate(records):
        assert rows.until(row) == one["until"]
        assert rows.made(row) == (one["made"] if one["origin"].startswith("policy:") else 0)
        assert EFFECTS[rows.code(row) % SHADOW].value == one["effect"]
        assert (rows.code(row) >= SHADOW) is one["shadow"]
        assert SCOPES[rows.scope(row)].value == one["scope"]
        assert rows.values[row] == one["value"]
    every = list(range(len(rows)))
    assert rows.columns(every) == record_columns(records)
    again = Rows()
    again.extend(rows.block(every))
    assert again.columns(every) == rows.columns(every)


def test_a_row_that_ends_or_is_followed_keeps_the_rest_of_what_it_says() -> None:
    rows = Rows()
    rows.extend(checked(record_columns([record(1), record(2, scope="campaign", value="c")])))
    before = rows.columns([0])
    rows.follow(0, 1)
    assert rows.words[0] & FOLLOWED
    assert rows.following[0] == 1
    assert rows.columns([0]) == before
    rows.end(0)
    assert rows.until(0) == 0
    assert rows.words[0] & FOLLOWED
    assert rows.columns([0]) == before | {"until": [1]}
    rows.follow(0, NONE)
    assert not rows.words[0] & FOLLOWED
    alias = rows.another(1, 0, "member")
    assert (rows.until(alias), rows.scope(alias), rows.name(alias)) == (
        START + 1000, 0, rows.name(1),
    )  # fmt: skip
    assert len(rows) == 3 == len(rows.words) // WORDS
    assert rows.columns([alias])["id"] == [id_of(2)]

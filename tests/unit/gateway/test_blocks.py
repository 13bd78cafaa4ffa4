import hashlib
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Decision, Effect, Scope
from stillwatch.errors import InputError
from stillwatch.gateway.blocks import (
    FIELDS,
    Limits,
    checked,
    decoded,
    encoded,
    opened,
    record_columns,
    sealed,
    usable,
)
from stillwatch.gateway.table import loaded
from tests.unit.gateway.made import START, id_of, record

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    scope = draw(st.sampled_from([s for s in Scope if s is not Scope.RANGE]))
    effect = draw(st.sampled_from(list(Effect)))
    said = record(
        draw(st.integers(0, 10**9)),
        effect=effect.value,
        scope=scope.value,
        value=draw(WORDS),
        reason=draw(WORDS),
        evidence=draw(st.lists(st.just("finding:a") | st.just("case:ü"), max_size=2, unique=True)),
        until=draw(st.integers(START, 253_402_300_799)),
    )
    if draw(st.booleans()):
        said["shadow"] = True
    if effect is Effect.DEGRADE:
        said["cohort"] = draw(WORDS)
    if scope is Scope.CAMPAIGN:
        said["members"] = draw(st.lists(WORDS, min_size=1, max_size=3, unique=True))
    return said


@given(st.lists(records(), max_size=30, unique_by=lambda one: one["id"]))
def test_what_was_encoded_is_what_a_table_says(made: list[dict[str, Any]]) -> None:
    body = list(sealed([encoded(record_columns(made[:7])), encoded(record_columns(made[7:]))]))
    table = loaded(decoded(line, place) for place, line in enumerate(opened(iter(body)), 1))
    again = list(sealed(map(encoded, table.blocks(5))))
    found = {}
    for block in (orjson.loads(line) for line in opened(iter(again))):
        for row, id_ in enumerate(block["id"]):
            said = {name: block[name][row] for name in FIELDS if name != "rest"}
            found[id_] = Decision.of(said | orjson.loads(block["rest"][row])).record()
    assert found == {one["id"]: one for one in made}


def test_the_digest_is_sha256_of_all_bytes_before() -> None:
    first, end = list(sealed([b'{"a":1}']))
    assert first == b'{"a":1}\n'
    assert orjson.loads(end) == {"end": hashlib.sha256(b'{"a":1}\n').hexdigest()}


@given(st.data())
def test_whatever_is_changed_or_cut_is_refused(data: st.DataObject) -> None:
    body = b"".join(sealed([encoded(record_columns([record(n)])) for n in range(3)]))
    place = data.draw(st.integers(0, len(body) - 2))
    if data.draw(st.booleans()):
        harmed = body[:place]
    else:
        other = data.draw(st.integers(0, 255).filter(lambda one: one != body[place]))
        harmed = body[:place] + bytes([other]) + body[place + 1 :]
    with pytest.raises(InputError):
        list(opened(iter(harmed.splitlines(keepends=True))))


def test_nothing_follows_the_end() -> None:
    with pytest.raises(InputError, match="follows"):
        list(opened(iter([*sealed([b"{}"]), b"{}\n"])))


def columns(**changed: Any) -> dict[str, Any]:
    return {**record_columns([record(1), record(2)]), **changed}


REST = orjson.loads(record_columns([record(1)])["rest"][0])


def rest(**changed: Any) -> list[str]:
    return [orjson.dumps(REST).decode(), orjson.dumps(REST | changed).decode()]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": [id_of(1), id_of(1)]}, "twice"),
        ({"id": [id_of(1), "decision--x"]}, "id of row 2"),
        ({"id": [id_of(1), id_of(2).upper()]}, "id of row 2"),
        ({"id": [id_of(1), 7]}, "id of row 2"),
        ({"id": [id_of(1)[:-1], id_of(2) + "0"]}, "id of row 1"),
        ({"id": "ab"}, "id is a list"),
        ({"effect": ["block"]}, "effect is not as long"),
        ({"effect": ["block", "annoy"]}, "effect of row 2"),
        ({"effect": ["block", ["block"]]}, "effect of row 2"),
        ({"effect": ["block", "throttle"]}, "rest of row 2: throttle has a rate"),
        ({"scope": ["account", None]}, "scope of row 2"),
        ({"scope": ["account", "range"]}, "range"),
        ({"scope": ["account", "range"], "value": ["a", "fe80::1%eth0/64"]}, "range"),
        ({"value": ["a", ""]}, "value of row 2"),
        ({"value": ["a", "x" * 513]}, "value of row 2"),
        ({"value": ["a", "x\ny"]}, "value of row 2"),
        ({"value": ["a", 5]}, "value of row 2"),
        ({"until": [1, 0]}, "until of row 2"),
        ({"until": [1, True]}, "until of row 2"),
        ({"until": [1, 1.5]}, "until of row 2"),
        ({"until": [1, 10**12]}, "until of row 2"),
        ({"shadow": [0, 2]}, "shadow of row 2"),
        ({"shadow": [0, None]}, "shadow of row 2"),
        ({"rest": ["{}", "{}"]}, "rest of row 1"),
        ({"rest": ["x", "{}"]}, "rest of row 1"),
        ({"rest": [REST, REST]}, "rest of row 1"),
        ({"rest": rest(reason="")}, "rest of row 2: reason"),
        ({"rest": rest(reason=None)}, "rest of row 2: reason"),
        ({"rest": rest(origin=["a"])}, "rest of row 2: origin"),
        ({"rest": rest(evidence="a")}, "rest of row 2: evidence"),
        ({"rest": rest(evidence=["a"] * 65)}, "rest of row 2: evidence"),
        ({"rest": rest(evidence=[1])}, "rest of row 2: evidence"),
        ({"rest": rest(made=-1)}, "rest of row 2: made"),
        ({"rest": rest(rate={"per_minute": 1})}, "rest of row 2: throttle has a rate"),
        ({"rest": rest(members=["a"])}, "rest of row 2: only a campaign"),
        ({"rest": rest(rate={"per_minute": 0}), "effect": ["block", "throttle"]}, "rest of row 2"),
        ({"rest": rest(rate={"per_hour": 1}), "effect": ["block", "throttle"]}, "rest of row 2"),
        ({"rest": rest(members=[1]), "scope": ["account", "campaign"]}, "rest of row 2"),
        ({"rest": rest(cohort=5)}, "rest of row 2"),
    ],
)
def test_a_block_that_cannot_be_used_is_refused_and_says_where(
    changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        decoded(orjson.dumps(columns(**changed)), 4)
    assert "line 4" in caught.value.message


@pytest.mark.parametrize("line", [b"", b"[]", b"{}x", b"7", b"\xff", b"[" * 5000])
def test_what_is_no_block_is_refused(line: bytes) -> None:
    with pytest.raises(InputError, match="line 1"):
        decoded(line, 1)


def test_rows_that_cannot_be_used_are_left_out_one_by_one() -> None:
    said = record_columns([record(n) for n in range(6)])
    said["effect"][1], said["until"][3], said["id"][4] = "delay", None, id_of(0)
    block = usable(said)
    assert block.values == ["account-0", "account-2", "account-5"]
    assert [one.split(": ", 1)[1][:15] for one in block.wrong] == [
        "effect of row 2",
        "until of row 4 ",
        "an id stands tw",
    ]
    assert usable(columns()).wrong == ()
    nothing = usable(columns(effect=["a", "b"]))
    assert (len(nothing), len(nothing.wrong)) == (0, 2)
    with pytest.raises(InputError, match="not as long"):
        usable(columns(effect=["a"]))


def test_blocks_are_bounded() -> None:
    with pytest.raises(InputError, match="at most 1"):
        checked(columns(), Limits(rows=1))


def test_line_breaks_inside_what_is_said_do_no_harm() -> None:
    said = columns(rest=[orjson.dumps(REST, option=orjson.OPT_INDENT_2).decode()] * 2)
    table = loaded([checked(said)])
    assert table.decision(0)["reason"] == table.decision(1)["reason"] == "reason 1"


def test_what_is_not_known_yet_survives() -> None:
    table = loaded([checked(columns(rest=rest(priority="high")))])
    assert table.decision(1)["priority"] == "high"
    assert "priority" not in table.decision(0)

"""None of the forbidden payloads passes, none of the lawful ones is refused, and each names its field."""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, PolicyRefused
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.policy import Directory, check_claim, require_lawful
from stillwatch.intel.policy.strict import parse
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from tests import policycorpus
from tests.claims import TODAY, any_claim
from tests.stixcheck import problems

DIRECTORY = Directory(frozenset({"inner", "alpha", "beta", "gamma"}),
                      frozenset({"alpha", "beta", "gamma"}))  # fmt: skip
FORBIDDEN, LAWFUL = policycorpus.load("forbidden"), policycorpus.load("lawful")
KEY = SigningKey.from_seed(bytes(range(32)))


def refusals(payload, today=TODAY):
    try:
        obj = parse(payload.data)
    except InputError:
        return None
    return check_claim(obj, today=today, directory=DIRECTORY)


def test_the_corpus_is_large_and_each_payload_differs():
    assert len({p.data for p in FORBIDDEN}) == len(FORBIDDEN) >= 400
    assert len({p.data for p in LAWFUL}) == len(LAWFUL) >= 50
    assert {p.object["type"] for p in LAWFUL} >= set(policycorpus.TYPES.values())


@pytest.mark.parametrize(("sort", "made"), [
    ("forbidden", policycorpus.forbidden()), ("lawful", policycorpus.lawful()),
])  # fmt: skip
def test_the_files_are_what_the_mutations_make(sort, made):
    files = {p.stem: p.read_text(encoding="utf-8") for p in (policycorpus.FOLDER / sort).iterdir()}
    assert files == {p.name: policycorpus.stored(p) for p in made}


@pytest.mark.parametrize("payload", FORBIDDEN, ids=lambda p: p.name)
def test_what_is_forbidden_is_refused_by_its_field(payload):
    found = refusals(payload)
    if payload.field == "(text)" and found is None:
        return
    assert found
    assert payload.field in {refusal.path for refusal in found}


@pytest.mark.parametrize("payload", LAWFUL, ids=lambda p: p.name)
def test_what_is_lawful_passes_signed_or_not_on_any_later_day(payload):
    assert refusals(payload) == []
    signed = sign(payload.object, KEY)
    for today in (TODAY, date(2027, 6, 1), datetime.now(UTC).date()):
        assert check_claim(signed, today=today, directory=DIRECTORY) == []
    assert problems(payload.object) == []


@pytest.mark.parametrize("payload", FORBIDDEN, ids=lambda p: p.name)
def test_a_refusal_never_repeats_the_value(payload):
    found = refusals(payload) or []
    said = " ".join(f"{r.path} {r.reason} {r.hint}" for r in found)
    for text in policycorpus.TEXTS.values():
        assert text not in said
    assert "harbour" not in said.casefold().replace("x_note", "")


@given(any_claim())
@settings(deadline=None)
def test_any_lawful_claim_passes(claim):
    obj = json.loads(json.dumps(sign(to_stix(claim), KEY)))
    assert check_claim(obj, today=TODAY, directory=DIRECTORY) == []
    require_lawful(obj, today=TODAY, directory=DIRECTORY)


def _paths(value, path=()):
    """Every place of an object where something could stand, new members and list ends included."""
    yield path
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _paths(part, (*path, name))
        yield (*path, "x_new")
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _paths(part, (*path, place))
        yield (*path, len(value))


def _set(value, path, new):
    if not path:
        return new
    head, *rest = path
    if isinstance(value, dict):
        return {**value, head: _set(value.get(head, {}), rest, new)}
    copy = list(value)
    copy[head : head + 1] = [_set(copy[head] if head < len(copy) else None, rest, new)]
    return copy


@given(
    any_claim(),
    st.data(),
    st.sampled_from(sorted(policycorpus.TEXTS.values())) | st.text(min_size=1, max_size=40),
)
@settings(max_examples=400, deadline=None)
def test_a_text_at_any_path_of_any_claim_is_refused(claim, data, text):
    obj = sign(to_stix(claim), KEY)
    path = data.draw(st.sampled_from(sorted(_paths(obj), key=repr)))
    changed = _set(obj, path, text)
    if changed == obj:
        return  # the text drawn is what stood there
    assert check_claim(changed, today=TODAY, directory=DIRECTORY)


@given(any_claim(), st.data(), st.sampled_from(sorted(policycorpus.TEXTS.values())))
@settings(max_examples=200, deadline=None)
def test_a_text_as_the_name_of_a_member_is_refused(claim, data, text):
    obj = to_stix(claim)
    holders = [p for p in _paths(obj) if isinstance(_at(obj, p), dict)]
    path = data.draw(st.sampled_from(holders))
    changed = _set(obj, path, {**_at(obj, path), text: True})
    found = check_claim(changed, today=TODAY, directory=DIRECTORY)
    assert found
    assert all(text not in refusal.path for refusal in found)


def _at(value, path):
    for step in path:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(any_claim(), st.data(), json_values)
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere_is_judged_and_nothing_breaks(claim, data, value):
    obj = to_stix(claim)
    path = data.draw(st.sampled_from(sorted(_paths(obj), key=repr)))
    changed = _set(obj, path, value)
    found = check_claim(changed, today=TODAY, directory=DIRECTORY)
    assert found or problems(changed) == []


@given(json_values)
def test_whatever_is_no_claim_is_refused(value):
    assert check_claim(value, today=TODAY)


def test_require_lawful_names_every_field_and_what_to_do():
    obj = policycorpus.load("lawful")[0].object
    changed = {**obj, "x_price": 3, "description": "tell me a joke about jane.roe@example.com"}
    with pytest.raises(PolicyRefused, match=r"x_price prices never leave") as refused:
        require_lawful(changed, today=TODAY)
    assert "description" in refused.value.message
    assert "jane" not in str(refused.value)
    assert refused.value.exit_code == 4


def test_extra_checks_can_refuse_more_and_are_asked_last():
    obj = next(p for p in LAWFUL if p.name == "rule-example").object
    seen = []

    def compare(claim):
        seen.append(claim)
        yield policycorpus_refusal

    from stillwatch.intel.policy import Refusal

    policycorpus_refusal = Refusal("pattern.samples.match.[0]", "is a prompt of ours")
    assert check_claim(obj, today=TODAY, extra=(compare,)) == [policycorpus_refusal]
    broken = {**obj, "name": "x"}
    assert policycorpus_refusal not in check_claim(broken, today=TODAY, extra=(compare,))
    assert len(seen) == 1


def test_the_number_of_refusals_is_bounded():
    obj = policycorpus.load("lawful")[0].object
    many = {**obj, **{f"x_{i}": i for i in range(1000)}}
    assert len(check_claim(many, today=TODAY)) == 20


def test_a_hub_without_a_directory_checks_the_form_of_names():
    obj = next(p for p in LAWFUL if p.name == "opinion-for-two").object
    assert check_claim(obj, today=TODAY) == []
    nobody = Directory(frozenset(), frozenset())
    found = check_claim(obj, today=TODAY, directory=nobody)
    assert {r.path.rpartition("terms.")[2] for r in found} == {
        "groups.[0]", "recipients.[0]", "recipients.[1]",
    }  # fmt: skip
    assert CLAIM in found[0].path

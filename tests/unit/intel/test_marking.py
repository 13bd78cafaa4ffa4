"""The strictest marking wins; what cannot be understood opens nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.claim import Tlp
from stillwatch.intel.ids import CLAIM, MARKINGS, OLD_MARKINGS
from stillwatch.intel.marking import audience, tlp


@pytest.mark.parametrize("level", Tlp)
def test_each_level_by_its_id(level):
    assert tlp({"object_marking_refs": [MARKINGS[level]]}) is level
    assert tlp({"object_marking_refs": [MARKINGS[level].upper()]}) is level


@pytest.mark.parametrize(("ref", "level"), OLD_MARKINGS.items())
def test_tlp_1_counts_as_its_successor(ref, level):
    assert tlp({"object_marking_refs": [ref]}) is level


def test_no_marking_is_none():
    assert tlp({}) is None
    assert tlp({"granular_markings": [{"lang": "en", "selectors": ["name"]}]}) is None


@given(st.lists(st.sampled_from(list(Tlp))), st.lists(st.sampled_from(list(Tlp)), min_size=1))
def test_the_strictest_of_object_and_granular_markings(whole, parts):
    obj = {
        "object_marking_refs": [MARKINGS[level] for level in whole],
        "granular_markings": [
            {"marking_ref": MARKINGS[level], "selectors": ["name"]} for level in parts
        ],
    }
    order = list(Tlp)
    assert tlp(obj) == max([*whole, *parts], key=order.index)


@pytest.mark.parametrize(
    "obj",
    [
        {"object_marking_refs": 7},
        {"object_marking_refs": [7]},
        {"granular_markings": [7]},
        {"granular_markings": [{"marking_ref": None}]},
        {"object_marking_refs": None},
    ],
)
def test_a_malformed_marking_is_red(obj):
    assert tlp(obj) is Tlp.RED


def test_the_audience_of_a_claim():
    obj = {
        "object_marking_refs": [MARKINGS[Tlp.AMBER]],
        "extensions": {CLAIM: {"terms": {"groups": ["b", "a"], "recipients": ["alpha"]}}},
    }
    assert audience(obj) == (Tlp.AMBER, ("a", "b"), ("alpha",))
    assert audience({}) == (None, (), ())


@pytest.mark.parametrize("groups", [7, "all", [7], {"a": 1}, None])
def test_a_malformed_audience_is_red_for_nobody(groups):
    obj = {
        "object_marking_refs": [MARKINGS[Tlp.CLEAR]],
        "extensions": {CLAIM: {"terms": {"groups": groups}}},
    }
    assert audience(obj) == (Tlp.RED, (), ())

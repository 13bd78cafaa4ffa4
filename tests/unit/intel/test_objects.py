"""What every stored object must have, and instants in microseconds."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.intel import objects

UUID = "6ba787b6-90e0-4ee1-a24f-4e50d29339f3"
CAMPAIGN = {
    "type": "campaign",
    "spec_version": "2.1",
    "id": f"campaign--{UUID}",
    "created": "2026-01-01T00:00:00.000Z",
    "modified": "2026-01-02T00:00:00.000Z",
    "name": "x",
}


@pytest.mark.parametrize(
    "obj",
    [
        CAMPAIGN,
        {**CAMPAIGN, "unknown": {"deep": [1]}},
        {"type": "ipv4-addr", "id": f"ipv4-addr--{UUID}", "value": "198.51.100.1"},
        {"type": "x-own", "id": f"x-own--{UUID}"},
        {k: v for k, v in CAMPAIGN.items() if k != "spec_version"},
        {**CAMPAIGN, "granular_markings": [{"lang": "de", "selectors": ["name"]}]},
        {
            "type": "marking-definition",
            "id": f"marking-definition--{UUID}",
            "created": "2026-01-01T00:00:00Z",
        },
    ],
)
def test_sound_objects_pass(obj):
    assert objects.check(obj) is None


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"type": None}, "type"), ({"type": 3}, "type"), ({"type": "Campaign"}, "type"),
        ({"type": "bundle", "id": f"bundle--{UUID}"}, "bundle"),
        ({"id": None}, "id"), ({"id": UUID}, "id"), ({"id": f"malware--{UUID}"}, "id"),
        ({"id": f"campaign--{UUID}\n"}, "id"),
        ({"id": "campaign--6ba787b6-90e0-9ee1-a24f-4e50d29339f3"}, "id"),
        ({"spec_version": "3.0"}, "spec_version"), ({"spec_version": None}, "spec_version"),
        ({"created": "2026-02-30T00:00:00.000Z"}, "created"),
        ({"created": "2026-01-03T00:00:00.000Z"}, "modified is before"),
        ({"modified": "2026-01-03"}, "modified"), ({"modified": 5}, "modified"),
        ({"modified": "2026-01-03T00:00:00.000+00:00"}, "modified"),
        ({"modified": "٢٠٢٦-01-03T00:00:00.000Z"}, "modified"),
        ({"object_marking_refs": "red"}, "object_marking_refs"),
        ({"object_marking_refs": [f"identity--{UUID}"]}, "object_marking_refs"),
        ({"object_marking_refs": None}, "object_marking_refs"),
        ({"granular_markings": [{"marking_ref": 1, "selectors": []}]}, "granular_markings"),
        ({"granular_markings": {}}, "granular_markings"),
    ],
)  # fmt: skip
def test_the_problem_names_the_property(change, names):
    assert names in objects.check({**CAMPAIGN, **change})


@pytest.mark.parametrize("name", ["type", "id", "created", "modified"])
def test_what_is_missing_is_named(name):
    without = {k: v for k, v in CAMPAIGN.items() if k != name}
    assert objects.check(without) == f"{name} is missing"


@pytest.mark.parametrize("value", [None, [], "campaign", 1])
def test_only_json_objects_are_objects(value):
    assert "JSON object" in objects.check(value)


def test_versions_and_spec_versions():
    assert objects.version_of(CAMPAIGN) == 1767312000000000
    assert objects.version_of({"created": "2026-01-01T00:00:00Z"}) == 1767225600000000
    assert objects.version_of({"type": "url"}) is None
    assert objects.spec_version(CAMPAIGN) == "2.1"
    assert objects.spec_version({"type": "url"}) == "2.1"
    assert objects.spec_version({"type": "campaign"}) == "2.0"


def test_a_leap_second_is_the_next_second():
    leap = objects.parse_time("2016-12-31T23:59:60.5Z")
    assert leap == objects.parse_time("2017-01-01T00:00:00.5Z")


def test_digits_beyond_microseconds_are_cut():
    assert objects.parse_time("1970-01-01T00:00:00.123456789Z") == 123456


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 6))
def test_instants_survive(at: datetime, digits: int):
    micros = objects.to_micros(at)
    assert objects.parse_time(objects.format_time(micros, digits)) == micros
    assert objects.from_micros(micros) == at


@given(st.text(max_size=30))
def test_junk_is_no_instant(text):
    with pytest.raises(ValueError, match="no timestamp"):
        objects.parse_time(text)

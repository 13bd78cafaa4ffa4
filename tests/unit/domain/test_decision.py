"""Decisions as data: normal form, bounds, and errors in words."""

import math
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import (
    MOST_EVIDENCE,
    MOST_REASON,
    MOST_VALUE,
    SEVERITY,
    Decision,
    Effect,
    Rate,
    Scope,
    Subject,
    evidence_id,
    is_own,
    new_id,
)

SAID: dict[str, Any] = {
    "id": "decision--c0ffee00-0000-4000-8000-000000000001",
    "effect": "block",
    "scope": "account",
    "value": "a",
    "reason": "hydra",
    "evidence": ["finding:f00d/C1"],
    "origin": "policy:standard",
    "made": 1_790_000_000,
    "until": 1_790_600_000,
}
LATEST = 253_402_300_799
kept = st.characters(exclude_categories=["Cs", "Cc"])
texts = st.text(kept, min_size=1, max_size=40)
networks = st.one_of(
    st.builds(lambda n, p: str(IPv4Network((n, p), strict=False)), st.integers(0, 2**32 - 1), st.integers(0, 32)),
    st.builds(lambda n, p: str(IPv6Network((n, p), strict=False)), st.integers(0, 2**128 - 1), st.integers(0, 128)),
)  # fmt: skip
rates = st.one_of(
    st.builds(Rate, st.integers(1, 10**6), st.none() | st.integers(1, 10**6)),
    st.builds(Rate, st.none(), st.integers(1, 10**6)),
)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    effect = draw(st.sampled_from(Effect))
    scope = draw(st.sampled_from(Scope))
    made = draw(st.integers(0, LATEST - 1))
    until = draw(st.integers(made + 1, LATEST))
    return Decision(
        id=new_id(),
        effect=effect,
        subject=Subject.of(scope, draw(networks if scope is Scope.RANGE else texts)),
        reason=draw(texts),
        evidence=tuple(draw(st.lists(st.sampled_from(["finding:a/b", "case:1", "lead:x"]), unique=True))),
        origin=draw(st.sampled_from(["policy:standard", "person:alice"])),
        made=datetime.fromtimestamp(made, UTC),
        until=datetime.fromtimestamp(until, UTC),
        shadow=draw(st.booleans()),
        rate=draw(rates) if effect is Effect.THROTTLE else None,
        cohort=draw(st.none() | st.just("k1")),
        members=tuple(draw(st.lists(texts, unique=True, max_size=3))) if scope is Scope.CAMPAIGN else (),
    )  # fmt: skip


@given(decisions())
def test_a_record_is_the_decision(one: Decision) -> None:
    assert Decision.of(one.record()) == one
    assert Decision.of(orjson.loads(orjson.dumps(one.record()))) == one


@given(networks, st.data())
def test_a_range_has_one_form_whatever_address_of_it_is_written(
    text: str, data: st.DataObject
) -> None:
    network = ip_network(text)
    first, last = int(network.network_address), int(network.broadcast_address)
    address = ip_address(network.network_address.packed).__class__(
        data.draw(st.integers(first, last))
    )
    one = Subject.of("range", f"{address}/{network.prefixlen}")
    assert one == Subject.of("range", text)
    assert Subject.of("range", one.value) == one


@given(st.integers(0, 2**32 - 1), st.integers(0, 32))
def test_an_ipv4_network_written_as_ipv6_is_the_ipv4_network(number: int, length: int) -> None:
    network = IPv4Network((number, length), strict=False)
    mapped = f"::ffff:{network.network_address}/{96 + length}"
    assert Subject.of("range", mapped) == Subject.of("range", str(network))


def test_what_holds_more_than_the_mapped_addresses_stays_ipv6() -> None:
    assert Subject.of("range", "::/0").value == "::/0"
    assert Subject.of("range", "::ffff:0:0/95").value == "::fffe:0:0/95"
    assert Subject.of("range", "2001:DB8::1").value == "2001:db8::1/128"
    assert Subject.of("range", "192.0.2.7/255.255.255.0").value == "192.0.2.0/24"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": SAID["id"].upper()}, "UUID in lower case"),
        ({"id": 7}, "UUID in lower case"),
        ({"id": SAID["id"] + "\n"}, "UUID in lower case"),
        ({"effect": "ban"}, "effect is none of allow, observe"),
        ({"effect": None}, "effect is none of"),
        ({"effect": "throttle"}, "throttle has a rate"),
        ({"rate": {"per_minute": 3}}, "throttle has a rate"),
        ({"effect": "throttle", "rate": {}}, "per_minute, concurrency, or both"),
        ({"effect": "throttle", "rate": {"per_hour": 3}}, "per_minute, concurrency, or both"),
        ({"effect": "throttle", "rate": {"per_minute": 0}}, "whole numbers from 1"),
        ({"effect": "throttle", "rate": {"per_minute": True}}, "whole numbers from 1"),
        ({"effect": "throttle", "rate": {"per_minute": 1.5}}, "whole numbers from 1"),
        ({"scope": "planet"}, "is none of account, key"),
        ({"scope": ["account"]}, "is none of account, key"),
        ({"value": ""}, "text of 1 to 512"),
        ({"value": "a" * (MOST_VALUE + 1)}, "text of 1 to 512"),
        ({"value": "a\nb"}, "control characters"),
        ({"value": "a\ud800"}, "control characters"),
        ({"value": 7}, "text of 1 to 512"),
        ({"scope": "range", "value": "192.0.2.0/33"}, "is no network"),
        ({"scope": "range", "value": "fe80::1%eth0"}, "is no network"),
        ({"scope": "range", "value": "a"}, "is no network"),
        ({"members": ["b"]}, "only a campaign has members"),
        ({"reason": ""}, "reason is a text"),
        ({"reason": "x" * (MOST_REASON + 1)}, "reason is a text of 1 to 1000"),
        ({"reason": "a\0"}, "no database keeps"),
        ({"reason": "\udcff"}, "no database keeps"),
        ({"origin": None}, "origin is a text"),
        ({"evidence": "finding:a"}, "evidence is a list"),
        ({"evidence": [f"case:{n}" for n in range(MOST_EVIDENCE + 1)]}, "at most 64"),
        ({"evidence": ["case:a\nb"]}, "control characters"),
        ({"evidence": [7]}, "evidence is a text"),
        ({"made": "now"}, "made is seconds since 1970"),
        ({"made": True}, "made is seconds since 1970"),
        ({"made": -1}, "made is seconds since 1970"),
        ({"until": math.nan}, "until is seconds since 1970"),
        ({"until": math.inf}, "until is seconds since 1970"),
        ({"until": LATEST + 1}, "until is seconds since 1970"),
        ({"until": None}, "until is seconds since 1970"),
        ({"until": SAID["made"]}, "ends after it is made"),
        ({"cohort": ""}, "cohort is a text"),
    ],
)  # fmt: skip
def test_what_is_none_is_said_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Decision.of(SAID | changes)


def test_nothing_is_a_decision_without_its_parts() -> None:
    for name in SAID.keys() - {"evidence"}:
        with pytest.raises(ValueError, match=r"\w"):
            Decision.of({key: value for key, value in SAID.items() if key != name})


def test_instants_are_whole_seconds_and_evidence_stands_once() -> None:
    claim = "campaign--AAAAAAAA-0000-4000-8000-000000000001"
    one = Decision.of(
        SAID | {"until": 1_790_600_000.9, "evidence": ["case:A", claim, claim.lower()]}
    )
    assert one.record()["until"] == 1_790_600_000
    assert one.evidence == ("case:A", claim.lower())


@pytest.mark.parametrize(
    ("evidence", "own"),
    [
        ("finding:f00d/C1", True),
        ("case:17", True),
        ("appeal:0e9f06ec-bd7e-4ef2-94dc-1cd7c822e7c7", True),
        ("lead:s-1", False),
        ("campaign--aaaaaaaa-0000-4000-8000-000000000001", False),
        ("Finding:f00d/C1", False),
        (" finding:f00d/C1", False),
        ("findings", False),
        ("", False),
    ],
)
def test_only_the_labs_own_evidence_is_own(evidence: str, own: bool) -> None:
    assert is_own(evidence) is own


def test_an_evidence_id_keeps_its_case_unless_it_is_a_stix_id() -> None:
    assert evidence_id("finding:F00D/C1") == "finding:F00D/C1"
    assert evidence_id("Campaign--AAAAAAAA-0000-4000-8000-000000000001").islower()


def test_every_effect_but_allow_has_a_strength() -> None:
    assert [effect for effect in Effect if effect not in SEVERITY] == [Effect.ALLOW]
    assert sorted(SEVERITY, key=SEVERITY.__getitem__) == list(Effect)[1:]

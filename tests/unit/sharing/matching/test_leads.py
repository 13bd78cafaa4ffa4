"""Leads: more evidence never weakens one, and one voice never bears more than a challenge."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.identifier import TRAITS, Kind, Strength
from stillwatch.domain.lead import Step
from stillwatch.sharing.matching.leads import Match, Voices, lead
from stillwatch.sharing.matching.thresholds import load_thresholds
from stillwatch.sharing.weight import Said, weigh

TODAY = date(2026, 11, 26)
ALPHA, BETA, GAMMA = (f"identity--{n * 8}-0000-4000-8000-000000000000" for n in "abc")
VOICES = Voices(GAMMA, frozenset((ALPHA, BETA)))
THRESHOLDS = load_thresholds()


def match(
    kind: Kind = Kind.EMAIL, publisher: str = ALPHA, part: int = 0, **values: object
) -> Match:
    said = values.pop("said", Said(60))
    assert isinstance(said, Said)
    made = Match(
        part=part,
        kind=kind,
        publisher=publisher,
        claim=f"intrusion-set--{publisher[-36:]}",
        actor="PALE HERON",
        epoch="2026q4",
        first_seen=TODAY - timedelta(30),
        last_seen=TODAY,
        expires=TODAY + timedelta(60),
        confidence=said.confidence,
        tactic="rubric-sweep",
        standing=said.state,
        stated=said.confidence,
        weight=weigh(said),
        confirmed=said.confirmed,
        refuted=said.refuted,
    )
    return replace(made, **values)  # type: ignore[arg-type]


def step(*matches: Match, own: tuple[str, ...] = (), voices: Voices = VOICES) -> Step:
    return lead("row", matches, THRESHOLDS, voices, TODAY, own_evidence=own).step


SAID = st.builds(
    Said,
    confidence=st.integers(0, 100),
    confirmed=st.integers(0, 3),
    disputed=st.integers(0, 2),
    refuted=st.integers(0, 2),
    state=st.sampled_from(["current", "disputed", "frozen", "revoked", "suspended"]),
)
PUBLISHERS = (ALPHA, BETA, GAMMA, "identity--pseudonym-1", "identity--pseudonym-2")
CLAIMS = {(p, n): f"intrusion-set--{i}-{n}" for i, p in enumerate(PUBLISHERS) for n in range(2)}


@st.composite
def many(draw: st.DrawFn, publishers: tuple[str, ...] = PUBLISHERS) -> list[Match]:
    """Matches of which those with one claim agree on what that claim is worth."""
    worth = {claim: draw(SAID) for claim in CLAIMS.values()}
    found = []
    for part in range(draw(st.integers(0, 6))):
        publisher = draw(st.sampled_from(publishers))
        claim = CLAIMS[publisher, draw(st.integers(0, 1))]
        seen = TODAY - timedelta(draw(st.integers(-2, 400)))
        one = match(draw(st.sampled_from(Kind)), publisher, part, said=worth[claim], claim=claim)
        confidence = draw(st.integers(0, 100))
        ends = TODAY + timedelta(draw(st.integers(-3, 90)))
        found.append(replace(one, last_seen=seen, confidence=confidence, expires=ends))
    return found


@given(many())
def test_more_evidence_never_weakens_a_lead(matches: list[Match]) -> None:
    for count in range(len(matches)):
        less = lead("row", matches[:count], THRESHOLDS, VOICES, TODAY)
        more = lead("row", matches[: count + 1], THRESHOLDS, VOICES, TODAY)
        assert more.weight >= less.weight
        assert more.step >= less.step
    own = lead("row", matches, THRESHOLDS, VOICES, TODAY, own_evidence=("case-7",))
    assert own.step >= step(*matches)


@given(many(), st.randoms())
def test_the_order_of_evidence_makes_no_difference(matches: list[Match], random: object) -> None:
    mixed = list(matches)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert lead("row", matches, THRESHOLDS, VOICES, TODAY) == lead(
        "row", mixed + mixed, THRESHOLDS, VOICES, TODAY
    )


@given(many((ALPHA,)))
def test_one_publisher_never_bears_more_than_a_challenge(matches: list[Match]) -> None:
    assert step(*matches) <= Step.CHALLENGE


@given(many((ALPHA, "identity--pseudonym-1", "identity--pseudonym-2")))
def test_further_names_that_may_be_the_same_members_are_no_second_voice(
    matches: list[Match],
) -> None:
    assert step(*matches) <= Step.CHALLENGE


@given(many())
def test_kinds_that_strangers_share_never_lead_without_a_strong_match(matches: list[Match]) -> None:
    weak = [one for one in matches if TRAITS[one.kind].strength is not Strength.STRONG]
    found = lead("row", weak, THRESHOLDS, VOICES, TODAY, own_evidence=("case-7",))
    assert (found.step, found.weight) == (Step.NONE, 0)
    assert len(found.evidence) == len(set(weak))


@given(many())
def test_every_match_is_told_with_a_reason(matches: list[Match]) -> None:
    found = lead("row", matches, THRESHOLDS, VOICES, TODAY)
    assert len(found.evidence) == len(set(matches))
    assert all(one.why for one in found.evidence)
    assert bool(found.why) == bool(matches)
    assert (found.step > Step.NONE) <= (found.weight > 0)


def test_one_strong_match_is_a_challenge_and_a_second_lab_makes_it_more() -> None:
    assert step(match()) is Step.CHALLENGE
    assert step(match(), match(publisher=BETA)) is Step.RESTRICT
    assert step(match(), match(publisher=GAMMA)) is Step.RESTRICT, "a record of our own"
    assert step(match(), own=("case-7",)) is Step.RESTRICT
    assert step(own=("case-7",)) is Step.NONE, "our own evidence alone is no match"


def test_a_second_lab_that_says_nothing_of_weight_does_not_open_the_way() -> None:
    frozen = match(publisher=BETA, said=Said(90, state="frozen"))
    assert step(match(said=Said(95)), match(Kind.PHONE, said=Said(95)), frozen) is Step.CHALLENGE
    weak = match(Kind.IP4, BETA)
    assert step(match(said=Said(95)), match(Kind.PHONE, said=Said(95)), weak) is Step.CHALLENGE


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"said": Said(90, state="frozen")}, "it is frozen"),
        ({"said": Said(90, state="revoked")}, "it is revoked"),
        ({"said": Said(90, state="expired")}, "it is expired"),
        ({"said": Said(90, refuted=1)}, "refuted by 1 and confirmed by 0"),
        ({"said": Said(90, signed=False)}, "unsigned"),
        ({"expires": TODAY - timedelta(1)}, "the record expired"),
        ({"last_seen": TODAY - timedelta(365)}, "it holds for 365"),
        ({"last_seen": TODAY + timedelta(1)}, "a day to come"),
    ],
)
def test_what_fell_counts_nothing_and_says_why(values: dict[str, object], reason: str) -> None:
    found = lead("row", [match(**values)], THRESHOLDS, VOICES, TODAY, own_evidence=("case-7",))
    assert (found.step, found.weight) == (Step.NONE, 0)
    assert reason in found.evidence[0].why[0]
    assert found.why[0] == "what matched counts nothing now"


def test_a_weak_kind_adds_beside_a_strong_match_of_the_same_actor_only() -> None:
    alone = lead("row", [match()], THRESHOLDS, VOICES, TODAY).weight
    beside = lead("row", [match(), match(Kind.IP4, part=1)], THRESHOLDS, VOICES, TODAY).weight
    other = match(Kind.IP4, part=1, claim="intrusion-set--another")
    assert beside > alone
    assert lead("row", [match(), other], THRESHOLDS, VOICES, TODAY).weight == alone
    assert step(match(Kind.IP4), match(Kind.JA4_ASN, part=1)) is Step.NONE


def test_one_mailbox_counts_once_however_it_is_written() -> None:
    both = [match(), match(Kind.EMAIL_LOOSE, part=1)]
    assert lead("row", both, THRESHOLDS, VOICES, TODAY).weight == 0.57


def test_a_publisher_that_names_a_subject_often_is_heard_once() -> None:
    actors = [match(claim=f"intrusion-set--{n}", part=n) for n in range(9)]
    assert lead("row", actors, THRESHOLDS, VOICES, TODAY).weight == 0.57


def test_one_claim_never_counts_more_than_it_weighs_however_many_identifiers_match() -> None:
    kinds = [k for k, traits in TRAITS.items() if traits.alone]
    found = [match(kind, part=n) for n, kind in enumerate(kinds)]
    assert lead("row", found, THRESHOLDS, VOICES, TODAY).weight <= 0.6


def test_bands_count_in_pairs() -> None:
    one, two = (match(Kind.SKELETON_BAND, part=n) for n in (1, 2))
    alone = lead("row", [match(), one], THRESHOLDS, VOICES, TODAY)
    pair = lead("row", [match(), one, two], THRESHOLDS, VOICES, TODAY)
    assert alone.weight == 0.57
    assert pair.weight > alone.weight
    assert "2 of its kind must match, 1 did" in str(alone.evidence)


def test_a_match_fades_over_the_second_half_of_its_life() -> None:
    def at(age: int) -> float:
        seen = TODAY - timedelta(age)
        old = match(Kind.PHONE, last_seen=seen, first_seen=seen)
        return lead("row", [old], THRESHOLDS, VOICES, TODAY).weight

    assert at(0) == at(90) > at(120) > at(179) > at(180) == 0


def test_the_cap_is_explained() -> None:
    sure = [match(said=Said(100)), match(Kind.PHONE, part=1, said=Said(100))]
    found = lead("row", sure, THRESHOLDS, VOICES, TODAY)
    assert found.step is Step.CHALLENGE
    assert "one voice bears a challenge at most; for restrict a second lab" in found.why[1]
    for order in permutations(sure):
        assert lead("row", order, THRESHOLDS, VOICES, TODAY).why == found.why

"""What enters the OPRF, byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.identifier import (
    MAX_EPOCH_BYTES,
    MAX_NORMAL_BYTES,
    TRAITS,
    Identifier,
    Kind,
    NormalForm,
    Strength,
    oprf_input,
)

ALICE = Identifier(Kind.EMAIL, NormalForm("alice@example.com"))
TEXT = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() or "\n" in text)
EPOCHS = TEXT.filter(lambda text: "|" not in text and len(text.encode()) <= MAX_EPOCH_BYTES)
IDENTIFIERS = st.builds(Identifier, st.sampled_from(Kind), TEXT.map(NormalForm))


def test_the_bytes_are_version_kind_epoch_and_normal_form() -> None:
    assert oprf_input(ALICE, "2026q4") == b"v1|email|2026q4|alice@example.com"
    organisation = Identifier(Kind.ORGANISATION, NormalForm("société|ромашка"))
    assert oprf_input(organisation, "é") == "v1|organisation|é|société|ромашка".encode()


@given(IDENTIFIERS, EPOCHS, IDENTIFIERS, EPOCHS)
def test_two_different_questions_never_share_their_bytes(
    one: Identifier, epoch: str, other: Identifier, later: str
) -> None:
    same = (one, epoch) == (other, later)
    assert (oprf_input(one, epoch) == oprf_input(other, later)) is same


@pytest.mark.parametrize("epoch", ["", "2026|q4", "|", "e" * (MAX_EPOCH_BYTES + 1), "\ud800"])
def test_an_epoch_that_could_be_read_two_ways_is_refused(epoch: str) -> None:
    with pytest.raises(ValueError, match="epoch"):
        oprf_input(ALICE, epoch)


@pytest.mark.parametrize("value", ["", "secret" * MAX_NORMAL_BYTES, "secret\udfff"])
def test_a_normal_form_out_of_bounds_is_refused_without_being_quoted(value: str) -> None:
    with pytest.raises(ValueError, match="normal form") as refused:
        oprf_input(Identifier(Kind.EMAIL, NormalForm(value)), "2026q4")
    assert "secret" not in repr(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


def test_the_longest_normal_form_is_taken() -> None:
    value = NormalForm("é" * (MAX_NORMAL_BYTES // 2))
    assert len(oprf_input(Identifier(Kind.ORGANISATION, value), "e")) > MAX_NORMAL_BYTES


def test_an_identifier_shows_its_kind_and_hides_its_value() -> None:
    shown = f"{ALICE!r} {ALICE} {[ALICE]}"
    assert "email" in shown
    assert "alice" not in shown


def test_no_kind_holds_the_separator() -> None:
    assert not [kind for kind in Kind if "|" in kind.value]


def test_what_strangers_share_never_matches_alone() -> None:
    assert set(TRAITS) == set(Kind)
    shared = {Kind.IP4, Kind.IP4_24, Kind.IP6_64, Kind.IP6_48, Kind.JA4_ASN, Kind.RESELLER}
    weak = {kind for kind, traits in TRAITS.items() if traits.strength is Strength.WEAK}
    assert weak == shared | {Kind.ORGANISATION}
    assert {kind for kind, traits in TRAITS.items() if not traits.alone} == weak | {
        Kind.SKELETON_BAND,
        Kind.PROMPT,
    }
    assert max(TRAITS[kind].life_days for kind in (Kind.IP4, Kind.IP4_24)) <= 30

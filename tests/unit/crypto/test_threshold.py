"""Any quorum gives the RFC's bytes; fewer give nothing; liars and old shares are seen."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.oprf import blind, evaluate_input, finalize, generate_key_pair
from stillwatch.crypto.ristretto import (
    IDENTITY,
    ZERO,
    BadElement,
    Element,
    Scalar,
    add,
    invert,
    minus,
    plus,
    random_scalar,
    scalar_of,
    subtract,
    times,
)
from stillwatch.crypto.shamir import coefficient, value_at
from stillwatch.crypto.threshold import (
    KeyShare,
    Part,
    PublicShare,
    Quorum,
    UnsafeDealerWarning,
    check_public_shares,
    combine,
    evaluate_share,
    proof_context,
    unsafe_dealer,
    verify_part,
)
from stillwatch.errors import InputError, NotTrusted

ORDER = 2**252 + 27742317777372353535851937790883648493
scalars = st.integers(1, ORDER - 1).map(scalar_of)
CONTEXT = proof_context("2026-q4", 0, 1)
INPUTS = [b"alpha", b"beta", b"gamma"]


def deal(threshold, holders, secret=None):
    with pytest.warns(UnsafeDealerWarning, match="knows the whole key"):
        return unsafe_dealer(threshold, holders, secret=secret)


def outputs(shares, quorum, inputs=INPUTS):
    blinds, blinded = blind(inputs)
    chosen = [share for share in shares if share.index in quorum.indices]
    parts = [evaluate_share(share, quorum, blinded) for share in chosen]
    return finalize(inputs, blinds, combine(parts, quorum))


@pytest.mark.parametrize(("threshold", "holders"), [(2, 2), (2, 3), (3, 5), (5, 7)])
def test_every_quorum_gives_the_bytes_of_the_rfc_under_the_whole_key(threshold, holders):
    keys = generate_key_pair()
    dealt = deal(threshold, holders, keys.secret)
    assert dealt.public_key == keys.public
    expected = [evaluate_input(keys.secret, data) for data in INPUTS]
    for size in range(threshold, holders + 1):
        for indices in itertools.combinations(range(1, holders + 1), size):
            assert outputs(dealt.shares, Quorum(indices)) == expected


@given(scalars, st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4))
def test_any_key_and_inputs(secret, inputs):
    dealt = deal(2, 3, secret)
    expected = [evaluate_input(secret, data) for data in inputs]
    assert outputs(dealt.shares, Quorum((1, 3)), inputs) == expected


@pytest.mark.parametrize(("threshold", "holders"), [(2, 3), (3, 5)])
def test_fewer_shares_than_the_threshold_do_not_give_the_output(threshold, holders):
    keys = generate_key_pair()
    dealt = deal(threshold, holders, keys.secret)
    for indices in itertools.combinations(range(1, holders + 1), threshold - 1):
        assert outputs(dealt.shares, Quorum(indices)) != [
            evaluate_input(keys.secret, data) for data in INPUTS
        ]


@given(st.lists(scalars, min_size=1, max_size=4), scalars, st.binary(min_size=1, max_size=20))
def test_for_shares_below_the_threshold_every_key_is_possible(held, candidate, data):
    """Shamir's argument, carried out: the stolen shares fit any key at all, and so any output.

    For each candidate there is exactly one polynomial of degree t - 1 through it and the t - 1
    shares; it is built here, and with its further share the candidate's output comes out.
    """
    stolen = dict(enumerate(held, 1))
    nodes = (0, *stolen)
    further = len(nodes)
    values = {0: candidate, **stolen}
    completing = ZERO
    for index, value in values.items():
        completing = plus(completing, times(value, _weight(nodes, index, further)))
    if completing == ZERO:
        return
    shares = [KeyShare(index, secret) for index, secret in {**stolen, further: completing}.items()]
    quorum = Quorum.of([*stolen, further])
    assert outputs(shares, quorum, [data]) == [evaluate_input(candidate, data)]


def _weight(nodes, index, at):
    above, below = scalar_of(1), scalar_of(1)
    for other in nodes:
        if other != index:
            above = times(above, minus(scalar_of(at), scalar_of(other)))
            below = times(below, minus(scalar_of(index), scalar_of(other)))
    return times(above, invert(below))


@given(scalars, scalars, st.sets(st.integers(1, 255), min_size=2, max_size=6))
def test_lagrange_gives_the_constant_of_any_polynomial(first, second, indices):
    quorum = Quorum.of(indices)
    coefficients = [first, second]
    found = ZERO
    for index in quorum.indices:
        found = plus(found, times(quorum.coefficient(index), value_at(coefficients, index)))
    assert found == first


@given(st.sets(st.integers(1, 255), min_size=1, max_size=6), st.integers(0, 255))
def test_the_coefficients_of_a_quorum_add_up_to_one(indices, at):
    chosen, found = tuple(sorted(indices)), ZERO
    for index in chosen:
        found = plus(found, coefficient(chosen, index, at))
    assert found == scalar_of(1)


def test_parts_with_proofs_hold_and_each_detail_is_bound():
    dealt, quorum = deal(2, 3), Quorum((1, 3))
    _, blinded = blind(INPUTS)
    share, public = dealt.shares[0], dealt.public_shares[0]
    part = evaluate_share(share, quorum, blinded, context=CONTEXT)
    verify_part(part, public, quorum, blinded, CONTEXT)
    other_public = PublicShare(1, dealt.public_shares[1].element)
    for wrong in (
        (part, public, Quorum((1, 2)), blinded, CONTEXT),
        (part, public, quorum, blinded[::-1], CONTEXT),
        (part, public, quorum, blinded, proof_context("2026-q4", 1, 1)),
        (part, public, quorum, blinded, proof_context("2027-q1", 0, 1)),
        (part, public, quorum, blinded, proof_context("2026-q4", 0, 3)),
        (part, other_public, quorum, blinded, CONTEXT),
        (part, dealt.public_shares[1], quorum, blinded, CONTEXT),
        (Part(1, part.elements), public, quorum, blinded, CONTEXT),
        (Part(1, part.elements[::-1], part.proof), public, quorum, blinded, CONTEXT),
    ):
        with pytest.raises(NotTrusted, match=r"evaluator|share"):
            verify_part(*wrong)


def test_an_answer_survives_the_wire_and_nothing_else_does():
    dealt, quorum = deal(2, 3), Quorum((1, 2))
    _, blinded = blind(INPUTS)
    for context in (None, CONTEXT):
        part = evaluate_share(dealt.shares[0], quorum, blinded, context=context)
        wire, proven = part.to_bytes(), context is not None
        assert len(wire) == 3 * 32 + 64 * proven
        assert Part.from_bytes(1, wire, 3, proven=proven) == part
        for data in (wire[:-1], wire + b"x", b"", bytes(len(wire)), b"\xff" * len(wire)):
            with pytest.raises(NotTrusted, match="evaluator 1"):
                Part.from_bytes(1, data, 3, proven=proven)


def test_a_liar_in_the_quorum_changes_the_output_and_its_proof_fails():
    dealt, quorum = deal(2, 3), Quorum((1, 2))
    blinds, blinded = blind([b"alpha"])
    honest = [evaluate_share(dealt.shares[i], quorum, blinded) for i in (0, 1)]
    liar = evaluate_share(KeyShare(2, random_scalar()), quorum, blinded, context=CONTEXT)
    good = finalize([b"alpha"], blinds, combine(honest, quorum))
    assert finalize([b"alpha"], blinds, combine([honest[0], liar], quorum)) != good
    with pytest.raises(NotTrusted, match="evaluator 2"):
        verify_part(liar, dealt.public_shares[1], quorum, blinded, CONTEXT)


def test_combining_wants_one_part_of_each():
    dealt, quorum = deal(2, 3), Quorum((1, 2))
    _, blinded = blind(INPUTS)
    one, two = (evaluate_share(dealt.shares[i], quorum, blinded) for i in (0, 1))
    for parts in ([one], [one, one], [one, two, two], []):
        with pytest.raises(NotTrusted, match="the quorum is 1,2"):
            combine(parts, quorum)
    with pytest.raises(NotTrusted, match="different numbers"):
        combine([one, Part(2, two.elements[:1])], quorum)
    cancelling = tuple(subtract(IDENTITY, element) for element in one.elements)
    with pytest.raises(NotTrusted, match="cancel"):
        combine([one, Part(2, cancelling)], quorum)


def test_a_bad_element_is_named_by_its_place():
    dealt, quorum = deal(2, 3), Quorum((1, 2))
    _, blinded = blind(INPUTS)
    for bad in (IDENTITY, Element(b"\xff" * 32)):
        with pytest.raises(BadElement) as caught:
            evaluate_share(dealt.shares[0], quorum, [*blinded, bad], context=CONTEXT)
        assert caught.value.place == 3


def test_who_is_not_in_the_quorum_does_not_answer():
    with pytest.raises(InputError, match="evaluator 3 is not in the quorum"):
        evaluate_share(deal(2, 3).shares[2], Quorum((1, 2)), [])


def test_public_shares_are_checked_against_key_and_degree():
    dealt = deal(3, 5)
    public = list(dealt.public_shares)
    check_public_shares(public, 3, dealt.public_key)
    check_public_shares(public[::-1], 3, dealt.public_key)
    with pytest.raises(NotTrusted, match="do not give the public key"):
        check_public_shares(public, 3, generate_key_pair().public)
    for place in range(5):
        wrong = list(public)
        wrong[place] = PublicShare(place + 1, add(wrong[place].element, dealt.public_key))
        with pytest.raises(NotTrusted):
            check_public_shares(wrong, 3, dealt.public_key)
    with pytest.raises(NotTrusted, match="one index"):
        check_public_shares([*public[:4], public[0]], 3, dealt.public_key)


def test_a_sharing_that_fewer_could_open_is_refused():
    dealt = deal(2, 5)
    with pytest.raises(NotTrusted, match="2 of the shares give the key, 3 are promised"):
        check_public_shares(dealt.public_shares, 3, dealt.public_key)
    with pytest.raises(NotTrusted):
        check_public_shares(deal(4, 5).public_shares, 3, dealt.public_key)


@pytest.mark.parametrize(("threshold", "holders"), [(0, 3), (1, 3), (4, 3), (2, 33), (-1, 2)])
def test_sharings_that_hide_nothing_are_refused(threshold, holders):
    with pytest.raises(InputError, match="is no sharing"):
        unsafe_dealer(threshold, holders)


def test_a_share_shows_neither_itself_nor_its_hash():
    share = KeyShare(2, random_scalar())
    for shown in (repr(share), str(share), f"{share}", repr([share]), repr(deal(2, 2).shares)):
        assert share.secret.hex() not in shown
        assert "secret" not in shown
    assert hash(share) == hash(KeyShare(2, random_scalar()))
    assert share == KeyShare(2, share.secret)
    assert share != KeyShare(2, random_scalar())
    assert share != share.public


@pytest.mark.parametrize(
    ("index", "secret"),
    [
        (0, b"\1" * 31 + b"\0"),
        (256, b"\1" * 31 + b"\0"),
        (1, bytes(32)),
        (1, b"\xff" * 32),
        (1, b""),
    ],
)
def test_what_can_be_no_share_is_refused_without_repeating_it(index, secret):
    with pytest.raises(InputError) as caught:
        KeyShare(index, Scalar(secret))
    assert not secret or secret.hex() not in str(caught.value)


@pytest.mark.parametrize("text", ["", "2,1", "1,1", "0,1", "1,256", "1, 2", "01", "+1", "١", "1,"])
def test_a_quorum_has_one_spelling(text):
    with pytest.raises(InputError):
        Quorum.parse(text)


def test_a_quorum_is_written_as_it_is_read():
    assert Quorum.parse("1,3,255").indices == (1, 3, 255)
    assert str(Quorum.of([9, 1])) == "1,9"
    with pytest.raises(InputError):
        Quorum.of([1, 1])
    with pytest.raises(InputError, match="at most 32"):
        Quorum.of(range(1, 34))


@pytest.mark.parametrize(("epoch", "generation"), [("", 0), ("e" * 65, 0), ("e", -1), ("e", 2**32)])
def test_a_context_names_a_sound_epoch(epoch, generation):
    with pytest.raises(InputError):
        proof_context(epoch, generation, 1)

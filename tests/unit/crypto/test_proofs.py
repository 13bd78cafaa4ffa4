"""The proof covers every element, its order, the key and the context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.oprf import blind, evaluate, generate_key_pair
from stillwatch.crypto.proofs import PROOF_BYTES, generate_proof, verify_proof
from stillwatch.crypto.ristretto import (
    IDENTITY,
    Element,
    Scalar,
    add,
    multiply_base,
    random_scalar,
    scalar_of,
    subtract,
)
from stillwatch.errors import InputError, NotTrusted

KEYS = generate_key_pair()
CONTEXT = b"context of this test"
_, BLINDED = blind([b"alpha", b"beta", b"gamma"])
ANSWERS = evaluate(KEYS.secret, BLINDED)
PROOF = generate_proof(KEYS.secret, KEYS.public, BLINDED, ANSWERS, CONTEXT)


def refused(public=KEYS.public, inputs=BLINDED, outputs=ANSWERS, proof=PROOF, context=CONTEXT):
    with pytest.raises(NotTrusted):
        verify_proof(public, inputs, outputs, proof, context)
    return True


@given(st.integers(1, 12))
def test_one_proof_holds_for_a_batch_of_any_size(size):
    _, blinded = blind([b"x%d" % place for place in range(size)])
    answers = evaluate(KEYS.secret, blinded)
    proof = generate_proof(KEYS.secret, KEYS.public, blinded, answers, CONTEXT)
    assert len(proof) == PROOF_BYTES
    verify_proof(KEYS.public, blinded, answers, proof, CONTEXT)
    assert refused(inputs=blinded, outputs=answers)


@given(st.integers(0, 8 * PROOF_BYTES - 1))
def test_no_bit_of_the_proof_can_be_changed(bit):
    forged = bytearray(PROOF)
    forged[bit // 8] ^= 1 << bit % 8
    assert refused(proof=bytes(forged))


@given(st.integers(0, 2), st.integers(1, 2**64))
def test_no_answer_can_be_replaced(place, factor):
    wrong = list(ANSWERS)
    wrong[place] = add(wrong[place], multiply_base(scalar_of(factor)))
    assert refused(outputs=wrong)


def test_errors_of_two_answers_cannot_cancel():
    """A sum without unpredictable weights would accept this."""
    error = multiply_base(random_scalar())
    wrong = [add(ANSWERS[0], error), subtract(ANSWERS[1], error), ANSWERS[2]]
    assert refused(outputs=wrong)


def test_order_key_context_and_length_are_covered():
    assert refused(inputs=BLINDED[::-1])
    assert refused(inputs=BLINDED[::-1], outputs=ANSWERS[::-1])
    assert refused(public=generate_key_pair().public)
    assert refused(context=CONTEXT + b"x")
    assert refused(inputs=BLINDED[:2], outputs=ANSWERS[:2])
    assert refused(outputs=ANSWERS[:2])
    assert refused(proof=PROOF[:-1])
    assert refused(inputs=[], outputs=[])


@pytest.mark.parametrize("bad", [IDENTITY, Element(b"\xff" * 32), Element(b"\2" * 31)])
def test_what_is_no_element_is_not_trusted(bad):
    assert refused(public=bad)
    assert refused(inputs=[bad, *BLINDED[1:]])
    assert refused(outputs=[bad, *ANSWERS[1:]])


def test_a_proof_of_non_canonical_scalars_is_refused():
    """c + order would verify too: a second spelling of one proof."""
    order = 2**252 + 27742317777372353535851937790883648493
    half = int.from_bytes(PROOF[32:], "little") + order
    assert refused(proof=PROOF[:32] + half.to_bytes(32, "little"))


def test_who_multiplied_by_another_key_cannot_prove_it():
    other = generate_key_pair()
    answers = evaluate(other.secret, BLINDED)
    for secret in (KEYS.secret, other.secret):
        proof = generate_proof(secret, KEYS.public, BLINDED, answers, CONTEXT)
        assert refused(outputs=answers, proof=proof)


def test_an_uneven_or_empty_batch_is_not_proven():
    for inputs, outputs in (([], []), (BLINDED, ANSWERS[:1]), ([Element(b"")], [Element(b"")])):
        with pytest.raises(InputError):
            generate_proof(KEYS.secret, KEYS.public, inputs, outputs, CONTEXT)


def test_two_proofs_never_share_a_nonce():
    proofs = {
        generate_proof(KEYS.secret, KEYS.public, BLINDED, ANSWERS, CONTEXT) for _ in range(20)
    }
    assert len({Scalar(proof[:32]) for proof in proofs}) == 20

"""What RFC 9497 demands beyond its vectors, and what hostile clients and servers send."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.oprf import (
    MAX_INPUT,
    Mode,
    blind,
    derive_key_pair,
    evaluate,
    evaluate_input,
    finalize,
    generate_key_pair,
    split_elements,
)
from stillwatch.crypto.ristretto import (
    IDENTITY,
    BadElement,
    invert,
    multiply,
    multiply_base,
    random_scalar,
    times,
)
from stillwatch.errors import InputError

KEYS = generate_key_pair()
inputs = st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=6)


@given(inputs, st.sampled_from(Mode))
def test_the_way_through_the_server_gives_what_the_key_gives(data, mode):
    blinds, blinded = blind(data, mode)
    outputs = finalize(data, blinds, evaluate(KEYS.secret, blinded))
    assert outputs == [evaluate_input(KEYS.secret, item, mode) for item in data]
    assert {len(output) for output in outputs} == {64}


def test_a_blinded_input_never_looks_the_same_twice():
    _, first = blind([b"alpha"] * 50)
    assert len(set(first)) == 50


def test_modes_keys_and_inputs_give_other_outputs():
    assert len(
        {
            evaluate_input(KEYS.secret, b"alpha"),
            evaluate_input(KEYS.secret, b"alpha", Mode.VOPRF),
            evaluate_input(KEYS.secret, b"beta"),
            evaluate_input(generate_key_pair().secret, b"alpha"),
        }
    ) == 4  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"x" * (MAX_INPUT + 1)])
def test_an_input_that_cannot_be_framed_is_refused_with_its_place(data):
    with pytest.raises(InputError, match="at place 1"):
        blind([b"alpha", data])


def test_the_longest_input_is_taken():
    data = [b"x" * MAX_INPUT]
    blinds, blinded = blind(data)
    assert finalize(data, blinds, evaluate(KEYS.secret, blinded)) == [
        evaluate_input(KEYS.secret, data[0])
    ]


def test_a_bad_answer_is_refused_with_its_place():
    blinds, blinded = blind([b"alpha", b"beta", b"gamma"])
    answers = evaluate(KEYS.secret, blinded)
    answers[1] = IDENTITY
    with pytest.raises(BadElement) as caught:
        finalize([b"alpha", b"beta", b"gamma"], blinds, answers)
    assert caught.value.place == 1


def test_answers_that_are_missing_are_seen():
    blinds, blinded = blind([b"alpha", b"beta"])
    with pytest.raises(ValueError, match="shorter"):
        finalize([b"alpha", b"beta"], blinds, evaluate(KEYS.secret, blinded[:1]))


def test_elements_on_the_wire_are_cut_at_32_bytes():
    _, blinded = blind([b"alpha", b"beta"])
    assert split_elements(b"".join(blinded)) == blinded
    with pytest.raises(InputError, match="33 bytes do not divide"):
        split_elements(bytes(33))


def test_the_blind_hides_the_input_from_the_server():
    """For any other input there is a blind that would have sent the same element."""
    secret_of_alpha, secret_of_beta = random_scalar(), random_scalar()
    # the two inputs as multiples of the generator, so that their ratio can be written down
    blinds = random_scalar()
    seen = multiply(blinds, multiply_base(secret_of_alpha))
    other = times(blinds, times(secret_of_alpha, invert(secret_of_beta)))
    assert multiply(other, multiply_base(secret_of_beta)) == seen


@pytest.mark.parametrize(("seed", "info"), [(b"s" * 31, b""), (b"s" * 32, b"i" * 65536)])
def test_a_seed_or_info_of_the_wrong_size_derives_nothing(seed, info):
    with pytest.raises(InputError, match="seed of 32 bytes"):
        derive_key_pair(seed, info)


def test_no_secret_in_a_repr():
    assert KEYS.secret.hex() not in repr(KEYS)
    assert repr(KEYS.secret) not in repr(KEYS)

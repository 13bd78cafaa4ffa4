"""The shares of RFC 9591, Lagrange's laws, and how a quorum is written."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.ristretto import (
    IDENTITY,
    ZERO,
    Scalar,
    add,
    multiply_base,
    plus,
    scalar_of,
    times,
)
from stillwatch.crypto.shamir import (
    MAX_INDEX,
    Quorum,
    check_index,
    coefficient,
    commitments_to,
    committed_value_at,
    interpolate,
    value_at,
)
from stillwatch.errors import InputError

ORDER = 2**252 + 27742317777372353535851937790883648493
scalars = st.integers(1, ORDER - 1).map(scalar_of)
polynomials = st.lists(scalars, min_size=1, max_size=5)

# RFC 9591, appendix E.3: FROST(ristretto255, SHA-512), two of three
SECRET = "1b25a55e463cfd15cf14a5d3acc3d15053f08da49c8afcf3ab265f2ebc4f970b"
PUBLIC = "e2a62f39eede11269e3bd5a7d97554f5ca384f9f6d3dd9c3c0d05083c7254f57"
SLOPE = "410f8b744b19325891d73736923525a4f596c805d060dfb9c98009d34e3fec02"
SHARES = {
    1: "5c3430d391552f6e60ecdc093ff9f6f4488756aa6cebdbad75a768010b8f830e",
    2: "b06fc5eac20b4f6e1b271d9df2343d843e1e1fb03c4cbb673f2872d459ce6f01",
    3: "f17e505f0e2581c6acfe54d3846a622834b5e7b50cad9a2109a97ba7a80d5c04",
}


def scalar(text):
    return Scalar(bytes.fromhex(text))


def recovered(shares, at=0):
    indices, found = tuple(sorted(shares)), ZERO
    for index in indices:
        found = plus(found, times(coefficient(indices, index, at), shares[index]))
    return found


def test_shares_are_those_of_rfc_9591():
    polynomial = [scalar(SECRET), scalar(SLOPE)]
    assert {index: value_at(polynomial, index).hex() for index in SHARES} == SHARES
    assert commitments_to(polynomial)[0].hex() == PUBLIC
    for chosen in itertools.combinations(SHARES, 2):
        shares = {index: scalar(SHARES[index]) for index in chosen}
        assert recovered(shares).hex() == SECRET
        points = {index: multiply_base(share) for index, share in shares.items()}
        assert interpolate(points).hex() == PUBLIC


@given(polynomials, st.sets(st.integers(1, 255), min_size=5, max_size=7), st.integers(0, 255))
def test_enough_shares_give_every_value_of_the_polynomial(polynomial, indices, at):
    shares = {index: value_at(polynomial, index) for index in indices}
    assert recovered(shares, at) == (value_at(polynomial, at) if at else polynomial[0])


@given(polynomials, polynomials, st.integers(1, 255))
def test_the_sum_of_shares_is_the_share_of_the_sum(left, right, index):
    """What key generation and refresh rest on."""
    pairs = itertools.zip_longest(left, right, fillvalue=ZERO)
    both = [plus(*pair) for pair in pairs]
    assert value_at(both, index) == plus(value_at(left, index), value_at(right, index))
    committed = [committed_value_at(commitments_to(one), index) for one in (left, right)]
    assert committed_value_at(commitments_to(both), index) == add(*committed)


@given(polynomials, st.integers(1, 255))
def test_commitments_give_each_share_in_public(polynomial, index):
    value, public = (
        value_at(polynomial, index),
        committed_value_at(commitments_to(polynomial), index),
    )
    assert public == (IDENTITY if value == ZERO else multiply_base(value))
    shifted = [ZERO, *polynomial]
    assert commitments_to(shifted)[0] == IDENTITY


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


@pytest.mark.parametrize("index", [0, -1, MAX_INDEX + 1, True, 1.0, "1", None])
def test_an_index_is_a_number_from_1_to_255(index):
    with pytest.raises(InputError, match="from 1 to 255"):
        check_index(index)


def test_who_is_not_in_a_quorum_has_no_coefficient():
    with pytest.raises(InputError, match="evaluator 3 is not in the quorum"):
        Quorum((1, 2)).coefficient(3)

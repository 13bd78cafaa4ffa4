"""RFC 9496 and RFC 9380 vectors, the laws of a group and of its scalars, and hostile bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.crypto.ristretto import (
    IDENTITY,
    ZERO,
    BadElement,
    Element,
    Scalar,
    add,
    check_element,
    check_scalar,
    expand_message_xmd,
    hash_to_group,
    hash_to_scalar,
    invert,
    invert_all,
    minus,
    multiply,
    multiply_all,
    multiply_base,
    negate,
    plus,
    random_scalar,
    reduce_scalar,
    scalar_of,
    subtract,
    times,
    total,
)
from stillwatch.errors import InputError

ORDER = 2**252 + 27742317777372353535851937790883648493
ONE = scalar_of(1)
BASE = multiply_base(ONE)
numbers = st.integers(1, ORDER - 1)
scalars = numbers.map(scalar_of)
elements = scalars.map(multiply_base)

# RFC 9496, appendix A.1: multiples of the generator, 1 to 4
MULTIPLES = (
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
)
# RFC 9496, appendix A.2: of each kind of invalid encoding
INVALID = (
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",  # not canonical
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0100000000000000000000000000000000000000000000000000000000000000",  # negative
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",  # no square
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = 0
    "00" * 32,  # the identity, canonical, but nothing to be fed
)


@pytest.mark.parametrize(("factor", "expected"), list(enumerate(MULTIPLES, 1)))
def test_multiples_of_the_generator_are_those_of_rfc_9496(factor, expected):
    assert multiply_base(scalar_of(factor)).hex() == expected
    assert total([BASE] * factor).hex() == expected


@pytest.mark.parametrize("encoding", INVALID)
def test_what_is_no_element_is_refused_everywhere(encoding):
    bad = Element(bytes.fromhex(encoding))
    with pytest.raises(BadElement):
        check_element(bad)
    with pytest.raises(BadElement) as caught:
        multiply_all(random_scalar(), [BASE, BASE, bad])
    assert caught.value.place == 2
    assert "at place 2" in str(caught.value)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_other_lengths_never_reach_the_library(length):
    data = b"\2" * length
    for refused in (
        lambda: check_element(data),
        lambda: add(BASE, Element(data)),
        lambda: subtract(Element(data), BASE),
        lambda: multiply(ONE, Element(data)),
        lambda: multiply(Scalar(data), BASE),
        lambda: multiply_base(Scalar(data)),
        lambda: plus(ONE, Scalar(data)),
        lambda: times(Scalar(data), ONE),
        lambda: invert(Scalar(data)),
        lambda: check_scalar(data),
    ):
        with pytest.raises(InputError):
            refused()


# RFC 9380, appendix K.3: expand_message_xmd with SHA-512
DST = b"QUUX-V01-CS02-with-expander-SHA512-256"
EXPANDED = (
    (b"", 32, "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"),
    (b"abc", 32, "0da749f12fbe5483eb066a5f595055679b976e93abe9be6f0f6318bce7aca8dc"),
    (b"abcdef0123456789", 32, "087e45a86e2939ee8b91100af1583c4938e0f5fc6c9db4b107b83346bc967f58"),
    (
        b"abc",
        128,
        "7f1dddd13c08b543f2e2037b14cefb255b44c83cc397c1786d975653e36a6b11"
        "bdd7732d8b38adb4a0edc26a0cef4bb45217135456e58fbca1703cd6032cb134"
        "7ee720b87972d63fbf232587043ed2901bce7f22610c0419751c065922b48843",
    ),
)


@pytest.mark.parametrize(("message", "length", "expected"), EXPANDED)
def test_messages_are_expanded_as_rfc_9380_says(message, length, expected):
    out = expand_message_xmd(message, DST, length)
    assert len(out) == length
    assert out.hex().startswith(expected)


def test_a_tag_too_long_is_hashed_and_still_separates():
    long, other = b"t" * 256, b"t" * 257
    assert expand_message_xmd(b"m", long, 64) != expand_message_xmd(b"m", other, 64)
    with pytest.raises(ValueError, match="cannot be expanded"):
        expand_message_xmd(b"m", DST, 64 * 256)


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=300))
def test_hashing_gives_valid_elements_and_scalars(message, dst):
    assert check_element(hash_to_group(message, dst)) == hash_to_group(message, dst)
    assert check_scalar(hash_to_scalar(message, dst)) == hash_to_scalar(message, dst)


@given(elements, elements, elements)
def test_sums_are_associative_and_commutative_and_differences_undo_them(a, b, c):
    assert add(add(a, b), c) == add(a, add(b, c)) == total([c, a, b])
    assert add(a, b) == add(b, a)
    assert subtract(add(a, b), b) == a
    assert subtract(a, a) == IDENTITY
    assert add(a, IDENTITY) == a


@given(scalars, scalars, elements)
def test_multiplication_distributes(k, m, a):
    if plus(k, m) != ZERO:
        assert multiply(plus(k, m), a) == add(multiply(k, a), multiply(m, a))
    assert multiply(k, multiply(m, a)) == multiply(times(k, m), a)
    assert multiply(invert(k), multiply(k, a)) == a
    assert multiply(negate(k), a) == subtract(IDENTITY, multiply(k, a))


@given(numbers, numbers)
def test_scalars_agree_with_integers(left, right):
    k, m = scalar_of(left), scalar_of(right)
    assert int.from_bytes(plus(k, m), "little") == (left + right) % ORDER
    assert int.from_bytes(minus(k, m), "little") == (left - right) % ORDER
    assert int.from_bytes(times(k, m), "little") == left * right % ORDER
    assert int.from_bytes(invert(k), "little") == pow(left, -1, ORDER)
    assert int.from_bytes(negate(k), "little") == -left % ORDER


@given(st.binary(min_size=64, max_size=64))
def test_reduction_agrees_with_integers(data):
    assert int.from_bytes(reduce_scalar(data), "little") == int.from_bytes(data, "little") % ORDER


@given(st.lists(scalars, max_size=9))
def test_inverting_together_is_inverting_each(many):
    assert invert_all(many) == [invert(k) for k in many]


def test_zero_has_no_inverse_alone_or_among_others():
    for refused in (lambda: invert(ZERO), lambda: invert_all([ONE, ZERO, ONE])):
        with pytest.raises(InputError, match="no inverse"):
            refused()


@pytest.mark.parametrize("number", [ORDER, ORDER + 1, 2**255 - 1, 2**256 - 1])
def test_a_scalar_has_one_spelling(number):
    with pytest.raises(InputError, match="not below the order"):
        check_scalar(number.to_bytes(32, "little"))


def test_zero_is_a_scalar_only_where_it_may_be():
    assert check_scalar(ZERO, zero=True) == ZERO
    with pytest.raises(InputError, match="zero"):
        check_scalar(ZERO)
    with pytest.raises(InputError):
        multiply_base(ZERO)
    with pytest.raises(BadElement):
        multiply(ZERO, BASE)


def test_random_scalars_are_sound_and_differ():
    drawn = {random_scalar() for _ in range(200)}
    assert len(drawn) == 200
    assert all(check_scalar(k) == k for k in drawn)

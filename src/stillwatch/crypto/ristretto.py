"""The group ristretto255 (RFC 9496) and its scalars, all computed by libsodium.

Rules: an ``Element`` is the canonical encoding of a point, a ``Scalar`` 32 bytes, little-endian,
below the order of the group. Scalars are secrets more often than not, so they are never Python
integers, whose arithmetic takes time that depends on their value. The identity is an element
that sums may give but that no protocol may be fed: ``check_element`` and ``multiply`` refuse it.

    >>> k = random_scalar()
    >>> multiply(invert(k), multiply_base(k)) == multiply_base(scalar_of(1))
    True
"""

import ctypes
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Any, Final, NewType

from stillwatch.crypto.sodium import Buffer32, sodium, wipe
from stillwatch.errors import InputError

Element = NewType("Element", bytes)
Scalar = NewType("Scalar", bytes)

ELEMENT_BYTES: Final = 32
SCALAR_BYTES: Final = 32
IDENTITY: Final = Element(bytes(ELEMENT_BYTES))
ZERO: Final = Scalar(bytes(SCALAR_BYTES))

_BLOCK_OF_ZEROS: Final = hashlib.sha512(bytes(128))
_MAX_DST: Final = 255
_add = sodium.crypto_core_ristretto255_add
_multiply = sodium.crypto_scalarmult_ristretto255
_valid = sodium.crypto_core_ristretto255_is_valid_point


class BadElement(InputError):
    """Bytes that are no element a protocol may be fed."""

    def __init__(self, place: int | None = None) -> None:
        where = "" if place is None else f" at place {place}"
        super().__init__(
            f"the element{where} is the identity or no canonical encoding of ristretto255",
            hint="send what an RFC 9497 client made, 32 bytes each",
        )
        self.place = place
        """Its place in the batch, counted from 0; None for a single one."""


# Hashing


def expand_message_xmd(message: bytes, dst: bytes, length: int) -> bytes:
    """Expand a message to ``length`` uniform bytes (RFC 9380, section 5.3.1, SHA-512)."""
    blocks = -(-length // 64)
    if not 0 < blocks <= 255:
        raise ValueError(f"{length} bytes cannot be expanded")
    if len(dst) > _MAX_DST:
        dst = hashlib.sha512(b"H2C-OVERSIZE-DST-" + dst).digest()
    suffix = dst + len(dst).to_bytes(1)
    state = _BLOCK_OF_ZEROS.copy()
    state.update(message + length.to_bytes(2) + b"\0" + suffix)
    first = state.digest()
    block = hashlib.sha512(first + b"\1" + suffix).digest()
    out = [block]
    for place in range(2, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = hashlib.sha512(mixed + place.to_bytes(1) + suffix).digest()
        out.append(block)
    return b"".join(out)[:length]


def hash_to_group(message: bytes, dst: bytes) -> Element:
    """Element whose logarithm nobody knows (RFC 9380, appendix B)."""
    out = Buffer32()
    sodium.crypto_core_ristretto255_from_hash(out, expand_message_xmd(message, dst, 64))
    return Element(out.raw)


def hash_to_scalar(message: bytes, dst: bytes) -> Scalar:
    """Scalar of 64 uniform bytes, reduced (RFC 9497, section 4.1)."""
    return reduce_scalar(expand_message_xmd(message, dst, 64))


# Elements


def check_element(data: bytes, place: int | None = None) -> Element:
    """Return the bytes if they are a canonical element other than the identity.

    Raises ``BadElement`` with the place.
    """
    if len(data) != ELEMENT_BYTES or data == IDENTITY or _valid(bytes(data)) != 1:
        raise BadElement(place)
    return Element(bytes(data))


def add(left: Element, right: Element) -> Element:
    """Sum of two elements. Raises ``BadElement`` for what is none."""
    out = Buffer32()
    if len(left) != ELEMENT_BYTES or len(right) != ELEMENT_BYTES or _add(out, left, right):
        raise BadElement
    return Element(out.raw)


def subtract(left: Element, right: Element) -> Element:
    """Difference of two elements. Raises ``BadElement`` for what is none."""
    out = Buffer32()
    short = len(left) != ELEMENT_BYTES or len(right) != ELEMENT_BYTES
    if short or sodium.crypto_core_ristretto255_sub(out, left, right):
        raise BadElement
    return Element(out.raw)


def total(elements: Iterable[Element]) -> Element:
    """Sum of elements; the identity for none."""
    out = IDENTITY
    for element in elements:
        out = element if out == IDENTITY else add(out, element)
    return out


def multiply(scalar: Scalar, element: Element) -> Element:
    """Multiply an element by a scalar.

    Raises ``BadElement`` for an invalid element, and where the result would be the identity.
    """
    return multiply_all(scalar, (element,))[0]


def multiply_all(scalar: Scalar, elements: Sequence[Element]) -> list[Element]:
    """Multiply each element by one scalar, in order.

    Raises ``BadElement`` with the place of the first that cannot be multiplied.
    """
    _check_length(scalar)
    out, copies = Buffer32(), []
    for place, element in enumerate(elements):
        # libsodium decodes strictly, and refuses a result that is the identity
        if len(element) != ELEMENT_BYTES or _multiply(out, scalar, element):
            raise BadElement(place)
        copies.append(Element(out.raw))
    return copies


def multiply_base(scalar: Scalar) -> Element:
    """Multiply the generator by a scalar other than zero."""
    _check_length(scalar)
    out = Buffer32()
    if sodium.crypto_scalarmult_ristretto255_base(out, scalar):
        raise InputError("zero times the generator is the identity, which no protocol may be fed")
    return Element(out.raw)


# Scalars


def random_scalar() -> Scalar:
    """Draw a scalar uniformly from 1 to the order less one."""
    out = Buffer32()
    sodium.crypto_core_ristretto255_scalar_random(out)
    return _taken(out)


def scalar_of(number: int) -> Scalar:
    """Scalar of a small public number, e.g. the index of a share."""
    return Scalar(number.to_bytes(SCALAR_BYTES, "little"))


def reduce_scalar(data: bytes) -> Scalar:
    """Reduce 64 bytes, little-endian, modulo the order."""
    if len(data) != 64:
        raise ValueError("64 bytes are reduced to a scalar")
    out = Buffer32()
    sodium.crypto_core_ristretto255_scalar_reduce(out, data)
    return _taken(out)


def check_scalar(data: bytes, *, zero: bool = False) -> Scalar:
    """Return the bytes if they are a scalar in its one spelling; zero only where allowed.

    Raises ``InputError``, which does not repeat the value.
    """
    if len(data) != SCALAR_BYTES:
        raise InputError(f"a scalar of ristretto255 has 32 bytes, not {len(data)}")
    if not hmac.compare_digest(reduce_scalar(data + bytes(32)), data):
        raise InputError("the scalar is not below the order of ristretto255")
    if not zero and hmac.compare_digest(data, ZERO):
        raise InputError("the scalar is zero")
    return Scalar(bytes(data))


def plus(left: Scalar, right: Scalar) -> Scalar:
    """Sum modulo the order."""
    return _scalar_pair(sodium.crypto_core_ristretto255_scalar_add, left, right)


def minus(left: Scalar, right: Scalar) -> Scalar:
    """Difference modulo the order."""
    return _scalar_pair(sodium.crypto_core_ristretto255_scalar_sub, left, right)


def times(left: Scalar, right: Scalar) -> Scalar:
    """Product modulo the order."""
    return _scalar_pair(sodium.crypto_core_ristretto255_scalar_mul, left, right)


def negate(scalar: Scalar) -> Scalar:
    """Additive inverse."""
    return minus(ZERO, scalar)


def invert(scalar: Scalar) -> Scalar:
    """Multiplicative inverse. Raises ``InputError`` for zero."""
    _check_length(scalar)
    out = Buffer32()
    if sodium.crypto_core_ristretto255_scalar_invert(out, scalar):
        raise InputError("zero has no inverse")
    return _taken(out)


def invert_all(scalars: Sequence[Scalar]) -> list[Scalar]:
    """Inverses, in order, for three products each and one inversion (Montgomery 1987).

    Raises ``InputError`` if one is zero.
    """
    if not scalars:
        return []
    products = [scalars[0]]
    for scalar in scalars[1:]:
        products.append(times(products[-1], scalar))
    rest = invert(products[-1])
    out = [ZERO] * len(scalars)
    for place in range(len(scalars) - 1, 0, -1):
        out[place] = times(rest, products[place - 1])
        rest = times(rest, scalars[place])
    out[0] = rest
    return out


def _scalar_pair(operation: Any, left: Scalar, right: Scalar) -> Scalar:
    _check_length(left)
    _check_length(right)
    out = Buffer32()
    operation(out, left, right)
    return _taken(out)


def _check_length(scalar: Scalar) -> None:
    """Guard libsodium, which reads 32 bytes whatever it is given."""
    if len(scalar) != SCALAR_BYTES:
        raise InputError(f"a scalar of ristretto255 has 32 bytes, not {len(scalar)}")


def _taken(buffer: ctypes.Array[ctypes.c_char]) -> Scalar:
    """Copy a scalar out of its buffer and wipe that."""
    scalar = Scalar(buffer.raw)
    wipe(buffer)
    return scalar

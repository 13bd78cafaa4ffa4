"""RFC 9497 over ristretto255 with SHA-512: an oblivious pseudorandom function.

The client blinds an input, a server multiplies by its key, the client takes the blind off: it
learns the output for its input, the server learns nothing. Modes OPRF (0) and VOPRF (1), which
adds a proof; the bytes are the RFC's, so that any implementation of it can check ours.

Rules: elements from outside are checked by whoever multiplies them (``ristretto.BadElement``
says which one is bad); a blind is used once; outputs of one mode are not those of the other.

    >>> keys = generate_key_pair()
    >>> blinds, blinded = blind([b"alpha"])
    >>> finalize([b"alpha"], blinds, evaluate(keys.secret, blinded)) == [
    ...     evaluate_input(keys.secret, b"alpha")]
    True
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from stillwatch.crypto.ristretto import (
    ELEMENT_BYTES,
    IDENTITY,
    ZERO,
    BadElement,
    Element,
    Scalar,
    hash_to_group,
    hash_to_scalar,
    invert_all,
    multiply,
    multiply_all,
    multiply_base,
    random_scalar,
)
from stillwatch.errors import InputError

OUTPUT_BYTES: Final = 64
MAX_INPUT: Final = 2**16 - 1
"""Bytes of an input at most (RFC 9497, section 1.2)."""
_SEED_BYTES: Final = 32


class Mode(IntEnum):
    """Variant of the protocol (RFC 9497, section 3)."""

    OPRF = 0
    VOPRF = 1


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A server's key."""

    secret: Scalar = field(repr=False)
    public: Element


def context_string(mode: Mode) -> bytes:
    """What separates this suite and mode from every other use of the hash (section 3.1)."""
    return b"OPRFV1-" + mode.to_bytes(1) + b"-ristretto255-SHA512"


_GROUP_DST: Final = {mode: b"HashToGroup-" + context_string(mode) for mode in Mode}


def generate_key_pair() -> KeyPair:
    """Draw a key."""
    secret = random_scalar()
    return KeyPair(secret, multiply_base(secret))


def derive_key_pair(seed: bytes, info: bytes = b"", mode: Mode = Mode.OPRF) -> KeyPair:
    """Key of a 32-byte secret seed and public info (section 3.2.1)."""
    if len(seed) != _SEED_BYTES or len(info) > MAX_INPUT:
        raise InputError("a key is derived from a seed of 32 bytes and info of at most 65,535")
    derive_input = seed + len(info).to_bytes(2) + info
    for counter in range(256):
        dst = b"DeriveKeyPair" + context_string(mode)
        secret = hash_to_scalar(derive_input + counter.to_bytes(1), dst)
        if secret != ZERO:
            return KeyPair(secret, multiply_base(secret))
    raise InputError("no key can be derived from this seed")


def blind(
    inputs: Sequence[bytes], mode: Mode = Mode.OPRF, *, blinds: Sequence[Scalar] | None = None
) -> tuple[list[Scalar], list[Element]]:
    """Blind inputs of 1 to 65,535 bytes: the blinds to keep, and the elements to send.

    ``blinds`` are drawn unless given; give them for test vectors only.
    Raises ``InputError`` for an input that cannot be used, with its place.
    """
    if blinds is None:
        blinds = [random_scalar() for _ in inputs]
    elements = [_input_element(data, mode, place) for place, data in enumerate(inputs)]
    pairs = zip(blinds, elements, strict=True)
    return list(blinds), [multiply(scalar, element) for scalar, element in pairs]


def evaluate(secret: Scalar, blinded: Sequence[Element]) -> list[Element]:
    """Multiply each blinded element by the key, in order (``BlindEvaluate``).

    Raises ``BadElement`` with the place of the first element that is none.
    """
    return multiply_all(secret, blinded)


def finalize(
    inputs: Sequence[bytes], blinds: Sequence[Scalar], evaluated: Sequence[Element]
) -> list[bytes]:
    """Take the blinds off: outputs of 64 bytes, in order.

    In mode VOPRF the proof is verified first, by ``proofs.verify_proof``.
    Raises ``BadElement`` with the place of the first element that is none.
    """
    out = []
    triples = zip(inputs, invert_all(blinds), evaluated, strict=True)
    for place, (data, unblind, element) in enumerate(triples):
        try:
            out.append(_output(data, multiply(unblind, element)))
        except BadElement:
            raise BadElement(place) from None
    return out


def evaluate_input(secret: Scalar, data: bytes, mode: Mode = Mode.OPRF) -> bytes:
    """Output for an input, computed by who holds the key (``Evaluate``)."""
    return _output(data, multiply(secret, _input_element(data, mode)))


def split_elements(data: bytes) -> list[Element]:
    """Cut concatenated elements apart; whoever multiplies them checks them.

    Raises ``InputError`` if the length is no multiple of 32.
    """
    if len(data) % ELEMENT_BYTES:
        raise InputError(f"elements have 32 bytes each; {len(data)} bytes do not divide")
    return [Element(data[at : at + ELEMENT_BYTES]) for at in range(0, len(data), ELEMENT_BYTES)]


def _input_element(data: bytes, mode: Mode, place: int = 0) -> Element:
    if not 0 < len(data) <= MAX_INPUT:
        raise InputError(
            f"the input at place {place} has {len(data)} bytes; the function takes 1 to {MAX_INPUT}"
        )
    element = hash_to_group(data, _GROUP_DST[mode])
    if element == IDENTITY:
        raise InputError(f"the input at place {place} hashes to the identity")
    return element


def _output(data: bytes, element: Element) -> bytes:
    framed = len(data).to_bytes(2) + data + len(element).to_bytes(2) + element
    return hashlib.sha512(framed + b"Finalize").digest()

"""The function of RFC 9497 under a key that nobody holds: ``t`` of ``n`` shares answer (2HashDH).

The client blinds once and names its quorum; evaluator ``i`` multiplies by its share and by its
Lagrange coefficient; the client adds the parts up and finalises. The output's bytes are those
of ``oprf.evaluate_input`` under the whole key, whichever quorum answered.

Rules: fewer than ``t`` parts say nothing about an output. A part may carry the proof of RFC 9497
against its evaluator's public share; the context of the proof names epoch, generation and
index, so that none of another epoch, or from before a refresh, holds. A share never shows in a
``repr``; what is derived from it is wiped, the share itself is Python's ``bytes`` and cannot be.

    >>> import warnings
    >>> from stillwatch.crypto.oprf import blind, finalize
    >>> with warnings.catch_warnings(action="ignore"):
    ...     dealt = unsafe_dealer(2, 3)
    >>> quorum, (blinds, blinded) = Quorum.of([1, 3]), blind([b"alpha"])
    >>> parts = [evaluate_share(dealt.shares[i - 1], quorum, blinded) for i in quorum.indices]
    >>> len(finalize([b"alpha"], blinds, combine(parts, quorum))[0])
    64
"""

import hmac
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from stillwatch.crypto.oprf import Mode, context_string, split_elements
from stillwatch.crypto.proofs import PROOF_BYTES, generate_proof, verify_proof
from stillwatch.crypto.ristretto import (
    ELEMENT_BYTES,
    IDENTITY,
    Element,
    Scalar,
    check_element,
    check_scalar,
    multiply,
    multiply_all,
    multiply_base,
    random_scalar,
    total,
)
from stillwatch.crypto.shamir import (
    MAX_SHARES,
    Quorum,
    check_index,
    interpolate,
    value_at,
)
from stillwatch.crypto.sodium import secret_buffer, sodium
from stillwatch.errors import InputError, NotTrusted

__all__ = [
    "Dealt",
    "KeyShare",
    "Part",
    "PublicShare",
    "Quorum",
    "UnsafeDealerWarning",
    "check_public_shares",
    "check_threshold",
    "combine",
    "evaluate_share",
    "proof_context",
    "unsafe_dealer",
    "verify_part",
]

MAX_EPOCH_NAME: Final = 64


@dataclass(frozen=True, slots=True, eq=False)
class KeyShare:
    """An evaluator's secret. Raises ``InputError`` for what can be none."""

    index: int
    secret: Scalar = field(repr=False)

    def __post_init__(self) -> None:
        check_index(self.index)
        check_scalar(self.secret)

    @property
    def public(self) -> "PublicShare":
        """Its public half."""
        return PublicShare(self.index, multiply_base(self.secret))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KeyShare):
            return NotImplemented
        return self.index == other.index and hmac.compare_digest(self.secret, other.secret)

    def __hash__(self) -> int:
        return hash((KeyShare, self.index))


@dataclass(frozen=True, slots=True)
class PublicShare:
    """A share times the generator: its holder's proofs are verified with it."""

    index: int
    element: Element

    def __post_init__(self) -> None:
        check_index(self.index)
        check_element(self.element)

    def weighted(self, quorum: Quorum) -> Element:
        """The public key of what its holder multiplies by in this quorum."""
        return multiply(quorum.coefficient(self.index), self.element)


@dataclass(frozen=True, slots=True)
class Part:
    """What one evaluator answered for a batch."""

    index: int
    elements: tuple[Element, ...]
    """In the order of the request."""
    proof: bytes | None = None
    """64 bytes, if it was asked for."""

    def to_bytes(self) -> bytes:
        """Its form on the wire: the elements, then the proof if there is one."""
        return b"".join(self.elements) + (self.proof or b"")

    @classmethod
    def from_bytes(cls, index: int, data: bytes, count: int, *, proven: bool) -> Self:
        """Read an answer to ``count`` elements.

        Raises ``NotTrusted`` for another length and for elements that are none.
        """
        end = count * ELEMENT_BYTES
        if len(data) != end + PROOF_BYTES * proven:
            raise NotTrusted(
                f"evaluator {index} answered {len(data)} bytes to {count} elements"
                + (" with a proof" if proven else "")
            )
        try:
            elements = split_elements(data[:end])
            checked = tuple(check_element(element, i) for i, element in enumerate(elements))
        except InputError as error:
            raise NotTrusted(f"evaluator {index}: {error.message}") from error
        return cls(index, checked, data[end:] if proven else None)


def proof_context(epoch: str, generation: int, index: int) -> bytes:
    """Context of an evaluator's proofs: of one epoch, generation and index only."""
    name = epoch.encode()
    if not 0 < len(name) <= MAX_EPOCH_NAME:
        raise InputError(f"the name of an epoch has 1 to {MAX_EPOCH_NAME} bytes")
    if not 0 <= generation < 2**32:
        raise InputError(f"{generation} is no generation of shares")
    numbers = generation.to_bytes(4) + check_index(index).to_bytes(1)
    return context_string(Mode.VOPRF) + b"-stillwatch-share-" + numbers + name


def evaluate_share(
    share: KeyShare, quorum: Quorum, blinded: Sequence[Element], *, context: bytes | None = None
) -> Part:
    """Answer for a batch: each element times the share and its coefficient in the quorum.

    With a ``context`` (see ``proof_context``) the answer carries its proof. Raises ``BadElement``
    with the place of the first bad element, ``InputError`` if the quorum is not the share's.
    """
    weight = quorum.coefficient(share.index)
    with secret_buffer() as secret:
        sodium.crypto_core_ristretto255_scalar_mul(secret, weight, share.secret)
        elements = multiply_all(secret, blinded)
        if context is None:
            return Part(share.index, tuple(elements))
        proof = generate_proof(secret, multiply_base(secret), blinded, elements, context)
    return Part(share.index, tuple(elements), proof)


def verify_part(
    part: Part, public: PublicShare, quorum: Quorum, blinded: Sequence[Element], context: bytes
) -> None:
    """Raise ``NotTrusted`` unless the part's proof holds against its evaluator's public share."""
    if part.index != public.index:
        raise NotTrusted(f"the part is of evaluator {part.index}, the share of {public.index}")
    if part.proof is None:
        raise NotTrusted(f"evaluator {part.index} gave no proof")
    try:
        verify_proof(public.weighted(quorum), blinded, part.elements, part.proof, context)
    except NotTrusted as error:
        raise NotTrusted(f"evaluator {part.index}: {error.message}") from error


def combine(parts: Sequence[Part], quorum: Quorum) -> list[Element]:
    """Add the parts up: the batch, multiplied by the whole key, still blinded.

    Raises ``NotTrusted`` unless there is one part of each evaluator of the quorum, all of one
    length, and no sum is the identity.
    """
    answered = sorted(part.index for part in parts)
    if answered != list(quorum.indices):
        raise NotTrusted(f"the quorum is {quorum}, but evaluators {answered} answered")
    if len({len(part.elements) for part in parts}) != 1:
        raise NotTrusted(f"the evaluators {quorum} answered to different numbers of elements")
    try:
        sums = [total(column) for column in zip(*(p.elements for p in parts), strict=True)]
    except InputError as error:
        raise NotTrusted(f"the answers of evaluators {quorum}: {error.message}") from error
    if IDENTITY in sums:
        raise NotTrusted(f"the answers of evaluators {quorum} cancel each other")
    return sums


def check_threshold(threshold: int, holders: int) -> None:
    """Raise ``InputError`` unless ``threshold`` of ``holders`` is a sharing that hides the key."""
    if not 2 <= threshold <= holders <= MAX_SHARES:
        raise InputError(
            f"{threshold} of {holders} is no sharing",
            hint=f"2 or more of at most {MAX_SHARES}: with 1 every evaluator would hold the key",
        )


def check_public_shares(shares: Sequence[PublicShare], threshold: int, public_key: Element) -> None:
    """Raise ``NotTrusted`` unless the shares lie on one polynomial of this key and threshold.

    A degree below ``threshold - 1`` is refused too: fewer evaluators would hold the key.
    """
    check_threshold(threshold, len(shares))
    points = {share.index: share.element for share in shares}
    if len(points) != len(shares):
        raise NotTrusted("two public shares have one index")
    first = {index: points[index] for index in sorted(points)[:threshold]}
    if interpolate(first) != public_key:
        raise NotTrusted("the public shares do not give the public key")
    for index in sorted(points)[threshold:]:
        if interpolate(first, index) != points[index]:
            raise NotTrusted(f"public share {index} does not lie on the others' polynomial")
    fewer = {index: first[index] for index in sorted(first)[: threshold - 1]}
    if interpolate(fewer) == public_key:
        raise NotTrusted(f"{threshold - 1} of the shares give the key, {threshold} are promised")


class UnsafeDealerWarning(UserWarning):
    """One machine knew the whole key."""


@dataclass(frozen=True, slots=True)
class Dealt:
    """What a dealer hands out. The key itself is not kept."""

    public_key: Element
    shares: tuple[KeyShare, ...]
    """Of indices 1 to n."""

    @property
    def public_shares(self) -> tuple[PublicShare, ...]:
        """The shares' public halves."""
        return tuple(share.public for share in self.shares)


def unsafe_dealer(threshold: int, holders: int, *, secret: Scalar | None = None) -> Dealt:
    """Draw a key (or take one) and share it, all in one place: for pilots and tests only.

    Warns, for whoever runs this knows the key; ``ceremony`` makes keys that nobody knows.
    """
    check_threshold(threshold, holders)
    warnings.warn(
        "this machine knows the whole key and could compute every tag: use the ceremony",
        UnsafeDealerWarning,
        stacklevel=2,
    )
    key = random_scalar() if secret is None else check_scalar(secret)
    coefficients = [key, *(random_scalar() for _ in range(threshold - 1))]
    shares = (KeyShare(i, value_at(coefficients, i)) for i in range(1, holders + 1))
    return Dealt(multiply_base(key), tuple(shares))

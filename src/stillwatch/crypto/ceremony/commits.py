"""Round 1: commitments to each participant's polynomial, checked by all the others.

Rules: as many commitments as the threshold, none the identity; at a refresh the first is the
identity and nothing else, so that the key stays. Each commit proves that its sender knows what it
committed to (FROST, figure 1, round 1): nobody can build its own from the others'. The box key is
fresh in each ceremony and signed by the member's key: a member key stolen later opens no recorded
share, no key serves two algorithms, and a complaint can show it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.messages import (
    CeremonyFault,
    Message,
    field_bytes,
    unsigned,
    verified,
)
from stillwatch.crypto.ceremony.plan import Plan, Seat
from stillwatch.crypto.ristretto import (
    ELEMENT_BYTES,
    IDENTITY,
    Element,
    Scalar,
    add,
    check_element,
    check_scalar,
    hash_to_scalar,
    minus,
    multiply,
    multiply_base,
    times,
    total,
)
from stillwatch.crypto.shamir import committed_value_at
from stillwatch.errors import InputError

PROOF_BYTES: Final = 64
BOX_BYTES: Final = 32
_POSSESSION: Final = b"stillwatch-ceremony-v1-possession"


@dataclass(frozen=True, slots=True)
class Commit:
    """What one participant committed to."""

    seat: Seat
    commitments: tuple[Element, ...]
    """Of the constant first."""
    box: bytes
    """X25519 public key: shares for it are sealed to it."""
    said: Message
    """The message without its signature."""


@dataclass(frozen=True, slots=True)
class Commits:
    """Round 1 complete: one sound commit of each participant."""

    plan: Plan
    by_index: Mapping[int, Commit]

    @property
    def transcript(self) -> bytes:
        """SHA-256 over the plan's id and what all said, in the order of their indices."""
        said = [self.by_index[index].said for index in self.plan.indices]
        return hashlib.sha256(canonical({"ceremony": self.plan.id, "commits": said})).digest()

    def public_key(self) -> Element:
        """The key that comes of it, times the generator."""
        if self.plan.before is not None:
            return self.plan.before.public_key
        return total(commit.commitments[0] for commit in self.by_index.values())

    def share_of(self, dealer: int, recipient: int) -> Element:
        """What a dealer owes a recipient, times the generator."""
        return committed_value_at(self.by_index[dealer].commitments, recipient)

    def public_share(self, index: int) -> Element:
        """The public share that a participant will hold."""
        dealt = total(self.share_of(dealer, index) for dealer in self.plan.indices)
        before = self.plan.before
        return dealt if before is None else total((before.public_share(index).element, dealt))


def possession(plan: Plan, index: int, secret: Scalar, nonce: Scalar) -> bytes:
    """Prove knowledge of a committed coefficient (Schnorr), in this ceremony and seat only."""
    public = multiply_base(secret)
    challenge = _challenge(plan, index, public, multiply_base(nonce))
    return challenge + minus(nonce, times(challenge, secret))


def check_commits(plan: Plan, messages: Iterable[Any]) -> Commits:
    """Round 1, checked: who is missing, twice there, or sent what does not fit.

    Raises ``CeremonyFault``, which names the culprit.
    """
    found: dict[int, Commit] = {}
    for message in messages:
        seat, body = verified(plan, message, "commit")
        commit = _commit(plan, seat, body, unsigned(message))
        known = found.setdefault(seat.index, commit)
        if known != commit:
            raise CeremonyFault(
                f"{seat}: it signed two different commits in one ceremony", culprit=seat.index
            )
    if missing := [str(seat) for seat in plan.seats if seat.index not in found]:
        raise CeremonyFault(f"no commit of {', '.join(missing)}", hint="wait for it")
    return Commits(plan, found)


def find_split(plan: Plan, mine: Iterable[Any], theirs: Iterable[Any]) -> Seat | None:
    """Who told two participants different things in round 1: both signed messages show it.

    Raises ``CeremonyFault`` for messages that do not hold.
    """
    said: dict[int, Message] = {}
    for message in [*mine, *theirs]:
        seat, _ = verified(plan, message, "commit")
        if said.setdefault(seat.index, unsigned(message)) != unsigned(message):
            return seat
    return None


def _commit(plan: Plan, seat: Seat, body: Mapping[str, Any], said: Message) -> Commit:
    if body.keys() != {"commitments", "proof", "box"}:
        raise CeremonyFault(f"{seat}: a commit has commitments, proof and box", culprit=seat.index)
    commitments = _commitments(plan, seat, body["commitments"])
    _check_possession(plan, seat, commitments, body["proof"])
    return Commit(seat, commitments, field_bytes(seat, body["box"], BOX_BYTES, "box"), said)


def _commitments(plan: Plan, seat: Seat, values: Any) -> tuple[Element, ...]:
    number = len(values) if isinstance(values, list) else 0
    if number != plan.threshold:
        raise CeremonyFault(
            f"{seat}: it made {number} commitments; threshold {plan.threshold} wants as many",
            culprit=seat.index,
        )
    elements = [
        Element(field_bytes(seat, value, ELEMENT_BYTES, f"commitment {place}"))
        for place, value in enumerate(values)
    ]
    refresh = plan.before is not None
    if refresh and elements[0] != IDENTITY:
        raise CeremonyFault(
            f"{seat}: its polynomial is not zero at 0: it would change the key",
            culprit=seat.index,
        )
    try:
        for element in elements[1:] if refresh else elements:
            check_element(element)
    except InputError as error:
        raise CeremonyFault(f"{seat}: commitments: {error.message}", culprit=seat.index) from error
    return tuple(elements)


def _check_possession(plan: Plan, seat: Seat, commitments: tuple[Element, ...], value: Any) -> None:
    proof = field_bytes(seat, value, PROOF_BYTES, "proof")
    public = commitments[proven_place(plan)]
    try:
        challenge, response = check_scalar(proof[:32]), check_scalar(proof[32:])
        nonce = add(multiply_base(response), multiply(challenge, public))
    except InputError as error:
        raise CeremonyFault(f"{seat}: proof: {error.message}", culprit=seat.index) from error
    if _challenge(plan, seat.index, public, nonce) != challenge:
        raise CeremonyFault(
            f"{seat}: it does not prove that it knows what it committed to", culprit=seat.index
        )


def proven_place(plan: Plan) -> int:
    """Place of the coefficient that is proven: the constant, or the next where that is zero."""
    return 0 if plan.before is None else 1


def _challenge(plan: Plan, index: int, public: Element, nonce: Element) -> Scalar:
    transcript = plan.id.encode() + index.to_bytes(1) + public + nonce
    return hash_to_scalar(transcript, _POSSESSION)

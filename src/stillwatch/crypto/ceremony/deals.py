"""Round 2: shares, sealed to their recipients, and what to do with one that does not fit.

A deal's body is ``{"to": J, "sealed": B64URL}``, a libsodium sealed box of the 32-byte share. A
complaint's is ``{"deal": the signed deal, "box_secret": B64URL}``: with the recipient's box key of
this ceremony anyone opens the deal and compares it with its dealer's signed commitments.

Rules: a share must be the value at the recipient's index of the polynomial its dealer committed
to; there is one such value, so a deal sent twice does no harm. A complaint that proves nothing
falls back on who made it: nobody is blamed for what another says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stillwatch.crypto.ceremony.commits import BOX_BYTES, Commits
from stillwatch.crypto.ceremony.messages import CeremonyFault, Message, field_bytes, verified, write
from stillwatch.crypto.ceremony.plan import Seat
from stillwatch.crypto.encoding import b64url
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import SCALAR_BYTES, Scalar, check_scalar, multiply_base
from stillwatch.crypto.sodium import pysodium
from stillwatch.errors import InputError

_SEALED_BYTES = SCALAR_BYTES + int(pysodium.crypto_box_SEALBYTES)


class Broken(CeremonyFault):
    """A dealer's share does not fit what it committed to: the ceremony is over."""

    def __init__(self, fault: CeremonyFault, complaint: Message) -> None:
        super().__init__(
            fault.message,
            culprit=fault.culprit,
            hint="publish the complaint, and begin anew without its dealer",
        )
        self.complaint = complaint
        """Evidence for all the others; it opens nothing but this ceremony's deals to its maker."""


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal whose signature holds, not yet opened."""

    dealer: Seat
    recipient: int
    sealed: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who broke the ceremony, by evidence that anyone can check."""

    culprit: Seat
    reason: str


def make_deal(
    commits: Commits, seat: Seat, key: SigningKey, recipient: int, share: Scalar
) -> Message:
    """Seal a share to its recipient's box key and sign the message."""
    commit = commits.by_index[recipient]
    try:
        sealed = pysodium.crypto_box_seal(share, commit.box)
    except ValueError as error:
        raise CeremonyFault(
            f"{commit.seat}: nothing can be sealed to its box key", culprit=recipient
        ) from error
    return write(commits.plan, "deal", seat, key, {"to": recipient, "sealed": b64url(sealed)})


def read_deal(commits: Commits, message: Any) -> Deal:
    """Check the form and signature of a deal. Raises ``CeremonyFault``."""
    seat, body = verified(commits.plan, message, "deal")
    if body.keys() != {"to", "sealed"} or type(body["to"]) is not int:
        raise CeremonyFault(f"{seat}: a deal has to and sealed", culprit=seat.index)
    if body["to"] == seat.index or body["to"] not in commits.by_index:
        raise CeremonyFault(f"{seat}: its deal is for {body['to']}", culprit=seat.index)
    sealed = field_bytes(seat, body["sealed"], _SEALED_BYTES, "the sealed share")
    return Deal(seat, body["to"], sealed, message)


def open_deal(commits: Commits, deal: Deal, box_secret: bytes) -> Scalar:
    """The share of a deal. Raises ``CeremonyFault`` with its dealer if it does not fit."""
    box = commits.by_index[deal.recipient].box
    try:
        share = check_scalar(pysodium.crypto_box_seal_open(deal.sealed, box, box_secret), zero=True)
    except (ValueError, InputError):
        raise CeremonyFault(
            f"{deal.dealer}: its deal for {deal.recipient} holds no share",
            culprit=deal.dealer.index,
        ) from None
    try:
        fits = multiply_base(share) == commits.share_of(deal.dealer.index, deal.recipient)
    except InputError:
        fits = False
    if not fits:
        raise CeremonyFault(
            f"{deal.dealer}: its share for {deal.recipient} is not what it committed to",
            culprit=deal.dealer.index,
        )
    return share


def complain(
    commits: Commits, seat: Seat, key: SigningKey, deal: Deal, box_secret: bytes
) -> Message:
    """Evidence against a deal for its recipient, ``seat``."""
    body = {"deal": deal.message, "box_secret": b64url(box_secret)}
    return write(commits.plan, "complaint", seat, key, body)


def judge(commits: Commits, message: Any) -> Verdict:
    """Who is to blame for what a complaint shows: the dealer, or whoever complains for nothing.

    Raises ``CeremonyFault`` for a message that is no signed complaint of this ceremony.
    """
    accuser, body = verified(commits.plan, message, "complaint")
    try:
        deal = _shown(commits, accuser, body)
        box_secret = field_bytes(accuser, body["box_secret"], BOX_BYTES, "box_secret")
    except CeremonyFault as fault:
        return Verdict(accuser, f"its complaint shows no deal: {fault.message}")
    if (
        pysodium.crypto_scalarmult_curve25519_base(box_secret)
        != commits.by_index[accuser.index].box
    ):
        return Verdict(accuser, "its complaint does not open its own box key")
    try:
        open_deal(commits, deal, box_secret)
    except CeremonyFault as fault:
        return Verdict(deal.dealer, fault.message)
    return Verdict(accuser, f"it complains of a sound share of {deal.dealer}")


def _shown(commits: Commits, accuser: Seat, body: Mapping[str, Any]) -> Deal:
    if body.keys() != {"deal", "box_secret"}:
        raise CeremonyFault("a complaint has deal and box_secret")
    deal = read_deal(commits, body["deal"])
    if deal.recipient != accuser.index:
        raise CeremonyFault(f"the deal is for {deal.recipient}")
    return deal

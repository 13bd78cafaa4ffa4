"""A participant's side of a ceremony, and gathering what all signed.

Rules: all that a participant draws comes of one seed and the plan, so that a step that was
interrupted can be repeated and says the same; the seed is as secret as the share, and of no use
once the ceremony is over. A participant goes on only with commits that hold its own unchanged.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.ceremony.commits import Commits, possession, proven_place
from stillwatch.crypto.ceremony.deals import Broken, complain, make_deal, open_deal, read_deal
from stillwatch.crypto.ceremony.messages import CeremonyFault, Message, unsigned, write
from stillwatch.crypto.ceremony.plan import Plan, Seat
from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import signed
from stillwatch.crypto.jws import verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import ZERO, Scalar, hash_to_scalar, plus
from stillwatch.crypto.shamir import commitments_to, value_at
from stillwatch.crypto.sodium import pysodium
from stillwatch.crypto.threshold import KeyShare, check_public_shares
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, NotTrusted, StoredDataError

SEED_BYTES: Final = 32
_DRAW: Final = b"stillwatch-ceremony-v1-draw"


@dataclass(frozen=True, slots=True)
class Finished:
    """What a participant has at the end."""

    share: KeyShare
    epoch: Epoch
    """To be signed with ``epoch_document.sign`` and gathered."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One who takes part. Keep ``to_bytes`` sealed between the rounds (``sealed.seal``)."""

    plan: Plan
    index: int
    seed: bytes = field(repr=False)

    @property
    def seat(self) -> Seat:
        """Its place."""
        return self.plan.seat(self.index)

    def commit(self, key: SigningKey) -> Message:
        """Round 1: what goes to all the others. The same each time."""
        coefficients = self._coefficients()
        secret, nonce = coefficients[proven_place(self.plan)], self._scalar(b"nonce")
        body = {
            "commitments": [b64url(one) for one in commitments_to(coefficients)],
            "proof": b64url(possession(self.plan, self.index, secret, nonce)),
            "box": b64url(self._box()[0]),
        }
        return write(self.plan, "commit", self.seat, key, body)

    def deal(self, key: SigningKey, commits: Commits) -> list[Message]:
        """Round 2: one message for each other participant."""
        self._check_own(key, commits)
        coefficients = self._coefficients()
        return [
            make_deal(commits, self.seat, key, index, value_at(coefficients, index))
            for index in self.plan.indices
            if index != self.index
        ]

    def finish(
        self,
        key: SigningKey,
        commits: Commits,
        deals: Iterable[Any],
        old_share: KeyShare | None = None,
    ) -> Finished:
        """Open the deals made to it and add up its share; a refresh adds to ``old_share``.

        Raises ``Broken`` with a complaint to publish if a share does not fit, ``CeremonyFault``
        naming who is missing or sent what does not belong here.
        """
        self._check_own(key, commits)
        received = self._received(key, commits, deals)
        if missing := [str(s) for s in self.plan.seats if s.index not in received]:
            raise CeremonyFault(f"no deal of {', '.join(missing)}", hint="wait for it")
        secret = self._old(old_share)
        for dealt in received.values():
            secret = plus(secret, dealt)
        epoch = _epoch(commits)
        share = KeyShare(self.index, secret)
        if share.public != epoch.public_share(self.index):
            raise CeremonyFault(f"{self.seat}: the shares received do not give its public share")
        return Finished(share, epoch)

    def to_bytes(self) -> bytes:
        """Its state between the rounds. Secret."""
        state = {"plan": self.plan.to_json(), "index": self.index, "seed": b64url(self.seed)}
        return canonical(state)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Restore a state. Raises ``StoredDataError`` for anything else."""
        try:
            state = json.loads(data)
            plan, seed = Plan.from_json(state["plan"]), unb64url(state["seed"])
            plan.seat(state["index"])
        except (ValueError, TypeError, KeyError, AttributeError, InputError):
            raise StoredDataError("this is no state of a ceremony") from None
        if len(seed) != SEED_BYTES:
            raise StoredDataError("the state of the ceremony is damaged")
        return cls(plan, state["index"], seed)

    def _received(
        self, key: SigningKey, commits: Commits, messages: Iterable[Any]
    ) -> dict[int, Scalar]:
        received = {self.index: value_at(self._coefficients(), self.index)}
        _, box_secret = self._box()
        for message in messages:
            deal = read_deal(commits, message)
            if deal.recipient != self.index:
                raise CeremonyFault(
                    f"{deal.dealer}: its deal is for {deal.recipient}, not for {self.index}",
                    hint="give each participant the deals made to it",
                )
            try:
                received[deal.dealer.index] = open_deal(commits, deal, box_secret)
            except CeremonyFault as fault:
                evidence = complain(commits, self.seat, key, deal, box_secret)
                raise Broken(fault, evidence) from fault
        return received

    def _check_own(self, key: SigningKey, commits: Commits) -> None:
        """Refuse to go on with commits of another plan, or with another than its own among them."""
        if commits.plan != self.plan:
            raise CeremonyFault(f"these commits are of ceremony {commits.plan.id}")
        if commits.by_index[self.index].said != unsigned(self.commit(key)):
            raise CeremonyFault(
                f"{self.seat}: the commit in its name is not the one it made",
                hint="an earlier message was replayed, or its key is used elsewhere",
            )

    def _old(self, old_share: KeyShare | None) -> Scalar:
        before = self.plan.before
        if before is None:
            if old_share is not None:
                raise InputError("a key that is drawn anew adds to no share")
            return ZERO
        if old_share is None or old_share.public != before.public_share(self.index):
            raise InputError(
                f"the share given is not that of {self.seat} in epoch {before.name}, "
                f"generation {before.generation}"
            )
        return old_share.secret

    def _coefficients(self) -> list[Scalar]:
        """Its polynomial, the constant first; zero there at a refresh."""
        drawn = [self._scalar(b"c%d" % place) for place in range(self.plan.threshold)]
        return drawn if self.plan.before is None else [ZERO, *drawn[1:]]

    def _scalar(self, label: bytes) -> Scalar:
        return hash_to_scalar(self.seed + self.plan.id.encode() + label, _DRAW)

    def _box(self) -> tuple[bytes, bytes]:
        """Its box key: public, secret."""
        material = self.seed + self.plan.id.encode() + b"box" + _DRAW
        public, secret = pysodium.crypto_box_seed_keypair(hashlib.sha512(material).digest()[:32])
        return public, secret


def start(plan: Plan, key: SigningKey, used: Collection[str] = ()) -> Participant:
    """Take part with a fresh seed. ``used`` are ids of ceremonies it took part in before.

    Raises ``CeremonyFault`` for one of those: a plan that is played again could pair old messages
    with new secrets. Raises ``InputError`` if the key has no seat.
    """
    if plan.id in used:
        raise CeremonyFault(f"ceremony {plan.id} was taken part in before", hint="draw a new plan")
    return Participant(plan, plan.seat_of(key.id).index, os.urandom(SEED_BYTES))


def gather(plan: Plan, epoch: Epoch, signatures: Mapping[KeyId, str]) -> dict[str, Any]:
    """The document that all participants signed.

    Raises ``CeremonyFault`` naming who did not sign, or signed something else: it saw another
    transcript, and ``commits.find_split`` over both sets of commits shows who told two stories.
    """
    payload = canonical(epoch.to_json())
    for seat in plan.seats:
        signature = signatures.get(seat.key_id)
        if signature is None:
            raise CeremonyFault(f"{seat} did not sign the epoch", hint="wait for it")
        try:
            verify_detached(signature, payload, seat.public)
        except NotTrusted as error:
            raise CeremonyFault(
                f"{seat} did not sign this epoch but another: {error.message}",
                hint="compare the commits that it received with yours",
            ) from error
    return signed(epoch, {seat.key_id: signatures[seat.key_id] for seat in plan.seats})


def _epoch(commits: Commits) -> Epoch:
    """The epoch that the commits give, the same for all who saw the same."""
    plan = commits.plan
    shares = {index: commits.public_share(index) for index in plan.indices}
    epoch = plan.epoch(commits.public_key(), shares, commits.transcript)
    public = [epoch.public_share(index) for index in plan.indices]
    check_public_shares(public, plan.threshold, epoch.public_key)
    return epoch

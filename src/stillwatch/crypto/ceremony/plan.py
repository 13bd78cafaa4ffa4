"""The plan of a ceremony: what its participants agree on before anything is drawn.

Its digest is the ceremony's id. Every message carries the id, so one of another ceremony, other
participants, days or threshold, or of an earlier try, fits nowhere.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Self

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.epoch import Epoch, Evaluator, days_from
from stillwatch.crypto.keys import check_public, key_id
from stillwatch.crypto.ristretto import Element, multiply_base, scalar_of
from stillwatch.crypto.statements import Key
from stillwatch.domain.claim import KeyId, StixId
from stillwatch.errors import InputError, NotTrusted

_TYPE: Final = "stillwatch-ceremony-plan"
_NONCE: Final = 32
_UNKNOWN: Final = multiply_base(scalar_of(1))
"""Stands for a key that is not drawn yet."""
_MEMBERS: Final = frozenset(
    ("type", "name", "threshold", "starts", "ends", "nonce", "seats", "before")
)
_OF_SEAT: Final = frozenset(("index", "member", "public", "url"))


@dataclass(frozen=True, slots=True)
class Seat:
    """A member's place in a ceremony."""

    index: int
    member: StixId
    public: bytes
    """Its Ed25519 key, 32 bytes: it signs the messages and the epoch."""
    url: str
    """Where it will answer."""

    def __post_init__(self) -> None:
        check_public(self.public)
        self.evaluator(_UNKNOWN)

    @property
    def key_id(self) -> KeyId:
        """Id of its key."""
        return key_id(self.public)

    def evaluator(self, share: Element) -> Evaluator:
        """The evaluator that it becomes, with a public share."""
        return Evaluator(self.index, self.member, self.key_id, self.url, share)

    def __str__(self) -> str:
        return f"participant {self.index} ({self.member})"


@dataclass(frozen=True, slots=True)
class Plan:
    """Raises ``InputError`` for what no epoch could come of."""

    name: str
    threshold: int
    seats: tuple[Seat, ...]
    """By index, ascending."""
    starts: date
    ends: date
    nonce: bytes
    """32 random bytes: no two plans are one."""
    before: Epoch | None = None
    """The epoch whose shares are refreshed; None where a key is drawn."""

    def __post_init__(self) -> None:
        if len(self.nonce) != _NONCE:
            raise InputError(f"the nonce of a plan has {_NONCE} bytes")
        planned, before = self.epoch(_UNKNOWN, dict.fromkeys(self.indices, _UNKNOWN)), self.before
        if before is None:
            return
        for what in ("name", "threshold", "starts", "ends"):
            if getattr(planned, what) != getattr(before, what):
                raise InputError(f"a refresh of epoch {before.name} may not change its {what}")
        if self._holders(planned) != self._holders(before):
            raise InputError(f"a refresh of epoch {before.name} needs all who hold shares")

    @property
    def id(self) -> str:
        """Id of the ceremony: SHA-256 of the canonical plan, base64url."""
        return b64url(hashlib.sha256(canonical(self.to_json())).digest())

    @property
    def indices(self) -> tuple[int, ...]:
        """Indices of all participants."""
        return tuple(seat.index for seat in self.seats)

    @property
    def generation(self) -> int:
        """Generation of the shares that come of it."""
        return 0 if self.before is None else self.before.generation + 1

    def seat(self, index: int) -> Seat:
        """The participant of an index; raises ``InputError`` if there is none."""
        for seat in self.seats:
            if seat.index == index:
                return seat
        raise InputError(f"ceremony {self.id} has no participant {index}")

    def seat_of(self, kid: KeyId) -> Seat:
        """The participant of a key; raises ``InputError`` if there is none."""
        for seat in self.seats:
            if seat.key_id == kid:
                return seat
        raise InputError(f"key {kid} takes no part in ceremony {self.id}")

    def check_members(self, member_keys: Mapping[KeyId, Key]) -> None:
        """Raise ``NotTrusted`` unless the log states each seat's key as active and its member's."""
        for seat in self.seats:
            key = member_keys.get(seat.key_id)
            if key is None or key.identity != seat.member or key.state != "active":
                raise NotTrusted(f"{seat}: key {seat.key_id} is not known as its active key")

    def epoch(
        self, public_key: Element, shares: Mapping[int, Element], transcript: bytes = b""
    ) -> Epoch:
        """The epoch that comes of it."""
        return Epoch(
            self.name,
            self.threshold,
            tuple(seat.evaluator(shares[seat.index]) for seat in self.seats),
            public_key,
            self.generation,
            self.starts,
            self.ends,
            transcript,
        )

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON."""
        return {
            "type": _TYPE,
            "name": self.name,
            "threshold": self.threshold,
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "nonce": b64url(self.nonce),
            "seats": [
                {"index": s.index, "member": s.member, "public": b64url(s.public), "url": s.url}
                for s in self.seats
            ],
            "before": None if self.before is None else self.before.to_json(),
        }

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read a plan. Raises ``InputError`` saying what is wrong."""
        if not isinstance(document, dict) or document.keys() != _MEMBERS:
            raise InputError("a plan has the members " + ", ".join(sorted(_MEMBERS)))
        if document["type"] != _TYPE or type(document["threshold"]) is not int:
            raise InputError(f"the document is not of type {_TYPE} with a threshold")
        seats, before = document["seats"], document["before"]
        if not isinstance(seats, list) or len(seats) > 255:
            raise InputError("the seats of a plan are a list")
        return cls(
            document["name"],
            document["threshold"],
            tuple(_seat(one) for one in seats),
            _day(document["starts"]),
            _day(document["ends"]),
            _bytes(document["nonce"]),
            None if before is None else Epoch.from_json(before),
        )

    @staticmethod
    def _holders(epoch: Epoch) -> list[tuple[int, StixId]]:
        return [(one.index, one.member) for one in epoch.evaluators]


def draw_plan(
    name: str, threshold: int, seats: Sequence[Seat], starts: date, ends: date | None = None
) -> Plan:
    """Propose to draw a new key; the epoch has 90 days unless its last day is given."""
    last = days_from(starts)[1] if ends is None else ends
    return Plan(name, threshold, tuple(seats), starts, last, os.urandom(_NONCE))


def refresh_plan(epoch: Epoch, seats: Sequence[Seat]) -> Plan:
    """Propose to refresh the shares of an epoch; keys and addresses may be new, members not."""
    days = (epoch.starts, epoch.ends)
    return Plan(epoch.name, epoch.threshold, tuple(seats), *days, os.urandom(_NONCE), epoch)


def _seat(value: Any) -> Seat:
    if not isinstance(value, dict) or value.keys() != _OF_SEAT:
        raise InputError("a seat has the members " + ", ".join(sorted(_OF_SEAT)))
    if not isinstance(value["member"], str) or not isinstance(value["url"], str):
        raise InputError("member and url of a seat are texts")
    return Seat(value["index"], StixId(value["member"]), _bytes(value["public"]), value["url"])


def _bytes(value: Any) -> bytes:
    try:
        return unb64url(value)
    except (ValueError, AttributeError) as error:
        raise InputError("nonce or key of the plan is no base64url") from error


def _day(value: Any) -> date:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise InputError("first and last day of a plan are written YYYY-MM-DD")

"""A key epoch: who holds shares of which key, and when it counts.

Its public document (signed and checked in ``epoch_document``)::

    {"type": "stillwatch-epoch", "suite": "ristretto255-SHA512", "name": NAME, "generation": G,
     "threshold": T, "public_key": B64URL, "starts": DAY, "ends": DAY, "transcript": B64URL,
     "evaluators": [{"index": I, "member": ID, "key_id": KID, "url": URL, "public_share": B64URL}],
     "signatures": {KID: detached JWS over the canonical document without "signatures"}}

Rules: every evaluator signs, so one who was shown other commitments than the rest is no part of
it; whoever uses a document checks all signatures, and that the public shares give the key. No
member holds two shares. Both days are counted, in UTC; an epoch lasts 90 days and shares the last
7 with the next. ``transcript`` is the digest of the ceremony, empty where a dealer drew the key.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, Self
from urllib.parse import urlsplit

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.ristretto import Element, check_element
from stillwatch.crypto.shamir import Quorum
from stillwatch.crypto.threshold import (
    PublicShare,
    check_threshold,
    proof_context,
)
from stillwatch.domain.claim import KeyId, StixId
from stillwatch.errors import InputError, NotTrusted

DAYS: Final = 90
OVERLAP: Final = 7
"""Days at its end that an epoch shares with the next."""
_TYPE: Final = "stillwatch-epoch"
_SUITE: Final = "ristretto255-SHA512"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MEMBER: Final = re.compile(r"identity--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_MEMBERS: Final = frozenset(
    [
        "type",
        "suite",
        "name",
        "generation",
        "threshold",
        "public_key",
        "starts",
        "ends",
        "transcript",
        "evaluators",
    ]
)
_OF_EVALUATOR: Final = frozenset(("index", "member", "key_id", "url", "public_share"))


def check_name(name: object) -> str:
    """Return what can be the name of an epoch, or raise ``InputError``."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"{str(name)[:80]!r} is no name of an epoch",
            hint="1 to 64 of a-z, 0-9, '.', '_' and '-', e.g. 2026-q4",
        )
    return name


@dataclass(frozen=True, slots=True)
class Evaluator:
    """A member that holds a share and answers at an address."""

    index: int
    member: StixId
    """``identity--`` and a UUID."""
    key_id: KeyId
    """Of the key with which it signed the document."""
    url: str
    """Where it answers; https, or http on this machine."""
    public_share: Element

    def __post_init__(self) -> None:
        PublicShare(self.index, self.public_share)
        if not _MEMBER.fullmatch(self.member):
            raise InputError(f"evaluator {self.index}: {self.member[:80]!r} is no identity-- id")
        if not _KEY_ID.fullmatch(self.key_id):
            raise InputError(f"evaluator {self.index}: {self.key_id[:80]!r} is no key id")
        _check_url(self.index, self.url)


@dataclass(frozen=True, slots=True)
class Epoch:
    """A key and those who hold it. Raises ``InputError`` for what can be none."""

    name: str
    threshold: int
    evaluators: tuple[Evaluator, ...]
    """By index, ascending."""
    public_key: Element
    generation: int
    """0 when the key was drawn; each refresh of the shares adds 1."""
    starts: date
    ends: date
    """The last day."""
    transcript: bytes = b""
    """SHA-256 of the ceremony; empty where a dealer drew the key."""

    def __post_init__(self) -> None:
        check_name(self.name)
        check_threshold(self.threshold, len(self.evaluators))
        check_element(self.public_key)
        indices = [evaluator.index for evaluator in self.evaluators]
        if indices != sorted(set(indices)):
            raise InputError(f"epoch {self.name}: evaluators {indices} are not ascending")
        for held in ("member", "key_id"):
            if len({getattr(one, held) for one in self.evaluators}) != len(indices):
                raise InputError(f"epoch {self.name}: one {held} holds two shares")
        if not 0 <= self.generation < 2**32:
            raise InputError(f"epoch {self.name}: {self.generation} is no generation")
        if not 0 <= (self.ends - self.starts).days < DAYS:
            raise InputError(
                f"epoch {self.name}: {self.starts} to {self.ends} are not 1 to {DAYS} days"
            )
        if len(self.transcript) not in (0, 32):
            raise InputError(f"epoch {self.name}: the transcript is no SHA-256")

    def evaluator(self, index: int) -> Evaluator:
        """The evaluator of an index; raises ``InputError`` if there is none."""
        for evaluator in self.evaluators:
            if evaluator.index == index:
                return evaluator
        raise InputError(f"epoch {self.name} has no evaluator {index}")

    def public_share(self, index: int) -> PublicShare:
        """The public share against which an evaluator's proofs are verified."""
        return PublicShare(index, self.evaluator(index).public_share)

    def quorum(self, indices: Iterable[int]) -> Quorum:
        """Quorum of evaluators; raises ``InputError`` for too few and for unknown ones."""
        quorum = Quorum.of(indices)
        for index in quorum.indices:
            self.evaluator(index)
        if len(quorum.indices) < self.threshold:
            raise InputError(f"epoch {self.name} needs {self.threshold} evaluators, not {quorum}")
        return quorum

    def proof_context(self, index: int) -> bytes:
        """Context of an evaluator's proofs in this epoch and generation."""
        return proof_context(self.name, self.generation, index)

    def covers(self, day: date) -> bool:
        """Whether it counts on a day."""
        return self.starts <= day <= self.ends

    def to_json(self) -> dict[str, Any]:
        """The document without signatures."""
        evaluators = [
            {
                "index": one.index,
                "member": one.member,
                "key_id": one.key_id,
                "url": one.url,
                "public_share": b64url(one.public_share),
            }
            for one in self.evaluators
        ]
        return {
            "type": _TYPE,
            "suite": _SUITE,
            "name": self.name,
            "generation": self.generation,
            "threshold": self.threshold,
            "public_key": b64url(self.public_key),
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "transcript": b64url(self.transcript),
            "evaluators": evaluators,
        }

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """Read a document, signed or not; nothing is verified here (see ``check``).

        Raises ``InputError`` saying what is wrong.
        """
        if not isinstance(document, dict) or document.keys() - {"signatures"} != _MEMBERS:
            raise InputError("an epoch has the members " + ", ".join(sorted(_MEMBERS)))
        if (document["type"], document["suite"]) != (_TYPE, _SUITE):
            raise InputError(f"the document is not of type {_TYPE} and suite {_SUITE}")
        if not isinstance(document["evaluators"], list) or len(document["evaluators"]) > 255:
            raise InputError("the evaluators of an epoch are a list")
        for name in ("generation", "threshold"):
            if type(document[name]) is not int:
                raise InputError(f"member {name} of an epoch is a whole number")
        return cls(
            check_name(document["name"]),
            document["threshold"],
            tuple(_evaluator(one) for one in document["evaluators"]),
            Element(_bytes(document, "public_key")),
            document["generation"],
            _day(document, "starts"),
            _day(document, "ends"),
            _bytes(document, "transcript"),
        )


def days_from(starts: date) -> tuple[date, date]:
    """First and last day of an epoch that begins on a day."""
    return starts, starts + timedelta(days=DAYS - 1)


def next_start(epoch: Epoch) -> date:
    """First day of the epoch after this one: they share 7 days."""
    return epoch.ends - timedelta(days=OVERLAP - 1)


def accepted(epochs: Iterable[Epoch], day: date) -> tuple[Epoch, ...]:
    """Epochs that count on a day, the one that began last first; of each its newest shares.

    Raises ``NotTrusted`` if one name stands for two keys, or one generation for two sharings.
    """
    newest: dict[str, Epoch] = {}
    for epoch in sorted(epochs, key=lambda one: (one.name, one.generation)):
        before = newest.get(epoch.name)
        if before is not None and before != epoch:
            if before.public_key != epoch.public_key:
                raise NotTrusted(f"there are two keys for epoch {epoch.name}")
            if before.generation == epoch.generation:
                raise NotTrusted(
                    f"there are two documents of epoch {epoch.name}, generation {epoch.generation}"
                )
        newest[epoch.name] = epoch
    covering = [epoch for epoch in newest.values() if epoch.covers(day)]
    return tuple(sorted(covering, key=lambda one: (one.starts, one.name), reverse=True))


def current(epochs: Iterable[Epoch], day: date) -> Epoch | None:
    """The epoch to publish under on a day: the one that began last. None if none counts."""
    return next(iter(accepted(epochs, day)), None)


def _evaluator(value: Any) -> Evaluator:
    if not isinstance(value, dict) or value.keys() != _OF_EVALUATOR:
        raise InputError("an evaluator has the members " + ", ".join(sorted(_OF_EVALUATOR)))
    for name in ("member", "key_id", "url"):
        if not isinstance(value[name], str):
            raise InputError(f"member {name} of an evaluator is a text")
    share = Element(_bytes(value, "public_share"))
    return Evaluator(value["index"], value["member"], value["key_id"], value["url"], share)


def _bytes(value: Mapping[str, Any], name: str) -> bytes:
    try:
        return unb64url(value[name])
    except (ValueError, AttributeError) as error:
        raise InputError(f"member {name} is no base64url") from error


def _day(value: Mapping[str, Any], name: str) -> date:
    text = value[name]
    if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise InputError(f"member {name} of an epoch is a day, YYYY-MM-DD")


def _check_url(index: int, url: str) -> None:
    """Refuse what is no plain address, and what would send answers unprotected."""
    try:
        parts = urlsplit(url)
        sound = parts.port != 0 and bool(parts.hostname) and len(url) <= 512 and url.isascii()
    except ValueError:
        sound = False
    if not sound or "@" in parts.netloc or parts.query or parts.fragment or url.endswith("/"):
        raise InputError(
            f"evaluator {index}: {url[:80]!r} is no address of an evaluator",
            hint="https://HOST[:PORT][/PATH], without a slash at the end",
        )
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _LOOPBACK):
        raise InputError(
            f"evaluator {index}: answers of {url[:80]!r} would travel unprotected",
            hint="use https://",
        )

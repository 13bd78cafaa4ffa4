"""Decisions: what is done at the point where requests pass, to whom, why, and until when.

Glossary
    effect      what happens to a request that a decision touches
    scope       what kind of thing a decision is about: an account, a key, a range of addresses ...
    subject     the thing itself: scope and value
    origin      who or what made it: ``policy:NAME`` or ``person:NAME``
    evidence    ids of findings, claims or leads that it rests on; it falls with them

Rules: every decision ends by itself; every one names its reason and its evidence; ``allow`` wins
over everything. A claim of another lab is evidence, never a decision.

>>> decision = Decision.of({"id": "decision--c0ffee00-0000-4000-8000-000000000001", "effect": "block",
...     "scope": "range", "value": "192.0.2.7/24", "reason": "hydra", "evidence": ["finding:f00d/C1"],
...     "origin": "policy:standard", "made": 1_790_000_000, "until": 1_790_600_000})
>>> decision.subject.value
'192.0.2.0/24'
"""

import math
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, NewType, Self

DecisionId = NewType("DecisionId", str)
"""``decision--`` and a UUID in lower case."""

MOST_VALUE: Final = 512
"""Characters of a subject's value."""
MOST_REASON: Final = 1000
MOST_EVIDENCE: Final = 64
MOST_MEMBERS: Final = 100_000
_ID: Final = re.compile(r"decision--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_UNKEPT: Final = re.compile("[\\x00\\ud800-\\udfff]")
"""NUL, and halves of characters, e.g. of an argument that was no UTF-8."""
_STIX_ID: Final = re.compile(r"[a-z][a-z0-9-]*--[0-9a-f-]{36}", re.IGNORECASE)
_OWN: Final = ("finding:", "case:", "appeal:")
_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_LATEST: Final = 253_402_300_799
"""The end of the year 9999, in seconds since 1970."""


class Effect(StrEnum):
    """What happens to a request, the mildest first; ``allow`` apart."""

    ALLOW = "allow"
    """Passes whatever else stands."""
    OBSERVE = "observe"
    """Passes and is counted."""
    CHALLENGE = "challenge"
    """Refused until identity has been verified."""
    THROTTLE = "throttle"
    """Passes at a bounded rate or concurrency."""
    DEGRADE = "degrade"
    """Answered without reasoning and log-probabilities, with marked outputs."""
    BLOCK = "block"
    """Refused."""


SEVERITY: Final = {effect: place for place, effect in enumerate(list(Effect)[1:], 1)}
"""How strong an effect is, 1-5; ``allow`` has none: it wins."""


class Scope(StrEnum):
    """What a decision is about."""

    ACCOUNT = "account"
    KEY = "key"
    """An API key by its id or digest, never the key itself."""
    ORGANISATION = "organisation"
    RANGE = "range"
    """Addresses, as a network in CIDR notation."""
    JA4 = "ja4"
    CAMPAIGN = "campaign"
    """All accounts among its ``members``, and requests that name the campaign."""
    SIGN_UP = "sign-up"
    """A sign-up or customer by the sign-up service's own name for it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom or what a decision touches."""

    scope: Scope
    value: str
    """In normal form: a network without host bits, anything else as the log writes it."""

    @classmethod
    def of(cls, scope: str, value: object) -> Self:
        """In normal form. Raises ``ValueError`` in words for people."""
        try:
            known = Scope(scope)
        except ValueError:
            raise ValueError(f"scope {scope!r} is none of {', '.join(Scope)}") from None
        if not isinstance(value, str) or not 0 < len(value) <= MOST_VALUE:
            raise ValueError(f"the value of a subject is a text of 1 to {MOST_VALUE} characters")
        if any(ord(sign) < 32 or 0xD800 <= ord(sign) < 0xE000 for sign in value):
            raise ValueError("the value of a subject holds control characters")
        if known is not Scope.RANGE:
            return cls(known, value)
        try:
            # an address with a zone (fe80::1%eth0) means nothing elsewhere
            network = ip_network(value.replace("%", " "), strict=False)
        except ValueError:
            raise ValueError(f"{value!r} is no network, e.g. 192.0.2.0/24") from None
        if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
            # an IPv4 client behind a socket of both families is the same client
            first = int(network.network_address) & 0xFFFF_FFFF
            network = IPv4Network((first, network.prefixlen - 96))
        return cls(known, str(network))


@dataclass(frozen=True, slots=True)
class Rate:
    """How much of its traffic a throttled subject keeps; at least one bound."""

    per_minute: int | None = None
    """Requests."""
    concurrency: int | None = None
    """Requests at a time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. ``record`` and ``of`` are its JSON form, on every wire and in every file."""

    id: DecisionId
    effect: Effect
    subject: Subject
    reason: str
    """For people, e.g. for the one who answers an appeal."""
    evidence: tuple[str, ...]
    """STIX ids of claims; ``finding:RUN/NAME``; ``lead:NAME``; ``case:NAME`` of a person's own."""
    origin: str
    made: datetime
    until: datetime
    shadow: bool = False
    """Only said, not done."""
    rate: Rate | None = None
    """For ``throttle``."""
    cohort: str | None = None
    """For ``degrade``: the key of planted marks that outputs are to carry."""
    members: tuple[str, ...] = ()
    """For a campaign: its accounts."""

    def record(self) -> dict[str, Any]:
        """As JSON shows it; instants are whole seconds since 1970."""
        said: dict[str, Any] = {
            "id": self.id,
            "effect": self.effect.value,
            "scope": self.subject.scope.value,
            "value": self.subject.value,
            "reason": self.reason,
            "evidence": list(self.evidence),
            "origin": self.origin,
            "made": int(self.made.timestamp()),
            "until": int(self.until.timestamp()),
        }
        if self.shadow:
            said["shadow"] = True
        if self.rate:
            bounds = {"per_minute": self.rate.per_minute, "concurrency": self.rate.concurrency}
            said["rate"] = {name: value for name, value in bounds.items() if value is not None}
        if self.cohort is not None:
            said["cohort"] = self.cohort
        if self.members:
            said["members"] = list(self.members)
        return said

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Self:
        """Inverse of ``record``. Raises ``ValueError`` in words for people."""
        id_ = said.get("id")
        if not isinstance(id_, str) or not _ID.fullmatch(id_):
            raise ValueError("a decision's id is decision-- and a UUID in lower case")
        try:
            effect = Effect(said.get("effect", ""))
        except ValueError:
            raise ValueError(
                f"effect is none of {', '.join(Effect)}: {said.get('effect')!r:.40}"
            ) from None
        rate = _rate(said.get("rate"))
        if (effect is Effect.THROTTLE) != (rate is not None):
            raise ValueError("throttle has a rate, and nothing else has")
        subject = Subject.of(said.get("scope", ""), said.get("value"))
        members = _texts(said.get("members", []), "members", MOST_MEMBERS)
        if members and subject.scope is not Scope.CAMPAIGN:
            raise ValueError("only a campaign has members")
        made, until = _instant(said.get("made"), "made"), _instant(said.get("until"), "until")
        if until <= made:
            raise ValueError("a decision ends after it is made")
        return cls(
            id=DecisionId(id_),
            effect=effect,
            subject=subject,
            reason=_text(said.get("reason"), "reason", MOST_REASON),
            evidence=_evidence(said.get("evidence", [])),
            origin=_text(said.get("origin"), "origin", MOST_VALUE),
            made=made,
            until=until,
            shadow=said.get("shadow", False) is True,
            rate=rate,
            cohort=None if said.get("cohort") is None else _text(said["cohort"], "cohort", 64),
            members=members,
        )


def new_id() -> DecisionId:
    """A fresh id."""
    return DecisionId(f"decision--{uuid.uuid4()}")


def evidence_id(said: object) -> str:
    """An evidence id in normal form: STIX ids are in lower case. Raises ``ValueError``."""
    text = _text(said, "an evidence id", MOST_VALUE)
    if not text.isprintable():
        raise ValueError("an evidence id holds control characters")
    return text.lower() if _STIX_ID.fullmatch(text) else text


def is_own(evidence: str) -> bool:
    """Whether evidence is the lab's own: a finding, a person's case, an appeal.

    STIX ids and leads are others' words, and so is whatever is not known.
    """
    return evidence.startswith(_OWN)


def _evidence(said: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(evidence_id, _texts(said, "evidence", MOST_EVIDENCE))))


def _rate(said: object) -> Rate | None:
    if said is None:
        return None
    if not isinstance(said, dict) or not said or not said.keys() <= {"per_minute", "concurrency"}:
        raise ValueError("a rate has per_minute, concurrency, or both")
    if not all(type(n) is int and 0 < n <= 1_000_000 for n in said.values()):
        raise ValueError("a rate is of whole numbers from 1 to 1,000,000")
    return Rate(**said)


def _instant(said: object, name: str) -> datetime:
    if isinstance(said, bool) or not isinstance(said, int | float) or not math.isfinite(said):
        raise ValueError(f"{name} is seconds since 1970")
    if not 0 <= said <= _LATEST:
        raise ValueError(f"{name} is seconds since 1970")
    return datetime.fromtimestamp(int(said), UTC)


def _text(said: object, name: str, most: int) -> str:
    if not isinstance(said, str) or not 0 < len(said) <= most:
        raise ValueError(f"{name} is a text of 1 to {most} characters")
    if _UNKEPT.search(said):
        raise ValueError(f"{name} holds characters that no database keeps")
    return said


def _texts(said: object, name: str, most: int) -> tuple[str, ...]:
    if not isinstance(said, list | tuple) or len(said) > most:
        raise ValueError(f"{name} is a list of at most {most} texts")
    return tuple(dict.fromkeys(_text(one, name, MOST_VALUE) for one in said))

"""The rules of standing, as pure functions.

Rules: members are counted, not identities, so two names of one member are one voice; the newest
voice of a member counts; the publisher has none, under no name. Republishing a claim is not a
voice, and neither is an opinion that calls it a duplicate. Figures are counts: who stands behind
them is not told, and nothing but the counts moves when a further name of a member speaks
(``governance.admit`` refuses that, or the missing step would tell that two names are one).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

Says = Literal["confirm", "agree", "dispute", "refute", "nothing"]
_FOR: Final = ("agree", "strongly-agree")
OUTCOMES: Final = {"appeal-upheld": "upheld", "appeal-rejected": "rejected"}
"""Reasons of an opinion with which a publisher answers an appeal."""


class State(StrEnum):
    """What a claim's readers must know, the gravest first: the first that is true is told."""

    REVOKED = "revoked"
    """Its publisher took it back."""
    FROZEN = "frozen"
    """An appeal against it is open, or was upheld: no weight."""
    SUSPENDED = "suspended"
    """Its publisher is suspended or removed."""
    COMPROMISED = "compromised"
    """Signed after its key came into other hands."""
    EXPIRED = "expired"
    """Past its end."""
    DISPUTED = "disputed"
    """As many dispute or refute as confirm it, or more."""
    CURRENT = "current"
    """None of these."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One opinion or sighting."""

    member: int
    says: str
    leaf: int
    """Index in the log: what is newer."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Distinct members by what they say of a claim."""

    confirm: int = 0
    agree: int = 0
    dispute: int = 0
    refute: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the state of a claim follows from, besides the counts."""

    revoked: bool
    frozen: bool
    suspended: bool
    compromised: bool
    expired: bool


def says(opinion: str, reason: str) -> Says:
    """What an opinion says in terms of standing."""
    if reason == "duplicate" or reason in OUTCOMES:
        return "nothing"
    if opinion in _FOR:
        return "confirm" if reason == "own-evidence" else "agree"
    if opinion == "disagree":
        return "dispute"
    return "refute" if opinion == "strongly-disagree" else "nothing"


def count(publisher: int, voices: Iterable[Voice]) -> Counts:
    """Distinct members, each by its newest voice; the publisher's do not count."""
    newest: dict[int, Voice] = {}
    for voice in sorted(voices, key=lambda voice: voice.leaf):
        newest[voice.member] = voice
    newest.pop(publisher, None)
    said = [voice.says for voice in newest.values()]
    return Counts(*(said.count(word) for word in ("confirm", "agree", "dispute", "refute")))


def state(facts: Facts, counts: Counts) -> State:
    """The gravest thing that is true of a claim."""
    against = counts.dispute + counts.refute
    if facts.revoked:
        return State.REVOKED
    if facts.frozen:
        return State.FROZEN
    if facts.suspended:
        return State.SUSPENDED
    if facts.compromised:
        return State.COMPROMISED
    if facts.expired:
        return State.EXPIRED
    return State.DISPUTED if against and against >= counts.confirm else State.CURRENT

"""What a match says to the people who decide: a lead with its evidence, never a decision.

Glossary
    subject   the sign-up or customer that was screened, by the caller's own name for it
    match     one identifier of the subject that another lab listed, its record opened
    evidence  a match with what its actor claim counts here, and why
    step      what the evidence would bear; a person or the lab's own rules take it
    lead      all of that about one subject

There is no step for a ban: nothing that others say is enough for one. A lead never holds an
identifier, only its kind.
"""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Any, Self


class Step(IntEnum):
    """What the evidence bears at most, the mildest first."""

    NONE = 0
    """Nothing is to be done."""
    NOTE = 1
    """Keep it in mind when something else comes up."""
    REVIEW = 2
    """A person looks at the account."""
    CHALLENGE = 3
    """Ask for more: a verified phone, a payment, a word about the purpose."""
    RESTRICT = 4
    """Lower limits until a person has looked. Needs a second lab or evidence of one's own."""

    @property
    def word(self) -> str:
        """As JSON and people name it."""
        return self.name.lower()

    @classmethod
    def named(cls, word: str) -> Self:
        """Inverse of ``word``; raises ``ValueError``."""
        try:
            return cls[word.upper()]
        except KeyError:
            raise ValueError(f"no step is named {word!r}") from None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One opened record, and what it counts."""

    kind: str
    """Kind of the identifier that matched; never the identifier."""
    publisher: str
    """``identity--`` of who signed the pack and the actor claim."""
    claim: str
    """The actor claim that the record names."""
    actor: str
    """Its code name."""
    standing: str
    """State of the actor claim here, e.g. current, disputed, frozen."""
    first_seen: date
    last_seen: date
    expires: date
    """Last day on which the record may be used."""
    confidence: int
    """0-100: how sure the publisher is that the identifier is the actor's."""
    tactic: str
    epoch: str
    weight: float
    """0-1: what this match adds to its actor; 0 for one that counts nothing."""
    why: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """As JSON shows it; days are ISO 8601."""
        return {
            "kind": self.kind,
            "publisher": self.publisher,
            "claim": self.claim,
            "actor": self.actor,
            "standing": self.standing,
            "first_seen": self.first_seen.isoformat(),
            "last_seen": self.last_seen.isoformat(),
            "expires": self.expires.isoformat(),
            "confidence": self.confidence,
            "tactic": self.tactic,
            "epoch": self.epoch,
            "weight": self.weight,
            "why": list(self.why),
        }


@dataclass(frozen=True, slots=True)
class Lead:
    """What is known of one subject. A subject without a match has an empty lead."""

    subject: str
    """The caller's name for the sign-up or customer."""
    step: Step = Step.NONE
    weight: float = 0.0
    """0-1, over all voices."""
    why: tuple[str, ...] = ()
    """The explanation, in plain words, the most important first."""
    evidence: tuple[Evidence, ...] = ()
    screened: bool = True
    """False if the evaluators could not be asked: nothing is known, and nothing is held against
    the subject."""
    ignored: tuple[tuple[str, int], ...] = field(default=())
    """What was found or given and not used: reason and how often."""

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "subject": self.subject,
            "screened": self.screened,
            "step": self.step.word,
            "weight": self.weight,
            "why": list(self.why),
            "evidence": [one.record() for one in self.evidence],
            "ignored": dict(self.ignored),
        }

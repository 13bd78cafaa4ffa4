"""From opened records to one lead about a subject. Pure: no clock, no database, no network.

Rules
    * A match counts by its kind, by how long ago the actor was seen with it, and by what its actor
      claim weighs here. Refuted, frozen, revoked or expired: it counts nothing, and is said to.
    * Matches of kinds that are made of one another (a mailbox and its aliases, an address and its
      network) count once, by the strongest.
    * Kinds that strangers share count only beside a strong match of the same actor.
    * Of one voice only its heaviest actor counts: listing a subject many times adds nothing.
    * A voice is a member. A publisher that is not known to be a member of its own may be a further
      name of another, so all such names together are no voice beside a known one.
    * One voice bears a challenge at most, whatever it weighs; ``restrict`` needs another voice or
      evidence of the lab's own.
    * More evidence never makes a lead weaker, and its order makes no difference.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import prod
from typing import Final

from stillwatch.domain.identifier import TRAITS, Kind
from stillwatch.domain.lead import Evidence, Lead, Step
from stillwatch.sharing.matching.thresholds import Thresholds
from stillwatch.sharing.weight import Weight

_DIGITS: Final = 4
_UNKNOWN: Final = ""
"""Voice of all publishers that are not known to be members of their own."""


@dataclass(frozen=True, slots=True)
class Match:
    """An identifier of the subject that a pack lists, and the claim that its record names."""

    part: int
    """Which of the subject's identifiers it is, from 0."""
    kind: Kind
    """Of the subject's identifier: what the record says of itself is not believed."""
    publisher: str
    claim: str
    actor: str
    epoch: str
    first_seen: date
    last_seen: date
    expires: date
    confidence: int
    """The record's, 0-100."""
    tactic: str
    standing: str
    """State of the actor claim."""
    stated: int
    """Confidence of the actor claim, 0-100."""
    weight: Weight
    """What the actor claim counts."""
    confirmed: int = 0
    refuted: int = 0


@dataclass(frozen=True, slots=True)
class Voices:
    """Whose words are whose."""

    own: str
    """Our identity: a record of ours is evidence of our own."""
    members: frozenset[str] = field(default=frozenset())
    """Identities of which we know, not from the hub alone, that each is another member's."""

    def of(self, publisher: str) -> str:
        """The voice with which a publisher speaks."""
        return publisher if publisher in self.members or publisher == self.own else _UNKNOWN


@dataclass(frozen=True, slots=True)
class Held:
    """A reason for which no lead may say more than a step, e.g. that what is known here is old."""

    most: Step
    why: str


@dataclass(frozen=True, slots=True)
class _Weighed:
    match: Match
    strength: float
    """0-1, before the actor claim's own weight; 0 for a match that counts nothing."""
    why: tuple[str, ...]

    @property
    def actor(self) -> tuple[str, str]:
        return (self.match.publisher, self.match.claim)

    @property
    def weight(self) -> float:
        return round(self.strength * self.match.weight.value, _DIGITS)


def lead(
    subject: str,
    matches: Iterable[Match],
    thresholds: Thresholds,
    voices: Voices,
    today: date,
    *,
    own_evidence: Sequence[str] = (),
    ignored: Mapping[str, int] | None = None,
    held: Held | None = None,
) -> Lead:
    """What all matches of one subject bear.

    ``own_evidence`` names what the lab itself holds against the subject (a finding, a case);
    ``ignored`` counts, by reason, what could not be used.
    """
    alone = [_alone(one, thresholds, today) for one in sorted(set(matches), key=_order)]
    weighed = [_beside(one, alone, thresholds) for one in alone]
    spoken = _spoken(weighed, thresholds, voices)
    weight = _combined(spoken, bool(own_evidence) * thresholds.own_evidence)
    own = bool(own_evidence) or voices.own in spoken
    several = own or sum(voice != _UNKNOWN for voice in spoken) > 1
    borne = thresholds.step(weight)
    step = borne if several else min(borne, Step.CHALLENGE)
    why = _explained(weighed, spoken, step, borne, own_evidence)
    if held is not None and step > held.most:
        step, why = held.most, (f"held back to {held.most.word}: {held.why}", *why)
    return Lead(
        subject,
        step,
        weight,
        why,
        tuple(_evidence(one) for one in weighed),
        ignored=tuple(sorted((ignored or {}).items())),
    )


def _order(one: Match) -> tuple[object, ...]:
    return (
        one.part, one.kind, one.publisher, one.claim, one.actor, one.epoch, one.first_seen,
        one.last_seen, one.expires, one.confidence, one.tactic, one.standing, one.stated,
        one.weight.value, one.weight.why, one.confirmed, one.refuted,
    )  # fmt: skip


def _alone(one: Match, thresholds: Thresholds, today: date) -> _Weighed:
    """What one match counts before its neighbours are looked at."""
    age, life = (today - one.last_seen).days, TRAITS[one.kind].life_days
    dead = _dead(one, today)
    if dead:
        return _Weighed(one, 0.0, (dead,))
    kind = thresholds.kinds[one.kind]
    fresh = min(1.0, (1 - age / life) / (1 - thresholds.whole_for))
    sure = min(1.0, one.confidence / one.stated) if one.stated else 1.0
    why = [f"such a match counts {kind.weight:g}"]
    if fresh < 1:
        why.append(f"the actor was last seen with it {age} days ago; it holds for {life}")
    if sure < 1:
        why.append(f"the publisher is {one.confidence} % sure of this identifier")
    why.append(f"the actor claim counts {one.weight.value:g}: {'; '.join(one.weight.why)}")
    return _Weighed(one, kind.weight * fresh * sure, tuple(why))


def _dead(one: Match, today: date) -> str:
    """Why a match counts nothing at all, or an empty text."""
    age, life = (today - one.last_seen).days, TRAITS[one.kind].life_days
    if today > one.expires:
        return f"the record expired on {one.expires}"
    if age >= life:
        return f"the actor was last seen with it {age} days ago; it holds for {life}"
    if age < 0:
        return "the record says it was seen on a day to come"
    if one.refuted and one.refuted >= one.confirmed:
        return f"the actor claim is refuted by {one.refuted} and confirmed by {one.confirmed}"
    if not one.weight.value:
        return f"the actor claim counts nothing: {'; '.join(one.weight.why)}"
    return ""


def _beside(one: _Weighed, alone: Sequence[_Weighed], thresholds: Thresholds) -> _Weighed:
    """What it counts once its neighbours of the same actor are looked at."""
    kind = thresholds.kinds[one.match.kind]
    if not one.strength or (not kind.beside and kind.least == 1):
        return one
    live = [other.match for other in alone if other.strength and other.actor == one.actor]
    known = [(thresholds.kinds[match.kind], match) for match in live]
    strong = {its.family for its, _ in known if not its.beside} - {kind.family}
    if len(strong) < kind.beside:
        return _Weighed(one.match, 0.0, ("it counts only beside a strong match of this actor",))
    same = len({match.part for match in live if match.kind is one.match.kind})
    if same < kind.least:
        return _Weighed(one.match, 0.0, (f"{kind.least} of its kind must match, {same} did",))
    return one


def _spoken(
    weighed: Iterable[_Weighed], thresholds: Thresholds, voices: Voices
) -> dict[str, float]:
    """Weight of each voice that says anything: that of its heaviest actor."""
    actors = defaultdict[tuple[str, str], list[_Weighed]](list)
    for one in weighed:
        if one.strength:
            actors[one.actor].append(one)
    spoken = dict[str, float]()
    for (publisher, _), its in actors.items():
        families = dict[str, float]()
        for one in its:
            family = thresholds.kinds[one.match.kind].family
            families[family] = max(families.get(family, 0.0), one.strength)
        value = _any(families.values()) * max(one.match.weight.value for one in its)
        voice = voices.of(publisher)
        spoken[voice] = max(spoken.get(voice, 0.0), value)
    return spoken


def _any(values: Iterable[float]) -> float:
    """That at least one of independent indications is right; the same in any order."""
    return 1 - prod(sorted(1 - value for value in values))


def _combined(spoken: Mapping[str, float], own: float) -> float:
    """Weight over all voices. Unknown names add nothing to a known one: they may be its own."""
    if not spoken:
        return 0.0
    known = _any(value for voice, value in spoken.items() if voice != _UNKNOWN)
    heard = max(known, spoken.get(_UNKNOWN, 0.0))
    return round(_any((heard, own)), _DIGITS)


def _evidence(one: _Weighed) -> Evidence:
    it = one.match
    return Evidence(
        it.kind.value, it.publisher, it.claim, it.actor, it.standing, it.first_seen, it.last_seen,
        it.expires, it.confidence, it.tactic, it.epoch, one.weight, one.why,
    )  # fmt: skip


def _explained(
    weighed: Sequence[_Weighed],
    spoken: Mapping[str, float],
    step: Step,
    borne: Step,
    own_evidence: Sequence[str],
) -> tuple[str, ...]:
    """The lead in plain words."""
    if not weighed:
        return ()
    live = [one for one in weighed if one.strength]
    if not live:
        return ("what matched counts nothing now", *(_told(one) for one in weighed))
    names = {one.match.publisher for one in live}
    why = [f"{_many(len(live), 'match', 'matches')} by {_many(len(names), 'publisher')}"]
    if own_evidence:
        why.append(f"evidence of our own: {', '.join(own_evidence)}")
    if step < borne:
        why.append(
            f"one voice bears a {step.word} at most; for {borne.word} a second lab that we know"
            " to be another, or evidence of our own, is needed"
        )
    elif len(names) > 1 and _UNKNOWN in spoken:
        why.append("names that are not known to be members of their own add no voice")
    order = sorted(weighed, key=lambda one: -one.weight)
    return (*why, *(_told(one) for one in order))


def _told(one: _Weighed) -> str:
    return f"{one.match.kind} of {one.match.actor}: {one.weight:g}; {'; '.join(one.why)}"


def _many(count: int, one: str, several: str = "") -> str:
    return f"1 {one}" if count == 1 else f"{count} {several or one + 's'}"

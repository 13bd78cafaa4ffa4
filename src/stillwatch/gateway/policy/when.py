"""Conditions of a rule: names of facts, what is asked of each, and whether a case meets it.

A fact is a number (``{at_least: X, at_most: Y, below: Z}`` or a number for exactly that), a word
(one, or a list of which any will do), or yes/no. ``unknown`` as a word asks that the fact be not known.
Rules: what is not known meets nothing but ``unknown``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from stillwatch.domain.lead import Step
from stillwatch.gateway.policy.case import Case, Source

Kind = Literal["number", "word", "flag"]
Fact = float | str | bool | None
UNKNOWN: Final = "unknown"
_INFINITE: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Name:
    """One fact that rules and samples may name."""

    kind: Kind
    says: str
    of: Callable[[Case], Fact]
    words: tuple[str, ...] = ()
    """All there are, where they are known."""
    most: float = _INFINITE
    """Greatest value of a number; none is below 0."""


ACCESS_PATHS: Final = (
    "self_serve", "education", "research_programme", "startup_programme", "enterprise", "reseller",
)  # fmt: skip
"""As ``docs/reference/schema.md`` names them; a policy may add its own under ``words``."""
STEPS: Final = tuple(step.word for step in Step)
FACTS: Final[Mapping[str, Name]] = {
    "source": Name("word", "what the case was made from", lambda c: c.source.value, tuple(one.value for one in Source)),
    "own_evidence": Name("flag", "the lab itself has seen something", lambda c: c.own),
    "labs": Name("number", "distinct other labs whose word agrees", lambda c: c.labs),
    "confidence": Name(
        "number",
        "1 minus the share of innocents among findings as strong as this; of a lead its weight",
        lambda c: c.confidence,
        most=1,
    ),
    "p_value": Name("number", "how often an innocent looks like this", lambda c: c.p_value, most=1),
    "score": Name("number", "as the report says it; comparable within a run", lambda c: c.score),
    "accounts": Name("number", "accounts of the whole campaign", lambda c: c.accounts),
    "events": Name("number", "requests of those that would be touched", lambda c: c.events),
    "traffic_share": Name("number", "their part of all requests", lambda c: c.traffic_share, most=1),
    "step": Name(
        "word", "what a lead bears at most", lambda c: c.step.word if c.step is not None else None, STEPS
    ),
    "access_path": Name("word", "how the account came to be", lambda c: c.access_path),
    "spend_tier": Name("word", "what the account spends", lambda c: c.spend_tier),
    "verified": Name("flag", "identity was verified", lambda c: c.verified),
    "authorized_use": Name("word", "the agreed exception", lambda c: c.authorized_use),
    "calibration": Name(
        "word", "what p-values were measured against", lambda c: c.calibration, ("baseline", "self")
    ),
    "reference_accounts": Name(
        "number", "innocents that p-values were measured against", lambda c: c.reference_accounts
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from ``low`` to ``high``, the upper end left out where ``open_``."""

    low: float
    high: float
    open_: bool = False

    def holds(self, fact: Fact) -> bool:
        """Whether a number lies within."""
        if not isinstance(fact, int | float):
            return False
        return self.low <= fact and (fact < self.high or (fact == self.high and not self.open_))

    def covers(self, other: "Asked") -> bool:
        """Whether all that meets ``other`` meets this."""
        if not isinstance(other, Range):
            return False
        above = self.high > other.high or (
            self.high == other.high and (other.open_ or not self.open_)
        )
        return self.low <= other.low and above


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of some words (or yes/no); ``any_`` stands for every word that is known."""

    words: frozenset[str | bool]
    any_: bool = False

    def holds(self, fact: Fact) -> bool:
        """Whether a word is among them."""
        if fact is None:
            return UNKNOWN in self.words
        return self.any_ or fact in self.words

    def covers(self, other: "Asked") -> bool:
        """Whether all that meets ``other`` meets this."""
        if not isinstance(other, AnyOf):
            return False
        known = self.any_ or (not other.any_ and other.words - {UNKNOWN} <= self.words)
        return known and (UNKNOWN not in other.words or UNKNOWN in self.words)


Asked = Range | AnyOf


@dataclass(frozen=True, slots=True)
class When:
    """All conditions of a rule."""

    asked: Mapping[str, Asked]

    def holds(self, case: Case) -> bool:
        """Whether the case meets all of them."""
        return all(asked.holds(FACTS[name].of(case)) for name, asked in self.asked.items())

    def covers(self, other: "When") -> bool:
        """Whether every case that meets ``other`` meets this, as far as single facts tell."""
        return all(
            name in other.asked and asked.covers(other.asked[name])
            for name, asked in self.asked.items()
        )

    def failing(self, case: Case) -> Iterator[str]:
        """What a case lacks, for people."""
        for name, asked in self.asked.items():
            fact = FACTS[name].of(case)
            if not asked.holds(fact):
                yield f"{name} is {UNKNOWN if fact is None else fact}"


def parse(said: Mapping[str, Any]) -> When:
    """From the file. Raises ``ValueError`` in words for people."""
    return When({name: _asked(name, value) for name, value in said.items()})


def _asked(name: str, value: Any) -> Asked:
    fact = FACTS[name]
    if fact.kind == "number":
        return _range(name, value, fact.most)
    if fact.kind == "word" and isinstance(value, dict):
        return _steps(name, value)
    if name == "authorized_use" and isinstance(value, bool):
        return AnyOf(frozenset(), any_=True) if value else AnyOf(frozenset({UNKNOWN}))
    words = frozenset(value if isinstance(value, list) else [value])
    for word in words:
        check_word(name, word)
    return AnyOf(words)


def check_word(name: str, word: Any) -> None:
    """Refuse a word that the fact can never be. Raises ``ValueError``."""
    fact = FACTS[name]
    if word == UNKNOWN:
        return
    if isinstance(word, bool) is not (fact.kind == "flag"):
        raise ValueError(
            f"{name} is {'true or false' if fact.kind == 'flag' else 'a word'}, not {word!r}"
        )
    if fact.words and word not in fact.words:
        raise ValueError(f"{name} is never {word!r}, only {', '.join(fact.words)}")


def _steps(name: str, value: Mapping[str, Any]) -> AnyOf:
    """Steps have an order: ``{at_least: review}``."""
    if name != "step":
        raise ValueError(f"{name} is a word or a list of words: bounds are for numbers and steps")
    unknown = value.keys() - {"at_least", "at_most"}
    if unknown or not all(word in STEPS for word in value.values()):
        raise ValueError(f"step has at_least and at_most, each of {', '.join(STEPS)}")
    low, high = value.get("at_least", STEPS[0]), value.get("at_most", STEPS[-1])
    chosen = STEPS[STEPS.index(low) : STEPS.index(high) + 1]
    if not chosen:
        raise ValueError(f"no step is at least {low} and at most {high}")
    return AnyOf(frozenset(chosen))


def _range(name: str, value: Any, most: float) -> Range:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = {"at_least": value, "at_most": value}
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is a number, or has at_least, at_most or below, not {value!r}")  # noqa: TRY004
    if "at_most" in value and "below" in value:
        raise ValueError(f"{name} has at_most or below, not both")
    open_ = "below" in value
    low = float(value.get("at_least", 0))
    high = float(value["below"] if open_ else value.get("at_most", _INFINITE))
    if low < 0 or low > most or low > high or (open_ and low == high):
        raise ValueError(f"{name}: no value from {low:g} to {high:g} is possible")
    return Range(low, high, open_)

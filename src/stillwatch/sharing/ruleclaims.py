"""Rules as claims: one of ours that is to leave, one of another's that is to be used here.

Rules
    * A received rule is taken from a signed claim that counts something; the rate that its claim
      states is the one it is held to.
    * What is put in use is written down beside the claim before it is used: a claim taken back
      later names what rests on it, and no run goes on with it.
    * A rule leaves only with its own samples passing and a measured rate, without a quoted prompt,
      and never without a person.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from stillwatch.detection.travelling import Trial, failing_samples
from stillwatch.domain.claim import RuleClaim, StixId
from stillwatch.errors import InputError, PolicyRefused, StillwatchError, StoredDataError
from stillwatch.intel.ids import TYPES, kind_of, stix_id
from stillwatch.intel.policy.check import require_lawful
from stillwatch.intel.scales import one_digit_up, span
from stillwatch.intel.sigma import TravellingRule, parse_rule
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.sharing.board import board
from stillwatch.sharing.drafts import fresh_terms
from stillwatch.sharing.pull import Fallen
from stillwatch.sharing.rules import EnabledRules, Record
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox, outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft

_RESTING: Final = re.compile(r"rule ([0-9a-f]{64}) in (.+)", re.DOTALL)
_LEAST_WORDS: Final = 4
"""Shorter texts are anybody's."""


@dataclass(frozen=True, slots=True)
class Given:
    """A rule that another member published."""

    rule: TravellingRule
    claim: StixId
    false_positives: float
    """What its claim says it is wrong for at most, as a share of benign accounts."""
    tried_on: tuple[int, int]
    """Range of the number of benign accounts on which that was measured."""
    weight: float

    def held_to(self, trial: Trial) -> Trial:
        """The trial, against what the claim states."""
        return replace(trial, stated=self.false_positives)


def received_rule(connection: Connection, claim: str) -> Given:
    """The rule of a received claim. Raises ``InputError``, or ``PolicyRefused`` if it counts nothing."""
    found = [e for e in board(connection, claim) if e.received.signed and e.received.kind == "rule"]
    if not found:
        raise InputError(
            f"no signed rule {claim!r} was received",
            hint="`stillwatch share list --kind rule` lists them",
        )
    best = max(found, key=lambda entry: entry.weight.value)
    if best.weight.value == 0:
        raise PolicyRefused(f"the rule {claim} counts nothing: {best.weight.why[-1]}")
    said = from_stix(best.received.body)
    assert isinstance(said, RuleClaim)
    tried = (said.tried_on.low, said.tried_on.high)
    rule = parse_rule(said.rule, claim)
    return Given(rule, stix_id(said), said.false_positives, tried, best.weight.value)


def enable(
    store: Store, rules: EnabledRules, given: Given, trial: Trial, by: str, settings: Settings
) -> Record:
    """Put a received rule in use, and write down what it rests on first."""
    resting = _resting(rules, given.rule.digest)
    with store.begin() as connection:
        inbox.rely(connection, given.claim, resting)
    try:
        return rules.enable(
            given.rule, given.held_to(trial), by, given.claim, str(settings.path.absolute())
        )
    except StillwatchError:
        let_go(store, rules, given.claim, given.rule.digest)
        raise


def let_go(store: Store, rules: EnabledRules, claim: str, digest: str) -> None:
    """A rule is out of use by a person's hand: nothing rests on its claim any more."""
    with store.begin() as connection:
        inbox.release(connection, claim, _resting(rules, digest))


def withdraw(fallen: Iterable[Fallen]) -> list[Record]:
    """Take rules out of use whose claims count nothing; those that now went."""
    gone = list[Record]()
    for one in fallen:
        for digest, folder in filter(None, map(_rule_of, one.resting)):
            record = EnabledRules(folder).withdraw(digest, f"{one.claim}: {one.why}")
            if record is not None:
                gone.append(record)
    return gone


def draft_of(
    path: Path,
    settings: Settings,
    connection: Connection,
    families: FamilyTable,
    result: Path | None = None,
    today: date | None = None,
) -> Draft:
    """A rule of ours as a draft that waits for a person.

    ``result`` is what `stillwatch detect` wrote: its quoted prompts must not be in the rule.
    Raises ``InputError`` for what is no rule, ``PolicyRefused`` for one that may not leave.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the rule {path} cannot be read: {error}") from error
    rule = parse_rule(text, str(path))
    faults = list(failing_samples(rule, families))
    if rule.expires < (today or datetime.now(UTC).date()):
        faults.append("it has expired")
    if result is not None:
        faults += quoting(rule, quoted_prompts(result))
    if rule.measured is None:
        faults.append("it does not state a measured false-positive rate (stillwatch.measured)")
    if faults or rule.measured is None:
        raise PolicyRefused(f"the rule {path} may not leave: {'; '.join(faults)}")
    if (earlier := _spoken_of(connection, rule.digest)) is not None:
        raise PolicyRefused(f"this rule is drafted or published already: {earlier}")
    claim = RuleClaim(
        fresh_terms("rule", settings),
        rule.text,
        rule.digest,
        one_digit_up(rule.measured.upper),
        span(rule.measured.accounts),
    )
    body = to_stix(claim)
    require_lawful(body)
    compared = str(result) if result else "nothing: no --result was named"
    stays = {"compared with the quoted prompts of": compared}
    return Draft(stix_id(claim), kind_of(claim), "waiting", str(path), body, stays)


def quoted_prompts(result: Path) -> Mapping[str, frozenset[str]]:
    """Prompts that a result quotes, each with the accounts that say it. Raises ``StoredDataError``."""
    found: dict[str, set[str]] = {}
    path = result / "findings.jsonl"
    try:
        with path.open("rb") as lines:
            for line in lines:
                entry = orjson.loads(line)
                names = {str(entry["account_id"])} if entry["kind"] == "account" else set[str]()
                for prompt in entry.get("exemplars", ()):
                    found.setdefault(_plain(str(prompt)), set()).update(names)
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise StoredDataError(f"{path} is no findings of a result: {error}") from error
    return {prompt: frozenset(names) for prompt, names in found.items() if prompt}


def quoting(rule: TravellingRule, prompts: Mapping[str, frozenset[str]]) -> list[str]:
    """Where a rule repeats a customer: samples that quote a prompt, phrases that are one.

    A phrase is a run of words that many say; one that is a whole prompt, or that a single
    account alone says, is somebody's own words.
    """
    found = list[str]()
    for side, samples in (("match", rule.match), ("no_match", rule.no_match)):
        for number, sample in enumerate(samples, 1):
            if any(_quotes(text, prompts) for text in sample):
                found.append(f"sample {number} of {side} quotes a prompt of the result")
    phrases = [v for tests in rule.selections.values() for t in tests for v in _phrases(t)]
    for number, phrase in enumerate(phrases, 1):
        words = _plain(phrase)
        if words in prompts:
            found.append(f"phrase {number} is a whole prompt of the result")
        elif len({n for p, names in prompts.items() if words in p for n in names}) == 1:
            found.append(f"phrase {number} is said by one account of the result alone")
    return found


def _phrases(test: Any) -> tuple[str, ...]:
    return test.values if test.field == "prompt" else ()


def _quotes(text: str, prompts: Mapping[str, frozenset[str]]) -> bool:
    sample = _plain(text)
    if sample in prompts:
        return True
    long = len(sample.split()) >= _LEAST_WORDS
    return any(
        (long and sample in prompt) or (prompt in sample and len(prompt.split()) >= _LEAST_WORDS)
        for prompt in prompts
    )


def _plain(text: str) -> str:
    """A text without differences of case and spacing."""
    return " ".join(text.casefold().split())


def _spoken_of(connection: Connection, digest: str) -> str | None:
    for known in outbox.listed(connection, "waiting", "released", "published"):
        if known.kind == "rule":
            said = from_stix(known.body)
            if isinstance(said, RuleClaim) and said.digest == digest and not said.terms.revoked:
                return known.stix_id
    return None


def is_rule_id(text: str) -> bool:
    """Whether a text is the id of a rule's claim rather than a file."""
    return text.startswith(f"{TYPES['rule']}--")


def _resting(rules: EnabledRules, digest: str) -> str:
    return f"rule {digest} in {rules.folder.absolute()}"


def _rule_of(resting: str) -> tuple[str, Path] | None:
    match = _RESTING.fullmatch(resting)
    return (match[1], Path(match[2])) if match else None

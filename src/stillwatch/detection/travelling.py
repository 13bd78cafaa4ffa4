"""Rules of other members on our own profiles: whom they match, and how often they are wrong here.

A request is looked at through what a profile keeps of it: the sketch of its shingles, its phrase
families, its lengths. So a rule is tried on months of profiles without reading a log again.

Rules
    * ``prompt|contains`` holds when the request's sketch has at least two of the phrases' shingles;
      ``|all`` also wants one of each phrase. A sketch keeps 16 shingles, ten of them from head and
      tail: a phrase may be overlooked in the middle of a long prompt, and is not invented.
    * An account matches when enough of its sampled requests do, by enough different prompts.
    * A rule is as wrong as the upper 95 % limit says (Clopper & Pearson 1934): few accounts prove little.
    * Flags by rules and flags by our own evidence share the promised rate, a fifth to rules.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit
from scipy.special import betaincinv

from stillwatch.campaigns.lookup import place_of, table_of
from stillwatch.detection.calibration import benjamini_hochberg
from stillwatch.detection.judge import DetectionOptions, Judgement
from stillwatch.domain.finding import Reason
from stillwatch.engines.local import LocalEngine
from stillwatch.errors import InputError
from stillwatch.intel.sigma import Condition, Test, TravellingRule
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import SAMPLE, SKETCH
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.scan import words_of
from stillwatch.profiles.sketch import shingles_of

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

SHARE_OF_RATE = 0.2
"""Part of the promised false-discovery rate that flags by rules may use."""
_HELD = 2  # shingles of its phrases that a request holds
_BLOCK = 4096  # profiles looked at together; bounds temporary memory
_COMPARE: Mapping[str, Callable[[Any, int], Any]] = {
    "gte": operator.ge,
    "lte": operator.le,
    "gt": operator.gt,
    "lt": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Matches:
    """Whom one rule matches; arrays are aligned with the profiles."""

    rule: TravellingRule
    accounts: Bools
    requests: npt.NDArray[np.int64]
    """Sampled requests that match."""
    sampled: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Trial:
    """How a rule did on the accounts of a provider."""

    digest: str
    accounts: int
    """Benign accounts that were looked at."""
    matched: int
    upper: float
    """Upper 95 % limit of the share of benign accounts that match."""
    stated: float | None
    """What the rule's author measured."""
    samples: tuple[str, ...]
    """Its own samples that it fails, in sentences."""
    expired: bool
    day: date

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the rule must not be enabled, in sentences; empty when it may be."""
        found = list(self.samples)
        if self.expired:
            found.append("it has expired")
        if self.stated is None:
            found.append("it does not state a false-positive rate")
        elif self.accounts and self.matched / self.accounts > self.stated:
            found.append(
                f"it matches {self.matched} of {self.accounts} benign accounts here, more than "
                f"the {self.stated:.2g} it states"
            )
        if not self.accounts:
            found.append("there was no benign account to try it on")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Enabled:
    """A rule in use, and how wrong it may be here."""

    rule: TravellingRule
    rate: float
    """Larger of the stated and the measured upper limit."""


def matches(rule: TravellingRule, profiles: Profiles, families: Sequence[str]) -> Matches:
    """Look at every profile; ``families`` are the names of the bits. Raises ``InputError``."""
    tests = {
        test: _compiled(test, families) for tests in rule.selections.values() for test in tests
    }
    sizes = sampled(profiles)
    requests = np.zeros(profiles.size, dtype=np.int64)
    accounts = np.zeros(profiles.size, dtype=np.bool_)
    for start in range(0, profiles.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        block = profiles[part]
        holds = _holds(rule, tests, block) & (np.arange(SAMPLE) < sizes[part, None])
        requests[part] = holds.sum(axis=1)
        enough = requests[part] >= np.maximum(rule.prompts, rule.share * sizes[part])
        for row in np.flatnonzero(enough).tolist():
            prompts = np.unique(block["sample_prompt"][row][holds[row]])
            accounts[start + row] = prompts.size >= rule.prompts
    return Matches(rule, accounts, requests, sizes)


def trial(
    rule: TravellingRule,
    profiles: Profiles,
    families: FamilyTable,
    hostile: Bools | None = None,
    today: date | None = None,
) -> Trial:
    """Try a rule on its own samples and on the profiles that are not known to be ``hostile``."""
    benign = np.ones(profiles.size, dtype=np.bool_) if hostile is None else ~hostile
    matched = int((matches(rule, profiles, families.names).accounts & benign).sum())
    today = today or datetime.now(UTC).date()
    return Trial(
        rule.digest,
        int(benign.sum()),
        matched,
        upper_limit(matched, int(benign.sum())),
        rule.measured.upper if rule.measured else None,
        failing_samples(rule, families),
        rule.expires < today,
        today,
    )


def failing_samples(rule: TravellingRule, families: FamilyTable) -> tuple[str, ...]:
    """Samples of the rule that do not do as they must, in sentences."""
    samples = [*rule.match, *rule.no_match]
    table = LocalEngine(families, 1).profile([_as_log(samples)])
    table.sort()
    held = matches(rule, table.profiles, families.names).accounts
    found = dict(zip(table.account_ids, held.tolist(), strict=True))
    wanted = [True] * len(rule.match) + [False] * len(rule.no_match)
    return tuple(
        f"its sample {number - len(rule.match) * (not must) + 1} that must"
        f"{'' if must else ' not'} match does{' not' if must else ''}"
        for number, must in enumerate(wanted)
        if found[str(number)] != must
    )


def upper_limit(hits: int, total: int) -> float:
    """One-sided upper 95 % limit of a share (Clopper & Pearson 1934); 1 without cases."""
    return float(betaincinv(hits + 1, total - hits, 0.95)) if hits < total else 1.0


def own_part(options: DetectionOptions, rules: Sequence[Enabled]) -> DetectionOptions:
    """The options by which our own evidence is judged beside ``rules``."""
    return replace(options, fdr=options.fdr * (1 - SHARE_OF_RATE)) if rules else options


def apply(
    rules: Sequence[Enabled],
    judgement: Judgement,
    profiles: Profiles,
    exempt: Bools,
    fdr: float,
) -> tuple[Judgement, Mapping[int, Reason]]:
    """Flag whom ``rules`` match where their number keeps the promise ``fdr``, and say why.

    By a rule, an account's p-value is the rate at which the rule is wrong, times the number of
    rules; flags are Benjamini-Hochberg's. So a rule that matches five accounts must be right more
    surely than one that matches five hundred. ``judgement`` is of ``own_part``.
    """
    if not rules:
        return judgement, {}
    p_values = np.ones(profiles.size)
    reasons: dict[int, Reason] = {}
    for one in rules:
        found = matches(one.rule, profiles, judgement.reference.families)
        p = min(1.0, one.rate * len(rules))
        for row in np.flatnonzero(found.accounts & (p_values > p)).tolist():
            reasons[row] = _reason(one, int(found.requests[row]), int(found.sampled[row]))
        p_values = np.where(found.accounts, np.minimum(p_values, p), p_values)
    judged = np.flatnonzero(~exempt)
    flagged = judgement.flagged.copy()
    flagged[judged[benjamini_hochberg(p_values[judged], fdr * SHARE_OF_RATE)]] = True
    weighted = np.minimum(judgement.p_values / (1 - SHARE_OF_RATE), p_values / SHARE_OF_RATE)
    joined = replace(judgement, flagged=flagged, p_values=np.minimum(weighted, 1.0))
    return joined, reasons


def _reason(enabled: Enabled, requests: int, of: int) -> Reason:
    rule = enabled.rule
    return Reason(
        f"rule:{rule.digest[:12]}",
        requests / max(1, of),
        100.0 * (1 - enabled.rate),
        f"{requests} of {of} sampled requests match the shared rule \N{LEFT DOUBLE QUOTATION MARK}"
        f"{rule.title}\N{RIGHT DOUBLE QUOTATION MARK}, which is wrong for at most "
        f"{enabled.rate:.2%} of benign accounts.",
    )


def _holds(
    rule: TravellingRule, tests: Mapping[Test, Callable[[Profiles], Bools]], block: Profiles
) -> Bools:
    """Which requests of a block of profiles match, shape (p, SAMPLE)."""
    known: dict[str, Bools] = {}

    def value(condition: Condition) -> Bools:
        if isinstance(condition, str):
            if condition not in known:
                parts = [tests[test](block) for test in rule.selections[condition]]
                known[condition] = np.logical_and.reduce(parts)
            return known[condition]
        word, values = condition[0], [value(part) for part in condition[1:]]
        if word == "not":
            return ~values[0]
        joined: Bools = (np.logical_and if word == "and" else np.logical_or).reduce(values)
        return joined

    return value(rule.condition)


def _compiled(test: Test, families: Sequence[str]) -> Callable[[Profiles], Bools]:
    """What a test asks of the requests of a block of profiles."""
    if test.field == "prompt":
        return _says(test)
    if test.field == "families":
        return _in_families(test, families)
    compare, name = _COMPARE[test.operator], f"sample_{test.field.removesuffix('_tokens')}"
    # -1 is an unknown length: it fulfils nothing
    return lambda block: compare(block[name], test.number) & (block[name] >= 0)


def _says(test: Test) -> Callable[[Profiles], Bools]:
    parts = [shingles_of(words_of(phrase)) for phrase in test.values]
    for phrase, part in zip(test.values, parts, strict=True):
        if part.size < _HELD:
            raise InputError(
                f"the phrase {phrase[:60]!r} has fewer than {_HELD + 2} words",
                hint="short phrases stand in everybody's prompts; give more of the wording",
            )

    def held(keys: npt.NDArray[np.uint32], block: Profiles, least: int) -> Bools:
        return np.asarray(_counts(block["sample_shingles"], table_of(keys)) >= least)

    together = np.unique(np.concatenate(parts))
    if test.operator == "contains":
        return lambda block: held(together, block, _HELD)
    each = [np.unique(part) for part in parts]
    return lambda block: np.logical_and.reduce(
        [held(together, block, _HELD), *(held(keys, block, 1) for keys in each)]
    )


def _in_families(test: Test, families: Sequence[str]) -> Callable[[Profiles], Bools]:
    if unknown := sorted(set(test.values) - set(families)):
        raise InputError(
            f"the phrase families {', '.join(unknown)} are not known here",
            hint=f"known: {', '.join(families)}",
        )
    mask = np.uint64(sum(1 << families.index(name) for name in test.values))
    if test.operator == "contains":
        return lambda block: (block["sample_families"] & mask) != 0
    return lambda block: (block["sample_families"] & mask) == mask


@njit(nogil=True, cache=True)
def _counts(shingles, table):  # type: ignore[no-untyped-def]
    """How many keys of the ``table`` each request's sketch holds, shape (p, SAMPLE)."""
    out = np.zeros((shingles.shape[0], SAMPLE), np.uint8)
    for i in range(shingles.shape[0]):
        for e in range(SAMPLE):
            for s in range(SKETCH):
                out[i, e] += place_of(table, shingles[i, e, s]) >= 0
    return out


def _as_log(samples: Sequence[Sequence[str]]) -> pa.RecordBatch:
    """The prompts of accounts as events, one account a sample, named by its number."""
    owners = [str(number) for number, prompts in enumerate(samples) for _ in prompts]
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return pa.record_batch(
        {
            "event_id": [f"event-{number}" for number in range(len(owners))],
            "timestamp": pa.array([start] * len(owners), pa.timestamp("us", "UTC")),
            "account_id": owners,
            "model": ["sample"] * len(owners),
            "prompt": [prompt for prompts in samples for prompt in prompts],
        }
    )

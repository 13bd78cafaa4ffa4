"""Rules of others on our own profiles."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
import scipy.stats
import yaml

from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.detection.travelling import (
    SHARE_OF_RATE,
    Enabled,
    apply,
    failing_samples,
    matches,
    own_part,
    trial,
    upper_limit,
)
from stillwatch.errors import InputError
from stillwatch.intel.sigma import TravellingRule, parse_rule
from stillwatch.profiles.table import ProfileTable
from tests.profiling import families, profiled
from tests.support import event
from tests.travelling import HARNESS, SCAFFOLD, asked, content, text

DAY = date(2026, 11, 20)


def accounts(**prompts: list[str]) -> ProfileTable:
    asked_by = [(name, prompt) for name, texts in prompts.items() for prompt in texts]
    table = profiled(
        [event(i, account_id=name, prompt=prompt) for i, (name, prompt) in enumerate(asked_by)]
    )
    table.sort()
    return table


def matched(rule: TravellingRule, table: ProfileTable) -> set[str]:
    found = matches(rule, table.profiles, families().names)
    return {table.account_ids[row] for row in np.flatnonzero(found.accounts).tolist()}


def ordinary(n: int) -> list[str]:
    return [
        f"What does the word number {i} of the song about {i} rivers mean to you" for i in range(n)
    ]


def test_who_asks_in_the_words_of_the_rule_is_found() -> None:
    table = accounts(
        pure=[asked(i) for i in range(6)],
        mixed=[asked(1), asked(2), *ordinary(10)],
        once=[asked(1), *ordinary(10)],
        repeated=[asked(1)] * 5,
        rare=[asked(1), asked(2), *ordinary(40)],
        harness=[f"{asked(i)} {HARNESS}" for i in range(6)],
        ordinary=ordinary(12),
    )
    assert matched(parse_rule(text()), table) == {"pure", "mixed"}


@pytest.mark.parametrize(
    ("test", "found"),
    [
        ({"words|gte": 20}, {"long"}),
        ({"words|lt": 20}, {"short"}),
        ({"output_tokens|gt": 100}, set()),  # unknown lengths fulfil nothing
        ({"output_tokens|lt": 100}, set()),
        ({"families|contains": ["trace_elicitation", "mathematics"]}, {"long"}),
        ({"prompt|contains|all": [SCAFFOLD, "nobody ever says these words of mine"]}, set()),
        ({"gen_ai.input.messages|contains": SCAFFOLD}, {"long"}),
    ],
)
def test_each_test(test: dict[str, Any], found: set[str]) -> None:
    table = accounts(
        long=[f"Think step by step. {asked(i)}" for i in range(4)],
        short=["good morning", "good night"],
    )
    rule = parse_rule(text(detection={"a": test, "condition": "a"}))
    assert matched(rule, table) == found


def test_a_phrase_too_short_to_mean_anything_is_refused() -> None:
    rule = parse_rule(text(detection={"a": {"prompt|contains": "hello there"}, "condition": "a"}))
    with pytest.raises(InputError, match="fewer than 4 words"):
        matches(rule, accounts(a=["x"]).profiles, families().names)


def test_an_unknown_family_is_refused() -> None:
    rule = parse_rule(text(detection={"a": {"families|contains": "no_such"}, "condition": "a"}))
    with pytest.raises(InputError, match="no_such"):
        matches(rule, accounts(a=["x"]).profiles, families().names)


def test_a_rule_is_tried_on_its_own_samples() -> None:
    assert failing_samples(parse_rule(text()), families()) == ()
    samples = content()["samples"]
    swapped = {"match": samples["no_match"], "no_match": samples["match"]}
    assert failing_samples(parse_rule(text(samples=swapped)), families()) == (
        "its sample 1 that must match does not",
        "its sample 2 that must match does not",
        "its sample 1 that must not match does",
        "its sample 2 that must not match does",
    )


def test_a_trial_finds_every_fault() -> None:
    table = accounts(hit=[asked(i) for i in range(6)], **{f"b{i}": ordinary(4) for i in range(9)})
    rule = parse_rule(text())
    wrong = trial(rule, table.profiles, families(), today=DAY)
    assert (wrong.accounts, wrong.matched) == (10, 1)
    assert wrong.faults == (
        "it matches 1 of 10 benign accounts here, more than the 0.001 it states",
    )
    hostile = np.array([name == "hit" for name in table.account_ids])
    right = trial(rule, table.profiles, families(), hostile, DAY)
    assert (right.accounts, right.matched, right.faults) == (9, 0, ())
    ours = content()["stillwatch"] | {"expires": "2026-11-19"}
    del ours["measured"]
    late = trial(parse_rule(text(stillwatch=ours)), table.profiles[:0], families(), today=DAY)
    assert late.faults == (
        "it has expired",
        "it does not state a false-positive rate",
        "there was no benign account to try it on",
    )


@pytest.mark.parametrize(("hits", "total"), [(0, 10), (1, 400), (7, 90)])
def test_the_upper_limit_is_clopper_and_pearsons(hits: int, total: int) -> None:
    limit = upper_limit(hits, total)
    assert scipy.stats.binom.cdf(hits, total, limit) == pytest.approx(0.05)
    assert upper_limit(total, total) == 1.0


@pytest.fixture(scope="module")
def crowd() -> ProfileTable:
    hits = {f"hit{i:02}": [asked(j) for j in range(3)] for i in range(30)}
    return accounts(**hits, **{f"calm{i:02}": ordinary(3) for i in range(70)})


@pytest.fixture(scope="module")
def judgement(crowd: ProfileTable) -> Judgement:
    """A judgement by which nobody stands out."""
    everybody = np.zeros(100, dtype=np.bool_)
    judged = judge(crowd.profiles, everybody, families().names, (), DetectionOptions())
    return replace(judged, flagged=everybody, p_values=np.ones(100))


def test_flags_keep_the_promise(crowd: ProfileTable, judgement: Judgement) -> None:
    rule, nobody = parse_rule(text()), np.zeros(100, dtype=np.bool_)
    hit = np.array([name.startswith("hit") for name in crowd.account_ids])
    # 30 of 100 match: Benjamini-Hochberg takes them up to a rate of 0.3 of the rules' part
    most = 0.3 * 0.05 * SHARE_OF_RATE
    sure = [Enabled(rule, most * 0.99)]
    found, reasons = apply(sure, judgement, crowd.profiles, nobody, 0.05)
    assert (found.flagged == hit).all()
    assert set(reasons) == set(np.flatnonzero(hit).tolist())
    assert "3 of 3 sampled requests" in reasons[int(np.flatnonzero(hit)[0])].sentence
    assert found.p_values[hit] == pytest.approx(most * 0.99 / SHARE_OF_RATE)
    assert (found.p_values[~hit] == 1).all()
    unsure, _ = apply([Enabled(rule, most * 1.01)], judgement, crowd.profiles, nobody, 0.05)
    assert not unsure.flagged.any()


def test_exempt_accounts_are_not_flagged(crowd: ProfileTable, judgement: Judgement) -> None:
    hit = np.array([name.startswith("hit") for name in crowd.account_ids])
    found, _ = apply([Enabled(parse_rule(text()), 1e-9)], judgement, crowd.profiles, hit, 0.05)
    assert not found.flagged.any()


def test_without_rules_nothing_changes(crowd: ProfileTable, judgement: Judgement) -> None:
    options = DetectionOptions()
    assert apply([], judgement, crowd.profiles, np.zeros(100, dtype=np.bool_), 0.05) == (
        judgement,
        {},
    )
    assert own_part(options, []) is options
    assert own_part(options, [Enabled(parse_rule(text()), 0.1)]).fdr == pytest.approx(0.04)


def test_the_rule_of_the_tests_is_valid_yaml() -> None:
    assert yaml.safe_load(text())["title"] == "Derivations harvested"

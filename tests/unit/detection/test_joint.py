"""Joint evidence: honest under the null, whatever labs share, and one liar carries nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtr, stdtrit
from scipy.stats import kstest

from stillwatch.detection.joint import (
    Candidate,
    Elsewhere,
    Part,
    join,
    joint_p,
    one_a_lab,
    passing,
)
from stillwatch.detection.pooled import FEW, FREEDOM

SIZE = 10
names = frozenset(f"a{n}" for n in range(SIZE))


def elsewhere(lab="beta", p=0.01, accounts=10, bands=16, prompts=0, claim="c1") -> Elsewhere:
    return Elsewhere(lab, claim, Part(p, accounts), bands, prompts)


def drawn(together: float, labs: int, n: int = 4000) -> np.ndarray:
    """P-values of natural groups at several labs whose indices have a correlation."""
    rng = np.random.default_rng(4)
    common, own = rng.standard_normal((n, 1)), rng.standard_normal((n, labs))
    index = np.sqrt(together) * common + np.sqrt(1 - together) * own
    heavy = np.sqrt(FREEDOM / rng.chisquare(FREEDOM, (n, 1)))  # one yardstick's tail
    return np.asarray(stdtr(FREEDOM, -index * heavy))


def joint(p_values: np.ndarray, accounts: int = 10_000) -> np.ndarray:
    """Joint p-values of rows; so many accounts that none are drawn off."""
    return np.array(
        [joint_p(Part(row[0], accounts), [Part(p, accounts) for p in row[1:]]) for row in p_values]
    )


def test_where_labs_tell_the_same_p_values_stay_uniform():
    """Up to one half: nobody is told more than that."""
    p_values = joint(drawn(1.0, 3))
    assert kstest(2 * p_values[p_values < 0.5], "uniform").pvalue > 0.01
    assert abs((p_values < 0.5).mean() - 0.5) < 0.03


@pytest.mark.parametrize("together", [0.0, 0.3, 0.6, 0.9, 1.0])
def test_small_p_values_are_never_too_frequent(together: float):
    p_values = joint(drawn(together, 3))
    for level in (0.01, 0.05, 0.1):
        assert (p_values <= level).mean() <= level + 3 * np.sqrt(level / p_values.size)


def test_no_other_lab_leaves_the_own_p_value():
    assert joint_p(Part(0.03, 8), []) == 0.03


def test_parts_that_tell_the_same_tell_more_together_for_they_are_more_accounts():
    part = Part(0.01, 8)
    assert joint_p(part, [part, part]) < joint_p(part, [part]) < 0.01


@given(own=st.floats(1e-6, 0.1), accounts=st.integers(4, 500), claimed=st.integers(1, 10**8))
def test_one_lab_s_word_gives_no_more_than_the_accounts_it_adds(own, accounts, claimed):
    """At most the own strength, as if nothing were drawn off because accounts are few."""
    index = -float(stdtrit(FREEDOM, own)) * (accounts + FEW) / accounts
    told = joint_p(Part(own, accounts), [Part(1e-6, claimed)])
    assert told >= float(stdtr(FREEDOM, -index)) * (1 - 1e-9)


def test_one_liar_beside_an_honest_lab_lifts_nothing_above_that_lab():
    own, honest = Part(0.1, 8), Part(0.1, 8)
    with_lie = joint_p(own, [honest, Part(1e-6, 8)])
    assert with_lie == pytest.approx(joint_p(own, [honest, honest]))


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_a_lab_that_claims_nothing_is_counted_as_nothing(p: float):
    assert 0.0 < joint_p(Part(0.001, 8), [Part(p, 8)]) < 0.5


@pytest.mark.parametrize(
    ("bands", "prompts", "same"),
    [(1, 60, False), (2, 0, False), (2, 1, True), (3, 0, True), (0, 64, False)],
)
def test_two_bands_and_one_tag_more_make_a_group_the_same(bands, prompts, same):
    assert elsewhere(bands=bands, prompts=prompts).same is same


def test_of_one_lab_the_most_alike_group_counts_and_never_the_strongest():
    alike = elsewhere(bands=12, p=0.09, claim="c2")
    assert one_a_lab([elsewhere(bands=4, p=1e-6), alike, elsewhere(bands=2, p=1e-6)]) == (alike,)


def test_groups_that_are_not_listed_count_as_tested():
    p_values = np.array([0.001])
    assert passing(p_values, 40, 0.05).all()
    assert not passing(p_values, 60, 0.05).any()
    with pytest.raises(ValueError, match="more groups than were tested"):
        passing(p_values, 0, 0.05)


def candidate(p=0.01, reported=False, accounts=names, others=()) -> Candidate:
    return Candidate(accounts, p, reported, tuple(others))


def test_what_passes_together_is_reported_with_whom():
    others = [elsewhere("beta", 0.001), elsewhere("gamma", 0.001, claim="c2")]
    (found,) = join([candidate(0.004, others=others)], 20, 0.05, 6)
    assert found.promoted == names
    assert {one.lab for one in found.elsewhere} == {"beta", "gamma"}


def test_what_is_alike_nowhere_is_left_to_its_own_evidence():
    assert join([candidate(1e-6)], 20, 0.05, 6) == ()


def test_a_reported_campaign_continues_but_is_not_reported_again():
    others = [elsewhere("beta", 0.001), elsewhere("gamma", 0.001, claim="c2")]
    own = candidate(0.0001, reported=True, others=others)
    found = join([own, candidate(0.0001, others=others)], 20, 0.05, 6)
    assert len(found) == 1
    assert found[0].promoted == frozenset()


def test_accounts_that_another_group_was_reported_with_are_not_reported_twice():
    others = [elsewhere("beta", 0.0001), elsewhere("gamma", 0.0001, claim="c2")]
    nearly = frozenset([*sorted(names)[:9], "b"])
    found = join(
        [candidate(0.001, others=others), candidate(0.002, accounts=nearly, others=others)],
        20,
        0.05,
        6,
    )
    assert len(found) == 1


def test_too_few_accounts_over_all_labs_are_no_campaign():
    few = candidate(0.0001, accounts=frozenset("abcd"), others=[elsewhere(p=1e-6, accounts=1)])
    (found,) = join([few], 20, 0.05, 6)
    assert found.promoted == frozenset()
    assert found.p_value == 1.0

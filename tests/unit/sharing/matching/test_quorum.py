"""Who is asked: the preferred first, who failed not for a while, who lied not at all."""

import pytest

from stillwatch.sharing.matching.peer import Failed, Fault
from stillwatch.sharing.matching.quorum import NoQuorum, Roster

NAMES = {1: "alpha", 2: "beta", 3: "gamma"}


def test_the_preferred_come_first_and_the_failed_come_back() -> None:
    now = [0.0]
    roster = Roster(NAMES, 2, ["gamma"], clock=lambda: now[0])
    assert roster.choose() == (1, 3)
    roster.fail(Failed(3, Fault.DOWN, "it broke off", 10))
    assert roster.choose() == (1, 2)
    now[0] = 11
    assert roster.choose() == (1, 3)
    assert roster.out() == {}


def test_a_lie_is_not_forgotten_for_a_lesser_fault() -> None:
    now = [0.0]
    roster = Roster(NAMES, 2, clock=lambda: now[0])
    roster.aside(1, "it lied")
    roster.fail(Failed(1, Fault.SLOW, "late", 1))
    now[0] = 1e9
    assert roster.choose() == (2, 3)
    assert roster.liars() == {1}


def test_without_a_quorum_the_error_names_each_and_when_to_ask_again() -> None:
    roster = Roster(NAMES, 2, clock=lambda: 0.0)
    roster.fail(Failed(1, Fault.SPENT, "429", 7200))
    roster.fail(Failed(2, Fault.SPENT, "429", 3600))
    with pytest.raises(NoQuorum) as caught:
        roster.choose()
    assert caught.value.wait_s == 3600
    assert "1 of 2 needed evaluators" in str(caught.value)
    assert "alpha: over quota" in str(caught.value)
    assert "renewed in 1.0 h" in str(caught.value)

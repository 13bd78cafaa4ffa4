import pytest

from stillwatch.domain.claim import Tlp
from stillwatch.hub.audience import EVERYONE, admits, rule
from stillwatch.intel.ids import CLAIM, MARKINGS, OLD_MARKINGS


def marked(level: Tlp | None, **terms: list[str]) -> dict:
    obj: dict = {} if level is None else {"object_marking_refs": [MARKINGS[level]]}
    return {**obj, "extensions": {CLAIM: {"terms": terms}}} if terms else obj


@pytest.mark.parametrize("level", [None, Tlp.CLEAR, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT])
def test_without_names_every_reader_sees_it(level: Tlp | None) -> None:
    assert rule(marked(level), "alpha") == EVERYONE
    assert admits(EVERYONE, "delta", frozenset())


@pytest.mark.parametrize("level", [Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT])
def test_named_groups_and_members_see_it_and_nobody_else(level: Tlp) -> None:
    made = rule(marked(level, groups=["g"], recipients=["beta"]), "alpha")
    assert admits(made, "beta", frozenset())
    assert admits(made, "gamma", frozenset({"g"}))
    assert not admits(made, "gamma", frozenset({"h"}))
    assert "alpha" not in made


def test_red_is_for_recipients_else_for_its_poster() -> None:
    alone = rule(marked(Tlp.RED, groups=["g"]), "alpha")
    assert admits(alone, "alpha", frozenset())
    assert not admits(alone, "beta", frozenset({"g"}))
    named = rule(marked(Tlp.RED, recipients=["beta"]), "alpha")
    assert admits(named, "beta", frozenset())
    assert not admits(named, "gamma", frozenset())


def test_old_red_is_red() -> None:
    old = next(ref for ref, level in OLD_MARKINGS.items() if level is Tlp.RED)
    assert rule({"object_marking_refs": [old]}, "alpha") != EVERYONE


def test_equal_audiences_are_one_rule() -> None:
    one = rule(marked(Tlp.AMBER, groups=["b", "a", "a"]), "alpha")
    assert one == rule(marked(Tlp.AMBER, groups=["a", "b"]), "beta")

"""Rules in use: in by a faultless trial, out by hand, and never changed on the disk."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from stillwatch.detection.travelling import Trial
from stillwatch.errors import InputError, PolicyRefused, StoredDataError
from stillwatch.intel.sigma import parse_rule
from stillwatch.sharing.rules import EnabledRules
from tests.travelling import content, text

DAY = date(2026, 11, 20)
RULE = parse_rule(text())
GOOD = Trial(RULE.digest, 4000, 1, 0.0012, 0.001, (), False, DAY)


def test_a_faultless_rule_is_used_until_it_expires(tmp_path: Path) -> None:
    rules = EnabledRules(tmp_path / "rules")
    assert rules.load(DAY) == ()
    record = rules.enable(RULE, GOOD, "analyst")
    (enabled,) = rules.load(DAY)
    assert enabled.rule == RULE
    assert enabled.rate == 0.0012
    assert rules.records() == (record,)
    assert rules.load(date(2099, 1, 2)) == ()
    assert rules.disable(RULE.digest[:6]) == record
    assert rules.load(DAY) == ()
    assert list((tmp_path / "rules").iterdir()) == []


def test_a_rule_with_a_fault_is_refused(tmp_path: Path) -> None:
    rules = EnabledRules(tmp_path)
    with pytest.raises(PolicyRefused, match="5 of 4000 benign accounts"):
        rules.enable(RULE, replace(GOOD, matched=5), "analyst")
    with pytest.raises(PolicyRefused, match="does not state"):
        rules.enable(RULE, replace(GOOD, stated=None), "analyst")
    with pytest.raises(PolicyRefused, match="another rule"):
        rules.enable(RULE, replace(GOOD, digest="0" * 64), "analyst")
    assert rules.load(DAY) == ()


def test_a_rule_that_was_changed_on_the_disk_stops_the_run(tmp_path: Path) -> None:
    rules = EnabledRules(tmp_path)
    rules.enable(RULE, GOOD, "analyst")
    detection = content()["detection"] | {"condition": "scaffold"}
    (tmp_path / f"{RULE.digest}.yaml").write_text(text(detection=detection))
    with pytest.raises(StoredDataError, match="not the one that was let in"):
        rules.load(DAY)
    (tmp_path / f"{RULE.digest}.yaml").write_text(RULE.text)
    (tmp_path / f"{RULE.digest}.json").write_text("{}")
    with pytest.raises(StoredDataError, match="cannot be used"):
        rules.load(DAY)


def test_disabling_needs_one_rule_by_name(tmp_path: Path) -> None:
    rules = EnabledRules(tmp_path)
    rules.enable(RULE, GOOD, "analyst")
    for wrong in ("", "zz"):
        with pytest.raises(InputError, match="enabled rules begin with"):
            rules.disable(wrong)

"""Every shipped rule against its own samples; broken rules are refused with file and field."""

from pathlib import Path

import pytest
import yaml

from stillwatch.detection.rules import Rule, load_rules
from stillwatch.errors import ConfigError
from stillwatch.profiles.phrases import load_families, shipped_rules

RULES = load_rules(shipped_rules() / "detection")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_matches_its_samples_and_only_them(rule: Rule) -> None:
    assert all(rule.matches(sample) for sample in rule.samples["match"])
    assert not any(rule.matches(sample) for sample in rule.samples["no_match"])


def test_rules_speak_of_phrase_families_that_exist() -> None:
    families = {f"family.{f.name}" for f in load_families(shipped_rules() / "phrases")}
    named = {c.name for rule in RULES for c in rule.conditions if c.name.startswith("family.")}
    assert named
    assert named <= families


def test_rules_are_unique_and_specific_ones_come_first() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES) >= 8
    counts = [len(rule.conditions) for rule in RULES]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"all": [{"signal": "no_such", "percentile": 90}]}, "all/0"),
        ({"all": []}, "all"),
        ({"title": 3}, "title"),
        ({"colour": "red"}, "top level"),
        ({"atlas": ["T1"]}, "atlas/0"),
    ],
)
def test_a_broken_rule_is_refused_with_its_place(
    tmp_path: Path, change: dict[str, object], named: str
) -> None:
    good = yaml.safe_load((shipped_rules() / "detection" / "topic-sweep.yaml").read_text())
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump({**good, **change}))
    with pytest.raises(ConfigError, match=rf"bad\.yaml, at {named}"):
        load_rules(tmp_path)


def test_unreadable_yaml_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("{")
    with pytest.raises(ConfigError, match=r"bad\.yaml"):
        load_rules(tmp_path)

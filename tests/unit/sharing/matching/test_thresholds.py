"""Thresholds: a file is whole or refused, and no weak kind is ever made to count alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stillwatch.domain.identifier import TRAITS, Kind
from stillwatch.domain.lead import Step
from stillwatch.errors import ConfigError
from stillwatch.sharing.matching.thresholds import load_thresholds

SHIPPED = Path(load_thresholds.__code__.co_filename).with_name("leads.yaml")


def changed(folder: Path, change: Any) -> Path:
    data = yaml.safe_load(SHIPPED.read_text())
    change(data)
    path = folder / "leads.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


def test_the_shipped_file_names_every_kind_and_rises() -> None:
    found = load_thresholds()
    assert set(found.kinds) == set(Kind)
    assert [step for step, _ in found.steps] == list(Step)[1:]
    assert [found.step(x) for x in (0, 0.05, 0.25, 0.5, 0.75, 1)] == [*Step, Step.RESTRICT]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["kinds"].pop("email"), "'email' is a required property"),
        (lambda d: d["kinds"]["ip4"].update(beside=0), "never counts alone"),
        (lambda d: d["steps"].update(note=0.9), "review needs less than note"),
        (lambda d: d["kinds"]["phone"].update(weight=2), r"\$.kinds.phone.weight"),
        (lambda d: d.update(ban=1), "ban"),
        (lambda d: d["steps"].update(ban=0.9), "ban"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, change: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_thresholds(changed(tmp_path, change))


def test_a_lab_may_set_its_own(tmp_path: Path) -> None:
    path = changed(tmp_path, lambda d: d["steps"].update(challenge=0.7))
    assert load_thresholds(path).step(0.6) is Step.REVIEW
    assert all(load_thresholds(path).kinds[k].beside for k in Kind if not TRAITS[k].alone)


@pytest.mark.parametrize("text", ["{", "[]", "x" * 70_000, "\x00"])
def test_what_is_no_file_of_thresholds_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "leads.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"leads\.yaml"):
        load_thresholds(path)

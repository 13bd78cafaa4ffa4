"""Every line of the threat model has a test that mounts the attack, or an argument; the tests exist."""

import ast
import re
from functools import cache

import pytest

from tests.docs.reading import ROOT

PAGE = (ROOT / "docs/design/threat-model.md").read_text(encoding="utf-8")
SECTIONS = ("Who learns what", "Attacks")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_ARGUMENT = re.compile(r"argument(: \S.{20,})?")


def rows(page: str, section: str) -> list[list[str]]:
    """Cells of the first table of a section, without its head."""
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


@cache
def defined_in(path: str) -> frozenset[str]:
    """Names of the tests of a file, with their class, as pytest has them."""
    place = ROOT / path
    if not place.exists():
        return frozenset()
    found = set[str]()
    for node in ast.parse(place.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{f.name}" for f in node.body if isinstance(f, ast.FunctionDef)}
    return frozenset(name for name in found if name.rpartition("::")[2].startswith("test_"))


def problems(page: str) -> list[str]:
    """What is wrong with the page, by line."""
    found = list[str]()
    for section in SECTIONS:
        its = rows(page, section)
        if len(its) < 5:
            found.append(f"{section}: no table")
        widths = {len(cells) for cells in its}
        if len(widths) > 1:
            found.append(f"{section}: rows of {sorted(widths)} cells")
        for cells in its:
            named = _TEST.findall(cells[-1])
            rest = _TEST.sub("", cells[-1]).strip(", ")
            if not named and not _ARGUMENT.fullmatch(cells[-1]):
                found.append(f"{cells[0]}: neither test nor argument")
            elif named and rest:
                found.append(f"{cells[0]}: {rest!r} is no test")
    for path, name in _TEST.findall(page):
        if name not in defined_in(path):
            found.append(f"{path}::{name} is not there")
    return found


def test_every_line_has_a_test_or_an_argument() -> None:
    assert problems(PAGE) == []
    assert len(_TEST.findall(PAGE)) > 50


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda page: _TEST.sub("@hub", page, count=1), "'@hub' is no test"),
        (lambda page: page.replace("::test_a_replay", "::test_no_replay"), "is not there"),
        (lambda page: page.replace("test_forgery.py", "test_forgeries.py"), "is not there"),
        (
            lambda page: re.sub(r"\| `tests/[^|]* \|\n", "| |\n", page, count=1),
            "neither test nor argument",
        ),
        (lambda page: page.replace("| argument |", "| of course |"), "neither test nor argument"),
        (lambda page: page.replace("\n## Attacks\n", "\n## Others\n"), "no table"),
    ],
)
def test_a_line_without_one_is_found(change, told) -> None:
    changed = change(PAGE)
    assert changed != PAGE
    assert any(told in one for one in problems(changed))

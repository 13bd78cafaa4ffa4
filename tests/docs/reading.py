"""Reads the project's own pages: their commands, blocks and links."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Command(NamedTuple):
    page: str
    line: str

    @property
    def words(self) -> list[str]:
        """The words up to a pipe or redirection."""
        lexer = shlex.shlex(self.line, posix=True, punctuation_chars="|<>;&")
        lexer.whitespace_split = True
        words = list(lexer)
        ends = (i for i, word in enumerate(words) if set(word) <= set("|<>;&"))
        return words[: next(ends, len(words))]


def pages() -> list[Path]:
    named = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [*named, *sorted((ROOT / "examples").rglob("*.md"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of each fenced block."""
    yield from _FENCE.findall(page.read_text(encoding="utf-8"))


def commands(page: Path) -> list[Command]:
    """Lines after ``$`` of console blocks and all lines of sh blocks, continued lines joined."""
    found = []
    for language, text in blocks(page):
        lines = text.replace("\\\n", " ").splitlines()
        if language == "console":
            found += [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        elif language == "sh":
            found += [line for line in lines if line and not line.startswith("#")]
    return [Command(name(page), line) for line in found]


def transcripts(page: Path) -> list[tuple[Command, list[str]]]:
    """Commands of console blocks, each with the output lines that the page shows."""
    found: list[tuple[Command, list[str]]] = []
    for language, text in blocks(page):
        for line in text.splitlines() if language == "console" else ():
            if line.startswith("$ "):
                found.append((Command(name(page), line.removeprefix("$ ")), []))
            elif line.strip() not in ("", "..."):
                found[-1][1].append(line)
    return found


def links(page: Path) -> list[str]:
    """Targets of links and pictures outside of code that point into the project."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = (target.partition("#")[0] for target in _LINK.findall(text))
    return [target for target in targets if target and "://" not in target]


def paths(page: Path) -> list[str]:
    """Paths of the project in backquotes: those that begin with one of its folders."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    pattern = r"`((?:src|docs|rules|tests|bench|examples)/[\w./-]*)`"
    return re.findall(pattern, text)

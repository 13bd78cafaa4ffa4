"""Organisations: the legal name without its legal form.

Registers, invoices and forms write one name in many ways, so more is unified here than
elsewhere, which is one reason why an organisation is weak and never matches alone: case is
folded, marks on Latin letters go (``Société`` is ``societe``), punctuation becomes a space, dots
and apostrophes vanish (``S.A.`` is ``sa``), and legal forms at the end go, in some languages
at the beginning. What is left must be a name: two letters, or a generic word, are refused.
"""

import re
import unicodedata
from functools import cache
from typing import Final

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason
from stillwatch.sharing.identifiers.lists import table, words
from stillwatch.sharing.identifiers.opaque import is_card
from stillwatch.sharing.identifiers.text import is_placeholder

_MAX: Final = 256
_FEWEST, _FEWEST_IDEOGRAMS = 3, 2
_SILENT: Final = str.maketrans("", "", ".'’‘ʼ`´·・")
"""Marks within a name that are written or left out: gone, with no space."""
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_LATIN: Final = re.compile("[a-z]")
_IDEOGRAM: Final = re.compile("[\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_JOINED: Final = 6
"""Most words of which one legal form is written: ``sp z o o``."""


def organisation(text: str, context: Context) -> Outcome:
    """The name in small letters and single spaces."""
    if len(text) > _MAX:
        return context.refused(Reason.TOO_LONG)
    if is_card(text):
        return context.refused(Reason.CARD_NUMBER)
    for form in sorted(words("organisations", "bracketed")):
        text = text.replace(form, " ")
    name = _without_forms(folded(text).split())
    if not name:
        return context.refused(Reason.GENERIC)
    if is_placeholder(name):
        return context.refused(Reason.PLACEHOLDER)
    letters = [char for char in name if char != " "]
    if len(letters) < (_FEWEST_IDEOGRAMS if _IDEOGRAM.search(name) else _FEWEST):
        return context.refused(Reason.TOO_SHORT)
    return (Identifier(Kind.ORGANISATION, NormalForm(name)),)


def folded(text: str) -> str:
    """The words of a name without case, marks and punctuation.

    1. Silent marks go, before anything else: a letter may meet an accent behind one.
    2. Case is folded, and marks on Latin letters go; others keep theirs, which make another letter.
    3. What is no letter, digit or mark is a space.
    """
    joined = text.translate(_SILENT).casefold()
    plain = joined if joined.isascii() else _unmarked(joined)
    return " ".join("".join(map(_spoken, plain)).split())


def _unmarked(text: str) -> str:
    kept: list[str] = []
    base = ""
    for char in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(char):
            base = char.translate(_LETTERS)
            kept.append(base)
        elif not _LATIN.match(base):
            kept.append(char)
    return unicodedata.normalize("NFKC", "".join(kept))


def _spoken(char: str) -> str:
    return char if unicodedata.category(char)[0] in "LNM" else " "


def _without_forms(parts: list[str]) -> str:
    """The words without legal forms at either end; nothing if what is left names nobody."""
    while parts:
        if " ".join(parts) in _words("generic"):
            return ""
        shorter = _step(parts)
        if shorter == parts:
            break
        parts = shorter
    return " ".join(parts)


def _step(parts: list[str]) -> list[str]:
    """One legal form less, the longest at the end first."""
    for count in range(min(_JOINED, len(parts)), 0, -1):
        if "".join(parts[-count:]) in _words("end"):
            return parts[:-count]
    if parts[-1] in _words("between"):
        return parts[:-1]
    if parts[0] == "the":
        return parts[1:]
    for count in range(min(_JOINED, len(parts) - 1), 0, -1):
        if "".join(parts[:count]) in _words("begin"):
            return parts[count:]
    return _unglued(parts)


def _unglued(parts: list[str]) -> list[str]:
    """Without a form that is written with no space, in Chinese, Japanese and Korean."""
    for form in _glued_forms():
        if parts[-1].endswith(form):
            return [*parts[:-1], parts[-1].removesuffix(form)] if parts[-1] != form else parts[:-1]
        if parts[0].startswith(form):
            return [parts[0].removeprefix(form), *parts[1:]] if parts[0] != form else parts[1:]
    return parts


@cache
def _glued_forms() -> tuple[str, ...]:
    return tuple(sorted(_words("glued"), key=lambda form: (-len(form), form)))


@cache
def _words(which: str) -> frozenset[str]:
    lines: list[str] = table("organisations")[which]
    return frozenset(word for line in lines for word in _entries(which, line))


def _entries(which: str, line: str) -> list[str]:
    """Generic names are whole entries, by comma; forms are words, written together."""
    if which == "generic":
        return [folded(entry) for entry in line.split(",")]
    return [folded(entry).replace(" ", "") for entry in line.split()]

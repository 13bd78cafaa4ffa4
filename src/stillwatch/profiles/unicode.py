"""What each character is to the text kernel: its class, its script and its folded form.

The kernel must treat ``HELLO``, ``hello`` and full-width ``ＨＥＬＬＯ`` as one word, and must find
words where a script sets no spaces. Three tables over the first two planes answer that with one
load per character; they are built once per process from Python's own ``unicodedata``.

Rules
    * Letters and digits form words; a mark (an accent, a vowel sign) continues a word.
    * Ideographs, kana, and the letters of Thai, Lao, Khmer and Burmese stand alone (``SOLO``):
      these scripts set no spaces, so a word is one character with the marks that follow it.
    * Zero-width characters are ``IGNORED`` inside a word: they are a way to hide a phrase.
    * Folding is ``str.lower`` where it gives one character, after compatibility forms
      (full-width Latin, half-width kana) are undone. Digits of all scripts fold to 0-9.

>>> tables = character_tables()
>>> chr(tables.fold[ord("Ｈ")]), int(tables.classes[ord("é")]) & CLASS_MASK == LETTER
('h', True)
"""

import unicodedata
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from numba import uint64

from stillwatch.profiles.hashing import helper

SPACE, LETTER, DIGIT, SYMBOL, APOSTROPHE, SOLO, MARK, IGNORED, NEWLINE = range(9)
"""Classes, the low four bits of ``CharacterTables.classes``."""
CLASS_MASK = 15
SCRIPT_SHIFT = 4

PLANES = 0x20000
"""Code points with a table entry; planes 2 and 3 beyond hold ideographs, the rest symbols."""

SCRIPTS = ("none", "latin", "cyrillic", "cjk", "arabic", "indic", "greek_hebrew", "other")
"""Script names by code."""

_SCRIPT_OF_NAME = {
    "LATIN": 1,
    "CYRILLIC": 2,
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC"), 3),
    "ARABIC": 4,
    **dict.fromkeys(
        (
            "DEVANAGARI", "BENGALI", "GURMUKHI", "GUJARATI", "ORIYA", "TAMIL", "TELUGU",
            "KANNADA", "MALAYALAM", "SINHALA",
        ),
        5,
    ),
    **dict.fromkeys(("GREEK", "HEBREW"), 6),
}  # fmt: skip

_UNSPACED = ("CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO", "KHMER", "MYANMAR")
_APOSTROPHES = frozenset("'\u2019\u02bc\uff07")
_COMPATIBILITY = range(0xFF00, 0xFFF0)
_ALIKE = (
    (range(0x3400, 0x4DC0), SOLO | 3 << SCRIPT_SHIFT),  # ideographs
    (range(0x4E00, 0xA000), SOLO | 3 << SCRIPT_SHIFT),
    (range(0xAC00, 0xD7A4), LETTER | 3 << SCRIPT_SHIFT),  # Hangul
    (range(0xE000, 0xF900), SPACE),  # private use
)
"""Long ranges of which every character has one class and is its own folded form."""


@dataclass(frozen=True, slots=True)
class CharacterTables:
    """Properties of the code points below ``PLANES``."""

    classes: npt.NDArray[np.uint8]
    """Class in bits 0-3, script code in bits 4-6; shape (PLANES,)."""
    fold: npt.NDArray[np.uint32]
    """Folded code point; shape (PLANES,)."""


@cache
def character_tables() -> CharacterTables:
    """Build the tables (about 0.05 s), once per process."""
    classes = np.zeros(PLANES, dtype=np.uint8)
    fold = np.arange(PLANES, dtype=np.uint32)
    each = np.ones(PLANES, dtype=np.bool_)
    for codes, alike in _ALIKE:
        classes[codes.start : codes.stop] = alike
        each[codes.start : codes.stop] = False
    for code in np.flatnonzero(each).tolist():
        char = chr(code)
        category = unicodedata.category(char)
        if category == "Cn":
            classes[code] = SYMBOL
            continue
        classes[code] = _class(char, category)
        if category[0] in "LN" or code in _COMPATIBILITY:
            fold[code] = ord(_folded(char))
    for char in _APOSTROPHES:
        classes[ord(char)] = APOSTROPHE
        fold[ord(char)] = ord("'")
    return CharacterTables(classes, fold)


def _class(char: str, category: str) -> int:
    if char == "\n":
        return NEWLINE
    if category[0] in "ZC":
        return IGNORED if category == "Cf" else SPACE
    if category == "Nd":
        return DIGIT
    if category[0] == "M":
        return MARK
    if category[0] != "L" and category != "Nl":
        return SYMBOL
    name = unicodedata.name(char, "OTHER").removeprefix("HALFWIDTH ").removeprefix("FULLWIDTH ")
    first = name.replace("-", " ").split(" ", 1)[0]
    script = _SCRIPT_OF_NAME.get(first, 7) << SCRIPT_SHIFT
    if category == "Lm" and first in _UNSPACED:
        return MARK | script
    return (SOLO if first in _UNSPACED else LETTER) | script


def _folded(char: str) -> str:
    if (digit := unicodedata.digit(char, None)) is not None and unicodedata.decimal(
        char, None
    ) is not None:
        return str(digit)
    if ord(char) in _COMPATIBILITY:
        normal = unicodedata.normalize("NFKC", char)
        char = normal if len(normal) == 1 else char
    lower = char.lower()
    return lower if len(lower) == 1 else char


@helper
def decode(data, i, b):  # type: ignore[no-untyped-def]
    """Code point and length of the multi-byte character at ``i`` (Arrow guarantees UTF-8)."""
    if b < 0xE0:
        return (b & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return (b & 0x0F) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (b & 0x07) << 18 | (data[i + 1] & 0x3F) << 12
    return high | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@helper
def properties(classes, fold, code):  # type: ignore[no-untyped-def]
    """Class, script and folded form of a code point."""
    if code < PLANES:
        c = np.int64(classes[code])
        return c & CLASS_MASK, c >> SCRIPT_SHIFT, uint64(fold[code])
    if code < 0x40000:  # planes 2 and 3 hold ideographs
        return SOLO, 3, uint64(code)
    return SYMBOL, 0, uint64(code)

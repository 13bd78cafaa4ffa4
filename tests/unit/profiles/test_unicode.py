import unicodedata

import pytest

from stillwatch.profiles.unicode import (
    _ALIKE,
    APOSTROPHE,
    CLASS_MASK,
    DIGIT,
    IGNORED,
    LETTER,
    MARK,
    NEWLINE,
    SCRIPT_SHIFT,
    SCRIPTS,
    SOLO,
    SPACE,
    SYMBOL,
    _class,
    _folded,
    character_tables,
)

TABLES = character_tables()


@pytest.mark.parametrize(
    ("char", "kind", "script"),
    [
        ("a", LETTER, "latin"),
        ("É", LETTER, "latin"),
        ("ж", LETTER, "cyrillic"),
        ("한", LETTER, "cjk"),
        ("你", SOLO, "cjk"),
        ("ひ", SOLO, "cjk"),
        ("ー", MARK, "cjk"),
        ("م", LETTER, "arabic"),
        ("क", LETTER, "indic"),
        ("ω", LETTER, "greek_hebrew"),
        ("ก", SOLO, "other"),
        ("\u0301", MARK, "none"),
        ("7", DIGIT, "none"),
        ("٣", DIGIT, "none"),
        ("'", APOSTROPHE, "none"),
        ("’", APOSTROPHE, "none"),
        ("_", SYMBOL, "none"),
        ("😀", SYMBOL, "none"),
        ("\u200b", IGNORED, "none"),
        ("\u3000", SPACE, "none"),
        ("\t", SPACE, "none"),
        ("\n", NEWLINE, "none"),
    ],
)
def test_class_and_script(char: str, kind: int, script: str) -> None:
    entry = int(TABLES.classes[ord(char)])
    assert entry & CLASS_MASK == kind
    assert SCRIPTS[entry >> SCRIPT_SHIFT] == script


@pytest.mark.parametrize(
    ("char", "folded"),
    [("A", "a"), ("É", "é"), ("Ж", "ж"), ("Σ", "σ"), ("Ｈ", "h"), ("７", "7"), ("٣", "3"),
     ("ﾊ", "ハ"), ("’", "'"), ("ß", "ß"), ("你", "你")],
)  # fmt: skip
def test_fold(char: str, folded: str) -> None:
    assert chr(TABLES.fold[ord(char)]) == folded


def test_folding_twice_changes_nothing() -> None:
    once = TABLES.fold
    inside = once < once.size
    assert (once[once[inside]] == once[inside]).mean() > 0.9999


@pytest.mark.parametrize(("codes", "alike"), _ALIKE)
def test_a_range_is_said_to_be_alike_only_where_it_is(codes: range, alike: int) -> None:
    characters = [chr(code) for code in codes]
    assert {_class(c, unicodedata.category(c)) for c in characters} == {alike}
    assert all(_folded(c) == c for c in characters)

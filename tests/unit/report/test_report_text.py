import doctest
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.report import text
from stillwatch.report.text import Cut, pieces, plain


@given(st.text(), st.integers(1, 60), st.integers(1, 4))
def test_nothing_that_acts_is_left(words, chars, lines):
    shown = plain(words, Cut(chars, lines))
    kept = "\n\t" if lines > 1 else ""
    acting = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not [c for c in shown if c not in kept and unicodedata.category(c) in acting]
    assert shown.count("\n") < lines


@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)))
def test_plain_text_within_the_limit_is_shown_as_it_is(words):
    assert plain(words, Cut(len(words) + 1)) == words


@given(st.text(), st.integers(1, 20))
def test_what_is_cut_is_counted(words, chars):
    last = pieces(words, Cut(chars))[-1:]
    said = [p.text for p in last if p.note and "more characters" in p.text]
    expected = [f" … {len(words) - chars:,} more characters"] if len(words) > chars else []
    assert said == expected


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\x1b[2J", "⟨U+001B⟩[2J"),
        ("a\r\nb", "a⟨U+000D⟩⟨U+000A⟩b"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("a\u0301", "a\u0301"),
        ("a" + "\u0301" * 9, "a⟨9 combining marks⟩"),
        ("a\u3000b\u00a0c", "a\u3000b\u00a0c"),
        ("नमस्ते مرحبا 你好", "नमस्ते مرحبا 你好"),
    ],
)
def test_characters_that_hide_or_reorder_are_named(raw, shown):
    assert plain(raw, Cut(80)) == shown


def test_a_note_is_told_from_text_that_imitates_it():
    assert not any(piece.note for piece in pieces("⟨U+202E⟩", Cut(80)))


def test_lines_are_kept_up_to_the_limit():
    assert plain("a\nb\n\tc\nd", Cut(80, lines=3)) == "a\nb\n\tc … 2 more characters"


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (text.p_value(0.0123), "0.012"),
        (text.p_value(0.00012), "1.2 × 10⁻⁴"),
        (text.p_value(9.99e-13), "1.0 × 10⁻¹²"),
        (text.p_value(0.0), "0"),
        (text.p_value(1.0), "1"),
        (text.percentile(100.0), "100"),
        (text.percentile(99.9999), "> 99.99"),
        (text.percentile(99.97), "99.97"),
        (text.percentile(98.96), "98.9"),
        (text.percentile(0.0), "0.0"),
        (text.place(91.26), "above 91.2 % of benign"),
        (text.place(3.7), "below 96.3 % of benign"),
        (text.place(0.0), "below 100 % of benign"),
        (text.percent(0.05), "5 %"),
        (text.percent(0.025), "2.5 %"),
        (text.percent(0.0004), "< 0.1 %"),
        (text.percent(0.9995), "> 99.9 %"),
        (text.percent(0.62), "62 %"),
        (text.percent(1.0), "100 %"),
        (text.percent(0.0), "0 %"),
        (text.figure(0.12345), "0.123"),
        (text.figure(123456.7), "123,457"),
        (text.plural(1, "account"), "1 account"),
        (text.plural(1200, "account"), "1,200 accounts"),
        (text.duration(0.42), "0.4 s"),
        (text.duration(75.2), "1 min 15 s"),
        (text.duration(3 * 3600 + 61), "3 h 1 min"),
    ],
)
def test_numbers_read_well(made, shown):
    assert made == shown


@given(st.floats(0, 100))
def test_a_percentile_below_100_is_never_shown_as_100(share):
    assert (text.percentile(share) == "100") == (share >= 100)


def test_the_examples_hold():
    assert doctest.testmod(text).failed == 0

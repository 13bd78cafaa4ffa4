r"""Text from logs made safe to look at, and numbers made easy to read.

An attacker writes the prompts that an analyst reads. Text that reorders itself, hides
characters, floods a page or drives a terminal must show what it is instead of acting.

Rules
    - Control, format (bidi, zero-width, tag), private and unassigned characters appear as their
      code point, set apart in style; line feed and tab stay where several lines may be shown.
    - A pile of combining marks longer than any script needs is counted, not drawn.
    - Long text is cut by characters and by lines, and says how much was cut.

>>> plain("pay\u202eload", Cut(chars=80))
'pay⟨U+202E⟩load'
"""

import re
import unicodedata
from dataclasses import dataclass

_MARKS = "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_MARK_PILE = re.compile(f"[{_MARKS}]{{5,}}")


@dataclass(frozen=True, slots=True)
class Cut:
    """How much of a text is shown."""

    chars: int
    lines: int = 1
    """With 1, line feeds and tabs are shown as code points."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text, or a note of ours that stands for something not shown as it is."""

    text: str
    note: bool = False


IDENT = Cut(chars=80)
SENTENCE = Cut(chars=400)
EXEMPLAR = Cut(chars=600, lines=10)


def pieces(text: str, cut: Cut) -> tuple[Piece, ...]:
    """Split ``text`` into what may be shown as it is and notes for what may not."""
    kept = _within(text, cut)
    shown = _revealed(kept, "\n\t" if cut.lines > 1 else "")
    if dropped := len(text) - len(kept):
        shown.append(Piece(f" … {dropped:,} more characters", note=True))
    return tuple(shown)


def plain(text: str, cut: Cut) -> str:
    """Return ``pieces`` as one string, notes of characters in ``⟨⟩``."""
    parts = pieces(text, cut)
    return "".join(f"⟨{p.text}⟩" if p.note and p.text[0] != " " else p.text for p in parts)


def _within(text: str, cut: Cut) -> str:
    kept = text[: cut.chars]
    if cut.lines == 1:
        return kept
    return "\n".join(kept.split("\n")[: cut.lines])


def _revealed(text: str, layout: str) -> list[Piece]:
    rest = text.translate(dict.fromkeys(map(ord, layout)))
    if rest.isprintable() and not _MARK_PILE.search(text):
        return [Piece(text)] if text else []
    shown: list[Piece] = []
    run: list[str] = []
    piles = {m.start(): m.end() for m in _MARK_PILE.finditer(text)}
    at = 0
    while at < len(text):
        end = piles.get(at, at + 1)
        note = f"{end - at} combining marks" if at in piles else _code_point(text[at], layout)
        if note is None:
            run.append(text[at])
        else:
            shown += [Piece("".join(run)), Piece(note, note=True)]
            run = []
        at = end
    shown.append(Piece("".join(run)))
    return [piece for piece in shown if piece.text]


def _code_point(char: str, layout: str) -> str | None:
    """Return e.g. ``U+202E`` for a character that must not act, None for any other."""
    if char in layout or char.isprintable() or unicodedata.category(char) == "Zs":
        return None
    return f"U+{ord(char):04X}"


def count(number: int) -> str:
    """1234567 → ``1,234,567``."""
    return f"{number:,}"


def plural(number: int, noun: str) -> str:
    """Give the number with its noun: ``1 account``, ``2 accounts``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def figure(value: float) -> str:
    """Return a measured value in three significant digits, thousands whole."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def p_value(p: float) -> str:
    """0.0123 → ``0.012``; 0.00012 → ``1.2 × 10⁻⁴``."""
    if p >= 0.001 or p <= 0:
        return f"{p:.2g}"
    mantissa, exponent = f"{p:.1e}".split("e")
    return f"{mantissa} × 10{_superscript(int(exponent))}"


def percentile(share: float) -> str:
    """Return a percentile that is never rounded up to 100: 99.996 → ``> 99.99``."""
    if share >= 100:
        return "100"
    if share > 99.99:
        return "> 99.99"
    places = 2 if share >= 99 else 1
    scale = 10**places
    return f"{int(share * scale + 1e-6) / scale:.{places}f}"


def place(share: float) -> str:
    """A percentile in words, from the side that it is far out on: ``below 96.3 % of benign``."""
    side, far = ("above", share) if share >= 50 else ("below", 100 - share)
    return f"{side} {percentile(far)} % of benign"


def percent(share: float) -> str:
    """0-1 → ``12 %``; a trace is not shown as none, nor almost all as all."""
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    digits = 0 if 0.1 <= share <= 0.99 else 1
    return f"{100 * share:.{digits}f}".removesuffix(".0") + " %"


def duration(seconds: float) -> str:
    """75.2 → ``1 min 15 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

"""The first step of every kind: one text, as two labs would both write it.

1. A value longer than ``MAX_RAW`` is refused unread; lone surrogates, unassigned and
   private-use code points are refused, since programs differ about them.
2. NFKC: full-width and other compatible forms become plain ones, combining sequences compose.
3. Invisible code points (Unicode's ``Default_Ignorable_Code_Point``: zero-width, bidi controls,
   soft hyphen, variation selectors, tags) go, and NFKC again, since marks may now meet a base.
   A domain keeps U+200C and U+200D until IDNA has judged them (RFC 5892, appendix A).
4. Outer white space goes; inner tab and newline count as a space; other controls are refused.
5. Nothing left, or a word people type to fill a field: refused.

Homoglyphs are NOT unified: Latin ``a`` and Cyrillic ``а`` stay two. They are two different
mailboxes and domains, held by two different people; unifying them would let whoever registers
a look-alike frame the holder of the original. Each is matched as itself.
"""

import re
import unicodedata
from typing import Final

from stillwatch.sharing.identifiers.interface import MAX_RAW, Reason
from stillwatch.sharing.identifiers.lists import words

_JOINERS: Final = "\u200c\u200d"
_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# A literal table, not unicodedata's categories: those change with the version of Python.
_INVISIBLE: Final = re.compile(f"[{_IGNORABLE}{_JOINERS}]")
_INVISIBLE_BUT_JOINERS: Final = re.compile(f"[{_IGNORABLE}]")
_FOREIGN: Final = frozenset({"Cn", "Co", "Cs"})
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")
_SPACING: Final = str.maketrans({"\t": " ", "\n": " ", "\r": " ", "\x85": " "})

_FILL: Final = str.maketrans("", "", " -_.*?#/\\")


def clean(raw: str, *, joiners: bool = False) -> str | Reason:
    """Steps 1 to 4, or why not; ``joiners`` keeps U+200C and U+200D. Linear in the length."""
    if len(raw) > MAX_RAW:
        return Reason.TOO_LONG
    if raw.isascii() and raw.isprintable():
        return raw.strip() or Reason.EMPTY
    text = raw.translate(_SPACING)
    if not text.isascii():
        if any(unicodedata.category(char) in _FOREIGN for char in text):
            return Reason.MALFORMED
        text = visible(text, joiners=joiners)
    text = text.strip()
    if not text:
        return Reason.EMPTY
    return Reason.MALFORMED if _CONTROL.search(text) else text


def visible(text: str, *, joiners: bool = False) -> str:
    """Steps 2 and 3."""
    pattern = _INVISIBLE_BUT_JOINERS if joiners else _INVISIBLE
    seen = pattern.sub("", unicodedata.normalize("NFKC", text))
    return unicodedata.normalize("NFKC", seen)


def lower(text: str) -> str:
    """Lower case that depends on no language and no neighbour.

    Not ``casefold``: it makes ``ß`` and ``ss`` one, and those are two mailboxes. Final sigma
    becomes sigma, since ``Σ`` has one lower case here, and ``İ`` becomes ``i``, whose capital it
    is; ``ı`` stays, as its own letter.
    """
    if text.isascii():
        return text.lower()
    small = text.lower().replace("i\u0307", "i").replace("ς", "σ")
    return unicodedata.normalize("NFKC", small)


def is_placeholder(text: str) -> bool:
    """Whether a cleaned text only fills a field: a word of the list, dashes, one digit repeated.

    A text with a dot is not judged by its digits: ``1.1.1.1`` is an address.
    """
    word = lower(text)
    known = words("placeholders", "words")
    if word in known:
        return True
    bare = word.translate(_FILL)
    if not bare or bare in known:
        return True
    return "." not in text and bare.isdecimal() and len(set(plain_digits(bare))) == 1


def plain_digits(text: str) -> str:
    """The text with every decimal digit of any script as ASCII."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)

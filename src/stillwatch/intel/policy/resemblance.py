"""What a text looks like: hidden characters, identifiers, encodings.

The allow-list does not rest on this. It serves two ends: a refusal can say what the refused text
looked like, and the text of a rule, which is free by nature, is searched. A search has false
negatives for ever; that is why it comes second (ADR 0012).

Rules: a text is looked at as it is, folded (compatibility forms, look-alike letters, invisible
characters and spelt-out dots undone) and decoded (percent, escapes, entities, Base64, hexadecimal,
punycode), to a fixed depth and size. Every pattern takes time linear in the text.
"""

import base64
import binascii
import html
import ipaddress
import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

MOST_CHARS: Final = 20_000
"""Longer texts are refused elsewhere; here they are cut."""
_HINT_CHARS: Final = 2_000
_DEPTH: Final = 3
_CANDIDATES: Final = 64
_PRINTABLE: Final = 0.9

_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕһԁԛԝвкмнтαοριντυκχεɡıАЕОРСУХІЈЅВКМНТΑΒΕΖΗΙΚΜΝΟΡΤΥΧ。．｡․‧∙·",
    "aeopcyxijshdqwbkmhtaopivtukxegiaeopcyxijsbkmhtabezhikmnoptyx.......",
)
_SPELT: Final = (
    (re.compile(r"\s?[\[({<]\s?(?:dot|\.|punkt|point)\s?[\])}>]\s?"), "."),
    (re.compile(r"\s?[\[({<]\s?(?:at|@)\s?[\])}>]\s?"), "@"),
    (re.compile(r"(?<=\w) (?:dot|punkt) (?=\w)"), "."),
    (re.compile(r"(?<=\w) at (?=[\w-]{1,63}\.[a-z])"), "@"),
    (re.compile(r"hxxp"), "http"),
)
_ENDINGS: Final = (
    "com|org|net|edu|gov|mil|info|biz|io|ai|dev|app|cloud|co|uk|de|fr|eu|cn|jp|ru|br|ch|nl|se|es|"
    "pl|kr|ca|au|us|example|test|invalid|localhost"
)
_HOST: Final = r"[a-z0-9](?:[a-z0-9-]{0,62})"
_PATTERNS: Final = (
    ("an e-mail address", re.compile(rf"[\w.%+-]@{_HOST}(?:\.{_HOST}){{0,8}}")),
    ("a URL", re.compile(r"\b(?:https?|ftps?|wss?|file|mailto|tel|data|javascript):[^\s]")),
    ("a host name", re.compile(rf"(?<![\w.])(?:{_HOST}\.){{1,8}}(?:{_ENDINGS})(?![\w-])")),
    ("a host name", re.compile(r"\bwww\.\w|\bxn--\w")),
    (
        "a UUID",
        re.compile(
            r"(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
        ),
    ),
    ("a hardware address", re.compile(r"\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}\b")),
    ("a telephone number", re.compile(r"\+\d(?:[ ()./-]{0,2}\d){6,}")),
    ("a long number", re.compile(r"(?<![\w.])\(?\d(?:[ ()./-]{0,2}\d){8,}")),
    (
        "an account id or key",
        re.compile(
            r"\b(?:sk|pk|ak|rk|api|key|tok|acct|acc|account|org|user|usr|uid|cus|cust|customer|"
            r"proj|req|sess|asst)[-_:#](?=[a-z0-9_-]{0,12}\d)[a-z0-9_-]{4,}"
        ),
    ),
    ("an account number", re.compile(r"\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}\b")),
    ("a token", re.compile(r"\beyj[\w-]{10,}\.")),
)
_IPV4: Final = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
_IPV6: Final = re.compile(r"(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,4096}={0,2}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){8,2048}")
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})")
_PUNYCODE: Final = re.compile(r"xn--([a-z0-9-]{1,63})")
_WORD: Final = re.compile(r"[^\W\d_]+")


def hidden(text: str) -> str:
    """Name of a character that a reader cannot see or trust, or nothing."""
    for char in text:
        if char in "\n\t" or " " <= char <= "~":
            continue
        category = unicodedata.category(char)
        if category == "Cf":
            return "an invisible or direction-changing character"
        if category in ("Cc", "Cs", "Co", "Cn", "Zl", "Zp"):
            return "a control, private or unassigned character"
        if category == "Zs":
            return "a space that is none of ASCII"
        if "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
            return "a variation selector"
    return ""


def mixed(text: str) -> bool:
    """Whether a word is written in letters of more than one alphabet that look alike."""
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        scripts = {unicodedata.name(char, "?").split(" ", 1)[0] for char in word}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "FULLWIDTH", "MATHEMATICAL"}) > 1:
            return True
    return False


def folded(text: str) -> str:
    """Text as a reader takes it: compatibility forms and look-alikes undone, in lower case."""
    plain = text.lower()
    if not text.isascii():  # nothing of ASCII is a form, a mark or a look-alike of something else
        flat = unicodedata.normalize("NFKD", text)
        kept = "".join(c for c in flat if unicodedata.category(c) not in ("Cf", "Mn", "Me"))
        plain = kept.translate(_LOOKALIKES).casefold()
    for pattern, instead in _SPELT:
        plain = pattern.sub(instead, plain)
    return plain


def identifiers(text: str) -> list[str]:
    """What identifiers a text seems to hold, itself or decoded, by name; sorted."""
    found: set[str] = set()
    for view in _views(text[:MOST_CHARS]):
        plain = folded(view)
        found.update(name for name, pattern in _PATTERNS if pattern.search(plain))
        if _has_address(plain):
            found.add("a network address")
    return sorted(found)


def encoded(text: str) -> bool:
    """Whether a readable text stands in it as Base64 or hexadecimal."""
    return next(_packed(text[:MOST_CHARS]), None) is not None


def resembles(text: str) -> str:
    """Hint for a refusal: what the text looks like; empty if like nothing in particular."""
    cut = text[:_HINT_CHARS]
    strange = hidden(cut)
    if strange:
        return f"it holds {strange}"
    found = identifiers(cut)
    if found:
        return f"it looks like {found[0]}: identifiers never leave"
    if encoded(cut):
        return "it looks like an encoded text"
    if len(_WORD.findall(cut)) > 4:
        return "it looks like free text: prompts, answers and names never leave"
    return ""


def _views(text: str) -> Iterator[str]:
    """The text and what it decodes to, each once, to a fixed depth and number."""
    seen: set[str] = set()
    level = [text]
    for _ in range(_DEPTH + 1):
        deeper: list[str] = []
        for view in level:
            if view in seen or len(seen) >= _CANDIDATES:
                continue
            seen.add(view)
            yield view
            deeper += [*_unescaped(view), *_packed(view)]
        level = deeper


def _unescaped(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        yield _ESCAPE.sub(lambda m: chr(int(m[1] or m[2], 16)), text)
    for label in _PUNYCODE.findall(text.lower())[:8]:
        try:
            yield label.encode("ascii").decode("punycode")
        except UnicodeError:
            continue


def _packed(text: str) -> Iterator[str]:
    """Readable texts that stand in it as Base64 or hexadecimal."""
    for match in _HEX.findall(text)[:_CANDIDATES]:
        yield from _readable(bytes.fromhex("".join(c for c in match if c not in " :")))
    for match in _BASE64.findall(text)[:_CANDIDATES]:
        body = match.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            yield from _readable(base64.b64decode(body[: len(body) // 4 * 4]))
        except (binascii.Error, ValueError):
            continue


def _readable(raw: bytes) -> Iterator[str]:
    """The bytes as text, if nearly all of it can be read."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return
    if len(text) >= 6 and sum(map(str.isprintable, text)) >= _PRINTABLE * len(text):
        yield text


def _has_address(plain: str) -> bool:
    candidates = [*_IPV4.findall(plain), *_IPV6.findall(plain)][:_CANDIDATES]
    for candidate in candidates:
        try:
            ipaddress.ip_address(candidate)
        except ValueError:
            continue
        if candidate != "::":
            return True
    return False

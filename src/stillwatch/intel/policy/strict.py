"""JSON that means one thing: what a claim is read from before it is judged.

A member given twice, a number that is none, or a depth without end would let one reader see what
another does not. Rules: names are unique in each object; numbers are finite, integers within 2^53;
the text is UTF-8 without surrogates; depth and size are bounded.
"""

import json
import re
from typing import Any, Final, NoReturn

from stillwatch.errors import InputError

MOST_BYTES: Final = 65_536
"""Of one claim; the largest lawful one is a rule of 16 KiB, escaped."""
MOST_DEPTH: Final = 16
_LARGEST: Final = 2**53 - 1
_DIGITS: Final = 24
_TOKENS: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def parse(data: bytes) -> Any:
    """Value of a JSON text; raises ``InputError`` that says what is ambiguous or too much."""
    if len(data) > MOST_BYTES:
        raise InputError(f"the JSON text has more than {MOST_BYTES} bytes")
    if _depth(data) > MOST_DEPTH:
        raise InputError(f"the JSON text has more than {MOST_DEPTH} levels")
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_int=_whole,
            parse_float=_finite,
        )
        if "\\u" in text:  # only an escape can smuggle in half of a surrogate pair
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError as error:
        raise InputError("the JSON text is no Unicode") from error
    except json.JSONDecodeError as error:
        raise InputError(f"no JSON: {error.msg} at character {error.pos}") from error
    return value


def repeated(data: bytes) -> bool:
    """Whether an object in a sound JSON text names a member twice (RFC 7493, section 2.3)."""
    try:
        json.loads(data, object_pairs_hook=_unique)
    except InputError:
        return True
    return False


def _depth(data: bytes) -> int:
    """Deepest nesting outside of strings; in one pass, so that no parser recurses too far."""
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return 0
    depth = deepest = 0
    for token in _TOKENS.findall(data):
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("a member of an object is given twice", hint="send each once")
    return found


def _no_number(_: str) -> NoReturn:
    raise InputError("NaN and infinities are no JSON")


def _whole(text: str) -> int:
    if len(text) > _DIGITS or abs(int(text)) > _LARGEST:
        raise InputError("an integer is beyond 2^53 - 1, where JSON readers differ")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InputError("a number is beyond the range of a double")
    return value

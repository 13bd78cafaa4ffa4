r"""JSON as loggers write it, not only as the standard has it.

Rules: the strict and fast parser first. What it refuses and Python's own accepts is kept: half
of a surrogate pair (a truncated emoji; refusing it would let a sender hide a request), ``NaN``
and ``Infinity`` (written by Python loggers). A half pair becomes U+FFFD.

>>> loads(b'{"prompt": "cut \\ud83d"}')
{'prompt': 'cut �'}
"""

import json
from typing import Any

import orjson


def loads(raw: bytes) -> Any:
    """Parse one JSON value; ``ValueError`` says what is wrong with it."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        strict = error
    try:
        return _repaired(json.loads(raw))
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from strict
    except (ValueError, RecursionError):
        raise ValueError(str(strict)) from strict


def dumps(value: Any) -> bytes:
    """Write a value that ``loads`` returned."""
    try:
        return orjson.dumps(value)
    except TypeError:  # numbers beyond 64 bits, deep nesting
        return json.dumps(value).encode()


def _repaired(value: Any) -> Any:
    """Replace lone surrogates, in keys too."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_repaired(each) for each in value]
    if isinstance(value, dict):
        return {_repaired(key): _repaired(each) for key, each in value.items()}
    return value

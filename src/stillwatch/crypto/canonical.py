"""Canonical JSON: one value, one byte string, whoever writes it (RFC 8785).

What is signed and hashed is never the text that travelled but this. Rules: numbers are IEEE 754
doubles. An integer beyond 2^53 - 1 is taken only if it is how such a double is written, so that
reading what was written and writing it again changes nothing; others are refused, as are NaN
and text that is no Unicode.

    >>> canonical({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
"""

from typing import Any

import rfc8785

from stillwatch.errors import InputError


def canonical(value: Any) -> bytes:
    """Write a parsed JSON value in the one form of RFC 8785.

    Raises ``InputError`` for what has none.
    """
    try:
        try:
            return rfc8785.dumps(value)
        except rfc8785.IntegerDomainError:
            return rfc8785.dumps(_as_doubles(value))
    except RecursionError as error:
        raise InputError("the value is nested too deeply for canonical JSON") from error
    except (ValueError, OverflowError) as error:
        raise InputError(f"no canonical JSON form: {error}", hint="see RFC 8785") from error


def _as_doubles(value: Any) -> Any:
    """Replace integers that are a large double's own digits by that double."""
    if isinstance(value, dict):
        return {name: _as_doubles(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_doubles(part) for part in value]
    if isinstance(value, int) and not -(2**53) < value < 2**53:
        double = float(value)
        if rfc8785.dumps(double) == str(value).encode():
            return double
    return value

"""Canonical JSON: one value, one byte string, whoever writes it (RFC 8785).

What is signed and hashed is never the text that travelled but this. Rules: numbers are IEEE 754
doubles, so integers beyond 2^53 - 1 have no canonical form and are refused, as are NaN and text
that is no Unicode. (A float beyond that bound has a form, but one that reads back as an integer:
what is to be signed again after parsing should not hold one.)

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
        return rfc8785.dumps(value)
    except RecursionError as error:
        raise InputError("the value is nested too deeply for canonical JSON") from error
    except (ValueError, UnicodeEncodeError) as error:
        raise InputError(f"no canonical JSON form: {error}", hint="see RFC 8785") from error

"""One sign-up as JSON to one lead: what the command line and the HTTP face have in common."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import orjson

from stillwatch.domain.lead import Lead
from stillwatch.errors import InputError
from stillwatch.sharing.identifiers.fields import Field, Layout
from stillwatch.sharing.identifiers.interface import Tally
from stillwatch.sharing.identifiers.table import record_identifiers
from stillwatch.sharing.matching.screening import Screener

MOST_BYTES: Final = 64 * 1024
"""Of one sign-up."""
_OWN: Final = "own_evidence"
_MOST_OWN: Final = 16


def parse_signup(data: bytes) -> dict[str, Any]:
    """A sign-up of its JSON. Raises ``InputError`` that does not quote it."""
    if len(data) > MOST_BYTES:
        raise InputError(f"a sign-up has at most {MOST_BYTES:,} bytes")
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"the sign-up is no JSON: {error.msg}, line {error.lineno}") from None
    if not isinstance(record, dict):
        raise InputError("the sign-up is no JSON object", hint='e.g. {"email": "…", "ip": "…"}')
    return record


def screen_signup(record: Mapping[str, Any], layout: Layout, screener: Screener) -> Lead:
    """The lead of a sign-up; values that gave no identifier are among what it ignored.

    ``own_evidence`` in the record names what the lab itself holds against it. Raises
    ``InputError`` if no key holds an identifier.
    """
    said = record.get(_OWN, [])
    if not isinstance(said, list) or not all(isinstance(one, str) for one in said[:_MOST_OWN]):
        raise InputError(f"{_OWN} is a list of texts")
    tally = Tally()
    rest = {name: value for name, value in record.items() if name != _OWN}
    identifiers, plan = record_identifiers(rest, layout, tally)
    unusable = {f"{kind}: {reason}": n for (kind, reason), n in tally.refused.items()}
    names = (rest.get(column) for column in plan.read.get(Field.ROW_ID, ()))
    subject = next((str(name)[:512] for name in names if isinstance(name, str | int)), "")
    return screener.screen(
        identifiers, subject=subject, own_evidence=said[:_MOST_OWN], ignored=Counter(unusable)
    )

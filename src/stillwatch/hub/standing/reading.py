"""What standing needs of a claim's object; what is not understood is a claim nobody judges."""

from dataclasses import dataclass
from typing import Any

import orjson

from stillwatch.crypto.jws import signer
from stillwatch.errors import InputError, NotTrusted
from stillwatch.hub.standing.tally import OUTCOMES, Says, says
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import parse_time
from stillwatch.intel.signed import signature

FOREVER = 2**62
"""Microseconds: the end of what states none."""


@dataclass(frozen=True, slots=True)
class Said:
    """A claim's object as standing sees it."""

    id: str
    identity: str
    key: str
    """Id of the key that signed."""
    until: int
    """Microseconds since 1970."""
    revoked: bool
    about: str | None = None
    """Id of the claim that it judges; None for what judges none."""
    says: Says = "nothing"
    outcome: str | None = None
    """upheld or rejected, if it answers an appeal."""


def read(body: bytes | dict[str, Any]) -> Said:
    """Read the object of a claim."""
    obj = body if isinstance(body, dict) else orjson.loads(body)
    about, spoken, outcome = _judgement(obj)
    return Said(
        obj["id"],
        str(obj.get("created_by_ref", "")),
        _key(obj),
        _until(obj),
        obj.get("revoked") is True,
        about,
        spoken,
        outcome,
    )


def _judgement(obj: dict[str, Any]) -> tuple[str | None, Says, str | None]:
    if obj["type"] == "sighting":
        about = obj.get("sighting_of_ref")
        return (about, "confirm", None) if isinstance(about, str) else (None, "nothing", None)
    refs = obj.get("object_refs")
    if obj["type"] != "opinion" or not isinstance(refs, list) or not refs:
        return None, "nothing", None
    reason = _find(obj, "reason")
    outcome = OUTCOMES.get(reason) if isinstance(reason, str) else None
    return str(refs[0]), says(str(obj.get("opinion")), str(reason)), outcome


def _until(obj: dict[str, Any]) -> int:
    try:
        return parse_time(obj.get("valid_until") or _find(obj, "valid_until"))
    except ValueError:
        return FOREVER


def _key(obj: dict[str, Any]) -> str:
    try:
        return signer(signature(obj))
    except (NotTrusted, InputError):
        return ""


def _find(obj: dict[str, Any], name: str) -> Any:
    """A member of the claim's extension, of its terms or of its fields."""
    extension = obj.get("extensions", {}).get(CLAIM, {})
    for part in (extension, extension.get("terms"), extension.get("fields")):
        if isinstance(part, dict) and name in part:
            return part[name]
    return None

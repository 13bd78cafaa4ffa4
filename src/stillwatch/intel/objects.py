"""What any STIX object must have to be stored, fast enough for every object that comes in.

Rules: only what STIX 2.1 (and 2.0 where it is looser) demands of every object is checked: type,
id, version, times and the form of markings. Everything else is the business of who reads it;
unknown properties and types are kept. Markings are checked because access rests on them.

    >>> check({"type": "domain-name", "value": "example.org"})
    'id is missing'
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,248}[a-z0-9]")
_UUID: Final = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-5][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
)
_ID: Final = re.compile(rf"([a-z0-9][a-z0-9-]{{1,248}}[a-z0-9])--{_UUID}")
_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?Z", re.ASCII
)  # RFC 3339 in UTC, STIX 2.1 section 2.16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

OBSERVABLES: Final = frozenset(
    [
        "artifact",
        "autonomous-system",
        "directory",
        "domain-name",
        "email-addr",
        "email-message",
        "file",
        "ipv4-addr",
        "ipv6-addr",
        "mac-addr",
        "mutex",
        "network-traffic",
        "process",
        "software",
        "url",
        "user-account",
        "windows-registry-key",
        "x509-certificate",
    ]
)
"""STIX cyber-observable objects: they carry no times of their own."""
KNOWN: Final = frozenset(
    [
        "attack-pattern",
        "campaign",
        "course-of-action",
        "grouping",
        "identity",
        "incident",
        "indicator",
        "infrastructure",
        "intrusion-set",
        "location",
        "malware",
        "malware-analysis",
        "note",
        "observed-data",
        "opinion",
        "report",
        "threat-actor",
        "tool",
        "vulnerability",
        "relationship",
        "sighting",
        "language-content",
        "extension-definition",
    ]
)
"""STIX objects that must carry ``created`` and ``modified``."""


def check(obj: Any) -> str | None:
    """Say what forbids storing the object, or None.

    The problem names the property and never quotes its value.
    """
    if not isinstance(obj, dict):
        return "an object must be a JSON object"
    return _identity(obj) or _times(obj) or _markings(obj)


def spec_version(obj: dict[str, Any]) -> str:
    """``spec_version`` of a checked object; without one it is 2.1 for observables, else 2.0."""
    stated = obj.get("spec_version")
    if isinstance(stated, str):
        return stated
    return "2.1" if obj["type"] in OBSERVABLES else "2.0"


def version_of(obj: dict[str, Any]) -> int | None:
    """``modified``, else ``created``, in microseconds since 1970; None if it has neither."""
    for name in ("modified", "created"):
        if name in obj:
            return parse_time(obj[name])
    return None


def parse_time(text: Any) -> int:
    """Microseconds since 1970 of a STIX timestamp; digits beyond microseconds are cut.

    Raises ``ValueError`` for anything but a real instant in STIX's form.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("no timestamp of the form YYYY-MM-DDTHH:MM:SS.sssZ")
    minute, second, fraction = match.groups()
    leap = second == "60"
    at = datetime.fromisoformat(f"{minute}:{'59' if leap else second}+00:00")
    whole = (at - _EPOCH) // _MICROSECOND
    return whole + leap * 1_000_000 + int((fraction or "").ljust(6, "0")[:6])


def format_time(micros: int, digits: int = 3) -> str:
    """Timestamp of an instant, with at least ``digits`` decimals and more where needed."""
    at = _EPOCH + timedelta(microseconds=micros)
    fraction = f"{at.microsecond:06d}".rstrip("0").ljust(digits, "0")
    head = (
        f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}"
    )
    return f"{head}.{fraction}Z" if fraction else f"{head}Z"


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Inverse of ``to_micros``, in UTC."""
    return _EPOCH + timedelta(microseconds=micros)


def _identity(obj: dict[str, Any]) -> str | None:
    for name in ("type", "id"):
        if name not in obj:
            return f"{name} is missing"
    kind, stix = obj["type"], obj["id"]
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        return "type is no STIX type name"
    if kind == "bundle":
        return "type bundle is no object: send its objects"
    match = _ID.fullmatch(stix) if isinstance(stix, str) else None
    if match is None:
        return "id is not of the form TYPE--UUID"
    if match[1] != kind:
        return "id begins with another type than the object has"
    if obj.get("spec_version", "2.1") not in ("2.0", "2.1"):
        return "spec_version is neither 2.0 nor 2.1"
    return None


def _times(obj: dict[str, Any]) -> str | None:
    kind, instants = obj["type"], {}
    for name in ("created", "modified"):
        if name in obj:
            try:
                instants[name] = parse_time(obj[name])
            except ValueError as error:
                return f"{name} is {error}"
        elif kind in KNOWN or (kind == "marking-definition" and name == "created"):
            return f"{name} is missing"
    if len(instants) == 2 and instants["modified"] < instants["created"]:
        return "modified is before created"
    return None


def _markings(obj: dict[str, Any]) -> str | None:
    refs = obj.get("object_marking_refs")
    if "object_marking_refs" in obj and not (
        isinstance(refs, list) and refs and all(_is_marking(ref) for ref in refs)
    ):
        return "object_marking_refs is no list of marking-definition ids"
    parts = obj.get("granular_markings")
    if "granular_markings" in obj and not (
        isinstance(parts, list) and parts and all(_is_granular(part) for part in parts)
    ):
        return "granular_markings is no list of objects with selectors and marking_ref or lang"
    return None


def _is_marking(ref: Any) -> bool:
    match = _ID.fullmatch(ref) if isinstance(ref, str) else None
    return match is not None and match[1] == "marking-definition"


def _is_granular(part: Any) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("selectors"), list):
        return False
    if "marking_ref" in part:
        return _is_marking(part["marking_ref"])
    return isinstance(part.get("lang"), str)

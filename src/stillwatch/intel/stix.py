"""Claims as STIX 2.1 objects, and back.

Rules: one claim is one object (ADR 0011). What STIX has a place for stands there (publisher, times,
confidence, marking, revocation); the other terms and all fields stand in our property extension,
and from the fields the rest is rendered (``intel/render.py``) for tools that do not know us.
Reading takes the extension only, so that a changed sentence changes no meaning; whether an object
is exactly what we would have written is the policy's question. What others added is passed over:
who must keep it keeps the object.
"""

from collections.abc import Mapping
from typing import Any, Final

from stillwatch.domain.claim import (
    ActorClaim,
    CampaignClaim,
    Claim,
    InfrastructureClaim,
    OpinionClaim,
    RuleClaim,
    SightingClaim,
    StixId,
    TacticClaim,
    TagsClaim,
    Terms,
    VerdictClaim,
)
from stillwatch.errors import InputError
from stillwatch.intel.codec import Record
from stillwatch.intel.ids import (
    CLAIM,
    KINDS,
    MARKINGS,
    TYPES,
    claim_id,
    kind_of,
    stated_kind,
    stix_id,
)
from stillwatch.intel.marking import tlp
from stillwatch.intel.objects import check, format_time, from_micros, parse_time, to_micros
from stillwatch.intel.render import native

_NATIVE_TERMS: Final = frozenset(
    ("claim_id", "publisher", "tlp", "confidence", "created", "modified", "revoked")
)
"""Terms for which STIX has a property."""
TERMS: Final = Record(Terms, without=_NATIVE_TERMS)
CLASSES: Final[Mapping[str, type]] = {
    "campaign": CampaignClaim,
    "actor": ActorClaim,
    "infrastructure": InfrastructureClaim,
    "tactic": TacticClaim,
    "rule": RuleClaim,
    "verdict": VerdictClaim,
    "opinion": OpinionClaim,
    "sighting": SightingClaim,
    "tags": TagsClaim,
}
FIELDS: Final[Mapping[str, Record]] = {
    kind: Record(cls, without=frozenset({"terms", "rule"})) for kind, cls in CLASSES.items()
}
"""Fields of each kind in the extension; the text of a rule is the indicator's ``pattern``."""


def to_stix(claim: Claim) -> dict[str, Any]:
    """STIX object of a claim, unsigned."""
    terms, kind = claim.terms, kind_of(claim)
    obj: dict[str, Any] = {
        "type": TYPES[kind],
        "spec_version": "2.1",
        "id": stix_id(claim),
        "created_by_ref": terms.publisher,
        "created": format_time(to_micros(terms.created)),
        "modified": format_time(to_micros(terms.modified)),
    }
    if terms.revoked:
        obj["revoked"] = True
    obj["confidence"] = terms.confidence
    obj["object_marking_refs"] = [MARKINGS[terms.tlp]]
    obj.update(native(claim))
    obj["extensions"] = {
        CLAIM: {
            "extension_type": "property-extension",
            "kind": kind,
            "terms": TERMS.encode(terms),
            "fields": FIELDS[kind].encode(claim),
        }
    }
    return obj


def is_claim(obj: Any) -> bool:
    """Whether an object says that it is a claim: it has our extension."""
    extensions = obj.get("extensions") if isinstance(obj, dict) else None
    return isinstance(extensions, dict) and CLAIM in extensions


def from_stix(obj: Any) -> Claim:
    """Claim that a STIX object says; signature and policy are not looked at.

    Raises ``InputError`` that names the property for what is no claim, or not one we can read.
    """
    problem = check(obj)
    if problem is not None:
        raise InputError(f"no claim: {problem}")
    kind, extension = _extension(obj)
    path = f"extensions.{CLAIM}"
    values = FIELDS[kind].decode(extension.get("fields"), f"{path}.fields")
    if kind == "rule":
        values["rule"] = _pattern(obj)
    claim: Claim = CLASSES[kind](terms=_terms(obj, extension, path), **values)
    return claim


def _extension(obj: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not is_claim(obj):
        raise InputError(
            "no claim: the object lacks our extension",
            hint=f"claims carry extensions.{CLAIM}; see docs/reference/stix.md",
        )
    extension = obj["extensions"][CLAIM]
    kinds = KINDS.get(obj["type"])
    if kinds is None:
        raise InputError("no claim: type is none in which claims travel")
    kind = stated_kind(obj["type"], extension) if isinstance(extension, dict) else None
    if kind is None:
        told = " or ".join(kinds)
        raise InputError(f"no claim: extensions.{CLAIM}.kind must be {told} for this type")
    return kind, extension


def _terms(obj: dict[str, Any], extension: dict[str, Any], path: str) -> Terms:
    level = tlp(obj)
    if level is None:
        raise InputError("no claim: object_marking_refs has no TLP marking")
    publisher, confidence = obj.get("created_by_ref"), obj.get("confidence")
    if not isinstance(publisher, str) or not publisher.startswith("identity--"):
        raise InputError("no claim: created_by_ref is no identity")
    if isinstance(confidence, bool) or not isinstance(confidence, int):
        raise InputError("no claim: confidence is missing or no whole number")
    revoked = obj.get("revoked", False)
    if not isinstance(revoked, bool):
        raise InputError("no claim: revoked is neither true nor false")
    return Terms(
        claim_id=claim_id(obj["id"]),
        publisher=StixId(publisher),
        tlp=level,
        confidence=confidence,
        created=from_micros(parse_time(obj["created"])),
        modified=from_micros(parse_time(obj["modified"])),
        revoked=revoked,
        **TERMS.decode(extension.get("terms"), f"{path}.terms"),
    )


def _pattern(obj: dict[str, Any]) -> str:
    if obj.get("pattern_type") != "sigma" or not isinstance(obj.get("pattern"), str):
        raise InputError("no claim: a rule needs pattern, a text, with pattern_type sigma")
    text: str = obj["pattern"]
    return text

"""A bundle file for tools that read STIX but not the hub: claims, definitions, and edges.

Rules: objects go in as they are, signatures included. Edges are derived from the fields of claims
and belong to nobody's signed word: they name the project as creator, carry the marking of the claim
they come from, and have ids that depend on their ends, so that a second export repeats them.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.domain.claim import (
    ActorClaim,
    CampaignClaim,
    Claim,
    InfrastructureClaim,
    StixId,
    TacticClaim,
)
from stillwatch.errors import InputError
from stillwatch.intel.atlas import attack_patterns
from stillwatch.intel.definitions import EXTENSION_OBJECT, MARKING_OBJECTS, PROJECT_OBJECT
from stillwatch.intel.ids import MARKINGS, NAMESPACE, PROJECT, stix_id
from stillwatch.intel.policy.rules import techniques_of
from stillwatch.intel.stix import from_stix, is_claim

_Edge = tuple[str, str, str]
_COPIED: Final = ("created", "modified", "revoked", "confidence", "object_marking_refs")


def bundle(objects: Iterable[dict[str, Any]], *, edges: bool = True) -> dict[str, Any]:
    """Bundle of objects with the definitions they need and, if wanted, derived relationships.

    Raises ``InputError`` if there is nothing to put in it, or a claim cannot be read.
    """
    inner = list(objects)
    if not inner:
        raise InputError("nothing to put into a bundle")
    if edges:
        inner += [edge for obj in list(inner) if is_claim(obj) for edge in _edges(obj)]
    refs = {ref for obj in inner for ref in obj.get("object_marking_refs", ())}
    markings = [MARKING_OBJECTS[level] for level, ref in MARKINGS.items() if ref in refs]
    return {
        "type": "bundle",
        "id": f"bundle--{uuid.uuid4()}",
        "objects": [PROJECT_OBJECT, EXTENSION_OBJECT, *markings, *inner],
    }


def write_bundle(path: Path, objects: Iterable[dict[str, Any]], *, edges: bool = True) -> int:
    """Write a bundle file; returns how many objects it holds, definitions included."""
    made = bundle(objects, edges=edges)
    try:
        path.write_bytes(orjson.dumps(made, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror})") from error
    return len(made["objects"])


def _edges(obj: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for kind, source, target in _ends(from_stix(obj)):
        yield {
            "type": "relationship",
            "spec_version": "2.1",
            "id": _edge_id(kind, source, target),
            "created_by_ref": PROJECT,
            **{name: obj[name] for name in _COPIED if name in obj},
            "relationship_type": kind,
            "source_ref": source,
            "target_ref": target,
        }


def _ends(claim: Claim) -> Iterator[_Edge]:
    """Relationships that STIX 2.1 defines between the types at both ends."""
    me: StixId = stix_id(claim)
    if isinstance(claim, CampaignClaim | ActorClaim):
        yield from (("uses", me, pattern) for pattern in attack_patterns(claim.techniques))
    if isinstance(claim, ActorClaim):
        yield from (("attributed-to", campaign, me) for campaign in claim.campaigns)
    if isinstance(claim, InfrastructureClaim):
        yield from (("uses", campaign, me) for campaign in claim.campaigns)
    if isinstance(claim, TacticClaim):
        yield from (("related-to", me, pattern) for pattern in attack_patterns(claim.techniques))
    if hasattr(claim, "rule"):
        found = attack_patterns(techniques_of(claim.rule))
        yield from (("indicates", me, pattern) for pattern in found)


def _edge_id(kind: str, source: str, target: str) -> str:
    """Id in the form of UUIDv4, as STIX asks of relationships, but the same at each export."""
    seed = hashlib.sha256(NAMESPACE.bytes + f"{kind} {source} {target}".encode()).digest()
    return f"relationship--{uuid.UUID(bytes=seed[:16], version=4)}"

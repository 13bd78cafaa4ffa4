"""Claims as a MISP feed: a folder that a MISP server fetches by itself.

It holds ``manifest.json``, ``hashes.csv`` and one event a file.

Rules
    * One event a claim; its UUID follows from the claim's id, so that a new version updates it.
    * No attribute is ``to_ids``: a claim is evidence, and what to block is each reader's decision.
    * A claim that holds no more stays in the feed with its attributes ``deleted`` and a later
      timestamp: only so do servers that fetched it let go of it.
    * The manifest is written last and old events are removed after it, so a server that reads
      meanwhile finds every event the manifest names. A folder that holds another feed is refused.

Source: MISP core format (draft-dulaunoy-misp-core-format), PyMISP's feed fields.
"""

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.domain.claim import (
    ActorClaim,
    CampaignClaim,
    Claim,
    InfrastructureClaim,
    OpinionClaim,
    RuleClaim,
    SightingClaim,
    TacticClaim,
    Tlp,
    VerdictClaim,
)
from stillwatch.errors import InputError
from stillwatch.intel.exports.files import write_whole
from stillwatch.intel.exports.items import Item, Said, claims, of_kinds
from stillwatch.intel.ids import NAMESPACE, TYPES
from stillwatch.intel.render import native

_MANIFEST, _HASHES = "manifest.json", "hashes.csv"
_OURS: Final = "stillwatch:"
"""How our own tags begin."""
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNDEFINED_LEVEL: Final = "4"
_ONGOING, _COMPLETE = "1", "2"
_DISTRIBUTION: Final = {Tlp.CLEAR: "3", Tlp.GREEN: "1"}
"""All communities, this community; everything else is for one's own organisation."""
_COLOURS: Final = {
    Tlp.CLEAR: "#ffffff",
    Tlp.GREEN: "#33ff00",
    Tlp.AMBER: "#ffc000",
    Tlp.AMBER_STRICT: "#ffc000",
}
_COLOUR: Final = "#3f6a8a"
_TITLES: Final[Mapping[type, str]] = {
    CampaignClaim: "Campaign of adversarial distillation",
    ActorClaim: "Actor behind adversarial distillation",
    InfrastructureClaim: "Infrastructure of adversarial distillation",
    TacticClaim: "Tactic of adversarial distillation",
    RuleClaim: "Detection rule for adversarial distillation",
    VerdictClaim: "Output correlation",
    OpinionClaim: "Opinion on a claim",
    SightingClaim: "Sighting of a claim",
}

_KINDS: Final = frozenset(TYPES) - {"tags"}
"""Tags mean nothing to who cannot ask the evaluators."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One attribute before it has a UUID."""

    category: str
    type: str
    value: str
    comment: str = ""
    correlates: bool = True


def write(path: Path, items: Sequence[Item]) -> tuple[int, Counter[str]]:
    """Write the feed's folder; returns how many events it has, and what stayed and why."""
    stays = Counter[str]()
    events = [event(one) for one in of_kinds(claims(items, stays), _KINDS, stays)]
    if not events:
        return 0, stays
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be made ({error.strerror})") from error
    before = _earlier(path)
    for made in events:
        write_whole(path / f"{made['uuid']}.json", orjson.dumps({"Event": made}))
    write_whole(path / _HASHES, _hashes(events))
    write_whole(path / _MANIFEST, orjson.dumps({made["uuid"]: _entry(made) for made in events}))
    for gone in before - {made["uuid"] for made in events}:
        (path / f"{gone}.json").unlink(missing_ok=True)
    return len(events), stays


def event(said: Said) -> dict[str, Any]:
    """Event of one claim."""
    claim, terms, changed = said.claim, said.claim.terms, _seconds(said.changed)
    me = str(uuid.uuid5(NAMESPACE, said.item.obj["id"]))
    title = f"{_TITLES[type(claim)]}: {native(claim).get('name', said.item.obj['id'])}"
    return {
        "uuid": me,
        "info": title,
        "date": terms.created.date().isoformat(),
        "threat_level_id": _UNDEFINED_LEVEL,
        "analysis": _COMPLETE if said.state == "current" or said.ended else _ONGOING,
        "timestamp": changed,
        "publish_timestamp": changed,
        "published": True,
        "distribution": _DISTRIBUTION.get(terms.tlp, "0"),
        "Orgc": _organisation(said),
        "Tag": list(_tags(said)),
        "Attribute": [_attribute(value, said, me) for value in _values(said)],
    }


def _attribute(value: _Value, said: Said, parent: str) -> dict[str, Any]:
    claim = said.claim
    made: dict[str, Any] = {
        "uuid": str(uuid.uuid5(NAMESPACE, f"{parent} {value.type} {value.value}")),
        "category": value.category,
        "type": value.type,
        "value": value.value,
        "comment": value.comment,
        "to_ids": False,
        "disable_correlation": not value.correlates,
        "deleted": said.ended,
        "timestamp": _seconds(said.changed),
    }
    if isinstance(claim, CampaignClaim | SightingClaim):
        made["first_seen"] = f"{claim.first_seen.isoformat()}T00:00:00.000000+00:00"
        made["last_seen"] = f"{claim.last_seen.isoformat()}T00:00:00.000000+00:00"
    return made


def _values(said: Said) -> Iterator[_Value]:
    shown = native(said.claim)
    yield _Value("Other", "text", said.item.obj["id"], "STIX id of the claim")
    yield from _of_kind(said.claim)
    told = shown.get("description", shown.get("explanation"))
    if told:
        yield _Value("Other", "comment", told, correlates=False)


def _of_kind(claim: Claim) -> Iterator[_Value]:
    match claim:
        case CampaignClaim():
            yield _Value("Attribution", "campaign-name", claim.name)
        case ActorClaim():
            yield _Value("Attribution", "threat-actor", claim.name)
        case InfrastructureClaim():
            yield _Value("Other", "text", claim.name, "code name")
            for number in claim.asns:
                yield _Value(
                    "Network activity", "AS", f"AS{number}", f"strong in this {claim.kind}"
                )
        case TacticClaim():
            yield _Value("Other", "text", claim.name, "tactic")
        case RuleClaim():
            yield _Value("Payload installation", "sigma", claim.rule, f"SHA-256 {claim.digest}")
        case VerdictClaim():
            yield _Value("Other", "text", claim.suspect, "public name of the model")
        case OpinionClaim() | SightingClaim():
            yield _Value("Other", "text", claim.object, "STIX id of the claim it is about")
    for campaign in getattr(claim, "campaigns", ()):
        yield _Value("Attribution", "campaign-id", campaign)


def _tags(said: Said) -> Iterator[dict[str, Any]]:
    terms = said.claim.terms
    yield {"name": f"tlp:{terms.tlp.value}", "colour": _COLOURS[terms.tlp], "exportable": True}
    own = {
        "kind": (said.kind,),
        "state": (said.state,),
        "weight": (f"{said.item.weight:g}",),
        "confidence": (str(terms.confidence),),
        "technique": getattr(said.claim, "techniques", ()),
    }
    for name, values in own.items():
        for value in values:
            tag = f'{_OURS}{name}="{value}"'
            yield {"name": tag, "colour": _COLOUR, "exportable": True}


def _organisation(said: Said) -> dict[str, str]:
    identity = said.claim.terms.publisher.partition("--")[2]
    return {"name": said.item.publisher or f"member {identity[:8]}", "uuid": identity}


def _entry(made: Mapping[str, Any]) -> dict[str, Any]:
    """An event as the manifest shows it."""
    names = ("Orgc", "info", "date", "analysis", "threat_level_id", "timestamp")
    tags = [{"name": tag["name"], "colour": tag["colour"]} for tag in made["Tag"]]
    return {**{name: made[name] for name in names}, "Tag": tags}


def _hashes(events: Sequence[Mapping[str, Any]]) -> bytes:
    """MD5 of every value that may be looked up, by the event that holds it."""
    lines = [
        f"{hashlib.md5(one['value'].encode(), usedforsecurity=False).hexdigest()},{made['uuid']}\n"
        for made in events
        for one in made["Attribute"]
        if not one["deleted"]
    ]
    return "".join(lines).encode()


def _earlier(path: Path) -> set[str]:
    """Events of our feed that lie there. Raises ``InputError`` if it is not ours."""
    manifest = path / _MANIFEST
    if not manifest.exists():
        return set()
    try:
        known = orjson.loads(manifest.read_bytes())
        ours = all(
            _UUID.fullmatch(name) and any(_is_ours(tag) for tag in entry["Tag"])
            for name, entry in known.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        ours = False
    if not ours:
        raise InputError(f"{path} holds another feed", hint="name a folder of its own with --out")
    return set(known)


def _is_ours(tag: Mapping[str, Any]) -> bool:
    return str(tag["name"]).startswith(_OURS)


def _seconds(at: datetime) -> str:
    return str(int(at.timestamp()))

"""Claims as OCSF Detection Findings (class 2004), one JSON object a line, for SIEMs and lakes.

Rules
    * Only what says that something was found is a finding: campaigns, infrastructure, verdicts and
      sightings. Actors, tactics, rules and opinions stay, counted.
    * Attributes mean what OCSF says. What it has no place for stands in ``unmapped``.
    * ``severity_id`` follows what the claim counts here: a claim of weight 0 is informational. It
      is a rank for a queue, never an instruction.

Source: OCSF schema 1.5.0, events/findings/detection_finding and objects/finding_info.
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch import __version__
from stillwatch.domain.claim import Technique
from stillwatch.intel.atlas import TECHNIQUES, VERDICT_TECHNIQUES
from stillwatch.intel.exports.files import write_whole
from stillwatch.intel.exports.items import Item, Said, claims, of_kinds
from stillwatch.intel.ids import NAMESPACE
from stillwatch.intel.render import LABEL, native
from stillwatch.intel.stix import FIELDS

VERSION: Final = "1.5.0"
CLASS: Final = 2004
FOUND: Final = frozenset(("campaign", "infrastructure", "verdict", "sighting"))
_CREATE, _UPDATE, _CLOSE = 1, 2, 3
_ACTIVITIES: Final = {_CREATE: "Create", _UPDATE: "Update", _CLOSE: "Close"}
_NEW, _IN_PROGRESS, _RESOLVED = 1, 2, 4
_STATUSES: Final = {_NEW: "New", _IN_PROGRESS: "In Progress", _RESOLVED: "Resolved"}
_SEVERITIES: Final = ((0.75, 4, "High"), (0.5, 3, "Medium"), (0.25, 2, "Low"))
_CONFIDENCES: Final = ((67, 3, "High"), (34, 2, "Medium"), (0, 1, "Low"))
_STATISTICAL: Final = 3
_ABOVE: Final = {
    "AML.T0005": "Create Proxy AI Model",
    "AML.T0008": "Acquire Infrastructure",
    "AML.T0024": "Exfiltration via AI Inference API",
    "AML.T0048": "External Harms",
}
"""Names of the ATLAS techniques that ours refine; OCSF gives both levels."""


def write(path: Path, items: Sequence[Item]) -> tuple[int, Counter[str]]:
    """Write the findings; returns how many there are, and what stayed and why."""
    stays = Counter[str]()
    said = of_kinds(claims(items, stays), FOUND, stays)
    if said:
        write_whole(path, b"".join(orjson.dumps(finding(one)) + b"\n" for one in said))
    return len(said), stays


def finding(said: Said) -> dict[str, Any]:
    """Detection Finding of one claim."""
    claim, terms = said.claim, said.claim.terms
    activity, status = _activity(said), _status(said)
    severity, severity_name = next(
        ((number, name) for least, number, name in _SEVERITIES if said.item.weight >= least),
        (1, "Informational"),
    )
    confidence, confidence_name = next(
        (number, name) for least, number, name in _CONFIDENCES if terms.confidence >= least
    )
    return {
        "activity_id": activity,
        "activity_name": _ACTIVITIES[activity],
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": CLASS,
        "class_name": "Detection Finding",
        "type_uid": CLASS * 100 + activity,
        "type_name": f"Detection Finding: {_ACTIVITIES[activity]}",
        "time": _millis(terms.created),
        "severity_id": severity,
        "severity": severity_name,
        "confidence_id": confidence,
        "confidence": confidence_name,
        "confidence_score": terms.confidence,
        "status_id": status,
        "status": _STATUSES[status],
        "is_alert": not said.ended and said.item.weight > 0,
        "message": _told(said),
        **_span_of_time(claim),
        "metadata": _metadata(said),
        "finding_info": _info(said),
        "unmapped": {
            "kind": said.kind,
            "state": said.state,
            "weight": said.item.weight,
            "publisher": terms.publisher,
            "tlp": terms.tlp.value,
            "valid_until": terms.valid_until.isoformat(),
            "fields": FIELDS[said.kind].encode(claim),
        },
    }


def _metadata(said: Said) -> dict[str, Any]:
    stix, changed = said.item.obj["id"], said.changed
    return {
        "version": VERSION,
        "product": {"name": "stillwatch", "vendor_name": "stillwatch", "version": __version__},
        "uid": str(uuid.uuid5(NAMESPACE, f"{stix} {changed.isoformat()} {said.state}")),
        "correlation_uid": stix,
        "labels": [LABEL, f"tlp:{said.claim.terms.tlp.value}"],
        "modified_time": _millis(changed),
    }


def _info(said: Said) -> dict[str, Any]:
    claim, terms = said.claim, said.claim.terms
    attacks = [_attack(t) for t in _techniques(claim) if _is_atlas(t)]
    return {
        "uid": said.item.obj["id"],
        "title": _title(said),
        "desc": _told(said),
        "types": [LABEL, said.kind],
        "created_time": _millis(terms.created),
        "modified_time": _millis(terms.modified),
        **_seen(claim),
        "data_sources": [said.item.publisher or terms.publisher],
        "analytic": {
            "uid": f"stillwatch.{said.kind}",
            "name": f"{said.kind} claim",
            "type_id": _STATISTICAL,
            "type": "Statistical",
        },
        **({"attacks": attacks} if attacks else {}),
    }


def _title(said: Said) -> str:
    name = native(said.claim).get("name")
    return str(name) if name else f"Sighting of {getattr(said.claim, 'object', 'a claim')}"


def _told(said: Said) -> str:
    return str(native(said.claim)["description"])


def _activity(said: Said) -> int:
    if said.ended:
        return _CLOSE
    first = said.changed <= said.claim.terms.created
    return _CREATE if first else _UPDATE


def _status(said: Said) -> int:
    if said.ended:
        return _RESOLVED
    return _NEW if said.state == "current" else _IN_PROGRESS


def _techniques(claim: Any) -> tuple[Technique, ...]:
    if hasattr(claim, "verdict"):
        return VERDICT_TECHNIQUES
    found: tuple[Technique, ...] = getattr(claim, "techniques", ())
    return found


def _is_atlas(technique: Technique) -> bool:
    entry = TECHNIQUES.get(technique)
    return entry is not None and entry.refines is None


def _attack(technique: Technique) -> dict[str, Any]:
    """ATLAS numbers techniques ``AML.Tnnnn`` and what refines them ``AML.Tnnnn.nnn``."""
    named = {"uid": technique, "name": TECHNIQUES[technique].name, "src_url": _url(technique)}
    head, _, refined = technique.removeprefix("AML.").partition(".")
    if not refined:
        return {"technique": named}
    above = f"AML.{head}"
    return {
        "technique": {"uid": above, "name": _ABOVE[above], "src_url": _url(Technique(above))},
        "sub_technique": named,
    }


def _url(technique: Technique) -> str:
    return f"https://atlas.mitre.org/techniques/{technique}"


def _seen(claim: Any) -> dict[str, int]:
    if not hasattr(claim, "first_seen"):
        return {}
    return {
        "first_seen_time": _day_millis(claim.first_seen),
        "last_seen_time": _day_millis(claim.last_seen),
    }


def _span_of_time(claim: Any) -> dict[str, int]:
    seen = _seen(claim)
    if not seen:
        return {}
    return {"start_time": seen["first_seen_time"], "end_time": seen["last_seen_time"]}


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _day_millis(day: date) -> int:
    return _millis(datetime.combine(day, time(), UTC))

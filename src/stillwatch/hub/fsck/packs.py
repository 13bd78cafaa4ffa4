"""Packs of tags and the claims that name them, held against one another."""

import hashlib
import json
from typing import Any, Final

from stillwatch.hub.fsck.report import Report
from stillwatch.hub.fsck.source import Database

_HEAD: Final = 16
_ROW: Final = 312
_FIELDS: Final = ("epoch", "serial", "pack")


def check_packs(db: Database, report: Report) -> None:
    """Digest and size of each pack; serials; and that each claim names the pack that its row says."""
    for (sha256,) in list(db.rows("SELECT sha256 FROM packs ORDER BY sha256")):
        query = "SELECT content, rows FROM packs WHERE sha256 = ?"
        content, rows = next(db.rows(query, sha256))
        report.looked_at["packs"] += 1
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            report.fault("pack", f"pack {sha256}", "its digest is another", sha256, found)
        if len(content) != _HEAD + rows * _ROW:
            expected = _HEAD + rows * _ROW
            report.fault("pack", f"pack {sha256}", "its size is another", expected, len(content))
    _serials(db, report)
    _named(db, report)


def _serials(db: Database, report: Report) -> None:
    query = (
        "SELECT identity, epoch, min(serial), max(serial), count(*) FROM tags "
        "GROUP BY identity, epoch"
    )
    for identity, epoch, first, last, count in db.rows(query):
        if (first, last) != (1, count):
            where = f"tags of {identity} in epoch {epoch}"
            report.fault("pack", where, "serials have gaps", f"1 to {count}", f"{first} to {last}")


def _named(db: Database, report: Report) -> None:
    query = (
        "SELECT t.identity, t.epoch, t.serial, t.pack, t.stix_id, o.body FROM tags t "
        "LEFT JOIN objects o ON o.collection = t.collection AND o.stix_id = t.stix_id "
        "ORDER BY t.stix_id"
    )
    for identity, epoch, serial, pack, stix_id, body in db.rows(query):
        where = f"tags {serial} of {identity} in epoch {epoch}"
        if body is None:
            report.fault("pack", where, f"their claim {stix_id} does not exist")
            continue
        said, fields = _fields(bytes(body))
        if (said, *fields) != (identity, epoch, serial, pack):
            report.fault("pack", where, f"the claim {stix_id} names another pack or serial")


def _fields(body: bytes) -> tuple[Any, list[Any]]:
    """Publisher and fields of a claim; what cannot be read is nothing."""
    try:
        obj = json.loads(body)
        (fields,) = [e["fields"] for e in obj["extensions"].values() if "fields" in e]
        return obj.get("created_by_ref"), [fields.get(name) for name in _FIELDS]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None, []

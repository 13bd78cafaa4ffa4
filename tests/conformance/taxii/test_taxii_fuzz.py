"""Bodies and queries nobody would send: whatever comes, the hub answers, and never with a 5xx."""

import json
import os
import random
from typing import Any

import httpx

from tests.hubs import indicator

BODIES = int(os.environ.get("STILLWATCH_FUZZ", "300"))
"""Bodies for each database; 10,000 in a full run."""
_ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**53, 2**64, 1e308, "", "\x00", "\ud83d\ude00", "x" * 5000, [], {}, [[]],
    {"": ""}, "9999-99-99T99:99:99Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "بيانات",
)  # fmt: skip


def test_fuzzed_bodies_get_no_5xx(alpha: httpx.Client, box: str) -> None:
    chance = random.Random(5)
    for _ in range(BODIES):
        path = chance.choice((box, "/api/collections/claims/")) + "objects/"
        found = alpha.post(path, content=_body(chance))
        assert found.status_code in (202, 400, 413, 422), found.text


def test_fuzzed_queries_get_no_5xx(alpha: httpx.Client, box: str) -> None:
    chance = random.Random(6)
    names = ("limit", "next", "added_after", "match[id]", "match[type]", "match[version]",
             "match[spec_version]", "x")  # fmt: skip
    values = ("", "0", "1", "-1", "a", "a,b", "last", "all,first", "%00", "%ff", "%2C", "'", '"', ";--",
              "2026-01-01T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:60.999999999Z", "9" * 30,
              "2.1", "%F0%9F%98%80")  # fmt: skip
    for _ in range(BODIES):
        parts = [f"{chance.choice(names)}={chance.choice(values)}" for _ in range(3)]
        part = chance.choice(("objects/", "manifest/", "objects/x/", "objects/%2F/versions/"))
        found = alpha.get(f"{box}{part}?{'&'.join(parts)}")
        assert found.status_code in (200, 400, 404), found.text


def _body(chance: random.Random) -> bytes:

    obj: dict[str, Any] = indicator(chance.randrange(1000))
    for _ in range(chance.randrange(4)):
        name = chance.choice([*obj, "extensions", "object_marking_refs", "granular_markings"])
        obj[name] = chance.choice(_ODD)
    text = json.dumps({"objects": [obj, chance.choice(_ODD)]}).encode()
    raw = bytearray(text)
    for _ in range(chance.randrange(3)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw)

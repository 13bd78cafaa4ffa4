"""The corpus of what may not leave and what may: made by named mutations of the example claims.

``python -m tests.policycorpus`` writes it to ``tests/vectors/policy``; a test compares. A payload is
an object, or a raw JSON text where the point is lost in parsing. ``envelope`` makes of it what a
client would POST to a collection of claims, under the poster's own identity and signature.
"""

import base64
import copy
import hashlib
import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import LegalBasis, Tlp
from stillwatch.errors import StillwatchError
from stillwatch.intel.ids import CLAIM, MARKINGS, OLD_MARKINGS, TYPES
from stillwatch.intel.policy.rules import rule_digest
from stillwatch.intel.scales import SPANS
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from tests.claims import PUBLISHER, RULE, examples, reference, rule_content

FOLDER = Path(__file__).parent / "vectors" / "policy"
EXT = f"extensions.{CLAIM}"
Object = dict[str, Any]


@dataclass(frozen=True)
class Payload:
    """One payload of the corpus."""

    name: str
    field: str
    """Path that a refusal names; empty for a lawful payload."""
    object: Object | None = None
    text: str = ""
    """Raw JSON of the object, where ``object`` is None."""

    @property
    def data(self) -> bytes:
        """JSON text of the object."""
        return (self.text or json.dumps(self.object, ensure_ascii=False)).encode(
            "utf-8", "surrogatepass"
        )

    def envelope(self, publisher: str, key: SigningKey) -> bytes:
        """TAXII envelope with the object said and signed by a member, if it can be signed."""
        if self.object is None:
            text = _signed_text(self.text.replace(PUBLISHER, publisher), key)
            return b'{"objects":[' + text.encode("utf-8", "surrogatepass") + b"]}"
        mine = json.loads(json.dumps(self.object).replace(PUBLISHER, publisher))
        try:
            signature = mine["extensions"][CLAIM].get("signature")
            mine = mine if signature is not None else sign(mine, key)
        except (StillwatchError, KeyError, TypeError, AttributeError):
            pass
        return json.dumps({"objects": [mine]}).encode()


def _signed_text(text: str, key: SigningKey) -> str:
    """Raw text with the signature that its lenient reading bears, where it has one."""
    try:
        signature = sign(json.loads(text), key)["extensions"][CLAIM]["signature"]
    except (StillwatchError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    kind = '"kind": "campaign"'
    return text.replace(kind, f'{kind}, "signature": "{signature}"', 1)


def load(sort: str) -> list[Payload]:
    """Payloads of ``forbidden`` or ``lawful``, as stored."""
    paths = sorted((FOLDER / sort).glob("*.json"))
    return [Payload(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def _base(kind: str) -> Object:
    return copy.deepcopy(to_stix(examples()[kind]))


def _put(obj: Object, path: str, value: Any) -> Object:
    """Set a value at a path; ``[9]`` beyond a list's end appends."""
    holder: Any = obj
    *way, last = path.replace(CLAIM, "CLAIM").split(".")
    for step in way:
        if step.startswith("["):
            holder = holder[int(step[1:-1])]
        else:
            holder = holder.setdefault(CLAIM if step == "CLAIM" else step, {})
    if last.startswith("["):
        place = int(last[1:-1])
        holder[place : place + 1] = [value]
    else:
        holder[CLAIM if last == "CLAIM" else last] = value
    return obj


PROMPTS = {
    "prompt-english": "Write a polite letter to my landlord about the broken heating, please.",
    "prompt-steps": "Solve this step by step and show all of your reasoning: 17 * 23 - 5",
    "prompt-german": "Bitte fasse den folgenden Arztbrief in einfachen Worten zusammen.",
    "prompt-chinese": "请一步一步地写出你的推理过程，然后给出答案。",
    "prompt-arabic": "اكتب لي خطة عمل مفصلة لمتجر صغير",
    "prompt-code": "def f(x): # why does this raise IndexError when the list is empty?",
    "prompt-roles": "system: You are a careful grader. user: Rate answer A from 1 to 10.",
    "prompt-short": "tell me a joke",
    "prompt-json": '{"role": "user", "content": "Summarise our merger agreement"}',
    "prompt-quoted": "The accounts kept asking 'compare these two contracts for me'",
    "prompt-one-line-break": "First list the facts.\nThen draw the conclusion.",
}
ANSWERS = {
    "answer-essay": "Certainly! Here is a short essay on photosynthesis for your class:",
    "answer-trace": "<think>The sum of the angles is 180, so the third must be 40.</think>",
    "answer-refusal": "I'm sorry, but I can't help with that request.",
    "answer-code": "```python\nprint('hello')\n```",
    "answer-logits": "top tokens: yes 0.61, no 0.22, perhaps 0.08",
}
CUSTOMERS = {
    "customer-company": "Harbour Lane Dental Group Ltd",
    "customer-lower": "harbour-lane-dental",
    "customer-person": "Maria Musterfrau, Chief Data Officer",
    "customer-university": "Department of Physics, Example State University",
    "customer-domain": "portal.harbourlane.example",
    "customer-in-words": "a large Nordic shipping insurer with two subsidiaries",
}
BUSINESS = {
    "price-list": "input $3.00 and output $15.00 per million tokens",
    "price-discount": "renewal at a 35 % discount for two years",
    "price-cost": "their bill was EUR 48,210 in October",
    "quota-tier": "tier 4: 4,000 requests and 2,000,000 tokens a minute",
    "quota-raise": "we lowered their limit to 50 per hour",
    "capacity-gpus": "serving on 18,000 accelerators in three regions",
    "capacity-load": "peak load is 84 % of what we can serve",
    "revenue-year": "annual recurring revenue passed 1.2 billion",
    "revenue-share": "these accounts were 0.7 % of our sales",
    "roadmap-launch": "our next model launches on 12 January",
    "roadmap-retire": "we plan to retire the old endpoint in spring",
    "quality-score": "scores 71.3 on our internal coding benchmark",
    "quality-compare": "our model beats theirs in 63 % of comparisons",
    "order-block": "Please block these accounts at once",
}
IDENTIFIERS = {
    "email-plain": "jane.roe@example.com",
    "email-tagged": "Jane Roe <jane.roe+api@mail.example.org>",
    "email-spelt": "jane dot roe at example dot com",
    "email-bracketed": "jane.roe[at]example[dot]com",
    "email-hash": "sha256:5f1d8b7c3a0e4f92b6c1d7e8a9f0b1c2d3e4f5061728394a5b6c7d8e9fa0b1c2",
    "email-idn": "jane@xn--bcher-kva.example",
    "phone-intl": "+49 30 1234 5678 90",
    "phone-local": "(555) 010-4477 ext. 12",
    "ip-v4": "198.51.100.23",
    "ip-v4-defanged": "198[.]51[.]100[.]23",
    "ip-v4-cidr": "seen from 203.0.113.0/24",
    "ip-v6": "2001:db8:85a3::8a2e:370:7334",
    "url-https": "https://api.example.net/v1/chat?user=4711",
    "url-defanged": "hxxps://relay.example.org/login",
    "url-data": "data:text/plain;base64,SGVsbG8gV29ybGQ=",
    "account-org": "org-9f3kd82hf0a1",
    "account-uuid": "3d594650-3436-4e2b-9f0a-2c0b6e9a2a11",
    "account-number": "customer no. 0047 1182 9930",
    "key-secret": "sk-live-4f9a8b7c6d5e4f3a2b1c",
    "card-number": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "tls-print": "t13d1516h2_8daaf6152771_b186095e22b6",
    "handle": "@janeroe_trades",
    "device": "device 4C:BB:58:9A:0F:11",
}
UNICODE = {
    "zero-width": "jane\u200b.roe\u200c@exam\u200dple.com",
    "bidi-override": "\u202emoc.elpmaxe@eor.enaj\u202c",
    "bidi-isolate": "\u2067Harbour Lane\u2069",
    "fullwidth": "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ",
    "confusable-cyrillic": "Наrbоur Lаnе",
    "confusable-greek": "Ηarbοur Lane Dental",
    "combining": "H̷a̷r̷b̷o̷u̷r̷ L̷a̷n̷e̷",
    "decomposed": "Ho\u0308ffner Mo\u0308bel",
    "composed": "Höffner Möbel",
    "tag-characters": "".join(chr(0xE0000 + ord(c)) for c in "harbour lane"),
    "variation-selectors": "a" + "".join(chr(0xFE00 + ord(c) % 16) for c in "harbour"),
    "mathematical": "𝐇𝐚𝐫𝐛𝐨𝐮𝐫 𝐋𝐚𝐧𝐞",
    "soft-hyphen": "har\u00adbour lane",
    "byte-order-mark": "\ufeffharbour lane",
    "nul": "harbour\u0000lane",
    "line-separator": "harbour\u2028lane",
    "private-use": "harbour \ue000\ue001",
    "braille": "⠓⠁⠗⠃⠕⠥⠗",
    "circled": "ⓗⓐⓡⓑⓞⓤⓡ",
    "emoji-code": "🏠⚓ 4️⃣7️⃣1️⃣1️⃣",
    "no-break-space": "harbour\u00a0lane",
}
ENCODED = {
    "base64": base64.b64encode(b"jane.roe@example.com asked for the thesis").decode(),
    "base64url": base64.urlsafe_b64encode(b"???>>>jane.roe@example.com").decode(),
    "base64-twice": base64.b64encode(base64.b64encode(b"Harbour Lane Dental Group")).decode(),
    "base32": base64.b32encode(b"harbour lane dental").decode(),
    "base85": base64.b85encode(b"harbour lane dental").decode(),
    "hex": b"jane.roe@example.com".hex(),
    "hex-spaced": b"harbour lane".hex(" "),
    "percent": "jane%2Eroe%40example%2Ecom",
    "percent-twice": "jane%252Eroe%2540example.com",
    "entities": "jane&#46;roe&#64;example&period;com",
    "escapes": "jane\\u002eroe\\u0040example.com",
    "punycode": "xn--harbur-lane-fub.example",
    "rot13": "wnar.ebr@rknzcyr.pbz",
    "json-in-string": '{"customer": "Harbour Lane", "email": "jane.roe@example.com"}',
    "morse": ".... .- .-. -... --- ..- .-.",
    "binary": "01101000 01100001 01110010 01100010",
    "reversed": "latneD enaL ruobraH",
    "leet": "h4rb0ur-l4n3-d3nt4l",
}
TEXTS = {**PROMPTS, **ANSWERS, **CUSTOMERS, **BUSINESS, **IDENTIFIERS, **UNICODE, **ENCODED}

PLACES: tuple[tuple[str, str, str], ...] = (
    ("campaign", "name", "name"),
    ("campaign", "description", "description"),
    ("campaign", "labels.[1]", "labels.[1]"),
    ("campaign", "labels.[9]", "labels"),
    ("campaign", f"{EXT}.fields.name", f"{EXT}.fields.name"),
    ("campaign", f"{EXT}.fields.targets.[1]", f"{EXT}.fields.targets.[1]"),
    ("campaign", f"{EXT}.fields.evidence.[0]", f"{EXT}.fields.evidence.[0]"),
    ("campaign", f"{EXT}.fields.techniques.[0]", f"{EXT}.fields.techniques.[0]"),
    ("campaign", f"{EXT}.fields.first_seen", f"{EXT}.fields.first_seen"),
    ("campaign", f"{EXT}.fields.accounts.low", f"{EXT}.fields.accounts.low"),
    ("campaign", f"{EXT}.fields.p_value", f"{EXT}.fields.p_value"),
    ("campaign", "external_references.[0].description", "external_references.[0].description"),
    ("campaign", "external_references.[0].url", "external_references.[0].url"),
    ("campaign", "aliases", "aliases"),
    ("campaign", "objective", "objective"),
    ("actor", "goals", "goals"),
    ("actor", "aliases.[0]", "aliases"),
    ("actor", "primary_motivation", "primary_motivation"),
    ("actor", f"{EXT}.fields.motivation", f"{EXT}.fields.motivation"),
    ("actor", f"{EXT}.fields.campaigns.[0]", f"{EXT}.fields.campaigns.[0]"),
    ("infrastructure", "infrastructure_types.[0]", "infrastructure_types.[0]"),
    ("infrastructure", "kill_chain_phases", "kill_chain_phases"),
    ("infrastructure", f"{EXT}.fields.kind", f"{EXT}.fields.kind"),
    ("infrastructure", f"{EXT}.fields.asns.[0]", f"{EXT}.fields.asns.[0]"),
    ("tactic", "external_references.[0].external_id", "external_references.[0].external_id"),
    ("tactic", "external_references.[0].source_name", "external_references.[0].source_name"),
    ("tactic", f"{EXT}.fields.families.[0]", f"{EXT}.fields.families.[0]"),
    ("tactic", f"{EXT}.fields.name", f"{EXT}.fields.name"),
    ("rule", "name", "name"),
    ("rule", "description", "description"),
    ("rule", "pattern_version", "pattern_version"),
    ("rule", f"{EXT}.fields.digest", f"{EXT}.fields.digest"),
    ("verdict", f"{EXT}.fields.suspect", f"{EXT}.fields.suspect"),
    ("verdict", "name", "name"),
    ("verdict", f"{EXT}.fields.verdict", f"{EXT}.fields.verdict"),
    ("opinion", "explanation", "explanation"),
    ("opinion", "authors", "authors"),
    ("opinion", f"{EXT}.fields.reason", f"{EXT}.fields.reason"),
    ("sighting", "description", "description"),
    ("sighting", "lang", "lang"),
    ("sighting", f"{EXT}.fields.object", f"{EXT}.fields.object"),
    ("sighting", f"{EXT}.terms.purpose", f"{EXT}.terms.purpose"),
    ("sighting", f"{EXT}.terms.legal_basis.basis", f"{EXT}.terms.legal_basis.basis"),
    ("sighting", f"{EXT}.terms.legal_basis.jurisdiction",
     f"{EXT}.terms.legal_basis.jurisdiction"),
    ("sighting", f"{EXT}.extension_type", f"{EXT}.extension_type"),
    ("opinion", f"{EXT}.signature", f"{EXT}.signature"),
    ("opinion", "created", "created"),
    ("opinion", "created_by_ref", "created_by_ref"),
    ("opinion", "id", "id"),
    ("verdict", "object_refs.[0]", "object_refs.[0]"),
)  # fmt: skip


def _texts() -> Iterator[Payload]:
    """Each text at two places, so that each pair of text and place is met once."""
    listed = {"aliases", "goals", "authors", "kill_chain_phases"}
    for number, (name, text) in enumerate(TEXTS.items()):
        for turn in (0, 1):
            kind, path, field = PLACES[(number * 2 + turn) % len(PLACES)]
            value: Any = [text] if path in listed else text
            if path == "aliases.[0]":
                path, value = "aliases", [text]
            yield Payload(
                f"{name}-{kind}-{path.replace(EXT, 'ext').replace('.', '-')}",
                field,
                _put(_base(kind), path, value),
            )


KEYS: dict[str, tuple[str, str, Any]] = {
    "top-x-price": ("", "x_price", 3.0),
    "top-customer": ("", "customer_name", "Harbour Lane"),
    "top-revenue": ("", "revenue", 1200000000),
    "top-prompts": ("", "x_stillwatch_prompts", ["tell me a joke"]),
    "top-score": ("", "x_benchmark_score", 71.3),
    "top-key-is-a-prompt": ("", "Write a poem about our product launch", True),
    "top-key-is-an-email": ("", "jane.roe@example.com", 1),
    "top-action": ("", "action", "block"),
    "top-course": ("", "x_course_of_action", {"type": "course-of-action"}),
    "top-defanged": ("", "defanged", True),
    "top-empty-key": ("", "", "harbour lane"),
    "top-nul-key": ("", "na\u0000me", "harbour lane"),
    "extension-top": ("extensions", "extension-definition--00000000-0000-4000-8000-000000000001",
                      {"extension_type": "toplevel-property-extension"}),
    "extension-note": ("extensions", "extension-definition--00000000-0000-4000-8000-000000000002",
                       {"extension_type": "property-extension", "note": "renewal at 35 % off"}),
    "extension-old": ("extensions", "x-own-ext", {"price": 3}),
    "extension-quota": (EXT, "quota", 4000),
    "extension-nested": (EXT, "extensions", {CLAIM: {"kind": "campaign", "note": "x"}}),
    "extension-comment": (EXT, "comment", "they pay by invoice"),
    "fields-price": (f"{EXT}.fields", "price", 3),
    "fields-capacity": (f"{EXT}.fields", "gpu_capacity", 18000),
    "fields-account-ids": (f"{EXT}.fields", "account_ids", ["org-9f3kd82hf0a1"]),
    "fields-exemplars": (f"{EXT}.fields", "exemplars", ["tell me a joke"]),
    "fields-answers": (f"{EXT}.fields", "answers", ["Certainly!"]),
    "fields-launch": (f"{EXT}.fields", "launch_date", "2027-01-12"),
    "fields-nested": (f"{EXT}.fields", "more", {"more": {"more": {"email": "a@b.example"}}}),
    "terms-note": (f"{EXT}.terms", "note", "agreed by telephone with the owner"),
    "terms-contact": (f"{EXT}.terms", "contact", "legal@example.com"),
    "basis-note": (f"{EXT}.terms.legal_basis", "note", "see contract 4711"),
    "span-typical": (f"{EXT}.fields.accounts", "typical", 241),
    "reference-hashes": ("external_references.[0]", "hashes", {"SHA-256": "00" * 32}),
    "reference-price": ("external_references.[0]", "price", 3),
}  # fmt: skip


def _keys() -> Iterator[Payload]:
    """What is in no list, by the name of a property."""
    for name, (place, key, value) in KEYS.items():
        obj = _base("campaign")
        holder: Any = obj
        for step in place.replace(CLAIM, "CLAIM").split(".") if place else ():
            if step.startswith("["):
                holder = holder[int(step[1:-1])]
            else:
                holder = holder[CLAIM if step == "CLAIM" else step]
        holder[key] = value
        last = key if re.fullmatch("[a-z_]{1,40}", key) else "(unnamed)"
        yield Payload(f"key-{name}", f"{place}.{last}" if place else last, obj)


NUMBERS: dict[str, tuple[str, str, Any]] = {
    "span-exact": ("campaign", "fields.accounts", {"low": 241, "high": 241}),
    "span-off-scale": ("campaign", "fields.accounts", {"low": 200, "high": 480}),
    "span-merged": ("campaign", "fields.exchanges", {"low": 1, "high": 999_999_999}),
    "span-zero": ("campaign", "fields.accounts", {"low": 0, "high": 0}),
    "span-negative": ("campaign", "fields.accounts", {"low": -9, "high": -5}),
    "span-floats": ("campaign", "fields.accounts", {"low": 200.0, "high": 499.0}),
    "span-list": ("campaign", "fields.accounts", [200, 499]),
    "span-beyond": ("campaign", "fields.exchanges", {"low": 10**9, "high": 2 * 10**9 - 1}),
    "span-bool": ("campaign", "fields.accounts", {"low": True, "high": True}),
    "p-many-digits": ("campaign", "fields.p_value", 0.00217),
    "p-price": ("campaign", "fields.p_value", 15.0),
    "p-tiny": ("campaign", "fields.p_value", 3.1e-12),
    "p-zero": ("campaign", "fields.p_value", 0),
    "p-negative": ("campaign", "fields.p_value", -0.01),
    "p-text": ("campaign", "fields.p_value", "0.002"),
    "p-bool": ("campaign", "fields.p_value", True),
    "fdr-discount": ("campaign", "fields.fdr", 0.35),
    "strict-p": ("verdict", "fields.strict_p_value", 0.0712),
    "controls-huge": ("verdict", "fields.controls", 48_210),
    "controls-fraction": ("verdict", "fields.controls", 24.5),
    "controls-text": ("verdict", "fields.controls", "24"),
    "fp-digits": ("rule", "fields.false_positives", 0.00123),
    "asn-price": ("infrastructure", "fields.asns", [1_200_000_000]),
    "asn-private": ("infrastructure", "fields.asns", [64_512]),
    "asn-documentation": ("infrastructure", "fields.asns", [64_496]),
    "asn-trans": ("infrastructure", "fields.asns", [23_456]),
    "asn-address": ("infrastructure", "fields.asns", [3_325_256_727]),
    "asn-unsorted": ("infrastructure", "fields.asns", [13_335, 174, 200_000]),
    "asn-repeated": ("infrastructure", "fields.asns", [174, 174]),
    "asn-many": ("infrastructure", "fields.asns", list(range(1, 30))),
    "asn-bool": ("infrastructure", "fields.asns", [True]),
    "asn-float": ("infrastructure", "fields.asns", [174.5]),
    "flag-number": ("campaign", "fields.release_pivot", 4711),
    "day-with-time": ("campaign", "fields.first_seen", "2026-10-02T14:33:07Z"),
    "day-old": ("campaign", "fields.first_seen", "1999-12-31"),
    "day-future": ("campaign", "fields.last_seen", "2199-01-12"),
    "day-digits": ("campaign", "fields.first_seen", "２０２６-10-02"),
    "day-reversed": ("campaign", "fields.last_seen", "2026-09-01"),
    "list-unsorted": ("campaign", "fields.targets", ["trace_elicitation", "mathematics"]),
    "list-repeated": ("campaign", "fields.targets", ["mathematics", "mathematics"]),
    "list-empty": ("campaign", "fields.targets", []),
    "list-nested": ("campaign", "fields.targets", [["mathematics"]]),
    "list-object": ("campaign", "fields.targets", {"mathematics": "71.3"}),
    "references-many": ("actor", "fields.campaigns", [
        f"campaign--{i:08x}-0000-4000-8000-000000000000" for i in range(40)
    ]),
    "valid-hour": ("sighting", "terms.valid_from", "2026-11-20T04:07:11Z"),
    "valid-millis": ("sighting", "terms.valid_until", "2027-02-18T00:00:00.471Z"),
    "valid-for-ever": ("sighting", "terms.valid_until", "2061-01-01T00:00:00Z"),
    "valid-before": ("sighting", "terms.valid_until", "2026-11-19T00:00:00Z"),
    "as-of-future": ("sighting", "terms.legal_basis.as_of", "2199-01-01"),
    "name-third-word": ("campaign", "fields.name", "granite-sparrow-heron-42"),
    "name-number": ("campaign", "fields.name", "granite-sparrow-471182"),
    "name-capitals": ("campaign", "fields.name", "Granite-Sparrow-42"),
    "name-unlisted": ("campaign", "fields.name", "harbour-lane-42"),
    "name-newline": ("campaign", "fields.name", "granite-sparrow-42\n"),
    "model-customer": ("verdict", "fields.suspect", "harbourlane/tuned-7b"),
    "model-digits": ("verdict", "fields.suspect", "qwen-4915551234567"),
    "model-spelt": ("verdict", "fields.suspect", "qwen-j-a-n-e-r-o-e"),
    "model-long": ("verdict", "fields.suspect", "qwen-" * 20 + "7b"),
    "model-newline": ("verdict", "fields.suspect", "qwen-7b\n"),
}  # fmt: skip
_INNER = {
    "span-floats": ".low", "span-bool": ".low", "asn-price": ".[0]", "asn-private": ".[0]",
    "asn-documentation": ".[0]", "asn-trans": ".[0]", "asn-address": ".[0]", "asn-bool": ".[0]",
    "asn-float": ".[0]", "list-nested": ".[0]",
}  # fmt: skip


def _numbers() -> Iterator[Payload]:
    """Figures that are on no scale, and what might be told by them."""
    for name, (kind, path, value) in NUMBERS.items():
        field = f"{EXT}.{path}{_INNER.get(name, '')}"
        yield Payload(f"figure-{name}", field, _put(_base(kind), f"{EXT}.{path}", value))


def _native(kind: str, name: str, value: Any) -> Object:
    return {**_base(kind), name: value}


def _foreign(kind: str, **values: Any) -> Object:
    """A sound STIX object that is no claim."""
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{reference('actor')[-36:]}",
        "created": "2026-11-20T09:30:15.000Z",
        "modified": "2026-11-20T09:30:15.000Z",
        "object_marking_refs": [MARKINGS[Tlp.AMBER]],
        **values,
    }


def _outside() -> Iterator[Payload]:
    """Properties of the object: ids, times, markings, terms, and what contradicts the fields."""
    uuid1 = "campaign--c232ab00-9414-11ec-b3c8-9f6bdeced846"
    uuid5 = "campaign--74738ff5-5367-5958-9aee-98fffdcd1876"
    cases: dict[str, tuple[str, Object]] = {
        "id-of-time-and-host": ("id", _native("campaign", "id", uuid1)),
        "id-of-a-hash": ("id", _native("campaign", "id", uuid5)),
        "id-in-capitals": ("id", _native("campaign", "id", _base("campaign")["id"].replace(
            "00000000", "ABCDEF00"))),
        "id-of-text": ("id", _native("campaign", "id", "campaign--harbour-lane-dental")),
        "id-other-type": ("id", _native("campaign", "id", reference("malware-x")
                          if "malware-x" in TYPES else "malware--" + reference("actor")[-36:])),
        "created-micros": ("created", _native("campaign", "created", "2026-11-20T09:30:15.471182Z")),
        "created-millis": ("created", _native("campaign", "created", "2026-11-20T09:30:15.471Z")),
        "created-zone": ("created", _native("campaign", "created", "2026-11-20T09:30:15+01:00")),
        "created-early": ("created", _native("campaign", "created", "1970-01-01T04:07:11.000Z")),
        "modified-late": ("modified", _native("campaign", "modified", "2199-01-01T00:00:00.000Z")),
        "modified-before": ("modified", _native("campaign", "modified", "2026-11-19T00:00:00.000Z")),
        "confidence-exact": ("confidence", _native("campaign", "confidence", 73)),
        "confidence-huge": ("confidence", _native("campaign", "confidence", 48210)),
        "confidence-text": ("confidence", _native("campaign", "confidence", "high")),
        "confidence-bool": ("confidence", _native("campaign", "confidence", True)),
        "revoked-text": ("revoked", _native("campaign", "revoked", "because the customer paid")),
        "revoked-false": ("revoked", _native("campaign", "revoked", False)),
        "first-seen-exact": ("first_seen", _native("campaign", "first_seen", "2026-10-02T14:33:07Z")),
        "first-seen-other": ("first_seen", _native("campaign", "first_seen", "2026-10-03T00:00:00Z")),
        "count-exact": ("count", _native("sighting", "count", 241)),
        "where-sighted": ("where_sighted_refs", _native(
            "sighting", "where_sighted_refs", ["identity--" + reference("actor")[-36:]])),
        "observed-data": ("observed_data_refs", _native(
            "sighting", "observed_data_refs", ["observed-data--" + reference("actor")[-36:]])),
        "no-marking": ("object_marking_refs", {
            k: v for k, v in _base("campaign").items() if k != "object_marking_refs"}),
        "old-marking": ("object_marking_refs", _native(
            "campaign", "object_marking_refs", [next(iter(OLD_MARKINGS))])),
        "two-markings": ("object_marking_refs", _native(
            "campaign", "object_marking_refs", [MARKINGS[Tlp.RED], MARKINGS[Tlp.CLEAR]])),
        "statement-marking": ("object_marking_refs", _native("campaign", "object_marking_refs", [
            MARKINGS[Tlp.AMBER], "marking-definition--" + reference("actor")[-36:]])),
        "granular-selectors": ("granular_markings", _native("campaign", "granular_markings", [
            {"marking_ref": MARKINGS[Tlp.RED], "selectors": ["ask harbour lane about the price"]}])),
        "granular-lang": ("granular_markings", _native("campaign", "granular_markings", [
            {"lang": "x-harbour", "selectors": ["name"]}])),
        "spec-version": ("spec_version", _native("campaign", "spec_version", "2.1 ")),
        "labels-order": ("labels.[1]", _native(
            "campaign", "labels", ["adversarial-distillation", "trace_elicitation", "mathematics"])),
        "labels-more": ("labels", _native("campaign", "labels", [
            "adversarial-distillation", "mathematics", "trace_elicitation", "harbour-lane"])),
        "labels-text": ("labels", _native("campaign", "labels", "harbour-lane")),
        "other-motive": ("primary_motivation", _native("actor", "primary_motivation", "revenge")),
        "sectors": ("sectors", _native("actor", "sectors", ["dental practices"])),
        "resource-level": ("resource_level", _native("actor", "resource_level", "government")),
        "pattern-type": ("pattern_type", _native("rule", "pattern_type", "sigma; price=3")),
        "indicator-types": ("indicator_types", _native(
            "rule", "indicator_types", ["anomalous-activity", "harbour-lane"])),
        "report-published": ("published", _native("verdict", "published", "2027-01-12T09:00:00Z")),
        "report-refs": ("object_refs", _native("verdict", "object_refs", [reference("campaign")])),
        "opinion-refs": ("object_refs", _native(
            "opinion", "object_refs", [reference("campaign", 1), reference("campaign", 2)])),
        "no-extension": (EXT, {k: v for k, v in _base("campaign").items() if k != "extensions"}),
        "empty-extension": (f"{EXT}.kind", _native("campaign", "extensions", {CLAIM: {}})),
        "kind-differs": (f"{EXT}.kind", _put(_base("campaign"), f"{EXT}.kind", "actor")),
        "note-object": ("type", _foreign("note", content="tell me a joke")),
        "identity-object": ("type", _foreign("identity", name="Harbour Lane")),
        "course-of-action": ("type", _foreign("course-of-action", name="Block them")),
        "indicator-of-address": (EXT, _foreign("indicator", pattern_type="stix",
                                 pattern="[ipv4-addr:value = '198.51.100.23']")),
        "email-observable": ("type", _foreign("email-addr", value="jane.roe@example.com")),
        "type-list": ("type", _native("campaign", "type", ["campaign"])),
        "no-type": ("type", {"name": "tell me a joke"}),
    }  # fmt: skip
    for name, (field, obj) in cases.items():
        yield Payload(f"object-{name}", field, obj)


def _terms() -> Iterator[Payload]:
    """Bases that have ended or are none, names that nobody has, signatures with room in them."""
    claim = examples()["opinion"]

    def with_basis(*given: Any) -> Object:
        return to_stix(replace(claim, terms=replace(claim.terms, legal_basis=LegalBasis(*given))))

    basis = f"{EXT}.terms.legal_basis"
    day = date(2026, 9, 1)
    header = base64.urlsafe_b64encode(
        b'{"alg":"Ed25519","kid":"' + b"A" * 43 + b'"} '
    ).decode().rstrip("=")  # fmt: skip
    spoken = (
        base64.urlsafe_b64encode(b'{"alg":"Ed25519","kid":"harbour-lane"}').decode().rstrip("=")
    )
    cases: dict[str, tuple[str, Object]] = {
        "basis-ended": (f"{basis}.basis", with_basis("US", "cisa-2015", day)),
        "basis-ended-as-stated": (
            f"{basis}.basis", with_basis("US", "cisa-2015", day, date(2026, 9, 30))),
        "basis-stretched": (f"{basis}.until", with_basis("US", "cisa-2015", day, date(2030, 1, 1))),
        "basis-ended-by-itself": (
            f"{basis}.basis", with_basis("EU", "gdpr-6-1-f", day, date(2026, 10, 31))),
        "basis-unknown": (f"{basis}.basis", with_basis("EU", "gdpr-6-1-z", day)),
        "basis-elsewhere": (f"{basis}.jurisdiction", with_basis("US", "gdpr-6-1-f", day)),
        "basis-nowhere": (f"{basis}.jurisdiction", with_basis("XX", "gdpr-6-1-f", day)),
        "basis-long-ago": (f"{basis}.as_of", with_basis("EU", "gdpr-6-1-f", date(1999, 1, 1))),
        "basis-text": (basis, _put(_base("opinion"), basis, "the customer agreed")),
        "basis-without-day": (f"{basis}.as_of", _put(
            _base("opinion"), basis, {"basis": "gdpr-6-1-f", "jurisdiction": "EU"})),
        "purpose-commercial": (f"{EXT}.terms.purpose", _put(
            _base("opinion"), f"{EXT}.terms.purpose", "competitive-intelligence")),
        "no-purpose": (f"{EXT}.terms.purpose", _without(_base("opinion"), "purpose")),
        "no-basis": (basis, _without(_base("opinion"), "legal_basis")),
        "no-end": (f"{EXT}.terms.valid_until", _without(_base("opinion"), "valid_until")),
        "recipient-email": (f"{EXT}.terms.recipients.[0]", _put(
            _base("opinion"), f"{EXT}.terms.recipients", ["jane.roe@example.com"])),
        "recipient-nobody": (f"{EXT}.terms.recipients.[0]", _put(
            _base("opinion"), f"{EXT}.terms.recipients", ["harbour-lane-dental"])),
        "recipient-number": (f"{EXT}.terms.recipients.[0]", _put(
            _base("opinion"), f"{EXT}.terms.recipients", ["acct-4711829930"])),
        "recipients-many": (f"{EXT}.terms.recipients", _put(
            _base("opinion"), f"{EXT}.terms.recipients", [f"m{i}" for i in range(99)])),
        "group-sentence": (f"{EXT}.terms.groups.[0]", _put(
            _base("opinion"), f"{EXT}.terms.groups", ["renewal at 35 % off"])),
        "group-nobody": (f"{EXT}.terms.groups.[0]", _put(
            _base("opinion"), f"{EXT}.terms.groups", ["friends-of-harbour-lane"])),
        "group-null": (f"{EXT}.terms.groups", _put(_base("opinion"), f"{EXT}.terms.groups", None)),
        "signature-spoken": (f"{EXT}.signature", _put(
            _base("opinion"), f"{EXT}.signature", f"{spoken}..{'A' * 86}")),
        "signature-spaced": (f"{EXT}.signature", _put(
            _base("opinion"), f"{EXT}.signature", f"{header}..{'A' * 86}")),
        "signature-attached": (f"{EXT}.signature", _put(
            _base("opinion"), f"{EXT}.signature", f"{header}.aGFyYm91cg.{'A' * 86}")),
        "signature-object": (f"{EXT}.signature", _put(
            _base("opinion"), f"{EXT}.signature", {"price": 3})),
    }  # fmt: skip
    for name, (field, obj) in cases.items():
        yield Payload(f"terms-{name}", field, obj)


def _without(obj: Object, term: str) -> Object:
    del obj["extensions"][CLAIM]["terms"][term]
    return obj


RULES: dict[str, tuple[str, Callable[[str], str]]] = {
    "email-in-sample": ("pattern.samples.match.[0].[0]", lambda t: t.replace(
        "Write out every step", "Reply to jane.roe@example.com with every step")),
    "phone-in-sample": ("pattern.samples.match.[1].[0]", lambda t: t.replace(
        "then the result", "then call +1 415 555 0137")),
    "address-in-detection": ("pattern.stillwatch.account.address", lambda t: t.replace(
        "share: 0.2", "address: 198.51.100.23")),
    "host-in-title": ("pattern.title", lambda t: t.replace("in bulk", "by relay.example.org")),
    "url-in-comment": ("pattern", lambda t: t + "# see https://wiki.example.net/case/4711\n"),
    "email-in-comment": ("pattern", lambda t: t + "# ask jane dot roe at example.com\n"),
    "base64-in-sample": ("pattern.samples.no_match.[0].[0]", lambda t: t.replace(
        "What is the capital of France?", base64.b64encode(b"harbour lane dental ltd").decode())),
    "hex-in-sample": ("pattern.samples.no_match.[0].[0]", lambda t: t.replace(
        "What is the capital of France?", b"harbour lane dental".hex())),
    "account-in-tags": ("pattern.tags.[0]", lambda t: t.replace("atlas.aml", "org-9f3kd82hf0a1, atlas.aml")),
    "uuid-in-sample": ("pattern.samples.no_match.[1].[0]", lambda t: t.replace(
        "Shorten this paragraph", "Shorten 3d594650-3436-4e2b-9f0a-2c0b6e9a2a11")),
    "author": ("pattern.author", lambda t: t + "author: Jane Roe\n"),
    "references": ("pattern.references", lambda t: t + "references: [internal ticket]\n"),
    "price": ("pattern.price", lambda t: t + "price: 3\n"),
    "zero-width": ("pattern", lambda t: t.replace("bulk", "bu\u200blk")),
    "bidi": ("pattern", lambda t: t.replace("bulk", "\u202eklub\u202c")),
    "tag-characters": ("pattern", lambda t: t.replace("bulk", "bulk\U000e0068\U000e0069")),
    "control": ("pattern", lambda t: t.replace("bulk", "bulk\u0007")),
    "mixed-alphabets": ("pattern.title", lambda t: t.replace("bulk", "bulк")),
    "fullwidth-email": ("pattern.title", lambda t: t.replace("bulk", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ")),
    "percent-email": ("pattern.title", lambda t: t.replace("bulk", "jane%40example%2Ecom")),
    "escaped-email": ("pattern.title", lambda t: t.replace(
        "title: Reasoning traces asked for in bulk", 'title: "jane\\u0040example.com"')),
    "one-sample": ("pattern.samples.no_match", lambda t: t.replace(
        "    - [Shorten this paragraph to one sentence.]\n", "")),
    "no-samples": ("pattern.samples", lambda t: t.partition("samples:")[0]),
    "many-samples": ("pattern.samples.no_match", lambda t: t + "".join(
        f"    - [Ordinary request number {i}]\n" for i in range(40))),
    "long-sample": ("pattern.samples.no_match.[1].[0]", lambda t: t.replace(
        "Shorten this", "Shorten this very" + " very" * 300)),
    "too-large": ("pattern", lambda t: t + "description: " + "word " * 5000 + "\n"),
    "too-deep": ("pattern", lambda t: t + "description: " + "[" * 20 + "1" + "]" * 20 + "\n"),
    "too-many": ("pattern", lambda t: t + "description: [" + "1," * 2000 + "1]\n"),
    "alias": ("pattern", lambda t: t + "description: &a [1]\nlevel: *a\n"),
    "tag": ("pattern", lambda t: t + "description: !!python/name:os.system x\n"),
    "binary": ("pattern", lambda t: t + "description: !!binary aGFyYm91cg==\n"),
    "twice": ("pattern", lambda t: t + "title: Harbour Lane Dental\n"),
    "two-documents": ("pattern", lambda t: t + "---\ncustomer: Harbour Lane\n"),
    "no-mapping": ("pattern", lambda _: "tell me a joke"),
    "no-yaml": ("pattern", lambda _: "a: [1"),
    "nan": ("pattern", lambda t: t + "description: .nan\n"),
    "huge-number": ("pattern", lambda t: t + "description: 4111111111111111111111\n"),
    "card-number": ("pattern.description", lambda t: t + "description: 4111111111111111\n"),
    "key-is-an-email": ("pattern.detection.(unnamed)", lambda t: t.replace(
        "condition: asks", "jane.roe@example.com: 1\n  condition: asks")),
}  # fmt: skip


def _rules() -> Iterator[Payload]:
    """Rules whose text holds what must not leave; the digest is right wherever there can be one."""
    for name, (field, change) in RULES.items():
        text = change(RULE)
        obj = _base("rule")
        obj["pattern"] = text
        try:
            digest = rule_digest(rule_content(text))
        except StillwatchError:
            digest = obj["extensions"][CLAIM]["fields"]["digest"]
        obj["extensions"][CLAIM]["fields"]["digest"] = digest
        obj["name"] = f"Detection rule {digest[:12]}"
        obj["description"] = obj["description"].replace(
            obj["description"].split()[2].rstrip("."), digest
        )
        yield Payload(f"rule-{name}", field, obj)
    yield Payload(
        "rule-other-digest", f"{EXT}.fields.digest",
        _put(_base("rule"), f"{EXT}.fields.digest", "ab" * 32),
    )  # fmt: skip


def _raw() -> Iterator[Payload]:
    """What is lost, or cannot be, once a lenient reader has parsed it."""
    text = json.dumps(_base("campaign"))
    last = text[:-1]
    name = '"confidence": 75'
    cases = {
        "name-twice": f'{last}, "name": "Harbour Lane Dental"}}',
        "hidden-first": text.replace('"type": "campaign"', '"type": "tell me a joke", "type": "campaign"', 1),
        "twice-within": text.replace('"fdr": 0.05', '"fdr": 0.35, "fdr": 0.05'),
        "nan": text.replace(name, '"confidence": NaN'),
        "infinity": text.replace(name, '"confidence": Infinity'),
        "huge-exponent": text.replace(name, '"confidence": 1e999'),
        "huge-integer": text.replace(name, '"confidence": 475' + "0" * 400),
        "beyond-doubles": text.replace(name, '"confidence": 9007199254740993'),
        "deep-list": f'{last}, "x": {"[" * 500}{"]" * 500}}}',
        "deep-object": f'{last}, "x": {chr(123) + chr(34) + "x" + chr(34) + ":"}' * 1
        + '{"x":' * 200 + "1" + "}" * 200 + "}}",
        "half-surrogate": text.replace('"confidence"', '"x_note": "\\ud83d", "confidence"'),
        "large": f'{last}, "x_note": "{"harbour lane " * 8000}"}}',
    }  # fmt: skip
    for key, raw in cases.items():
        yield Payload(f"raw-{key}", "(text)", None, raw)


def forbidden() -> list[Payload]:
    """Everything that may not leave."""
    return [*_texts(), *_keys(), *_numbers(), *_outside(), *_terms(), *_rules(), *_raw()]


def lawful() -> list[Payload]:
    """What may leave: all kinds, markings, bases, purposes, revocations, and the ends of ranges."""
    found: dict[str, Object] = {}
    for kind, claim in examples().items():
        found[f"{kind}-example"] = to_stix(claim)
        gone = replace(claim.terms, revoked=True, modified=datetime(2026, 11, 25, tzinfo=UTC))
        found[f"{kind}-revoked"] = to_stix(replace(claim, terms=gone))
        near = replace(claim.terms, groups=("inner",), recipients=("alpha", "beta"), tlp=Tlp.RED)
        found[f"{kind}-for-two"] = to_stix(replace(claim, terms=near))
    campaign, verdict = examples()["campaign"], examples()["verdict"]
    for level in set(Tlp) - {Tlp.AMBER}:
        found[f"marking-{level.value}"] = to_stix(
            replace(campaign, terms=replace(campaign.terms, tlp=level))
        )
    for purpose in (
        "fraud-prevention",
        "network-security",
        "research-integrity",
    ):
        found[f"purpose-{purpose}"] = to_stix(
            replace(campaign, terms=replace(campaign.terms, purpose=purpose))  # type: ignore[arg-type]
        )
    bases = {
        "eu": LegalBasis("EU", "gdpr-6-1-f", date(2026, 1, 2)),
        "fr-until": LegalBasis("FR", "gdpr-6-1-f", date(2026, 1, 2), date(2099, 12, 31)),
        "us": LegalBasis("US", "doj-ftc-2014", date(2026, 11, 26)),
    }
    for name, basis in bases.items():
        found[f"basis-{name}"] = to_stix(
            replace(campaign, terms=replace(campaign.terms, legal_basis=basis))
        )
    for value in (0, 5, 100):
        found[f"confidence-{value}"] = to_stix(
            replace(campaign, terms=replace(campaign.terms, confidence=value))
        )
    found["campaign-least"] = to_stix(replace(
        campaign, techniques=(), targets=(), evidence=(), accounts=SPANS[1], exchanges=SPANS[1],
        first_seen=date(2020, 1, 1), last_seen=date(2020, 1, 1), p_value=1e-6, fdr=1.0,
        release_pivot=False,
    ))  # fmt: skip
    found["campaign-most"] = to_stix(replace(campaign, accounts=SPANS[-1], exchanges=SPANS[-1]))
    one_day = replace(
        campaign.terms,
        valid_from=datetime(2026, 11, 26, tzinfo=UTC),
        valid_until=datetime(2026, 11, 27, tzinfo=UTC),
    )
    found["valid-one-day"] = to_stix(replace(campaign, terms=one_day))
    long = replace(campaign.terms, valid_until=datetime(2029, 11, 20, tzinfo=UTC))
    found["valid-three-years"] = to_stix(replace(campaign, terms=long))
    models = ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "Kimi-K2", "unlisted-70b", "glm-4.5-air",
              "mistralai/Mixtral-8x7B-Instruct-v0.1".replace("mistralai", "mistral"))  # fmt: skip
    for model in models:
        key = model.lower().replace("/", "-").replace(".", "-")
        found[f"model-{key}"] = to_stix(replace(verdict, suspect=model))
    for said in ("mirrors", "no evidence"):
        found[f"verdict-{said.replace(' ', '-')}"] = to_stix(replace(verdict, verdict=said))  # type: ignore[arg-type]
    opinion = examples()["opinion"]
    for word in ("strongly-disagree", "disagree", "neutral", "strongly-agree"):
        found[f"opinion-{word}"] = to_stix(replace(opinion, opinion=word))  # type: ignore[arg-type]
    found["opinion-on-a-rule"] = to_stix(replace(
        opinion, object=reference("rule"), opinion="disagree", reason="faulty-rule"))  # fmt: skip
    rule = examples()["rule"]
    other = RULE.replace(
        "status: test", "status: test\nid: 9c2f1d0a-5b7e-4c33-8d1f-0a1b2c3d4e5f\ndate: 2026-11-01"
    )
    foreign = RULE.replace("What is the capital of France?", "Как варить борщ?")
    for name, text in (("with-uuid", other), ("in-russian", foreign)):
        found[f"rule-{name}"] = to_stix(
            replace(rule, rule=text, digest=rule_digest(rule_content(text)))  # type: ignore[type-var]
        )
    return [Payload(name, "", _own_id(name, obj)) for name, obj in found.items()]


def _own_id(name: str, obj: Object) -> Object:
    """The object as a claim of its own, so that all of them can be posted to one collection."""
    seed = hashlib.sha256(name.encode()).digest()
    return {**obj, "id": f"{obj['type']}--{uuid.UUID(bytes=seed[:16], version=4)}"}


def write() -> None:
    """Write the corpus."""
    for sort, payloads in (("forbidden", forbidden()), ("lawful", lawful())):
        folder = FOLDER / sort
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.json"):
            old.unlink()
        for payload in payloads:
            (folder / f"{payload.name}.json").write_text(stored(payload), encoding="utf-8")
        sys.stdout.write(f"{sort}: {len(payloads)}\n")


def stored(payload: Payload) -> str:
    """Payload as its file holds it."""
    data: dict[str, Any] = {"name": payload.name, "field": payload.field}
    data |= {"object": payload.object} if payload.object is not None else {"text": payload.text}
    return json.dumps(data, indent=1) + "\n"


if __name__ == "__main__":
    write()

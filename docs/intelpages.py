"""The reference pages on claims: the STIX profile, the field policy, and the techniques.

Rules: everything is taken from the policy's YAML, the dataclasses and ``to_stix``; the examples are
the tests' own, so they are valid by test.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from stillwatch.intel.atlas import ATLAS, MITIGATIONS, TECHNIQUES
from stillwatch.intel.definitions import EXTENSION_OBJECT, MARKING_OBJECTS, VERSION
from stillwatch.intel.ids import CLAIM, MARKINGS, TLP_EXTENSION, TYPES
from stillwatch.intel.policy.load import Field, shipped
from stillwatch.intel.policy.rules import RuleText
from stillwatch.intel.stix import to_stix
from tests.claims import examples

NOTE = "<!-- Written by docs/generate.py from the code; change that and run `make docs`. -->\n"
SIGNATURE_BITS = 252
"""An Ed25519 signer can choose the nonce, a scalar below the order of the group."""
_RENDERED = {
    "campaign": "`name`, `description`, `labels`, `external_references`, `first_seen`, `last_seen`",
    "actor": "`name`, `description`, `labels`, `external_references`, `primary_motivation`",
    "infrastructure": "`name`, `description`, `labels`, `infrastructure_types`",
    "tactic": "`name`, `description`, `labels`, `external_references`",
    "rule": "`name`, `description`, `labels`, `indicator_types`, `pattern` (the rule), "
    "`pattern_type` (`sigma`), `valid_from`, `valid_until`",
    "verdict": "`name`, `description`, `labels`, `external_references`, `report_types`, "
    "`published`, `object_refs` (ATLAS techniques)",
    "opinion": "`explanation`, `labels`, `opinion`, `object_refs`",
    "sighting": "`description`, `labels`, `sighting_of_ref`, `first_seen`, `last_seen`",
    "tags": "`name`, `description`, `labels`, `indicator_types`, `pattern` (`sha256:` and the "
    "digest of the pack), `pattern_type` (`stillwatch-tags`), `valid_from`, `valid_until`",
}


def stix() -> str:
    """The page of the STIX profile."""
    policy = shipped()
    parts = [
        f"{NOTE}# Claims in STIX 2.1\n\n",
        "A claim is one STIX object with one property extension of ours. Other tools read the STIX "
        "properties; we read the extension, from whose fields those properties are rendered. The "
        "[field policy](policy.md) refuses an object in which the two differ.\n\n",
        table(
            ("kind of claim", "STIX type", "says"),
            [(f"`{k}`", f"`{t}`", policy.kinds[k].says) for k, t in TYPES.items()],
        ),
        f"\nThe extension is `{CLAIM}`, version {VERSION}, of type `property-extension`. It has\n\n",
        "- `kind`: the kind of claim;\n- `terms`: its conditions, the same for every kind;\n"
        "- `fields`: what it says;\n- `signature`: a detached JWS (RFC 7515 appendix F, algorithm "
        "`Ed25519`) over the canonical JSON (RFC 8785) of the object without this member.\n\n"
        "JSON Schemas (draft 2020-12), one per kind, are in `src/stillwatch/intel/schemas/`. Empty "
        "lists are left out, as STIX prohibits them. Ids are UUIDv4, made by the publisher; a new "
        "version has the same id and a later `modified`, a revocation has `revoked: true`.\n\n",
        "## Terms\n\nIn the object itself:\n\n",
        _fields(f for f in policy.terms.values() if f.at == "object"),
        "\nIn `terms` of the extension:\n\n",
        _fields(f for f in policy.terms.values() if f.at == "extension"),
        "\n",
    ]
    parts += [_kind(kind, claim) for kind, claim in examples().items()]
    parts.append(_definitions())
    return "".join(parts)


def _kind(kind: str, claim: Any) -> str:
    stated = shipped().kinds[kind]
    shown = json.dumps(to_stix(claim), indent=2, ensure_ascii=False)
    return (
        f"## {kind}\n\n{stated.says} STIX type `{TYPES[kind]}`. Rendered for other tools: "
        f"{_RENDERED[kind]}.\n\n{_fields(stated.fields.values())}\n"
        f"```json\n{shown}\n```\n\n"
    )


def _fields(fields: Iterable[Field]) -> str:
    rows = [
        (
            f"`{f.name if f.at == 'extension' else f.property}`",
            f.tells,
            f.value.told(),
            "" if f.optional else "yes",
        )
        for f in fields
    ]
    return table(("property", "meaning", "range", "required"), rows)


def _definitions() -> str:
    markings = [(f"TLP:{level.value.upper()}", f"`{ref}`") for level, ref in MARKINGS.items()]
    one = json.dumps(next(iter(MARKING_OBJECTS.values())), indent=2)
    ours = json.dumps(EXTENSION_OBJECT, indent=2)
    return (
        "## Markings\n\nTLP 2.0 by the ids that OASIS publishes, with the extension "
        f"`{TLP_EXTENSION}`. TLP 1 ids of others count as their successors (WHITE as CLEAR); of "
        "several markings, granular ones included, the strictest holds; a malformed one is RED.\n\n"
        f"{table(('level', 'id'), markings)}\n```json\n{one}\n```\n\n"
        "## The extension definition\n\nBundles for other tools carry it, with edges derived from "
        "the fields: `uses`, `attributed-to`, `indicates`, and `related-to` for tactics. Edges are "
        f"nobody's signed word.\n\n```json\n{ours}\n```\n"
    )


def policy() -> str:
    """The page of the field policy."""
    found = shipped()
    return "".join(
        [
            f"{NOTE}# What may leave\n\n",
            "An object passes if every field has an allowed value and the whole is, property by "
            "property, what we would have written for those fields "
            "([ADR 12](../adr/0012-field-policy.md)). The same check runs at the member before "
            "signing and at the hub on receipt. A refusal names the field and never repeats the "
            "value. The files are in `src/stillwatch/intel/policy/`.\n\n",
            *(_allowed(kind) for kind in TYPES),
            "## What can never leave\n\nNothing that is not listed above leaves. A property whose "
            "name holds one of these words is refused under its heading:\n\n",
            table(
                ("heading", "reason", "words"),
                [(h.name.replace("_", " "), h.reason, _names(h.words)) for h in found.refused],
            ),
            "\n## Legal bases\n\nSettings, not advice. An expired basis is refused at both ends.\n\n",
            table(
                ("name", "title", "jurisdictions", "until", "note", "state"),
                [
                    (f"`{b.name}`", b.title, ", ".join(sorted(b.jurisdictions)),
                     str(b.until or ""), b.note, b.confirmed)
                    for b in found.bases.values()
                ],
            ),
            f"\n## Purposes\n\n{_names(found.lists['purposes'])}.\n\n",
            _rule_text(),
            _bits(),
            "## Lists\n\n",
            *(f"**{name}**: {_names(names)}.\n\n" for name, names in found.lists.items()
              if name not in ("purposes", "techniques")),
            "**techniques**: see [techniques](techniques.md).\n",
        ]
    )  # fmt: skip


def _allowed(kind: str) -> str:
    stated = shipped().kinds[kind]
    rows = [
        (f"`{f.name}`", f.tells, f.value.told(), f"{f.value.bits():,.0f}")
        for f in stated.fields.values()
    ]
    return (
        f"## {kind}\n\n{stated.says} **Discloses:** {stated.discloses} **Never:** {stated.never}\n\n"
        f"{table(('field', 'tells', 'allowed', 'bits'), rows)}\n"
    )


def _rule_text() -> str:
    rule = shipped().kinds["rule"].fields["rule"].value
    assert isinstance(rule, RuleText)
    return (
        f"## The text of a rule\n\nYAML of at most {rule.most_bytes:,} bytes, {rule.most_depth} "
        f"levels, {rule.most_nodes:,} values and {rule.most_string:,} characters a text; no "
        "anchors, aliases, tags or repeated members; "
        f"{rule.samples['least']}-{rule.samples['most']} samples on either side; no identifier, "
        "encoded text, invisible character or word of mixed alphabets, looked for after folding "
        f"and decoding, in comments too. Members: {_names(rule.members)}. A search has false "
        "negatives, so a member compares a rule with its own prompts and a person releases it.\n\n"
    )


def _bits() -> str:
    found = shipped()
    terms = sum(field.value.bits() for field in found.terms.values())
    rows = []
    for kind in TYPES:
        fields = [f for f in found.kinds[kind].fields.values() if f.at == "extension"]
        inner = sum(f.value.bits() for f in fields)
        rows.append(
            (f"`{kind}`", f"{inner:,.0f}", f"{terms:,.0f}", f"{SIGNATURE_BITS}",
             f"{inner + terms + SIGNATURE_BITS:,.0f}")
        )  # fmt: skip
    return (
        "## What a dishonest publisher could still say\n\nThe policy binds what an honest member "
        "can say by mistake. A member that wants to signal can choose among lawful values: the "
        "random part of ids, the nonce of its signature, list members, times. In bits per "
        "claim, from above (a rule's text aside, which is free within its bounds):\n\n"
        f"{table(('kind', 'fields', 'terms', 'signature', 'together'), rows)}\n"
        "Ids are the largest part: one of 122 bits for the claim itself, and one for each claim it "
        "refers to. A reference to a claim that nobody has seen is visible to every reader.\n\n"
    )


def techniques() -> str:
    """The page of techniques."""
    rows = [
        (
            f"`{entry.id}`",
            entry.name,
            ATLAS if entry.refines is None else "ours",
            f"`{entry.stix_id}`" if entry.stix_id else "",
            f"`{entry.refines}`" if entry.refines else "",
        )
        for entry in TECHNIQUES.values()
    ]
    return (
        f"{NOTE}# Techniques\n\nClaims speak of tactics by MITRE ATLAS ids. ATLAS has nothing for "
        "trace elicitation, for the victim as a reward model, or for the release pivot: those "
        "names are ours, below the technique that each refines, and are written with the source "
        "`stillwatch`, never as MITRE's.\n\n"
        f"{table(('id', 'name', 'of', 'STIX id', 'refines'), rows)}\n"
        f"Mitigations of ATLAS that apply: {_names(MITIGATIONS)}.\n\n"
        "OWASP Top 10 for LLM applications: LLM10:2025 (unbounded consumption), examples 5 and 6. "
        "AI Incident Database: incident 1395. ATLAS case study: AML.CS0056.\n"
    )


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] for row in lines]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)

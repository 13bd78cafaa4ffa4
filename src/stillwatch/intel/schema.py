"""JSON Schemas (draft 2020-12) of our extension, one per kind of claim, made from the policy.

Rules: the files in ``schemas/`` are written by ``docs/generate.py`` and shipped, so that others can
check without our code; they say what the policy says, but for what a schema cannot (order of
lists, words of code names, dates that have passed, the rest of the object).
"""

import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jsonschema

from stillwatch.intel.ids import CLAIM, KINDS, stated_kind
from stillwatch.intel.policy.load import Field, shipped

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
SIGNATURE: Final = r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]{86}$"


def make(kind: str) -> dict[str, Any]:
    """Schema of the extension of one kind of claim."""
    policy = shipped()
    stated = policy.kinds[kind]
    return {
        "$schema": DRAFT,
        "$id": f"urn:stillwatch:claim:1:{kind}",
        "title": f"{CLAIM}, kind {kind}",
        "description": stated.says,
        "type": "object",
        "additionalProperties": False,
        "required": ["extension_type", "kind", "terms", "fields"],
        "properties": {
            "extension_type": {"const": "property-extension"},
            "kind": {"const": kind},
            "terms": _record(policy.terms.values()),
            "fields": _record(stated.fields.values()),
            "signature": {
                "description": "detached JWS (RFC 7515 appendix F, Ed25519) over the canonical "
                "JSON (RFC 8785) of the object without this member",
                "type": "string",
                "pattern": SIGNATURE,
            },
        },
    }


def text(kind: str) -> str:
    """Schema as it is shipped."""
    return json.dumps(make(kind), indent=2, ensure_ascii=False) + "\n"


def problem(obj: dict[str, Any]) -> str | None:
    """First thing in a claim's extension that its shipped schema forbids, by path, or None."""
    kinds = KINDS.get(obj["type"])
    if kinds is None:
        return "type is none in which claims travel"
    extension = obj["extensions"][CLAIM]
    stated = stated_kind(obj["type"], extension) if isinstance(extension, dict) else None
    kind = stated or kinds[0]  # what states none of them breaks whichever schema is asked
    error = jsonschema.exceptions.best_match(_validator(kind).iter_errors(extension))
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    return f"{where or 'the extension'} breaks {error.validator} of the schema of {kind}"


@cache
def _validator(kind: str) -> jsonschema.Draft202012Validator:
    shipped_text = (files("stillwatch.intel") / "schemas" / f"{kind}.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(shipped_text))


def _record(fields: Iterable[Field]) -> dict[str, Any]:
    inner = [field for field in fields if field.at == "extension"]
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in inner if not field.optional],
        "properties": {
            field.name: {"description": field.tells, **field.value.schema()} for field in inner
        },
    }

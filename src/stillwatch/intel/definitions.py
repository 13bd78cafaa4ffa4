"""The objects that others need to understand ours: TLP 2.0, our extension, and who defined it.

Rules: the TLP objects are FIRST's as OASIS publishes them, to the letter; ours change only with
their version.
"""

from collections.abc import Mapping
from typing import Any, Final

from stillwatch.domain.claim import Tlp
from stillwatch.intel.ids import CLAIM, MARKINGS, PROJECT, TLP_EXTENSION

VERSION: Final = "1.0.0"
"""Of the extension."""
SCHEMA: Final = (
    "One object per kind of claim, JSON Schema draft 2020-12, in src/stillwatch/intel/schemas of "
    "the project and described in docs/reference/stix.md"
)
_MADE: Final = "2026-11-26T00:00:00.000Z"
_TLP_MADE: Final = "2022-10-01T00:00:00.000Z"


def _marking(level: Tlp) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": MARKINGS[level],
        "created": _TLP_MADE,
        "name": f"TLP:{level.value.upper()}",
        "extensions": {
            TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level.value}
        },
    }


MARKING_OBJECTS: Final[Mapping[Tlp, dict[str, Any]]] = {level: _marking(level) for level in Tlp}
PROJECT_OBJECT: Final[dict[str, Any]] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": PROJECT,
    "created": _MADE,
    "modified": _MADE,
    "name": "stillwatch",
    "description": "The open-source project that defines the claim extension.",
    "identity_class": "group",
}
EXTENSION_OBJECT: Final[dict[str, Any]] = {
    "type": "extension-definition",
    "spec_version": "2.1",
    "id": CLAIM,
    "created_by_ref": PROJECT,
    "created": _MADE,
    "modified": _MADE,
    "name": "stillwatch claim",
    "description": (
        "Terms and fields of a claim about adversarial distillation of a language model, signed "
        "by the member that says it."
    ),
    "schema": SCHEMA,
    "version": VERSION,
    "extension_types": ["property-extension"],
}

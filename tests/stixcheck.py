"""What the OASIS validator says of an object, with all its checks and one remark passed over.

The types of patterns are an open vocabulary, to which the specification lets anyone add; the
validator remarks on every addition. Ours is named here, and none other is let through.
"""

import json
from typing import Any

from stix2validator import ValidationOptions, validate_string

OPTIONS = ValidationOptions(strict=True, version="2.1", strict_properties=True, strict_types=True)
_OWN_PATTERN = "stillwatch-tags"
_REMARK = "pattern_type is permitted, but is not in the indicator-pattern-ov vocabulary"


def problems(obj: dict[str, Any]) -> list[str]:
    """Errors and warnings on an object or bundle; none for a sound one."""
    result = validate_string(json.dumps(obj), OPTIONS)
    found = [result] if not isinstance(result, list) else result
    texts = [str(e) for one in found for e in (*one.errors, *one.warnings)]
    tags = [
        one["id"] for one in obj.get("objects", [obj]) if one.get("pattern_type") == _OWN_PATTERN
    ]
    passed = [t for t in texts if _REMARK in t and any(t.startswith(f"{id_}: ") for id_ in tags)]
    texts, found = [t for t in texts if t not in passed], [] if passed else found
    return texts if texts or all(one.is_valid for one in found) else ["not valid"]

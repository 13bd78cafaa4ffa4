"""What the OASIS validator says of an object, with all its checks and none forgiven."""

import json
from typing import Any

from stix2validator import ValidationOptions, validate_string

OPTIONS = ValidationOptions(strict=True, version="2.1", strict_properties=True, strict_types=True)


def problems(obj: dict[str, Any]) -> list[str]:
    """Errors and warnings on an object or bundle; none for a sound one."""
    result = validate_string(json.dumps(obj), OPTIONS)
    found = [result] if not isinstance(result, list) else result
    texts = [str(e) for one in found for e in (*one.errors, *one.warnings)]
    return texts if texts or all(one.is_valid for one in found) else ["not valid"]

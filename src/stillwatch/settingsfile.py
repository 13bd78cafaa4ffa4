"""Names in settings files, checked in one way for all of them.

Rules: a section or a name that is not known is an error with the closest known one; a value of
another type than its setting's is an error, and a truth value is no number.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stillwatch.errors import ConfigError

Sections = Mapping[str, Mapping[str, tuple[type, ...]]]
"""Types that each setting of each section may have."""


def check_names(data: Mapping[str, Any], sections: Sections, path: Path) -> None:
    """See that a file says only what can be said. Raises ``ConfigError`` naming file and setting."""
    for section, values in data.items():
        if section not in sections or not isinstance(values, dict):
            raise _unknown(f"section [{section}]", section, sections, path)
        known = sections[section]
        for name, value in values.items():
            kinds = known.get(name)
            if kinds is None:
                raise _unknown(f"setting {section}.{name}", name, known, path)
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise ConfigError(f"{path}: {section}.{name} = {value!r} has the wrong type")


def _unknown(what: str, name: str, known: Iterable[str], path: Path) -> ConfigError:
    close = difflib.get_close_matches(name, list(known), 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    return ConfigError(f"{path}: unknown {what}", hint=hint)

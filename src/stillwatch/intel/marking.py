"""Who may see an object: its TLP marking, and the groups and members a claim names.

Rules: the strictest of all markings of an object wins, whole or granular; ids are compared in
lower case; TLP 1 counts as its successor. What cannot be understood is TLP:RED for nobody but
its publisher, so that a malformed marking never opens an object.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stillwatch.domain.claim import Tlp
from stillwatch.intel.ids import CLAIM, MARKINGS, OLD_MARKINGS

_LEVELS: Final[Mapping[str, Tlp]] = {
    **{ref: level for level, ref in MARKINGS.items()},
    **OLD_MARKINGS,
}
_ORDER: Final[Mapping[Tlp, int]] = {level: place for place, level in enumerate(Tlp)}


def tlp(obj: Mapping[str, Any]) -> Tlp | None:
    """Strictest TLP level of an object; None if it carries no TLP marking."""
    try:
        levels = [_LEVELS[ref] for ref in _refs(obj) if ref in _LEVELS]
    except (TypeError, AttributeError):
        return Tlp.RED
    return max(levels, key=_ORDER.__getitem__, default=None)


def audience(obj: Mapping[str, Any]) -> tuple[Tlp | None, tuple[str, ...], tuple[str, ...]]:
    """TLP level of an object, the sharing groups, and the members it is limited to.

    Groups and members come from the claim's own terms, which its publisher signed; both are
    sorted. Both are empty for an object that is no claim.
    """
    extension = _member(obj.get("extensions"), CLAIM)
    terms = _member(extension, "terms")
    groups, recipients = _names(terms, "groups"), _names(terms, "recipients")
    if groups is None or recipients is None:
        return Tlp.RED, (), ()
    return tlp(obj), groups, recipients


def _refs(obj: Mapping[str, Any]) -> Iterator[str]:
    for ref in obj.get("object_marking_refs", ()):
        yield ref.lower()
    for part in obj.get("granular_markings", ()):
        if "marking_ref" in part:
            yield part["marking_ref"].lower()


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _names(terms: Any, name: str) -> tuple[str, ...] | None:
    """Names of a list in the terms; None if there is something else in its place."""
    value = terms.get(name, []) if isinstance(terms, dict) else []
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        return None
    return tuple(sorted(set(value)))

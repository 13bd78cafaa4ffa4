"""A member's own policy: it can refuse more than the shipped one, never less.

A YAML file of the lab::

    kinds: [campaign, opinion, sighting]      # only these leave
    markings: [amber+strict, red]             # only so marked
    bases: [gdpr-6-1-f]
    purposes: [network-security]
    longest_days: 180                         # claims end sooner
    without:                                  # optional fields that stay here
      infrastructure: [asns]
      campaign: [evidence]

It is an extra check (``check_claim(..., extra=(narrowing,))``), asked about what the shipped policy
let pass, so nothing in it can open anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from stillwatch.domain.claim import Claim, Tlp
from stillwatch.errors import ConfigError
from stillwatch.intel.ids import TYPES, kind_of
from stillwatch.intel.policy.check import EXTENSION
from stillwatch.intel.policy.load import shipped, validate
from stillwatch.intel.policy.refusal import Refusal

_STAYS: Final = "stays in the house by the member's own policy"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a member refuses beyond the shipped policy; an ``ExtraCheck``."""

    kinds: frozenset[str]
    markings: frozenset[str]
    bases: frozenset[str]
    purposes: frozenset[str]
    longest_days: int
    without: Mapping[str, frozenset[str]]

    def __call__(self, claim: Claim) -> Iterator[Refusal]:
        """Refusals of a claim that the shipped policy lets pass."""
        terms, kind = claim.terms, kind_of(claim)
        if kind not in self.kinds:
            yield Refusal("type", f"a claim of kind {kind} {_STAYS}")
        if terms.tlp.value not in self.markings:
            yield Refusal("object_marking_refs.[0]", f"what is so marked {_STAYS}")
        if terms.legal_basis.basis not in self.bases:
            yield Refusal(f"{EXTENSION}.terms.legal_basis.basis", "is none that the member uses")
        if terms.purpose not in self.purposes:
            yield Refusal(f"{EXTENSION}.terms.purpose", "is none that the member shares for")
        if (terms.valid_until - terms.valid_from).days > self.longest_days:
            told = f"is more than {self.longest_days} days after valid_from"
            yield Refusal(f"{EXTENSION}.terms.valid_until", told)
        for name in sorted(self.without.get(kind, ())):
            if getattr(claim, name):
                yield Refusal(f"{EXTENSION}.fields.{name}", _STAYS)


def read_narrowing(path: Path) -> Narrowing:
    """Read a member's policy file; raises ``ConfigError`` with what is wrong and where."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"policy file {path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"policy file {path} is no YAML: {error}") from error
    data = {} if data is None else data
    validate(data, _schema(), str(path))
    return _narrowing(data)


def _narrowing(data: Mapping[str, Any]) -> Narrowing:
    policy = shipped()

    def of(name: str, all_names: Mapping[str, Any] | frozenset[str]) -> frozenset[str]:
        return frozenset(data.get(name, all_names))

    return Narrowing(
        of("kinds", frozenset(TYPES)),
        of("markings", frozenset(level.value for level in Tlp)),
        of("bases", frozenset(policy.bases)),
        of("purposes", policy.lists["purposes"]),
        data.get("longest_days", 100_000),
        {kind: frozenset(names) for kind, names in data.get("without", {}).items()},
    )


def _schema() -> dict[str, Any]:
    """Only names that the shipped policy has: a misspelt one must not pass for a restriction."""
    policy = shipped()

    def some(names: Any) -> dict[str, Any]:
        return {"type": "array", "items": {"enum": sorted(names)}, "uniqueItems": True}

    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "kinds": some(TYPES),
            "markings": some(level.value for level in Tlp),
            "bases": some(policy.bases),
            "purposes": some(policy.lists["purposes"]),
            "longest_days": {"type": "integer", "minimum": 1},
            "without": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    kind.name: some(f.name for f in kind.fields.values() if f.optional)
                    for kind in policy.kinds.values()
                    if any(f.optional for f in kind.fields.values())
                },
            },
        },
    }

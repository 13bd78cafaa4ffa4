"""Fail rules: what passes that cannot be judged, scope by scope.

Rules: open where nothing else is said: an outage of ours must not cut off honest customers.

>>> FailRules.of({"key": "closed"}).closed
frozenset({<Scope.KEY: 'key'>})
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from stillwatch.domain.decision import Scope
from stillwatch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FailRules:
    """What passes that cannot be judged."""

    closed: frozenset[Scope] = frozenset()
    """Scopes that are refused then; the others pass."""
    stale_s: float = 3600.0
    """Age from which knowledge counts as absent for what it does not name."""

    @classmethod
    def of(cls, said: Mapping[str, str], stale_s: float = 3600.0) -> Self:
        """From settings: scope to ``open`` or ``closed``. Raises ``ConfigError``."""
        for scope, way in said.items():
            if scope not in set(Scope) or way not in ("open", "closed"):
                raise ConfigError(
                    f"fail rule {scope} = {way!r} cannot be used",
                    hint=f"a scope ({', '.join(Scope)}) is open or closed",
                )
        return cls(frozenset(Scope(s) for s, way in said.items() if way == "closed"), stale_s)

"""Every bound on what an evaluator takes from outside, in one place."""

from dataclasses import dataclass
from typing import Final

ELEMENT_BYTES: Final = 32
"""An element of ristretto255, encoded (RFC 9496)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one evaluator; what exceeds one is refused with the bound named."""

    elements: int = 5_000
    """Elements in one request; more is 413."""
    body_seconds: float = 20
    """Seconds in which a body must have come."""
    query_length: int = 512
    """Bytes of a query string."""
    requests_per_minute: int = 6_000
    """Signed requests of one member within a minute; more are 429."""
    waiting: int = 400
    """Requests that may be in work at once; more are 503."""
    nonce_seconds: int = 3_600
    """How long a nonce is remembered: the clock may be set back by nearly as much."""
    daily: int = 5_000
    """Elements of one member a day, unless the operator says otherwise."""
    members_length: int = 4 * 1024 * 1024
    """Bytes of the members' file."""
    members_seconds: int = 7 * 86_400
    """Age at which the members' file is not believed any more: who left may still be in it."""

    @property
    def body_length(self) -> int:
        """Bytes of a body."""
        return self.elements * ELEMENT_BYTES

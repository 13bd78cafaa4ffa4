"""Every bound on what callers of a gateway may cost, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker."""

    head_bytes: int = 32 * 1024
    """Of one request line with its headers; Envoy passes on what its client sent."""
    head_seconds: float = 10.0
    """From the first byte of a head to its last, and from the connection to the first byte."""
    idle_seconds: int = 75
    """A connection on which nothing is asked ends after that; longer than proxies keep theirs."""
    body_bytes: int = 64 * 1024
    """Of one request for a decision, or one sign-up."""
    body_seconds: float = 5.0
    """For a body to arrive."""
    connections: int = 4096
    screening: int = 64
    """Sign-ups screened at once; a further one is told to come again."""
    reader_seconds: float = 60.0
    """For a reader of the stream to take one block."""
    lease_chars: int = 1024
    value_chars: int = 512
    """Of one thing that a request carries; a longer one stands in no decision."""

"""Every bound on what the hub takes from outside, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one hub; what exceeds one is refused with the bound named."""

    content_length: int = 32 * 1024 * 1024
    """Bytes of a request's body (``max_content_length`` of TAXII); more is 413."""
    objects: int = 10_000
    """Objects in one request; more is 422."""
    object_length: int = 1024 * 1024
    """Bytes of one object as it is stored; a longer one is a failure in the status."""
    depth: int = 48
    """Levels of lists and objects inside one object."""
    string_length: int = 256 * 1024
    """Characters of one string; property names 250, as STIX has it."""
    page: int = 1000
    """Objects on a page at most, and if the caller states no ``limit``."""
    page_length: int = 16 * 1024 * 1024
    """Bytes after which a page ends early."""
    match_values: int = 100
    """Values of one ``match`` field."""
    query_length: int = 16_384
    """Bytes of a query string."""
    head_length: int = 65_536
    """Bytes of a request's first line and headers; more is 431."""
    head_seconds: int = 30
    """Seconds in which they must have come, from the first byte or the connection on."""
    connections: int = 2048
    """Connections to one worker at once; one more is 503."""
    connections_per_peer: int = 1024
    """Connections of one address (an IPv6 /64) to one worker at once; one more is 503."""
    body_seconds: int = 300
    """Seconds in which a body must have come; else 408."""
    body_grace_seconds: int = 10
    """Seconds for which a body may come more slowly than ``body_rate``."""
    body_rate: int = 32_768
    """Bytes a second at which a body must come after that, on average."""
    requests_at_once: int = 128
    """Requests of one member that one worker serves at once; one more is 429."""
    requests_per_minute: int = 60_000
    """Requests of one member to one worker within a minute; more are 429."""
    backdated_days: int = 7
    """Days by which a claim may be older than its receipt; an older one is a failure in the status."""
    skew_minutes: int = 15
    """Minutes by which a claim may lie in the future, for clocks that differ."""
    status_hours: int = 48
    """How long a status can be asked for; TAXII asks for 24."""

"""Every bound on untrusted log input, in one place.

A log holds what strangers sent. Nothing in it may make a reader use memory or time without
bound, and whatever a bound cuts or refuses is counted.

>>> Limits().text_bytes
262144
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what a reader accepts; all sizes in bytes."""

    line_bytes: int = 32 << 20
    """A longer line (or single JSON value) is quarantined without being parsed."""
    document_bytes: int = 256 << 20
    """A longer pretty-printed JSON document is refused: it cannot be read line by line."""
    depth: int = 64
    """Deepest nesting of a message or attribute value that is looked into."""
    text_bytes: int = 256 << 10
    """Longer prompts, system prompts and responses are cut here, at a character boundary."""
    field_bytes: int = 8 << 10
    """Any other longer text becomes null: cutting an identifier could merge two accounts."""
    quarantine_bytes: int = 2 << 10
    """How much of a bad row is kept for a person to look at."""
    columns: int = 4096
    """A table with more columns is refused."""
    batch_bytes: int = 64 << 20
    """A batch of rows read from text is closed at this size, whatever its row count."""
    record_lines: int = 4096
    """A CSV record that spans more lines has lost its closing quote."""
    pending_events: int = 100_000
    """Events whose parts are still being gathered from several records (Azure)."""
    pending_bytes: int = 256 << 20
    """Bytes of such parts."""
    pending_gateways: int = 1_000_000
    """Gateway records that wait for their event (Azure)."""
    head_bytes: int = 256 << 10
    """How much of a file is looked at to tell its format."""

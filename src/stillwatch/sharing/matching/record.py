"""What is known of an actor through one identifier, sealed so that only its holder can read it.

Rules
    * A record names the claim that stands in the log: whatever ends that claim ends the record.
    * Every sealed record has one size, so that its length tells nothing.
    * Publisher, epoch and tag are authenticated: nobody publishes another's row as its own, and
      no row means anything in another epoch.
    * A row that does not open is the normal case (a dummy, or not ours to read): ``NotTrusted``.
      Bytes: docs/reference/matching.md.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import orjson

from stillwatch.crypto import aead
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError, NotTrusted
from stillwatch.sharing.matching.interface import TAG_BYTES, key_of, tag_of

PLAIN_BYTES: Final = 256
"""Record and padding."""
SEALED_BYTES: Final = PLAIN_BYTES + aead.MAC_BYTES
ROW_BYTES: Final = TAG_BYTES + aead.NONCE_BYTES + SEALED_BYTES
"""312."""
_MARK: Final = b"\x80"
"""Ends the record; zeros follow (ISO/IEC 7816-4)."""
_LABEL: Final = b"stillwatch/record/v1"
_CLAIM: Final = re.compile(
    r"(?:intrusion-set|campaign)--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9+/._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Record:
    """What one identifier says of an actor. Raises ``InputError`` for what no record can say."""

    claim: StixId
    """Actor (``intrusion-set--``) or campaign claim in the log."""
    kind: str
    """Kind of identifier, e.g. ``email``."""
    first_seen: date
    last_seen: date
    confidence: int
    """0-100: how sure the publisher is that the identifier is the actor's."""
    tactic: str
    """From the list of tactics; empty where none is known."""
    until: date
    """Last day on which it counts."""

    def __post_init__(self) -> None:
        if not _CLAIM.fullmatch(self.claim):
            raise InputError("a record names an actor or campaign claim in lower case")
        if not _NAME.fullmatch(self.kind) or not (not self.tactic or _NAME.fullmatch(self.tactic)):
            raise InputError("kind and tactic of a record are short names in lower case")
        if not 0 <= self.confidence <= 100:
            raise InputError("confidence of a record is 0 to 100")
        if not self.first_seen <= self.last_seen <= self.until:
            raise InputError("the days of a record are in order: first_seen, last_seen, until")

    def ended(self, today: date) -> bool:
        """Whether it counts no more."""
        return today > self.until


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One row of a pack: 312 bytes of which only the tag means something to everyone."""

    tag: bytes
    nonce: bytes
    sealed: bytes

    def __post_init__(self) -> None:
        if (len(self.tag), len(self.nonce), len(self.sealed)) != _SIZES:
            raise InputError(f"a row has parts of {_SIZES} bytes")

    def __bytes__(self) -> bytes:
        return self.tag + self.nonce + self.sealed

    @classmethod
    def parse(cls, data: bytes) -> "Row":
        """Row of its 312 bytes. Raises ``InputError`` for another length."""
        if len(data) != ROW_BYTES:
            raise InputError(f"a row has {ROW_BYTES} bytes, not {len(data)}")
        return cls(data[:TAG_BYTES], data[TAG_BYTES:_SEALED_AT], data[_SEALED_AT:])


_SIZES: Final = (TAG_BYTES, aead.NONCE_BYTES, SEALED_BYTES)
_SEALED_AT: Final = TAG_BYTES + aead.NONCE_BYTES


def seal(
    record: Record, output: bytes, publisher: StixId, epoch: str, nonce: bytes | None = None
) -> Row:
    """Row of a record under the output of its identifier.

    ``nonce`` (24 bytes) is for test vectors; left out, it is random. Raises ``InputError`` for a
    publisher or epoch that no context can hold.
    """
    tag = tag_of(output)
    nonce = os.urandom(aead.NONCE_BYTES) if nonce is None else nonce
    context = _context(publisher, epoch, tag)
    return Row(tag, nonce, aead.seal(key_of(output), nonce, _padded(encode(record)), context))


def open_row(row: Row, output: bytes, publisher: StixId, epoch: str) -> Record:
    """Record of a row. Raises ``NotTrusted`` if it does not open or holds no record."""
    context = _context(publisher, epoch, tag_of(output))
    plain = aead.open_sealed(key_of(output), row.nonce, row.sealed, context)
    if row.tag != tag_of(output):
        raise NotTrusted("the row stands under another tag than it was sealed for")
    return _decode(_unpadded(plain))


def dummy(tag: bytes | None = None) -> Row:
    """Row of random bytes, with this tag if one is given."""
    noise = os.urandom(ROW_BYTES)
    return Row.parse(noise if tag is None else tag + noise[TAG_BYTES:])


def _context(publisher: str, epoch: str, tag: bytes) -> bytes:
    if "\0" in publisher or "\0" in epoch or not publisher or not epoch:
        raise InputError("publisher and epoch of a row are names without NUL")
    return b"\0".join((_LABEL, publisher.encode(), epoch.encode(), tag))


def encode(record: Record) -> bytes:
    """Bytes of a record before padding, in canonical JSON (RFC 8785): with ASCII values and names, sorting the names is all it asks."""
    members = {
        "claim": record.claim,
        "confidence": record.confidence,
        "first_seen": record.first_seen,
        "kind": record.kind,
        "last_seen": record.last_seen,
        "tactic": record.tactic,
        "until": record.until,
    }
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS)


def _padded(data: bytes) -> bytes:
    if len(data) >= PLAIN_BYTES:
        raise InputError(f"a record has at most {PLAIN_BYTES - 1} bytes, not {len(data)}")
    return (data + _MARK).ljust(PLAIN_BYTES, b"\0")


def _unpadded(plain: bytes) -> bytes:
    data, mark, _ = plain.rstrip(b"\0").rpartition(_MARK)
    if not mark or _padded(data) != plain:
        raise NotTrusted("the row opens, but its padding is wrong")
    return data


def _decode(data: bytes) -> Record:
    """Members that newer versions add are passed over."""
    try:
        found = orjson.loads(data)
        return _record(found)
    except (ValueError, KeyError, TypeError, InputError) as error:
        raise NotTrusted("the row opens, but holds no record that can be read") from error


def _record(found: Mapping[str, Any]) -> Record:
    confidence = found["confidence"]
    if isinstance(confidence, bool) or not isinstance(confidence, int):
        raise TypeError
    return Record(
        claim=StixId(str(found["claim"])),
        kind=str(found["kind"]),
        first_seen=date.fromisoformat(found["first_seen"]),
        last_seen=date.fromisoformat(found["last_seen"]),
        confidence=confidence,
        tactic=str(found["tactic"]),
        until=date.fromisoformat(found["until"]),
    )

"""What the log is made of: records, and the 48 bytes that stand for each in the tree.

Rules (docs/reference/transparency-log.md has them byte by byte): a record is canonical JSON; its
entry is SHA-256 of the record, then the audience tag. The tag depends on the leaf's index, so
that equal audiences do not look equal to who does not know their secret.
"""

import hashlib
import hmac
from typing import Any, Final

from stillwatch.crypto.canonical import canonical

DIGEST_BYTES: Final = 32
TAG_BYTES: Final = 16
ENTRY_BYTES: Final = DIGEST_BYTES + TAG_BYTES
SECRET_BYTES: Final = 32
"""Length of an audience's secret."""
_TAG_LABEL: Final = b"stillwatch/audience"


def claim_record(collection_id: str, obj: dict[str, Any]) -> bytes:
    """Record of a claim: the signed STIX object and the collection it is in."""
    return canonical({"collection": collection_id, "object": obj})


def key_record(statement: dict[str, Any]) -> bytes:
    """Record of a key statement (``crypto/statements.py``)."""
    return canonical({"key": statement})


def digest(record: bytes) -> bytes:
    """SHA-256 of a record, 32 bytes: how it is asked for."""
    return hashlib.sha256(record).digest()


def tag(secret: bytes, index: int) -> bytes:
    """Audience tag of a leaf, 16 bytes: only who knows the secret recognises it."""
    message = _TAG_LABEL + index.to_bytes(8, "big")
    return hmac.digest(secret, message, "sha256")[:TAG_BYTES]


def entry(record: bytes, secret: bytes, index: int) -> bytes:
    """Entry of a record at an index of the log, 48 bytes."""
    return digest(record) + tag(secret, index)

"""Base64 with one spelling per value: a second spelling would be a second signature."""

import base64
import binascii
from collections.abc import Callable


def b64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4), as C2SP notes use it."""
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    """Decode standard base64; raises ``ValueError`` for any spelling but the one ``b64`` writes."""
    return _exactly(text, base64.b64decode(_ascii(text), validate=True), b64)


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Decode base64url; raises ``ValueError`` for any spelling but the one ``b64url`` writes."""
    padded = _ascii(text) + b"=" * (-len(text) % 4)
    return _exactly(text, base64.b64decode(padded, b"-_", validate=True), b64url)


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        raise binascii.Error("not ASCII") from error


def _exactly(text: str, data: bytes, encode: Callable[[bytes], str]) -> bytes:
    if encode(data) != text:
        raise binascii.Error("not the canonical spelling")
    return data

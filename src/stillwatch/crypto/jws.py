"""Detached JSON Web Signatures: ``header..signature`` (RFC 7515, appendix F).

Rules: one algorithm, ``Ed25519`` (RFC 9864; the polymorphic ``EdDSA`` is refused); the header
has ``alg`` and ``kid`` and nothing else, so no extension can change what was signed; base64url
has one spelling. The payload is encoded before it is signed, as RFC 7515 section 5.1 says.

    >>> from stillwatch.crypto.keys import SigningKey
    >>> key = SigningKey.generate()
    >>> verify_detached(sign_detached(b"said", key), b"said", key.public)
"""

import json
from typing import Any, Final

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.keys import SIGNATURE_BYTES, SigningKey, key_id, verify
from stillwatch.domain.claim import KeyId
from stillwatch.errors import NotTrusted

ALGORITHM: Final = "Ed25519"
_MAX_CHARS: Final = 512


def sign_detached(payload: bytes, key: SigningKey) -> str:
    """Signature over the payload, without the payload in it."""
    header = b64url(f'{{"alg":"{ALGORITHM}","kid":"{key.id}"}}'.encode())
    return f"{header}..{b64url(key.sign(_input(header, payload)))}"


def signer(signature: str) -> KeyId:
    """Id of the key that the signature names; says nothing about whether it holds.

    Raises ``NotTrusted`` if it is malformed or of another algorithm.
    """
    return _split(signature)[1]


def verify_detached(signature: str, payload: bytes, public: bytes) -> None:
    """Raise ``NotTrusted`` unless the signature is of this key over the payload."""
    header, kid, raw = _split(signature)
    if kid != key_id(public):
        raise NotTrusted(f"the signature names key {kid}, not {key_id(public)}")
    verify(public, raw, _input(header, payload))


def _input(header: str, payload: bytes) -> bytes:
    """Signing input of RFC 7515, section 5.1."""
    return f"{header}.{b64url(payload)}".encode()


def _split(signature: str) -> tuple[str, KeyId, bytes]:
    header, separator, raw = signature.partition("..")
    if not separator or len(signature) > _MAX_CHARS:
        raise NotTrusted("the signature is no detached JWS, header..signature")
    try:
        fields = json.loads(unb64url(header), object_pairs_hook=_unique)
        proof = unb64url(raw)
    except (ValueError, RecursionError) as error:
        raise NotTrusted(f"the signature is no detached JWS: {error}") from error
    if not isinstance(fields, dict) or fields.keys() != {"alg", "kid"}:
        raise NotTrusted("the header of the signature must have alg and kid only")
    if fields["alg"] != ALGORITHM or not isinstance(fields["kid"], str):
        raise NotTrusted(f"the signature is of algorithm {fields['alg']!r}, not {ALGORITHM}")
    if len(proof) != SIGNATURE_BYTES:
        raise NotTrusted(f"an Ed25519 signature has 64 bytes, not {len(proof)}")
    return header, KeyId(fields["kid"]), proof


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Object of a JSON text whose names are unique (RFC 7515, section 4)."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)

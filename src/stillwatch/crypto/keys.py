"""Ed25519 keys (RFC 8032): of members, of pseudonyms and of the log.

Rules: a private key lives in a file that only its owner reads, as PKCS #8 PEM, so that other
tools can use it; it is never overwritten and never printed. A key's id is the RFC 7638
thumbprint of its public half as a JWK (RFC 8037, section 2).
"""

import hashlib
from pathlib import Path
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.files import refuse_readable, write_new
from stillwatch.domain.claim import KeyId
from stillwatch.errors import ConfigError, InputError, NotTrusted

PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
_MAX_FILE: Final = 4096

_P: Final = 2**255 - 19
_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL: Final = frozenset((0, 1, _P - 1, _Y8, _P - _Y8))
"""y of the points whose order divides 8: under such a key a signature fits many messages."""


class SigningKey:
    """A private key that signs.

    >>> key = SigningKey.generate()
    >>> verify(key.public, key.sign(b"said"), b"said")
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public: bytes = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        """The public half, 32 bytes."""
        self.id: KeyId = key_id(self.public)

    @classmethod
    def generate(cls) -> Self:
        """Make a new key from the system's randomness."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """Restore a key from its 32 secret bytes (RFC 8032, section 5.1.5)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key file.

        Raises ``ConfigError`` if it is missing, foreign, or readable by others.
        """
        try:
            mode = path.stat().st_mode
            with path.open("rb") as file:
                data = file.read(_MAX_FILE)
        except OSError as error:
            raise ConfigError(f"key file {path} cannot be read ({error.strerror})") from error
        refuse_readable(path, mode, "replace the key")
        try:
            private = load_pem_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise ConfigError(f"key file {path} is no unencrypted PKCS #8 PEM file") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigError(f"key file {path} holds no Ed25519 key")
        return cls(private)

    def save(self, path: Path) -> None:
        """Write the key to a new file of mode 0600, durably.

        Raises ``ConfigError`` if the file exists or cannot be written: a key is never overwritten.
        """
        data = self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_new(path, data)

    def sign(self, message: bytes) -> bytes:
        """Sign; 64 bytes, the same for the same message."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"


def key_id(public: bytes) -> KeyId:
    """SHA-256 thumbprint of the public key's JWK, base64url (RFC 7638; RFC 8037, appendix A.3)."""
    jwk = f'{{"crv":"Ed25519","kty":"OKP","x":"{b64url(public)}"}}'
    return KeyId(b64url(hashlib.sha256(jwk.encode()).digest()))


def to_jwk(public: bytes) -> dict[str, str]:
    """Public key as a JWK (RFC 8037, section 2)."""
    return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public)}


def from_jwk(jwk: Any) -> bytes:
    """Public key of a JWK; raises ``InputError`` for anything but a sound Ed25519 public key."""
    if not isinstance(jwk, dict) or jwk.keys() != {"kty", "crv", "x"}:
        raise InputError("a key is a JWK with the members kty, crv and x only")
    if (jwk["kty"], jwk["crv"]) != ("OKP", "Ed25519") or not isinstance(jwk["x"], str):
        raise InputError("a key must be of kty OKP and crv Ed25519")
    try:
        public = unb64url(jwk["x"])
    except ValueError as error:
        raise InputError(f"member x of the key is no base64url: {error}") from error
    check_public(public)
    return public


def check_public(public: bytes) -> None:
    """Raise ``InputError`` unless the bytes can be a key whose signatures bind its holder."""
    if len(public) != PUBLIC_BYTES:
        raise InputError(f"an Ed25519 public key has 32 bytes, not {len(public)}")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL:
        raise InputError("the public key is a point of small order or not canonical")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Raise ``NotTrusted`` unless the signature is the key's over the message (RFC 8032)."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise NotTrusted(f"the signature is not one of key {key_id(public)}") from error

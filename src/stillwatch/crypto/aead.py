"""XChaCha20-Poly1305 by libsodium: what only the holder of a key can read, and nobody can change.

Rules: nonces of 24 bytes may be drawn at random for any number of messages. What does not open
says that and no more: a wrong key, another context and a changed byte look alike.
Source: draft-irtf-cfrg-xchacha-03; libsodium's ``crypto_aead_xchacha20poly1305_ietf``.
"""

from typing import Final

from stillwatch.crypto.sodium import pysodium
from stillwatch.errors import NotTrusted

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
MAC_BYTES: Final = 16


def seal(key: bytes, nonce: bytes, plain: bytes, context: bytes) -> bytes:
    """Ciphertext and authenticator: ``len(plain) + 16`` bytes.

    ``context`` is authenticated, not sent: who opens must know it. Raises ``ValueError`` for a key
    or nonce of another length.
    """
    _sized(key, nonce)
    sealed: bytes = pysodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, context, nonce, key)
    return sealed


def open_sealed(key: bytes, nonce: bytes, sealed: bytes, context: bytes) -> bytes:
    """What ``seal`` was given. Raises ``NotTrusted`` if it does not open."""
    _sized(key, nonce)
    if len(sealed) < MAC_BYTES:
        raise NotTrusted("what is sealed is too short to open")
    try:
        plain: bytes = pysodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
            sealed, context, nonce, key
        )
    except ValueError as error:
        raise NotTrusted("what is sealed does not open under this key and context") from error
    return plain


def _sized(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes and a nonce {NONCE_BYTES}")

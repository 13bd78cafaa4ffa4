"""Secrets at rest: sealed under a passphrase, with what may be known of them in front.

A file is canonical JSON. Its key is argon2id's of the passphrase; the secret is sealed with
XChaCha20-Poly1305, and everything else in the file is authenticated with it::

    {"type": "stillwatch-sealed", "kind": KIND, "about": {...}, "kdf": "argon2id13",
     "operations": N, "memory": BYTES, "salt": B64URL, "nonce": B64URL, "sealed": B64URL}

Rules: the costs are bounded before anything is computed, so that a foreign file cannot take the
machine's memory, nor a weakened one pass; derived keys are wiped; no error says more than that the
passphrase or the file is wrong.
"""

import ctypes
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.encoding import b64url, unb64url
from stillwatch.crypto.ristretto import Scalar
from stillwatch.crypto.sodium import pysodium, secret_buffer, sodium
from stillwatch.crypto.threshold import KeyShare
from stillwatch.errors import ConfigError, InputError, StoredDataError

MAX_FILE: Final = 65_536
MIN_PASSPHRASE: Final = 12
"""Bytes; a share is worth a guesser's time."""
_MAX_PASSPHRASE: Final = 4096
_TYPE: Final = "stillwatch-sealed"
_KDF: Final = "argon2id13"
_SHARE: Final = "key-share"
_SALT: Final = 16
_NONCE: Final = 24
_MEMBERS: Final = frozenset(
    ("type", "kind", "about", "kdf", "operations", "memory", "salt", "nonce", "sealed")
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one guess of a passphrase costs (argon2id; libsodium's names: MODERATE, SENSITIVE)."""

    operations: int
    """Passes over the memory."""
    memory: int
    """Bytes."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("operations", self.operations, 2, 8),
            ("memory", self.memory, 1 << 26, 1 << 30),
        ):
            if type(value) is not int or not low <= value <= high:
                raise InputError(f"{name} of argon2id must be {low} to {high}, not {value!r}")


LEAST: Final = Cost(2, 1 << 26)
MODERATE: Final = Cost(3, 1 << 28)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file of a secret, not yet opened."""

    kind: str
    about: Mapping[str, Any]
    """What may be known without the passphrase."""
    cost: Cost
    salt: bytes
    nonce: bytes
    ciphertext: bytes

    def head(self) -> dict[str, Any]:
        """All but the ciphertext: authenticated with it."""
        return {
            "type": _TYPE,
            "kind": self.kind,
            "about": dict(self.about),
            "kdf": _KDF,
            "operations": self.cost.operations,
            "memory": self.cost.memory,
            "salt": b64url(self.salt),
            "nonce": b64url(self.nonce),
        }

    def open(self, passphrase: bytes) -> bytes:
        """The secret. Raises ``ConfigError`` for a wrong passphrase or a changed file."""
        with secret_buffer() as key:
            _derive(key, passphrase, self.salt, self.cost)
            try:
                opened = pysodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
                    self.ciphertext, canonical(self.head()), self.nonce, key
                )
            except ValueError:
                raise ConfigError(
                    f"the sealed {self.kind} does not open",
                    hint="the passphrase is wrong, or the file was changed",
                ) from None
        return bytes(opened)


def seal(
    secret: bytes,
    passphrase: bytes,
    kind: str,
    about: Mapping[str, Any],
    cost: Cost = MODERATE,
) -> bytes:
    """Seal a secret; the bytes of its file. Raises ``ConfigError`` for a short passphrase."""
    if len(passphrase) < MIN_PASSPHRASE:
        raise ConfigError(
            f"the passphrase has fewer than {MIN_PASSPHRASE} bytes", hint="take five random words"
        )
    head = Sealed(kind, about, cost, _random(_SALT), _random(_NONCE), b"")
    with secret_buffer() as key:
        _derive(key, passphrase, head.salt, cost)
        ciphertext = pysodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
            secret, canonical(head.head()), head.nonce, key
        )
    return canonical({**head.head(), "sealed": b64url(ciphertext)}) + b"\n"


def read(data: bytes, kind: str) -> Sealed:
    """Read a sealed file of a kind. Raises ``StoredDataError`` saying what is wrong with it."""
    try:
        document = json.loads(data) if len(data) <= MAX_FILE else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict) or document.keys() != _MEMBERS:
        raise StoredDataError("this is no sealed file of stillwatch")
    if (document["type"], document["kdf"]) != (_TYPE, _KDF) or document["kind"] != kind:
        raise StoredDataError(f"this is no sealed {kind}", hint="is it the right file?")
    if not isinstance(document["about"], dict):
        raise StoredDataError(f"the sealed {kind} says nothing about itself")
    try:
        cost = Cost(document["operations"], document["memory"])
        salt, nonce, sealed = (unb64url(document[name]) for name in ("salt", "nonce", "sealed"))
    except (InputError, ValueError, AttributeError) as error:
        raise StoredDataError(f"the sealed {kind} is damaged: {error}") from error
    if len(salt) != _SALT or len(nonce) != _NONCE or len(sealed) < 16:
        raise StoredDataError(f"the sealed {kind} is damaged: salt, nonce or secret is too short")
    return Sealed(kind, document["about"], cost, salt, nonce, sealed)


def seal_share(
    share: KeyShare, passphrase: bytes, epoch: str = "", generation: int = 0, cost: Cost = MODERATE
) -> bytes:
    """Seal a key share; epoch, generation and index stand readable in front."""
    about = {"epoch": epoch, "generation": generation, "index": share.index}
    return seal(share.secret, passphrase, _SHARE, about, cost)


def describe_share(data: bytes) -> tuple[str, int, int]:
    """Epoch, generation and index of a sealed share; believed only once it is opened.

    Raises ``StoredDataError`` for what is no sealed share.
    """
    return _described(read(data, _SHARE))


def open_share(data: bytes, passphrase: bytes) -> KeyShare:
    """Open a sealed key share.

    Raises ``ConfigError`` for a wrong passphrase or a changed file, ``StoredDataError`` for what is
    no sealed share.
    """
    sealed = read(data, _SHARE)
    _, _, index = _described(sealed)
    secret = sealed.open(passphrase)
    try:
        return KeyShare(index, Scalar(secret))
    except InputError as error:
        raise StoredDataError(f"what was sealed is no key share: {error.message}") from error


def _described(sealed: Sealed) -> tuple[str, int, int]:
    about = dict(sealed.about)
    if about.keys() != {"epoch", "generation", "index"}:
        raise StoredDataError("the sealed share does not say its epoch, generation and index")
    epoch, generation, index = about["epoch"], about["generation"], about["index"]
    if not isinstance(epoch, str) or type(generation) is not int or type(index) is not int:
        raise StoredDataError("epoch, generation or index of the sealed share is damaged")
    return epoch, generation, index


def _derive(key: Any, passphrase: bytes, salt: bytes, cost: Cost) -> None:
    """Fill a buffer with argon2id's key."""
    if len(passphrase) > _MAX_PASSPHRASE:
        raise ConfigError(f"a passphrase has at most {_MAX_PASSPHRASE} bytes")
    failed = sodium.crypto_pwhash(
        key,
        ctypes.c_ulonglong(ctypes.sizeof(key)),
        passphrase,
        ctypes.c_ulonglong(len(passphrase)),
        salt,
        ctypes.c_ulonglong(cost.operations),
        ctypes.c_size_t(cost.memory),
        ctypes.c_int(pysodium.crypto_pwhash_ALG_ARGON2ID13),
    )
    if failed:
        raise ConfigError(
            f"argon2id needs {cost.memory >> 20} MiB of memory and did not get them",
            hint="free memory, then try again",
        )


def _random(size: int) -> bytes:
    return bytes(pysodium.randombytes(size))

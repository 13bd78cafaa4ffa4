"""Keys of cohorts, and the keyed functions that all marks rest on.

The secret of a cohort is 16 bytes. What follows a token is seeded by SipHash-2-4 of it (Aumasson and
Bernstein 2012), a pseudo-random function: without the secret, no amount of marked text tells how an
unseen context would be marked.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numba import uint64

from stillwatch.crypto.files import refuse_readable, write_new
from stillwatch.errors import ConfigError
from stillwatch.profiles.hashing import helper

_VERSION: Final = 1
_MOST_KEYS: Final = 100_000
_MOST_BYTES: Final = 32 << 20


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one cohort."""

    cohort: str
    secret: bytes
    """16 bytes; never printed."""

    @property
    def halves(self) -> tuple[np.uint64, np.uint64]:
        """The secret as SipHash takes it."""
        low, high = np.frombuffer(self.secret, "<u8")
        return np.uint64(low), np.uint64(high)

    def __repr__(self) -> str:
        return f"Key({self.cohort!r})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys with the settings that their texts were served with."""

    keys: tuple[Key, ...]
    gamma: float = 0.25
    """Share of tokens that are green."""
    delta: float = 2.0
    """Added to the logits of green tokens."""

    def key(self, cohort: str) -> Key:
        """Return the key of a cohort; ``ConfigError`` if there is none."""
        for key in self.keys:
            if key.cohort == cohort:
                return key
        names = ", ".join(k.cohort for k in self.keys[:8])
        raise ConfigError(f"no key of cohort {cohort!r}", hint=f"there are {names}")


def new_keyring(cohorts: Sequence[str], gamma: float = 0.25, delta: float = 2.0) -> Keyring:
    """Draw a fresh secret for each cohort."""
    if not cohorts or len(set(cohorts)) < len(cohorts):
        raise ConfigError("cohorts need different names", hint="for example a,b,c")
    for cohort in cohorts:
        if not _is_name(cohort):
            raise ConfigError(
                f"cohort {cohort!r} is no name", hint="leave out what does not show, as line breaks"
            )
    _check(gamma, delta, "new keys")
    return Keyring(tuple(Key(c, secrets.token_bytes(16)) for c in cohorts), gamma, delta)


def derived_key(master: bytes, cohort: str) -> Key:
    """Derive a cohort's key from one master secret, so that a server keeps no list."""
    return Key(cohort, hashlib.blake2b(cohort.encode(), key=master[:64], digest_size=16).digest())


def read_keyring(path: Path) -> Keyring:
    """Read a key file that only its owner may read; ``ConfigError`` says what is wrong with it."""
    hint = "make one with stillwatch correlate marks keys"
    try:
        with path.open("rb") as file:
            refuse_readable(path, os.fstat(file.fileno()).st_mode, "mark with new keys")
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise ConfigError(f"key file {path} is larger than {_MOST_BYTES:,} bytes")
        raw = orjson.loads(data)
        if raw["version"] != _VERSION:
            raise ConfigError(f"key file {path} is of version {raw['version']}", hint=hint)
        keys = tuple(_key(record) for record in raw["keys"])
        ring = Keyring(keys, float(raw["gamma"]), float(raw["delta"]))
    except OSError as error:
        raise ConfigError(
            f"key file {path} cannot be read ({error.strerror})", hint=hint
        ) from error
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is no key file ({type(error).__name__}: {error})", hint=hint
        ) from error
    if not keys or len(keys) > _MOST_KEYS or any(len(k.secret) != 16 for k in keys):
        raise ConfigError(f"{path}: needs 1 to {_MOST_KEYS:,} keys of 16 bytes", hint=hint)
    if len({k.cohort for k in keys}) < len(keys):
        raise ConfigError(f"{path}: two keys of one cohort", hint="name each cohort once")
    if len({k.secret for k in keys}) < len(keys):
        raise ConfigError(f"{path}: one key of two cohorts", hint="a hit could not tell them apart")
    _check(ring.gamma, ring.delta, str(path))
    return ring


def _key(record: Any) -> Key:
    cohort = record["cohort"]
    if not isinstance(cohort, str) or not _is_name(cohort):
        raise ValueError(f"cohort {cohort!r} is no name")
    return Key(cohort, bytes.fromhex(record["secret"]))


def _is_name(cohort: str) -> bool:
    """Control characters could make a log or a terminal show another cohort than was found."""
    return bool(cohort.strip()) and cohort.isprintable()


def write_keyring(ring: Keyring, path: Path) -> None:
    """Write a key file that only its owner may read; never over an old one."""
    raw = {
        "version": _VERSION,
        "gamma": ring.gamma,
        "delta": ring.delta,
        "keys": [{"cohort": k.cohort, "secret": k.secret.hex()} for k in ring.keys],
    }
    write_new(path, orjson.dumps(raw, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def _check(gamma: float, delta: float, where: str) -> None:
    if not 0 < gamma < 1 or not 0 < delta <= 20:
        raise ConfigError(
            f"{where}: gamma {gamma} must lie in (0, 1) and delta {delta} in (0, 20]",
            hint="0.25 and 2 are usual",
        )


@helper
def _rotate(x, n):  # type: ignore[no-untyped-def]
    return (x << uint64(n)) | (x >> uint64(64 - n))


@helper
def _round(v0, v1, v2, v3):  # type: ignore[no-untyped-def]
    v0 += v1
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 += v3
    v3 = _rotate(v3, 16) ^ v2
    v0 += v3
    v3 = _rotate(v3, 21) ^ v0
    v2 += v1
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@helper
def siphash(k0, k1, word):  # type: ignore[no-untyped-def]
    """SipHash-2-4 of one 64-bit word (8 bytes, little-endian)."""
    v0 = uint64(k0) ^ uint64(0x736F6D6570736575)
    v1 = uint64(k1) ^ uint64(0x646F72616E646F6D)
    v2 = uint64(k0) ^ uint64(0x6C7967656E657261)
    v3 = uint64(k1) ^ uint64(0x7465646279746573)
    for step in range(2):
        m = uint64(word) if step == 0 else uint64(8) << uint64(56)
        v3 ^= m
        for _ in range(2):
            v0, v1, v2, v3 = _round(v0, v1, v2, v3)
        v0 ^= m
    v2 ^= uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _round(v0, v1, v2, v3)
    return v0 ^ v1 ^ v2 ^ v3

"""Signed notes, checkpoints and cosignatures, a second time (C2SP signed-note and tlog-*)."""

import base64
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stillwatch.errors import InputError

PLAIN, TIMED = 1, 4
"""Signature types: of a log, of a witness."""


class Unsound(Exception):
    """What was read does not hold; the text says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signs notes under a name."""

    name: str
    raw: bytes

    def short(self, kind: int) -> bytes:
        """First four bytes of the digest that tells keys apart."""
        material = self.name.encode() + b"\n" + bytes([kind]) + self.raw
        return hashlib.sha256(material).digest()[:4]


@dataclass(frozen=True, slots=True)
class Head:
    """What a checkpoint says."""

    origin: str
    size: int
    root: bytes


def read_key(text: str) -> PublicKey:
    """Read NAME+HASH+KEY of a log; raises ``InputError`` if it is anything else."""
    parts = text.strip().split("+", 2)
    try:
        kind_and_key = base64.b64decode(parts[2], validate=True)
        key = PublicKey(parts[0], kind_and_key[1:])
        sound = kind_and_key[0] == PLAIN and len(key.raw) == 32
        sound = sound and key.short(PLAIN).hex() == parts[1]
    except (IndexError, ValueError):
        sound = False
    if not sound:
        raise InputError(
            f"{text!r} is no public key of a log", hint="`stillwatch hub init` prints it"
        )
    return key


def read_checkpoint(note: str, key: PublicKey) -> Head:
    """Verify a checkpoint's signature and read it; raises ``Unsound`` with the reason."""
    text, lines = split(note)
    mine = [blob for name, blob in lines if name == key.name and blob[:4] == key.short(PLAIN)]
    if not mine:
        raise Unsound(f"it is not signed by {key.name}")
    for blob in mine:
        verify(key.raw, blob[4:], text.encode())
    rows = text.split("\n")
    if len(rows) != 4 or rows[3]:
        raise Unsound("it has not three lines")
    if not rows[1].isascii() or not rows[1].isdigit() or str(int(rows[1][:30])) != rows[1]:
        raise Unsound(f"its size {rows[1][:30]!r} is no number")
    if rows[0] != key.name:
        raise Unsound(f"it is of log {rows[0]!r}, not {key.name!r}")
    try:
        root = base64.b64decode(rows[2], validate=True)
    except ValueError as error:
        raise Unsound("its root is no base64") from error
    return Head(rows[0], int(rows[1]), root)


def read_cosignature(line: str, text: str, key: PublicKey) -> int:
    """Verify one witness line over a checkpoint's text; its time in seconds since 1970."""
    name, blob = _line(line)
    if name != key.name or blob[:4] != key.short(TIMED) or len(blob) != 4 + 8 + 64:
        raise Unsound(f"it is no cosignature of {key.name}")
    at = int.from_bytes(blob[4:12], "big")
    verify(key.raw, blob[12:], f"cosignature/v1\ntime {at}\n{text}".encode())
    return at


def split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text, and name and bytes of each signature line; raises ``Unsound`` if malformed."""
    at = note.rfind("\n\n")
    if at < 0 or not note.endswith("\n"):
        raise Unsound("it is no signed note")
    return note[: at + 1], [_line(line) for line in note[at + 2 : -1].split("\n")]


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Raise ``Unsound`` unless the Ed25519 signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise Unsound("a signature does not verify") from error


def _line(line: str) -> tuple[str, bytes]:
    words = line.rstrip("\n").split(" ")
    try:
        if len(words) == 3 and words[0] == "\u2014":
            return words[1], base64.b64decode(words[2], validate=True)
    except ValueError:
        pass
    raise Unsound(f"{line[:60]!r} is no signature line")

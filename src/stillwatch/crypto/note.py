"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

Glossary
    note        a text that ends in a newline, a blank line, and one signature line or more
    vkey        how a public key for notes is written: ``name+hash+base64(type, key)``
    checkpoint  a note's text of three lines: origin of the log, size, root
    cosignature a witness's signature over a checkpoint and a time: it saw no other history

Rules: what no known key signed is not read; a line of an unknown key is ignored; a bad line of a
known key spoils the note. Bounded: ``MAX_NOTE`` bytes, ``MAX_SIGNATURES`` lines.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from stillwatch.crypto.encoding import b64, unb64
from stillwatch.crypto.keys import PUBLIC_BYTES, SIGNATURE_BYTES, SigningKey, check_public, verify
from stillwatch.crypto.merkle import HASH_BYTES
from stillwatch.errors import InputError, NotTrusted

ED25519: Final = 1
"""Signature type of a plain Ed25519 signature: the log's."""
COSIGNATURE: Final = 4
"""Signature type of a timestamped cosignature: a witness's."""

MAX_NOTE: Final = 64 * 1024
MAX_SIGNATURES: Final = 256
_MAX_SIZE: Final = 2**63
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/=]+)")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key for notes, with the name it signs under."""

    name: str
    public: bytes
    type: int = ED25519

    def __post_init__(self) -> None:
        if not self.name or "+" in self.name or self.name.split() != [self.name]:
            raise InputError(f"{self.name!r} cannot name a key: no spaces, no plus, not empty")
        if self.type not in (ED25519, COSIGNATURE):
            raise InputError(f"signature type {self.type} is not known")
        check_public(self.public)

    @property
    def hash(self) -> bytes:
        """Key id of the note format, 4 bytes; tells keys apart and proves nothing."""
        material = self.name.encode() + b"\n" + bytes((self.type,)) + self.public
        return hashlib.sha256(material).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.hash.hex()}+{b64(bytes((self.type,)) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey; raises ``InputError`` if it is malformed."""
        # base64 may hold a plus, so only the first two separate
        name, _, rest = text.strip().partition("+")
        hash_, _, material = rest.partition("+")
        try:
            raw = unb64(material)
        except ValueError as error:
            raise InputError(f"{text!r} is no verifier key", hint="NAME+HASH+KEY") from error
        if len(raw) != 1 + PUBLIC_BYTES:
            raise InputError(f"{text!r} is no verifier key of Ed25519", hint="NAME+HASH+KEY")
        key = cls(name, raw[1:], raw[0])
        if key.hash.hex() != hash_:
            raise InputError(f"{text!r}: the hash is not of this name and key", hint="copy it anew")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line."""

    name: str
    hash: bytes
    blob: bytes

    def __str__(self) -> str:
        return f"— {self.name} {b64(self.hash + self.blob)}\n"

    def of(self, key: VerifierKey) -> bool:
        """Whether the line claims to be of this key."""
        return self.name == key.name and self.hash == key.hash


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note; nothing in it is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Take a note apart; raises ``NotTrusted`` if it is malformed."""
        if len(note) > MAX_NOTE or len(note.encode("utf-8", "replace")) > MAX_NOTE:
            raise NotTrusted(f"the note is longer than {MAX_NOTE:,} bytes")
        if any((ord(c) < 0x20 and c != "\n") or 0xD800 <= ord(c) <= 0xDFFF for c in note):
            raise NotTrusted("the note holds control characters or is no Unicode")
        text, separator, lines = note.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise NotTrusted("the note has no signatures after a blank line")
        signatures = [parse_line(line) for line in lines[:-1].split("\n")]
        if len(signatures) > MAX_SIGNATURES:
            raise NotTrusted(f"the note has more than {MAX_SIGNATURES} signatures")
        return cls(text + "\n", tuple(signatures))

    def verify(self, key: VerifierKey) -> str:
        """The text, if the key signed it (type 1).

        Raises ``NotTrusted`` if it did not, or if a line of it does not hold.
        """
        lines = [line for line in self.signatures if line.of(key)]
        if not lines or key.type != ED25519:
            raise NotTrusted(f"the note is not signed by {key}")
        for line in lines:
            verify(key.public, line.blob, self.text.encode())
        return self.text

    def witnesses(self, keys: Sequence[VerifierKey]) -> dict[str, int]:
        """Cosigners among known ones, each with its time in seconds since 1970.

        Raises ``NotTrusted`` if a line of a known cosigner does not hold.
        """
        return {
            key.name: verify_cosignature(line, self.text, key)
            for key in keys
            for line in self.signatures
            if line.of(key)
        }


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of a log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Text of the note."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a note's text; extension lines are refused, since nobody could audit them.

        Raises ``NotTrusted`` if it is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0]:
            raise NotTrusted("a checkpoint has three lines: origin, size and root")
        origin, size, root = lines[:3]
        try:
            hash_ = unb64(root)
        except ValueError as error:
            raise NotTrusted(f"the root of the checkpoint is no base64: {error}") from error
        if not _DECIMAL.fullmatch(size) or int(size) >= _MAX_SIZE or len(hash_) != HASH_BYTES:
            raise NotTrusted("size or root of the checkpoint is malformed")
        return cls(origin, int(size), hash_)


def sign_note(text: str, name: str, key: SigningKey) -> str:
    """A note of the text with one signature."""
    line = Signature(name, VerifierKey(name, key.public).hash, key.sign(text.encode()))
    return f"{text}\n{line}"


def cosigner(origin: str, identity: str) -> str:
    """Name under which a member cosigns the checkpoints of a log."""
    return f"{origin}/{identity}"


def cosign(text: str, name: str, key: SigningKey, at: int) -> str:
    """Signature line of a witness over a checkpoint's text, made at a POSIX time in seconds."""
    hash_ = VerifierKey(name, key.public, COSIGNATURE).hash
    return str(Signature(name, hash_, at.to_bytes(8, "big") + key.sign(_cosigned(text, at))))


def verify_cosignature(line: Signature, text: str, key: VerifierKey) -> int:
    """POSIX time of a witness's cosignature over the text.

    Raises ``NotTrusted`` unless it is one of this key.
    """
    if not line.of(key) or key.type != COSIGNATURE:
        raise NotTrusted(f"the line is no cosignature of {key}")
    if len(line.blob) != 8 + SIGNATURE_BYTES:
        raise NotTrusted(f"a cosignature of {key.name} has the wrong length")
    at = int.from_bytes(line.blob[:8], "big")
    verify(key.public, line.blob[8:], _cosigned(text, at))
    return at


def parse_line(line: str) -> Signature:
    """Read one signature line, without its newline; raises ``NotTrusted`` if malformed."""
    match = _LINE.fullmatch(line)
    try:
        blob = unb64(match[2]) if match else b""
    except ValueError:
        blob = b""
    if match is None or len(blob) <= 4:
        raise NotTrusted(f"{line[:80]!r} is no signature line of a note")
    return Signature(match[1], blob[:4], blob[4:])


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()

"""Looks for identifiers, and for plain hashes of them, in whatever was stored or carried.

A needle is a raw value, a normal form, an input of the OPRF, or MD5, SHA-1, SHA-256 or SHA-512 of
one of these, as bytes, hex or base64. Eight bytes of each are looked up at every offset; where they are
found, the whole needle is compared.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator

import numpy as np

_WINDOW = 8
_CHUNK = 1 << 24
_HASHES = (hashlib.md5, hashlib.sha1, hashlib.sha256, hashlib.sha512)


class Needles:
    """What must not be found."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self._by_head: dict[int, list[bytes]] = {}
        for text in texts:
            for form in _forms(text):
                if len(form) >= _WINDOW:
                    head = int.from_bytes(form[:_WINDOW], "little")
                    self._by_head.setdefault(head, []).append(form)
        self._heads = np.array(sorted(self._by_head), dtype=np.uint64)

    def __len__(self) -> int:
        return sum(map(len, self._by_head.values()))

    def found(self, data: bytes) -> list[tuple[int, bytes]]:
        """Place and needle of everything that is there."""
        return [
            (at, needle)
            for begin in range(0, len(data), _CHUNK)
            for at in self._heads_at(data, begin)
            for needle in self._by_head[int.from_bytes(data[at : at + _WINDOW], "little")]
            if data.startswith(needle, at)
        ]

    def _heads_at(self, data: bytes, begin: int) -> Iterator[int]:
        part = data[begin : begin + _CHUNK + _WINDOW - 1]
        for shift in range(_WINDOW):
            count = (len(part) - shift) // _WINDOW
            if count < 1:
                continue
            words = np.frombuffer(part, "<u8", count, shift).astype(np.uint64)
            places = np.searchsorted(self._heads, words)
            places[places == len(self._heads)] = 0
            for hit in np.flatnonzero(self._heads[places] == words):
                yield begin + shift + int(hit) * _WINDOW


def _forms(text: bytes) -> Iterator[bytes]:
    yield text
    for hashed in _HASHES:
        digest = hashed(text).digest()
        yield digest
        yield digest.hex().encode()
        yield digest.hex().upper().encode()
        yield base64.b64encode(digest).rstrip(b"=")
        yield base64.urlsafe_b64encode(digest).rstrip(b"=")

"""What decisions say besides their columns, kept small: JSON texts, a million of them.

Rules: only added to, so that any thread may read while one adds. Nearly all decisions begin and
go on alike, so a few common parts are kept as one byte each, of those that no JSON text holds.
"""

import mmap
from array import array
from itertools import accumulate
from typing import Final

_MOST_SHARED: Final = 65_536
_LARGE: Final = 65_536
_HEAD, _FINDING = b'{"reason":"', b'","evidence":["finding:'
_STANDARD, _ORIGIN = b'"],"origin":"policy:standard","made":', b'"],"origin":"'
"""What nearly all decisions say: kept as a byte each that no JSON text holds."""


class Texts:
    """Texts by number."""

    def __init__(self) -> None:
        self._blobs: list[bytes | mmap.mmap] = []
        self._shared: dict[str, int] = {}

    def at(self, place: int) -> bytes:
        """A text that was kept."""
        blob, start = self._blobs[place >> 32], place & 0xFFFFFFFF
        return _long(blob[start : blob.find(b"\n", start)])

    def kept(self, rests: list[str]) -> "array[int]":
        """Keep texts; where each is, for ``at``. What many share is kept once."""
        distinct = dict.fromkeys(rests)
        few = 2 * len(distinct) <= len(rests) or len(distinct) == 1
        fresh = [one for one in distinct if one not in self._shared] if few else list(distinct)
        base = len(self._blobs) << 32
        text = _short("\n".join([*fresh, ""]).encode())
        if fresh:
            self._blobs.append(_apart(text) if len(text) >= _LARGE else text)
        ends = text.split(b"\n")
        ends.pop()
        places = accumulate((len(one) + 1 for one in ends), initial=base)
        if not few:
            if len(fresh) == len(rests):
                return array("Q", list(places)[:-1])
            at = dict(zip(fresh, places, strict=False))
            return array("Q", map(at.__getitem__, rests))
        if len(self._shared) + len(fresh) > _MOST_SHARED:
            self._shared = {one: self._shared[one] for one in distinct if one in self._shared}
        self._shared.update(zip(fresh, places, strict=False))
        return array("Q", map(self._shared.__getitem__, rests))


def _short(text: bytes) -> bytes:
    text = text.replace(_HEAD, b"\x01").replace(_FINDING, b"\x02")
    return text.replace(_STANDARD, b"\x03").replace(_ORIGIN, b"\x04")


def _long(text: bytes) -> bytes:
    """The inverse."""
    text = text.replace(b"\x01", _HEAD).replace(b"\x02", _FINDING)
    return text.replace(b"\x03", _STANDARD).replace(b"\x04", _ORIGIN)


def _apart(text: bytes) -> mmap.mmap:
    """In pages of its own: in between what comes and goes while loading, it would leave holes."""
    pages = mmap.mmap(-1, len(text))
    pages.write(text)
    return pages

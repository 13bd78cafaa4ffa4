"""All rows of all live packs, looked up at home: no question leaves the house.

Rules
    * One folder holds the packs, by their digest, and one index over them. The index is replaced
      as a whole: who looks up sees the old set or the new one, never half of either.
    * A digest is checked whenever an index is built; an index that names a pack which is not there
      is opened again, as another process may have replaced it in between.
    * Rows of one publisher under one tag are bounded: a member could fill its packs with the tag of
      an identifier that many customers have, and every lookup of it would take seconds. The
      newest count; how many were passed over can be asked for.
    * A candidate is a row under the tag. Whether it opens, and what it counts, is the reader's
      matter; most rows of other labs are dummies and open for nobody.
"""

import mmap
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError, StoredDataError
from stillwatch.sharing.matching.interface import TAG_BYTES
from stillwatch.sharing.matching.pack import Pack, Words, digest, parse, view, words
from stillwatch.sharing.matching.record import Row

_MAGIC: Final = b"SWTAGS\0\1"
_INDEX: Final = "tags.index"
_TRIES: Final = 3
_AGAIN: Final = "`stillwatch share pull` fetches what is missing and makes the index anew"
_ALIGN: Final = 16
MOST_ROWS: Final = 256
"""Of one publisher under one tag: its claims through one identifier that are looked at."""
_NONE: Final = np.empty(0, np.int64)
_ENTRY: Final = 24
"""Bytes an entry of the index: two words of the tag, number of the pack, row in it."""


@dataclass(frozen=True, slots=True)
class Source:
    """A pack of the set, and who stands for it."""

    sha256: str
    publisher: StixId
    """Identity that signed the tags claim."""
    epoch: str
    claim: StixId
    """The tags claim."""
    serial: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row under a tag that was looked up; not opened yet."""

    row: Row
    source: Source

    @property
    def publisher(self) -> StixId:
        """Who published it; part of what opens it."""
        return self.source.publisher

    @property
    def epoch(self) -> str:
        """Epoch of its tag; part of what opens it."""
        return self.source.epoch

    @property
    def claim(self) -> StixId:
        """The tags claim through which it came."""
        return self.source.claim


class TagSet:
    """A set of tags that does not change; open again to see a newer one."""

    def __init__(self, index: bytes | mmap.mmap, packs: Path) -> None:
        """Over the bytes of an index, and the folder of its packs. Raises ``StoredDataError``."""
        head, start = _head(index)
        self.sources: tuple[Source, ...] = tuple(Source(**one) for one in head["sources"])
        """Its packs."""
        count = int(head["rows"])
        if len(index) != start + count * _ENTRY:
            raise StoredDataError("the index of tags is cut off", hint=_AGAIN)
        self._high, self._low = (
            np.frombuffer(index, np.uint64, count, start + place * 8 * count) for place in (0, 1)
        )
        self._pack, self._row = (
            np.frombuffer(index, np.uint32, count, start + (16 + place * 4) * count)
            for place in (0, 1)
        )
        names = sorted({one.publisher for one in self.sources})
        self._publisher = np.array([names.index(one.publisher) for one in self.sources], np.uint32)
        self._packs = [_mapped(packs / f"{one.sha256}.pack") for one in self.sources]

    @classmethod
    def open(cls, folder: Path) -> "TagSet":
        """The set in a folder; an empty one where nothing was pulled. Raises ``StoredDataError``."""
        for _ in range(_TRIES):
            try:
                content = _map(folder / _INDEX)
            except FileNotFoundError:
                return cls(_index([], []), folder)
            try:
                return cls(content, folder)
            except FileNotFoundError:
                continue  # replaced while we were opening it
        raise StoredDataError(
            f"packs of the index in {folder} are missing",
            hint=_AGAIN,
        )

    def __len__(self) -> int:
        """Rows, dummies included."""
        return len(self._high)

    def lookup(self, tags: Sequence[bytes]) -> list[list[Candidate]]:
        """Rows under each tag, in the order asked, at most ``MOST_ROWS`` of each publisher.

        Raises ``ValueError`` for what is no tag.
        """
        return [[self._candidate(at) for at in self._bounded(one)] for one in self._places(tags)]

    def passed_over(self, tag: bytes) -> int:
        """Rows under a tag that a lookup does not give, because their publisher has too many."""
        (places,) = self._places([tag])
        return len(places) - len(self._bounded(places))

    def _places(self, tags: Sequence[bytes]) -> list[Any]:
        if any(len(tag) != TAG_BYTES for tag in tags):
            raise ValueError(f"a tag has {TAG_BYTES} bytes")
        if not tags:
            return []
        asked = np.frombuffer(b"".join(tags), np.uint8).reshape(len(tags), TAG_BYTES)
        high, low = words(asked)
        first = np.searchsorted(self._high, high, "left")
        last = np.searchsorted(self._high, high, "right")
        return [
            begin + np.flatnonzero(self._low[begin:end] == want) if begin < end else _NONE
            for begin, end, want in zip(first, last, low, strict=True)
        ]

    def _bounded(self, places: Any) -> Any:
        if len(places) <= MOST_ROWS:
            return places
        who = self._publisher[self._pack[places]]
        return np.concatenate([places[who == one][-MOST_ROWS:] for one in np.unique(who)])

    def _candidate(self, at: int) -> Candidate:
        number = self._pack[at]
        return Candidate(self._packs[number].row(int(self._row[at])), self.sources[number])


def replace_index(folder: Path, sources: Sequence[Source]) -> int:
    """Make these packs the set, durably and at once; returns its rows.

    Raises ``StoredDataError`` naming a pack that is missing, damaged, or none; the set stays.
    """
    packs = [_verified(folder, one) for one in sources]
    content = _index(sources, packs)
    fresh = folder / f".{_INDEX}.new"
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / _INDEX)
    sync_folder(folder)
    return sum(len(pack) for pack in packs)


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable, where folders can be opened (POSIX)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _verified(folder: Path, source: Source) -> Pack:
    path = folder / f"{source.sha256}.pack"
    try:
        content = path.read_bytes()
        pack = parse(content)
    except (OSError, InputError) as error:
        raise StoredDataError(f"pack {path}: {error}", hint=_AGAIN) from error
    if digest(content) != source.sha256:
        raise StoredDataError(f"pack {path} is damaged: its digest is another", hint=_AGAIN)
    return pack


def _index(sources: Sequence[Source], packs: Sequence[Pack]) -> bytes:
    """Bytes of an index: head, then columns sorted by tag."""
    columns = [_columns(number, pack) for number, pack in enumerate(packs)]
    joined = [np.concatenate(parts) for parts in zip(*columns, strict=True)] if columns else []
    rows = len(joined[0]) if joined else 0
    head = orjson.dumps({"rows": rows, "sources": [asdict(one) for one in sources]})
    prefix = _MAGIC + len(head).to_bytes(8, "big") + head
    prefix += b"\0" * (-len(prefix) % _ALIGN)
    if not joined:
        return prefix
    order = np.lexsort((joined[1], joined[0]))
    return prefix + b"".join(column[order].tobytes() for column in joined)


def _columns(number: int, pack: Pack) -> tuple[Words, Words, Any, Any]:
    high, low = pack.tags()
    count = len(pack)
    return high, low, np.full(count, number, np.uint32), np.arange(count, dtype=np.uint32)


def _head(index: bytes | mmap.mmap) -> tuple[dict[str, Any], int]:
    """Head of an index, and where its columns begin."""
    end = 16 + int.from_bytes(index[8:16], "big")
    if index[:8] != _MAGIC or end > len(index):
        raise StoredDataError("this is no index of tags", hint=_AGAIN)
    try:
        head = orjson.loads(index[16:end])
    except ValueError as error:
        raise StoredDataError(f"the index of tags is damaged: {error}", hint=_AGAIN) from error
    return dict(head), end + (-end % _ALIGN)


def _mapped(path: Path) -> Pack:
    """Pack that was checked when the index was built; mapped, not read."""
    try:
        return view(_map(path))
    except InputError as error:
        raise StoredDataError(f"pack {path}: {error}", hint=_AGAIN) from error


def _map(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise StoredDataError(f"{path} is empty", hint=_AGAIN)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def packs_in(folder: Path) -> Iterator[str]:
    """Digests of the packs that lie in a folder."""
    for path in sorted(folder.glob("*.pack")):
        yield path.stem

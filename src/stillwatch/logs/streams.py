"""Bytes of a file, decompressed and as UTF-8, with a count of what was consumed.

Rules: compression is told by the first bytes, not by the name, and so are UTF-16 and UTF-32. A compressed file that ends
early yields everything before the damage, then ``damaged`` says so; the rows are not lost and
the damage is not silent.
"""

import codecs
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, BinaryIO, Final, cast

import zstandard

from stillwatch.errors import InputError
from stillwatch.logs import remote, stores
from stillwatch.logs.interface import Reading, Source, Tally
from stillwatch.logs.ranges import Lines

MAGIC: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
BOM: Final = b"\xef\xbb\xbf"
_WIDE: Final = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins like the next one
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF32_BE: "utf-32",
}
_CHUNK: Final = 1 << 20
_PACKED: Final = 2 << 10
"""Compressed bytes unpacked at once: a sender may have made each kilobyte hold 32 megabytes."""
_DAMAGE: Final = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)


class CountedFile(io.RawIOBase):
    """A file that adds what is read from it to ``Tally.bytes_read``."""

    def __init__(self, file: Any, tally: Tally) -> None:
        self._file = file
        self._tally = tally

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read as ``io.RawIOBase`` does, and count."""
        size = int(self._file.readinto(buffer))
        self._tally.bytes_read += size
        return size

    def close(self) -> None:
        """Close the file underneath."""
        self._file.close()
        super().close()


class _ZstdFile(io.RawIOBase):
    """A zstd file of one or more frames; unlike the library's reader it notices a missing end."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._whole = True
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read as ``io.RawIOBase`` does; ``EOFError`` where the last frame has no end."""
        while not self._ready:
            data = self._raw.read(_PACKED)
            if not data:
                if not self._whole:
                    raise EOFError("the last zstd frame has no end")
                return 0
            self._ready = memoryview(self._unpacked(data))
        target = memoryview(cast("bytearray", buffer))
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpacked(self, data: bytes) -> bytes:
        parts = []
        while data:
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(data))
            data = self._frame.unused_data if self._frame.eof else b""
        self._whole = self._frame.eof
        return b"".join(parts)

    def close(self) -> None:
        """Close the file underneath."""
        self._raw.close()
        super().close()


def compression_of(file: BinaryIO) -> str | None:
    """Tell the compression of a file from its first bytes."""
    start = file.read(4)
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def head_of(source: Source, size: int) -> bytes:
    """Return up to ``size`` decompressed bytes from the beginning, without a byte order mark."""
    if _only_lines(source):
        text = b"".join(_up_to(remote.lines(source.path), size))
        return text.removeprefix(BOM)
    parts: list[bytes] = []
    with _open(source, Tally()) as stream:
        try:
            for part in _up_to(_pieces(stream, source), size):
                parts.append(part)  # what came before damage is kept
        except _DAMAGE as error:
            if not parts:
                raise InputError(
                    f"{source.path} is not a whole {source.compression} file", hint="copy it again"
                ) from error
    return b"".join(parts)[:size].removeprefix(BOM)


def is_recoded(source: Source) -> bool:
    """Tell a text that is UTF-16 or UTF-32: none of its parts says so."""
    with _open(source, Tally()) as stream:
        return stream.read(4).startswith(tuple(_WIDE))


def chunks(reading: Reading) -> Iterator[bytes]:
    """Yield the decompressed bytes of a source, about a mebibyte at a time."""
    source = reading.source
    if _only_lines(source):
        yield from remote.lines(source.path, reading)
        return
    with _open(source, reading.tally) as stream:
        try:
            yield from _pieces(stream, source)
        except _DAMAGE:
            reading.tally.damaged.append(source.path)


def _pieces(stream: BinaryIO, source: Source) -> Iterator[bytes]:
    """Yield UTF-8 in large pieces; of a truncated stream all that can be decompressed."""
    parts = _gathered(getattr(stream, "read1", stream.read))
    try:
        first = next(parts, b"")
        wide = next((name for mark, name in _WIDE.items() if first.startswith(mark)), None)
        recoded = codecs.getincrementaldecoder(wide)("replace") if wide else None
        for part in chain((first,), parts):
            yield recoded.decode(part).encode() if recoded else part
    except gzip.BadGzipFile:
        raise  # an OSError too, yet damage
    except OSError as error:
        raise InputError(
            f"{source.path} cannot be read to its end: {error}", hint="try again, or copy it here"
        ) from error


def _gathered(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Gather what one read gives (8 KB of gzip): a value that spans pieces is scanned again for each."""
    held: list[bytes] = []
    size = 0
    try:
        while part := read(_CHUNK):
            held.append(part)
            size += len(part)
            if size >= _CHUNK:
                yield b"".join(held)
                held, size = [], 0
    except _DAMAGE:
        yield b"".join(held)
        raise
    yield b"".join(held)


def _only_lines(source: Source) -> bool:
    """Tell a source whose bytes cannot be had, only its lines."""
    return source.remote and not stores.covers(source.path)


def _up_to(parts: Iterator[bytes], size: int) -> Iterator[bytes]:
    for part in parts:
        yield part
        size -= len(part)
        if size <= 0:
            return


def _open(source: Source, tally: Tally) -> BinaryIO:
    if source.held is not None:
        return io.BytesIO(source.held)
    try:
        if source.part is not None:
            whole = stores.seekable(source.path) if source.remote else io.FileIO(source.path)
            file: Any = Lines(whole, source.part, tally)
        else:
            file = stores.opened(source.path) if source.remote else io.FileIO(source.path)
    except OSError as error:
        raise InputError(
            f"cannot open {source.path}: {error.strerror}", hint="check path and permissions"
        ) from error
    raw = io.BufferedReader(CountedFile(file, tally), _CHUNK)
    if source.compression == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if source.compression == "zstd":
        return cast("BinaryIO", io.BufferedReader(_ZstdFile(cast("BinaryIO", raw)), _CHUNK))
    return cast("BinaryIO", raw)

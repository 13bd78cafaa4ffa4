"""Where bad rows go: nothing is dropped without being counted and kept for a look.

The file holds one JSON object per bad row: ``{"source", "line", "reason", "raw"}``, where
``raw`` is the beginning of the row; line 0 stands for a damaged file of which nothing counts. The file appears when reading has ended, well or badly, and
only if there were bad rows; an interrupted run leaves the one of an earlier run as it was.

>>> with Quarantine(None) as quarantine:
...     quarantine.add("a.jsonl", 3, "no account_id", b"{}")
>>> quarantine.count, quarantine.reasons["no account_id"]
(1, 1)
"""

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import orjson

from stillwatch.errors import InputError
from stillwatch.logs.limits import Limits


class BadRow(NamedTuple):
    """One quarantined row."""

    source: str
    line: int
    reason: str


class Quarantine:
    """Counts bad rows and writes them to a JSON-lines file.

    ``path=None`` counts only. Use as a context manager; the file is closed on leaving.
    """

    FIRST = 20
    """How many bad rows are kept in memory for the summary."""

    def __init__(self, path: Path | None, limits: Limits | None = None) -> None:
        self.path = path
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self.first: list[BadRow] = []
        self.most_bytes = (limits or Limits()).quarantine_bytes
        self._file: BinaryIO | None = None
        self._made: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is None or self.path is None:
            return
        self._file.close()
        self._file = None
        if kind is None or issubclass(kind, Exception):
            _partial(self.path).replace(self.path)
            return
        _partial(self.path).unlink(missing_ok=True)
        if self._made is not None:
            with suppress(OSError):  # something else is in it: not ours to remove
                self._made.rmdir()

    def add(self, source: str, line: int, reason: str, raw: bytes | str) -> None:
        """Count one bad row and keep its beginning.

        ``line`` counts from 1: the line of a text file, the row of a table.
        Raises ``InputError`` if the quarantine file cannot be written.
        """
        self.count += 1
        self.reasons[_kind(reason)] += 1
        if len(self.first) < self.FIRST:
            self.first.append(BadRow(source, line, reason))
        if self.path is not None:
            self._write(self.path, source, line, reason, raw)

    def begin_again(self) -> None:
        """Forget all bad rows: what they were found in is read again."""
        self.count = 0
        self.reasons.clear()
        self.first.clear()
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()

    def count_more(self, reasons: Counter[str]) -> None:
        """Count bad rows that were kept nowhere."""
        self.count += reasons.total()
        for reason, number in reasons.items():
            self.reasons[_kind(reason)] += number

    def _write(self, path: Path, source: str, line: int, reason: str, raw: bytes | str) -> None:
        data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
        text = data[: self.most_bytes].decode("utf-8", "replace")
        row = {"source": source, "line": line, "reason": reason, "raw": text}
        try:
            if self._file is None:
                self._made = None if path.parent.exists() else path.parent
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = _partial(path).open("wb")
            self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise InputError(
                f"cannot write bad rows to {path}: {error.strerror}",
                hint="name a writable file for the quarantine",
            ) from error


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


def _kind(reason: str) -> str:
    """Return the reason without the value in it, so that equal causes are counted together."""
    return re.sub(r" \(.*\)$", "", reason, flags=re.DOTALL)

"""From what the user names to the list of files to read.

Rules: a file that is named is read whatever it is called; in a folder only known suffixes are
read, hidden files never, and what was passed over is counted; a pattern or folder that yields
nothing is an error.
"""

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import remote, stores, streams

SUFFIXES: Final = frozenset(
    {".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".log"}
)
COMPRESSED: Final = frozenset({".gz", ".zst", ".zstd"})


@dataclass(frozen=True, slots=True)
class Found:
    """One file to read, its format not yet known."""

    path: str
    """Local path or address."""
    bytes: int
    """Size as stored."""
    compression: str | None
    """``gzip``, ``zstd`` or ``None``."""
    remote: bool = False
    """True for an address."""
    searched: bool = False
    """True if it was not named but found in a folder."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything found, and what was passed over."""

    files: tuple[Found, ...]
    """In the order given; within a folder by name."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Reason to number of files that were not read."""


def find_inputs(paths: Sequence[str | Path]) -> Listing:
    """Resolve files, folders, patterns and addresses, each file once."""
    if not paths:
        raise EmptyInput("no log files were named", hint="name a file, a folder or a pattern")
    passed_over: Counter[str] = Counter()
    files: dict[str, Found] = {}
    for path in paths:
        for found in _resolve(str(path), passed_over):
            if found.path not in files or not found.searched:
                files[found.path] = found
    return Listing(tuple(files.values()), passed_over)


def _resolve(path: str, passed_over: Counter[str]) -> Iterator[Found]:
    if remote.is_address(path):
        listed = remote.listing(path)
        if not listed:
            raise EmptyInput(f"nothing matches {path}", hint="check the address")
        for name, size in listed:
            kind = _compression(name)
            yield Found(name, size, kind, remote=True, searched=name != path)
        return
    local = Path(path).expanduser()
    if local.is_dir():
        yield from _folder(local, passed_over)
    elif local.exists():
        yield _file(local)
    elif glob.has_magic(path):
        yield from _pattern(str(local), passed_over)
    else:
        hint = (
            "Spark's tables need --engine spark" if path.startswith("table:") else "check the path"
        )
        raise InputError(f"no such file: {path}", hint=hint)


_NAMED: Final = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}


def _compression(address: str) -> str | None:
    if stores.covers(address):
        with stores.opened(address) as file:
            return streams.compression_of(file)
    return next((kind for end, kind in _NAMED.items() if address.lower().endswith(end)), None)


def _pattern(pattern: str, passed_over: Counter[str]) -> Iterator[Found]:
    matched = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - absolute patterns too
    files = [Path(name) for name in matched if Path(name).is_file()]
    if not files:
        raise EmptyInput(f"nothing matches {pattern}", hint="quote the pattern and check the path")
    passed_over["folder"] += len(matched) - len(files)
    for file in files:
        yield _file(file)


def _folder(folder: Path, passed_over: Counter[str]) -> Iterator[Found]:
    count = 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            passed_over["hidden"] += 1
        elif not is_log_name(path):
            passed_over[f"suffix {path.suffix or '(none)'}"] += 1
        else:
            count += 1
            yield _file(path, searched=True)
    if not count:
        raise EmptyInput(
            f"no log files in folder {folder}",
            hint=f"known suffixes are {' '.join(sorted(SUFFIXES))}, also with .gz or .zst",
        )


def is_log_name(path: Path) -> bool:
    """Whether a file of this name is read where it is found in a folder."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        # S3 deliveries are often named ….json.gz, sometimes just ….gz
        return len(suffixes) == 1 or suffixes[-2] in SUFFIXES or not suffixes[-2].isalpha()
    return bool(suffixes) and suffixes[-1] in SUFFIXES


def _file(path: Path, *, searched: bool = False) -> Found:
    if not path.is_file():
        raise InputError(
            f"{path} is no file but a pipe or a device, which can be read only once",
            hint="write it to a file first",
        )
    try:
        with path.open("rb") as file:
            kind = streams.compression_of(file)
            return Found(str(path), path.stat().st_size, kind, searched=searched)
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="check the permissions"
        ) from error

"""The formats: one literal table, and how one is chosen for a file.

A format is added by writing its file and naming it here.
"""

from difflib import get_close_matches
from pathlib import PurePath
from typing import Final

from stillwatch.errors import ConfigError, UnknownFormat
from stillwatch.logs.azure import AzureFormat
from stillwatch.logs.bedrock import BedrockFormat
from stillwatch.logs.csvlog import CsvFormat
from stillwatch.logs.interface import LogFormat, ReadOptions
from stillwatch.logs.jsonl import JsonlFormat
from stillwatch.logs.litellm import LitellmFormat
from stillwatch.logs.otel import OtelFormat
from stillwatch.logs.parquet import ParquetFormat

FORMATS: Final[tuple[LogFormat, ...]] = (
    ParquetFormat(),
    JsonlFormat(),
    CsvFormat(),
    LitellmFormat(),
    OtelFormat(),
    BedrockFormat(),
    AzureFormat(),
)

SURE: Final = 0.5
"""Below this a format only guesses, which is enough if a mapping says where the columns are."""

_FOREIGN: Final = {
    b"PK\x03\x04": "a zip archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x1f\x8b": "packed twice with gzip",
    b"\x28\xb5\x2f\xfd": "packed twice with zstd",
    b"ORC": "an ORC file",
    b"ARROW1": "an Arrow file",
    b"PARE": "an encrypted Parquet file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
}
"""What begins so is no log that a reader could take."""


def choose(head: bytes, path: str, options: ReadOptions) -> LogFormat:
    """Return the format named in the options, else the one that recognises ``head`` best.

    Raises ``ConfigError`` for an unknown name, ``UnknownFormat`` if no format is sure.
    """
    mapping = options.mapping
    named = options.format or (mapping.base if mapping else None)
    if named is not None:
        return by_name(named)
    name = PurePath(path).name
    best = max(FORMATS, key=lambda candidate: candidate.sniff(head, name))
    score = best.sniff(head, name)
    if score >= SURE or (mapping is not None and mapping.columns and score > 0):
        return best
    foreign = next((what for mark, what in _FOREIGN.items() if head.startswith(mark)), None)
    if foreign is not None:
        raise UnknownFormat(
            f"{path} is {foreign}", hint="unpack or convert it, and name what was in it"
        )
    if head[:64].count(b"\0") > 16:
        raise UnknownFormat(
            f"{path} is no text: it may be UTF-16 without a byte order mark",
            hint="convert it to UTF-8",
        )
    raise UnknownFormat(
        f"no reader recognises {path}, which begins with {head[:60]!r}",
        hint=f"name a --format ({', '.join(f.name for f in FORMATS)}) or a mapping file that says "
        "where the columns are",
    )


def by_name(name: str) -> LogFormat:
    """Return the format of this name; ``ConfigError`` names the closest one."""
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    names = [candidate.name for candidate in FORMATS]
    close = get_close_matches(name, names, n=1)
    raise ConfigError(
        f"there is no log format {name!r}",
        hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}",
    )

"""From opened logs to splits: what each task reads.

Rules: a file is divided only by its own format (``logs.interface.DivisibleFormat``); files of a
format whose events lie in several of them stay together in one split; order and number of splits
follow from the files alone, so that a run can be compared with another.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillwatch.logs import LogFormat, Reading, Source
from stillwatch.logs.interface import DivisibleFormat, JoiningFormat
from stillwatch.logs.streams import head_of


@dataclass(frozen=True, slots=True)
class Split:
    """What one task reads."""

    number: int
    format: str
    """Name of the format."""
    sources: tuple[Source, ...]
    """One, or all of a format that joins files."""

    @property
    def bytes(self) -> int:
        """Size as stored."""
        return sum(source.bytes for source in self.sources)


def splits_of(readings: Sequence[tuple[LogFormat, Reading]], most: int) -> list[Split]:
    """All of a log in splits of about ``most`` bytes, where files can be divided."""
    return [Split(number, *what) for number, what in enumerate(_units(readings, most))]


def _units(
    readings: Sequence[tuple[LogFormat, Reading]], most: int
) -> Iterator[tuple[str, tuple[Source, ...]]]:
    joined: set[str] = set()
    for reader, reading in readings:
        if isinstance(reader, JoiningFormat):
            if reader.name not in joined:
                joined.add(reader.name)
                yield (
                    reader.name,
                    tuple(each.source for same, each in readings if same.name == reader.name),
                )
        elif isinstance(reader, DivisibleFormat) and reading.source.bytes > most:
            head = b"" if reader.name == "parquet" else _head(reading)
            for source in reader.divided(reading, head, most):
                yield reader.name, (source,)
        else:
            yield reader.name, (reading.source,)


def _head(reading: Reading) -> bytes:
    return head_of(reading.source, reading.options.limits.head_bytes)

"""From opened logs to splits: what each task reads.

Rules: a file is divided only by its own format (``logs.interface.DivisibleFormat``); files of a
format whose events lie in several of them stay together in one split; small files are gathered.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stillwatch.logs import LogFormat, Reading, Source
from stillwatch.logs.interface import DivisibleFormat, JoiningFormat
from stillwatch.logs.streams import head_of

_Unit = tuple[str, tuple[Source, ...]]
"""Name of a format, and what of it is read by one task."""


@dataclass(frozen=True, slots=True)
class Split:
    """What one task reads."""

    number: int
    format: str
    """Name of the format."""
    sources: tuple[Source, ...]
    """One, some small ones, or all of a format that joins files."""

    @property
    def bytes(self) -> int:
        """Size as stored."""
        return sum(source.bytes for source in self.sources)


def splits_of(
    readings: Sequence[tuple[LogFormat, Reading]], most: int, tasks: int = 1
) -> list[Split]:
    """All of a log in splits of about ``most`` bytes, where files can be divided.

    Small files that are neighbours are read by one task, as long as ``tasks`` have enough to do:
    a profile of each account in each of a thousand files would cost more than reading them.
    """
    units = list(_units(readings, most))
    whole = sum(source.bytes for _, sources in units for source in sources)
    size = min(most, whole // max(tasks, 1))
    return [Split(number, *what) for number, what in enumerate(_gathered(units, size))]


def _gathered(units: Sequence[_Unit], most: int) -> Iterator[_Unit]:
    """Neighbours that are whole files of one format, together up to ``most`` bytes."""
    held: _Unit | None = None
    for name, sources in units:
        if held is not None and held[0] == name and _small((*held[1], *sources), most):
            held = (name, (*held[1], *sources))
            continue
        if held is not None:
            yield held
        held = (name, sources)
    if held is not None:
        yield held


def _small(sources: Sequence[Source], most: int) -> bool:
    whole = all(source.part is None and source.bytes for source in sources)
    return whole and sum(source.bytes for source in sources) <= most


def _units(readings: Sequence[tuple[LogFormat, Reading]], most: int) -> Iterator[_Unit]:
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

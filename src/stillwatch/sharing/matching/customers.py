"""A whole customer base against the tag set: streaming, resumable, and honest about who answered.

The progress file beside the output has one JSON line a finished chunk: how far the table was read,
how long the output is, the counts, and which evaluators answered. Rules

    * A chunk's leads are on disk before its line is, and a line before the next chunk begins. After
      a kill the output is cut to what the last whole line says: no lead is lost or doubled.
    * Where an evaluator is found to have answered wrongly, all chunks it took part in are done
      again: the work goes back to the first of them.
    * Neither file holds an identifier, an output or a tag; both are for the owner only.
    * The work goes on only with the table, and under the reading of it, that it began with.
"""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import orjson

from stillwatch.domain.identifier import Identifier, Kind
from stillwatch.domain.lead import Lead, Step
from stillwatch.errors import ConfigError, NotTrusted, StoredDataError
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.identifiers.interface import Reason, Tally, mostly_refused
from stillwatch.sharing.identifiers.table import CustomerTable
from stillwatch.sharing.matching.labs import Labs
from stillwatch.sharing.matching.screening import CHUNK, Screener, Subject

_VERSION: Final = 2
_SAMPLED: Final = 1 << 20
_MOST_LINE: Final = 1 << 20
_MOST_BACK: Final = 3
"""How often the work goes back before it gives up: so many evaluators answered wrongly."""

Tell = Callable[[str, int, int], None]


@dataclass(slots=True)
class Mark:
    """How far the work is."""

    row: int = 0
    """Last row of the table that is done."""
    output_bytes: int = 0
    customers: int = 0
    """With at least one usable identifier."""
    identifiers: int = 0
    evaluated: int = 0
    leads: Counter[str] = field(default_factory=Counter)
    """Customers with a match, by step."""
    ignored: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    """Values that gave no identifier, by kind and reason."""
    bad_rows: Counter[str] = field(default_factory=Counter)
    evaluators: list[str] = field(default_factory=list)
    """Whose unproven answers the last chunk rests on."""
    done: bool = False
    taken: Counter[str] = field(default_factory=Counter)
    """Values that gave identifiers, by the kind as which they were read."""

    def record(self) -> dict[str, Any]:
        """As a line of the progress file."""
        names = self.__slots__
        return {n: dict(v) if isinstance(v := getattr(self, n), Counter) else v for n in names}

    @classmethod
    def of(cls, record: dict[str, Any]) -> Self:
        """Inverse of ``record``. Raises ``TypeError`` or ``KeyError`` for anything else."""
        values: dict[str, Any] = {
            n: Counter(v) if isinstance(v, dict) else v for n, v in record.items()
        }
        return cls(**values)

    def warnings(self) -> list[str]:
        """A line for each kind of which more than half of the values were refused."""
        parts = ((said.split(": "), n) for said, n in self.unusable.items())
        refused = {(Kind(kind), Reason(reason)): n for (kind, reason), n in parts}
        return mostly_refused({Kind(kind): n for kind, n in self.taken.items()}, refused)


class Progress:
    """The progress file: a head that says what is worked on, then a line a chunk."""

    def __init__(self, path: Path, head: dict[str, Any]) -> None:
        """Open or make it. Raises ``ConfigError`` if it is of other work."""
        self.path, self.marks = path, list[Mark]()
        self._head = orjson.dumps(head)
        if path.exists():
            self._read(head)
        else:
            _replace(path, self._head + b"\n")

    @property
    def last(self) -> Mark:
        """Where to go on."""
        return self.marks[-1] if self.marks else Mark()

    def add(self, mark: Mark) -> None:
        """Keep a mark, durably."""
        self.marks.append(mark)
        with self.path.open("ab") as file:
            file.write(orjson.dumps(mark.record()) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def back(self, liars: set[str]) -> bool:
        """Go back before the first chunk that rests on one of these; whether there was one."""
        for place, mark in enumerate(self.marks):
            if liars & set(mark.evaluators):
                self.marks = self.marks[:place]
                lines = [self._head, *(orjson.dumps(one.record()) for one in self.marks)]
                _replace(self.path, b"\n".join(lines) + b"\n")
                return True
        return False

    def _read(self, head: dict[str, Any]) -> None:
        *lines, torn = self.path.read_bytes().split(b"\n")
        try:
            there = orjson.loads(lines[0])
            self.marks = [Mark.of(orjson.loads(line)) for line in lines[1:]]
        except (IndexError, ValueError, TypeError) as error:
            raise StoredDataError(
                f"{self.path} is no progress file", hint="name another --out, or remove it"
            ) from error
        other = [name for name in head if there.get(name) != head[name]]
        if other:
            raise ConfigError(
                f"{self.path} is of other work: {', '.join(other)} differ",
                hint="name another --out, or remove both files to begin anew",
            )
        if torn:
            _replace(self.path, b"\n".join(lines) + b"\n")


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be screened, and where the leads go."""

    table: Path
    out: Path
    layout: Layout
    least: Step = Step.NOTE
    """Leads of a lesser step are counted, not written."""
    chunk: int = CHUNK
    own_evidence: frozenset[str] = frozenset()
    """Customers against whom the lab itself holds something."""

    @property
    def progress(self) -> Path:
        """The progress file."""
        return self.out.with_name(self.out.name + ".progress")

    def head(self) -> dict[str, Any]:
        """What must be the same for the work to go on."""
        layout = self.layout
        return {
            "version": _VERSION,
            "table": fingerprint(self.table),
            "columns": {name: str(f) for name, f in sorted(layout.columns.items())},
            "region": layout.region,
            "rehearsal": layout.documentation,
            "least": self.least.word,
            "chunk": self.chunk,
        }


def screen_customers(job: Job, screener: Screener, labs: Labs, tell: Tell) -> Mark:
    """Screen a table, from where it was left. Returns the counts over all of it.

    Raises ``PeerError`` if no quorum is left and ``NotTrusted`` if too many evaluators lie; run
    again, it goes on.
    """
    if job.out.exists() and not job.progress.exists():
        raise ConfigError(
            f"{job.out} is there, but not its progress file", hint="name another --out"
        )
    progress = Progress(job.progress, job.head())
    for _ in range(_MOST_BACK):
        if progress.last.done:
            return progress.last
        if _work(job, progress, screener, labs, tell):
            return progress.last
    raise NotTrusted(
        f"evaluators were found to answer wrongly {_MOST_BACK} times",
        hint="`stillwatch screen --evaluators` tells which; then run it again",
    )


def _work(job: Job, progress: Progress, screener: Screener, labs: Labs, tell: Tell) -> bool:
    """Work to the end of the table; False where a lie was found and the work went back."""
    table, tally = CustomerTable(job.table, job.layout), Tally()
    base = progress.last
    labs.used()  # what was asked before is no matter of this work
    with _output(job.out, base.output_bytes) as out:
        for batch in table.batches(tally, size=job.chunk, after=base.row):
            subjects = list(_subjects(batch.pairs, job.own_evidence))
            screened = screener.chunk(subjects)
            written = _write(out, screened.leads, job.least)
            labs.settle()
            before = progress.last
            mark = Mark(
                batch.last_row,
                before.output_bytes + written,
                before.customers + len(subjects),
                before.identifiers + len(batch.pairs),
                before.evaluated + screened.evaluated,
                before.leads + Counter(o.step.word for o in screened.leads if o.evidence),
                before.ignored + screened.ignored,
                base.unusable + _unusable(tally),
                base.bad_rows + Counter(table.bad_rows),
                sorted(labs.used()),
                taken=base.taken + _taken(tally),
            )
            progress.add(mark)
            if progress.back(labs.liars()):
                return False
            tell("screening", table.bytes_read, table.bytes)
        labs.settle(everything=True)
        if progress.back(labs.liars()):
            return False
        last = progress.last
        progress.add(Mark.of({**last.record(), "evaluators": [], "done": True}))
    return True


def needed(job: Job, labs: Labs, tell: Tell) -> tuple[Mark, dict[str, dict[str, int | str]], int]:
    """What the work would ask: counts, quotas left by epoch and member, evaluations in all.

    Nothing of the table leaves; evaluators are asked for our quota only.
    """
    table, tally, mark = CustomerTable(job.table, job.layout), Tally(), Mark()
    for batch in table.batches(tally, size=job.chunk):
        mark.customers += sum(1 for _ in _subjects(batch.pairs, frozenset()))
        mark.identifiers += len(batch.pairs)
        mark.evaluated += len({identifier for _, identifier in batch.pairs})
        tell("counting", table.bytes_read, table.bytes)
    mark.unusable, mark.taken = _unusable(tally), _taken(tally)
    mark.bad_rows = Counter(table.bad_rows)
    names = labs.epochs()
    left = {name: labs.tagger(name).quotas(time.monotonic() + 10) for name in names}
    return mark, left, labs.cost(mark.evaluated)


def _subjects(
    pairs: Sequence[tuple[str, Identifier]], own_evidence: frozenset[str]
) -> Iterator[Subject]:
    for name, several in groupby(pairs, key=lambda pair: pair[0]):
        held = ("the lab's own list",) if name in own_evidence else ()
        yield Subject(name, [identifier for _, identifier in several], held)


def _write(out: BinaryIO, leads: Sequence[Lead], least: Step) -> int:
    """Append leads, durably; returns how many bytes."""
    told = [one for one in leads if one.step >= least and one.evidence]
    data = b"".join(orjson.dumps(one.record()) + b"\n" for one in told)
    out.write(data)
    out.flush()
    os.fsync(out.fileno())
    return len(data)


def _output(path: Path, size: int) -> BinaryIO:
    """The output, cut to what is known to be whole, at its end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    file = os.fdopen(descriptor, "r+b")
    if file.seek(0, os.SEEK_END) < size:
        file.close()
        raise StoredDataError(
            f"{path} is shorter than its progress file says", hint="remove both and begin anew"
        )
    file.truncate(size)
    file.seek(size)
    return file


def fingerprint(path: Path) -> str:
    """What tells one table from another: size, and SHA-256 of its first and last megabyte."""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(_SAMPLED))
        file.seek(max(size - _SAMPLED, 0))
        digest.update(file.read(_SAMPLED))
    return digest.hexdigest()


def _taken(tally: Tally) -> Counter[str]:
    return Counter({kind.value: n for kind, n in tally.taken.items()})


def _unusable(tally: Tally) -> Counter[str]:
    return Counter(
        {f"{Kind(kind)}: {Reason(reason)}": n for (kind, reason), n in tally.refused.items()}
    )


def _replace(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

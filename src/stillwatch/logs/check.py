"""A look at log files before anything is detected: what is in them, what is missing.

The whole log is read whatever its share of bad rows, so that every kind of fault is seen at
once; ``verdict`` is then the error that a real run would raise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from stillwatch.errors import EmptyInput, StillwatchError, TooManyBadRows
from stillwatch.logs.eventlog import open_logs
from stillwatch.logs.interface import ReadOptions, Source
from stillwatch.logs.quarantine import BadRow, Quarantine


@dataclass(frozen=True, slots=True)
class LogSummary:
    """What was found in a log."""

    sources: tuple[Source, ...]
    """Files and the format of each."""
    mapping: dict[str, str]
    """Canonical column to source path, as the mapping file has it."""
    rows: int
    """Rows seen, good and bad."""
    bad: int
    """Rows quarantined."""
    reasons: dict[str, int]
    """Why, most frequent first."""
    first_bad: tuple[BadRow, ...]
    """The first of them."""
    cells: dict[str, int]
    """Values that were not of their column's type, by column."""
    cut: dict[str, int]
    """Texts cut at the limit, by column."""
    skipped: dict[str, int]
    """Records that are no model request, by reason."""
    passed_over: dict[str, int]
    """Files in folders that were not read, by reason."""
    damaged: tuple[str, ...]
    """Files that end early."""
    unknown: tuple[str, ...]
    """Files in folders that no reader recognises."""
    coverage: dict[str, float]
    """Share of good rows (0 to 1) that have a value, by column."""
    first: datetime | None
    """Earliest request."""
    last: datetime | None
    """Latest request."""
    accounts: int
    """Distinct accounts."""
    verdict: StillwatchError | None
    """The error a run would end with; ``None`` if the log can be used."""


def check_logs(
    paths: Sequence[str | Path], options: ReadOptions, quarantine: Quarantine
) -> LogSummary:
    """Read everything and sum up; raises only what ``open_logs`` raises."""
    log = open_logs(paths, replace(options, bad_row_limit=1.0, encoded=True), quarantine)
    filled: dict[str, int] = {}
    moments: list[datetime] = []
    accounts: set[str] = set()
    verdict: StillwatchError | None = None
    try:
        for batch in log.batches():
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                filled[name] = filled.get(name, 0) + len(array) - array.null_count
            moments.extend(pc.min_max(batch.column("timestamp")).as_py().values())
            accounts.update(pc.unique(batch.column("account_id")).to_pylist())
    except (EmptyInput, TooManyBadRows) as error:
        verdict = error
    tally = log.tally
    rows = tally.good + tally.bad
    if rows and tally.bad / rows > options.bad_row_limit:
        verdict = TooManyBadRows(
            f"{tally.bad} of {rows} rows cannot be used ({tally.bad / rows:.1%}, limit "
            f"{options.bad_row_limit:.1%})",
            hint="repair the export or map its columns",
        )
    mapping = options.mapping.columns if options.mapping else {}
    return LogSummary(
        sources=log.sources,
        mapping={name: where.path for name, where in mapping.items()},
        rows=rows,
        bad=tally.bad,
        reasons=dict(quarantine.reasons.most_common()),
        first_bad=tuple(quarantine.first),
        cells=dict(tally.cells.most_common()),
        cut=dict(tally.cut.most_common()),
        skipped=dict(tally.skipped.most_common()),
        passed_over=dict(log.passed_over.most_common()),
        damaged=tuple(tally.damaged),
        unknown=tuple(tally.unknown),
        coverage={name: count / tally.good for name, count in filled.items()},
        first=min(moments, default=None),
        last=max(moments, default=None),
        accounts=len(accounts),
        verdict=verdict,
    )

"""What a reader of results must know of the reading: everything that is not a row in full.

>>> tally = Tally(cells=Counter(asn=2))
>>> remarks(tally, Counter())
("2 values were not of their column's type, taken as absent: asn (2)",)
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from stillwatch.logs.interface import Tally

_SHOWN = 3


def remarks(tally: Tally, passed_over: Counter[str]) -> tuple[str, ...]:
    """Say in sentences what was not read, cut or left out; none if everything was taken whole."""
    return tuple(_remarks(tally, passed_over))


def about_records(records: pa.Table, accounts: Sequence[str], tally: Tally) -> tuple[str, ...]:
    """Say what the account records do not tell about the accounts of a log."""
    known = set(records.column("account_id").to_pylist())
    missing = sum(account not in known for account in accounts)
    told = (
        (f"{missing:,} of {len(accounts):,} accounts in the log have no account record",)
        if missing
        else ()
    )
    return (*told, *(f"account records: {each}" for each in _remarks(tally, Counter())))


def about_baseline(quarantined: int, told: tuple[str, ...]) -> tuple[str, ...]:
    """Say what of a baseline was not read."""
    bad = (f"baseline: {_many(quarantined, 'row', 'rows')} could not be read",)
    return (*(bad if quarantined else ()), *(f"baseline: {each}" for each in told))


def _remarks(tally: Tally, passed_over: Counter[str]) -> Iterator[str]:
    if tally.damaged:
        yield (
            f"{_many(len(tally.damaged), 'file is', 'files are')} damaged or cut short, only what "
            f"came before was read: {_first(tally.damaged)}"
        )
    if left_out := list(dict(tally.left_out)):
        yield (
            f"{_many(len(left_out), 'file is', 'files are')} damaged and left out, nothing of "
            f"{'it' if len(left_out) == 1 else 'them'} counts: {_first(left_out)}"
        )
    if tally.unknown:
        yield (
            f"{_many(len(tally.unknown), 'file', 'files')} in a folder {_are(tally.unknown)} of no "
            f"known format and not read: {_first(tally.unknown)}"
        )
    if tally.cells.total():
        said = _many(tally.cells.total(), "value was not of its", "values were not of their")
        yield f"{said} column's type, taken as absent: {_counted(tally.cells)}"
    if tally.cut.total():
        said = _many(tally.cut.total(), "text", "texts")
        yield f"{said} beyond the length limit, cut there: {_counted(tally.cut)}"
    if tally.skipped.total():
        said = _many(tally.skipped.total(), "record", "records")
        yield f"{said} skipped that are no model request: {_counted(tally.skipped)}"
    if passed_over.total():
        said = _many(passed_over.total(), "file", "files")
        yield f"{said} passed over: {_counted(passed_over)}"


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _are(listed: list[str]) -> str:
    return "is" if len(listed) == 1 else "are"


def _first(paths: list[str]) -> str:
    more = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _counted(counts: Counter[str]) -> str:
    told = [f"{what} ({count:,})" for what, count in counts.most_common() if count]
    return _first(told)

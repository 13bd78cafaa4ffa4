"""The accounts table: one row per account, from Parquet, CSV or JSON.

It is small against the log (one row per customer, not per request), so it is read whole. Rules:
an account that is listed twice is an error that names both places, because two sign-up records
for one id would make every link through them wrong; a cell of the wrong type becomes null and is
counted.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.domain.tables import ACCOUNTS
from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import streams
from stillwatch.logs.columns import canonical
from stillwatch.logs.csvfile import check_header, csv_items, delimiter_of, header_of
from stillwatch.logs.inputs import find_inputs
from stillwatch.logs.interface import Reading, ReadOptions, Source, Tally
from stillwatch.logs.lines import Item, json_items, looks_like_json, opened
from stillwatch.logs.quarantine import Quarantine
from stillwatch.logs.schema import ACCOUNTS_SCHEMA, ARROW_TYPES


def read_accounts(path: Path | str, tally: Tally | None = None) -> pa.Table:
    """Read the accounts table (``ACCOUNTS_SCHEMA``) of a Parquet, CSV or JSON file.

    Columns that the file lacks are null; ``tally`` counts cells of the wrong type. Raises
    ``InputError`` for a row without an ``account_id``, an unreadable row, an account listed twice
    or a table that holds nothing but ids, ``EmptyInput`` for no account.
    """
    found, *others = find_inputs([path]).files
    if found.searched or others:
        raise InputError(f"{path} is not one file", hint="name the file with the account records")
    tally = Tally() if tally is None else tally
    source = Source(found.path, "accounts", found.bytes, found.compression, found.remote)
    quarantine = Quarantine(None)
    reading = Reading(source, ReadOptions(), quarantine, tally)
    head = b"PAR1" if found.path.endswith((".parquet", ".pq")) else streams.head_of(source, 1 << 16)
    if not head.strip():
        raise EmptyInput(f"{path} is empty", hint="name a table of accounts")
    columns, lines = _parquet(str(path)) if head.startswith(b"PAR1") else _text(reading, head)
    if quarantine.count:
        bad = quarantine.first[0]
        raise InputError(
            f"{path}, line {bad.line}: {bad.reason}", hint="repair the row; accounts are few"
        )
    table = _table(columns, len(lines), str(path), tally)
    _check(table, lines, str(path))
    return table


def _parquet(path: str) -> tuple[dict[str, pa.Array], range]:
    try:
        names = set(pq.read_schema(path).names) & set(ACCOUNTS_SCHEMA.names)
        table = pq.read_table(path, columns=sorted(names)).combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{path} is not a whole Parquet file: {error}", hint="write or copy it again"
        ) from error
    columns = {
        name: table.column(name).chunk(0) if table.num_rows else pa.nulls(0)
        for name in table.column_names
    }
    return columns, range(1, table.num_rows + 1)


def _text(reading: Reading, head: bytes) -> tuple[dict[str, list[Any]], list[int]]:
    items: Iterator[Item]
    header: list[str] = []
    text = opened(reading)
    if looks_like_json(head):
        items = json_items(reading, text)
    else:
        header = header_of(head, delimiter_of(head))
        if "account_id" not in header:
            raise InputError(
                f"{reading.source.path} has no column 'account_id'",
                hint=f"it has: {', '.join(header[:30])}",
            )
        check_header(header, reading)
        items = csv_items(reading, text)
    rows = list(items)
    columns = {
        name: [item.value.get(name) for item in rows]
        for name in ACCOUNTS_SCHEMA.names
        if name in header or any(name in item.value for item in rows)
    }
    return columns, [item.line for item in rows]


def _table(columns: dict[str, Any], rows: int, path: str, tally: Tally) -> pa.Table:
    arrays = []
    for column in ACCOUNTS:
        given = columns.get(column.name)
        if given is None and column.required:
            raise _lacking(rows, path, column.name)
        if given is None:
            arrays.append(pa.nulls(rows, ARROW_TYPES[column.type]))
            continue
        array, bad = canonical(given, column)
        tally.cells[column.name] += bad
        arrays.append(array)
    if rows and set(columns) <= {"account_id"}:
        raise InputError(
            f"{path} tells nothing but ids: no other column of it is known",
            hint=f"known are {', '.join(ACCOUNTS_SCHEMA.names[1:])}; rename the columns that hold them",
        )
    return pa.Table.from_arrays(arrays, schema=ACCOUNTS_SCHEMA)


def _lacking(rows: int, path: str, name: str) -> InputError:
    if not rows:
        return EmptyInput(f"{path} lists no account", hint="name a table with one row per account")
    return InputError(f"{path} has no column {name!r}", hint="rename the column that has the ids")


def _check(table: pa.Table, lines: list[int] | range, path: str) -> None:
    ids = table.column("account_id")
    if not table.num_rows:
        raise _lacking(0, path, "account_id")
    empty = pc.or_(pc.is_null(ids), pc.equal(pc.fill_null(ids, ""), ""))
    if pc.any(empty).as_py():
        line = lines[pc.index(empty, True).as_py()]
        raise InputError(f"{path}, line {line}: no account_id", hint="give every row its account")
    if pc.count_distinct(ids).as_py() == table.num_rows:
        return
    seen: dict[str, int] = {}
    for line, account in zip(lines, ids.to_pylist(), strict=True):
        if account in seen:
            raise InputError(
                f"{path}: account {account!r} is listed twice, in lines {seen[account]} and {line}",
                hint="keep one row per account",
            )
        seen[account] = line

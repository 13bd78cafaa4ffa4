"""Records to batches: the common way of every format that is read record by record.

A format turns one record (a JSON object, a CSV line, a span) into canonical values; this
module lets a mapping override them, gathers rows into batches and hands these to
``assemble``, which refuses bad ones.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import pyarrow as pa

from stillwatch.errors import InputError
from stillwatch.logs.assemble import assemble
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item
from stillwatch.logs.mapping import ColumnMapping, lookup, missing_path, paths_of
from stillwatch.logs.messages import conversation, parsed
from stillwatch.logs.schema import EVENT_COLUMNS


class Row(NamedTuple):
    """One event before its types are checked."""

    item: Item
    """Where it stood; for an event made of several records, the first of them."""
    values: dict[str, Any]
    """Canonical names to raw values."""
    record: Any
    """What a mapping's source paths look into."""


Mapper = Callable[[Item], Iterable[Row]]
"""One record to its events: none, one or (a document of spans) many."""


def canonical_rows(item: Item) -> Iterable[Row]:
    """Take a record whose keys are the canonical names already; others are looked past."""
    return (Row(item, dict(item.value), item.value),)


def record_batches(reading: Reading, rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Yield canonical batches, bounded in rows and in bytes of what was read for them."""
    options, gathered, size, raw = reading.options, [], 0, b""
    for row in rows:
        _override(row, options.mapping, options.limits.depth)
        gathered.append(row)
        if row.item.raw is not raw:  # many spans share one document
            raw = row.item.raw
            size += len(raw)
        if len(gathered) >= options.batch_rows or size >= options.limits.batch_bytes:
            yield _batch(reading, gathered)
            gathered, size, raw = [], 0, b""
    if gathered:
        yield _batch(reading, gathered)


def check_sample(
    reading: Reading, rows: Sequence[Row], elsewhere: frozenset[str] = frozenset()
) -> None:
    """Refuse a file none of whose first rows has what is required or what a mapping names.

    ``elsewhere`` names columns that another file may tell.
    """
    mapping = reading.options.mapping
    if not rows:
        return
    present = list(dict.fromkeys(path for row in rows for path in paths_of(row.record)))
    if mapping is not None:
        _check_paths(mapping, rows, present, reading.source.path)
    for row in rows:
        _override(row, mapping, reading.options.limits.depth)
    for column in EVENT_COLUMNS.values():
        required = column.required and column.name not in elsewhere
        if required and all(row.values.get(column.name) is None for row in rows):
            raise InputError(
                f"{reading.source.path}: no {column.name!r} in the first {len(rows)} records",
                hint=_missing_hint(reading, column.name, present),
            )


def _check_paths(
    mapping: ColumnMapping, rows: Sequence[Row], present: list[str], source: str
) -> None:
    for name, where in mapping.columns.items():
        if any(lookup(row.record, where.path) is not None for row in rows):
            continue
        # an optional field may be rare; one that looks like a slip or is required may not
        if EVENT_COLUMNS[name].required or _similar(where.path, present):
            raise missing_path(mapping, name, present, source)


def _missing_hint(reading: Reading, name: str, present: list[str]) -> str:
    content = HINTS.get((reading.source.format, name))
    shown = ", ".join(present[:20])
    return content or f"name it in a mapping file; the records have: {shown}"


HINTS = {
    ("litellm", "prompt"): "turn on store_prompts_in_spend_logs in general_settings, and "
    "turn_off_message_logging off",
    ("otel", "prompt"): "let the instrumentation capture message content",
    ("bedrock", "prompt"): "turn on text delivery in the model invocation logging settings",
    ("azure", "account_id"): "export the category GatewayLogs too and read it together with these, "
    "or name the account in a mapping file",
    ("azure", "prompt"): "turn on 'log messages' for prompts in the API's diagnostic settings",
}
"""What to switch on where a product does not log this by default."""


def _similar(path: str, present: list[str]) -> bool:
    return bool(get_close_matches(path, present, n=1, cutoff=0.8))


def _override(row: Row, mapping: ColumnMapping | None, depth: int) -> None:
    values = row.values
    if mapping is not None:
        for name, where in mapping.columns.items():
            found = lookup(row.record, where.path)
            values[name] = parsed(found) if where.messages else found
        for name, constant in mapping.constants.items():
            if values.get(name) is None:
                values[name] = constant
    prompt = values.get("prompt")
    if isinstance(prompt, list | dict):
        said = conversation(prompt, depth)
        values["prompt"] = said.prompt
        for name, derived in (("system_prompt", said.system_prompt), ("turn", said.turn)):
            if values.get(name) is None:
                values[name] = derived


def _batch(reading: Reading, rows: Sequence[Row]) -> pa.RecordBatch:
    present: set[str] = set()
    for row in rows:
        present.update(row.values)
    columns = {
        column.name: [row.values.get(column.name) for row in rows]
        for column in reading.wanted
        if column.name in present
    }

    def place(index: int) -> tuple[int, bytes]:
        item = rows[index].item
        return item.line, item.raw

    return assemble(reading, columns, len(rows), place)

"""The canonical tables as Arrow schemas.

``domain.tables`` says what the columns are and stays free of Arrow; this module is the only
place that turns those words into Arrow types, so that every room agrees on them.

>>> EVENTS_SCHEMA.field("timestamp").type
TimestampType(timestamp[us, tz=UTC])
>>> events_schema(frozenset({"asn"})).names
['event_id', 'timestamp', 'account_id', 'model', 'prompt', 'asn']
"""

from typing import Final

import pyarrow as pa

from stillwatch.domain.tables import ACCOUNTS, EVENTS, LABELS, Column, ColumnType

ARROW_TYPES: Final[dict[ColumnType, pa.DataType]] = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", "UTC"),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "bool": pa.bool_(),
}


def schema_of(columns: tuple[Column, ...]) -> pa.Schema:
    """Return the Arrow schema of a canonical table, in the table's own column order."""
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in columns])


def wanted_columns(names: frozenset[str] | None) -> tuple[Column, ...]:
    """Return the columns of the events table to read: those named (``None``: all) and the required ones."""
    return tuple(c for c in EVENTS if names is None or c.required or c.name in names)


def events_schema(names: frozenset[str] | None) -> pa.Schema:
    """Return the schema of the batches that a reader yields when asked for ``names``."""
    return schema_of(wanted_columns(names))


EVENTS_SCHEMA: Final[pa.Schema] = schema_of(EVENTS)
ACCOUNTS_SCHEMA: Final[pa.Schema] = schema_of(ACCOUNTS)
LABELS_SCHEMA: Final[pa.Schema] = schema_of(LABELS)
EVENT_COLUMNS: Final[dict[str, Column]] = {column.name: column for column in EVENTS}
REQUIRED: Final[frozenset[str]] = frozenset(column.name for column in EVENTS if column.required)
REPEATING: Final[frozenset[str]] = frozenset(
    column.name for column in EVENTS if column.type == "string"
) - {"event_id", "account_id", "prompt", "response"}
"""Texts that many rows share; only they may come as dictionaries."""
ENOUGH: Final = 3
"""So many of the required names tell a canonical file; what is missing is then said by name."""

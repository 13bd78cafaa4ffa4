"""Request logs of every kind to the canonical events table.

Glossary
--------
format       a layout of log files that one reader understands (``registry.FORMATS``)
source       one file or address that is read
record       what a source holds one after another: a line, an object, a span
row          one event of the canonical table
bad row      one that lacks a required value; goes to the quarantine and is counted
cell warning a value that is not of its column's type; becomes null and is counted
skipped      a well-formed record that is no model request
mapping      a TOML file that says where a provider's own layout keeps the columns
"""

from stillwatch.logs.accounts import read_accounts
from stillwatch.logs.eventlog import EventLog, open_logs
from stillwatch.logs.interface import LogFormat, Reading, ReadOptions, Source, Tally
from stillwatch.logs.limits import Limits
from stillwatch.logs.mapping import ColumnMapping, parse_mapping, read_mapping
from stillwatch.logs.quarantine import BadRow, Quarantine
from stillwatch.logs.schema import ACCOUNTS_SCHEMA, EVENTS_SCHEMA, LABELS_SCHEMA, events_schema

__all__ = [
    "ACCOUNTS_SCHEMA",
    "EVENTS_SCHEMA",
    "LABELS_SCHEMA",
    "BadRow",
    "ColumnMapping",
    "EventLog",
    "Limits",
    "LogFormat",
    "Quarantine",
    "ReadOptions",
    "Reading",
    "Source",
    "Tally",
    "events_schema",
    "open_logs",
    "parse_mapping",
    "read_accounts",
    "read_mapping",
]

"""The mapping file: where a provider's own layout keeps the canonical columns.

A TOML file. ``[columns]`` names a source path per canonical column: keys joined by dots, list
positions as numbers (``-1`` is the last), a key that itself has dots as it is::

    [format]
    base = "csv"            # the format underneath; found by looking if absent
    delimiter = ";"         # csv only

    [columns]
    event_id = "Request ID"
    account_id = "billing.customer.id"
    prompt = { path = "body.messages", as = "messages" }   # JSON text of a message list

    [time]
    unit = "ms"             # of epoch numbers; told by their size if absent
    zone = "Europe/Berlin"  # of times without a zone; UTC if absent

    [constants]
    channel = "first_party"

Rules: a mapped column overrides what the format found; constants fill what is still absent;
an unknown canonical name or a source column that the file lacks is an error that names the
closest one.

>>> lookup({"a": {"b.c": [1, 2]}}, "a.b.c.-1")
2
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from stillwatch.errors import ConfigError
from stillwatch.logs.schema import EVENT_COLUMNS

_SECTIONS = {"format": {"base", "delimiter"}, "time": {"unit", "zone"}}
_UNITS = ("s", "ms", "us", "ns")


@dataclass(frozen=True, slots=True)
class SourcePath:
    """Where one canonical column is found."""

    path: str
    """Keys joined by dots."""
    messages: bool = False
    """The value is the JSON text of a message list."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A mapping file, checked."""

    columns: Mapping[str, SourcePath]
    """Canonical name to source path."""
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Canonical name to the value of every row that has none."""
    base: str | None = None
    """Format underneath."""
    delimiter: str | None = None
    """CSV delimiter, one character."""
    unit: str | None = None
    """Unit of epoch numbers."""
    zone: str | None = None
    """Zone of times without one."""
    origin: str = "mapping"
    """File it was read from, for messages."""


def read_mapping(path: Path | str) -> ColumnMapping:
    """Read the mapping of a TOML file; ``ConfigError`` says what in it is wrong."""
    try:
        table = tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"cannot read mapping {path}: {error}", hint="a mapping is a TOML file with [columns]"
        ) from error
    return parse_mapping(table, origin=str(path))


def parse_mapping(table: Mapping[str, Any], origin: str = "mapping") -> ColumnMapping:
    """Check the mapping of an already parsed table."""
    for section in table:
        _known(section, ("format", "columns", "time", "constants"), f"{origin}: section")
        if not isinstance(table[section], dict):
            raise ConfigError(f"{origin}: [{section}] must be a table")
    for section, keys in _SECTIONS.items():
        for key, value in table.get(section, {}).items():
            _known(key, keys, f"{origin}: [{section}] setting")
            if not isinstance(value, str):
                raise ConfigError(f"{origin}: [{section}] {key} must be a text")
    columns = {
        _known(name, EVENT_COLUMNS, f"{origin}: [columns] column"): _path(name, value, origin)
        for name, value in table.get("columns", {}).items()
    }
    constants = table.get("constants", {})
    for name in constants:
        _known(name, EVENT_COLUMNS, f"{origin}: [constants] column")
    layout, time = table.get("format", {}), table.get("time", {})
    _check_settings(layout, time, origin)
    return ColumnMapping(
        columns=columns,
        constants=constants,
        base=layout.get("base"),
        delimiter=layout.get("delimiter"),
        unit=time.get("unit"),
        zone=time.get("zone"),
        origin=origin,
    )


def lookup(record: Any, path: str) -> Any:
    """Return the value at ``path`` in nested dicts and lists, ``None`` if it is not there."""
    if not path or record is None:
        return record if not path else None
    if isinstance(record, list):
        head, _, rest = path.partition(".")
        try:
            return lookup(record[int(head)], rest)
        except (ValueError, IndexError):
            return None
    if not isinstance(record, dict):
        return None
    # the longest key first: a key may have dots itself ("gen_ai.request.model")
    end = len(path)
    while end > 0:
        if path[:end] in record:
            found = lookup(record[path[:end]], path[end + 1 :])
            if found is not None:
                return found
        end = path.rfind(".", 0, end)
    return None


def paths_of(record: Any, depth: int = 4, prefix: str = "") -> list[str]:
    """Return the paths of a record's leaves, for suggestions."""
    if isinstance(record, dict) and depth and record:
        return [
            path
            for key, value in record.items()
            for path in paths_of(value, depth - 1, f"{prefix}.{key}" if prefix else str(key))
        ]
    return [prefix]


def require_paths(mapping: ColumnMapping, present: Iterable[str], source: str) -> None:
    """Raise ``ConfigError`` if a table's columns lack what the mapping names."""
    have = list(present)
    for name, where in mapping.columns.items():
        if not any(where.path == column or where.path.startswith(column + ".") for column in have):
            raise missing_path(mapping, name, have, source)


def missing_path(
    mapping: ColumnMapping, name: str, present: Iterable[str], source: str
) -> ConfigError:
    """Build the error for a source path that a file lacks."""
    path = mapping.columns[name].path
    return ConfigError(
        f"{mapping.origin}: {name} = {path!r} is not in {source}",
        hint=_closest(path, list(present)),
    )


def _path(name: str, value: Any, origin: str) -> SourcePath:
    if isinstance(value, str) and value:
        return SourcePath(value)
    if isinstance(value, dict) and isinstance(value.get("path"), str) and value["path"]:
        for key in value:
            _known(key, ("path", "as"), f"{origin}: [columns] {name}: setting")
        if value.get("as") in (None, "messages"):
            return SourcePath(value["path"], value.get("as") == "messages")
    raise ConfigError(
        f"{origin}: [columns] {name} must be a source path",
        hint='write "a.b" or { path = "a.b", as = "messages" }',
    )


def _check_settings(layout: Mapping[str, str], time: Mapping[str, str], origin: str) -> None:
    if len(layout.get("delimiter", ",")) != 1:
        raise ConfigError(f"{origin}: [format] delimiter must be one character")
    if time.get("unit", "s") not in _UNITS:
        raise ConfigError(f"{origin}: [time] unit must be one of {', '.join(_UNITS)}")
    if "zone" in time:
        _known(time["zone"], available_timezones(), f"{origin}: [time] zone")
        ZoneInfo(time["zone"])


def _known(name: str, names: Iterable[str], what: str) -> str:
    known = list(names)
    if name not in known:
        raise ConfigError(f"{what} {name!r} is unknown", hint=_closest(name, known))
    return name


def _closest(name: str, names: list[str]) -> str:
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(sorted(names)[:30])}"

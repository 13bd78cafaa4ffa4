"""``stillwatch identifiers normalise``: what would be asked about these values."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import orjson
import typer

from stillwatch.domain.identifier import Identifier, Kind, RawIdentifier
from stillwatch.errors import ConfigError, EmptyInput, InputError
from stillwatch.report.text import IDENT, plain
from stillwatch.sharing.identifiers import Refused, Tally
from stillwatch.sharing.identifiers import normalise as normalise_value
from stillwatch.sharing.identifiers.fields import Field, Layout
from stillwatch.sharing.identifiers.lines import json_lines, text_lines
from stillwatch.sharing.identifiers.table import CustomerTable, record_identifiers

_Say = Callable[[str, Identifier | Refused], None]


class _Given(StrEnum):
    """Kinds by the names under which raw values are given."""

    EMAIL = "email"
    PHONE = "phone"
    PAYMENT = "payment"
    DOMAIN = "domain"
    ORGANISATION = "organisation"
    DEVICE = "device"
    IP = "ip"
    JA4_ASN = "ja4-asn"
    RESELLER = "reseller"
    SKELETON_BAND = "skeleton-band"
    PROMPT = "prompt"


def normalise(
    source: Annotated[
        str,
        typer.Argument(
            help="A file, or - for stdin. With --kind one value a line; without, a table of "
            "customers (CSV, JSON, Parquet), or on stdin one sign-up a line as a JSON object."
        ),
    ] = "-",
    kind: Annotated[_Given | None, typer.Option(help="What the lines are.")] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Country of phone numbers that name none (ISO 3166-1 alpha-2)."),
    ] = None,
    processor: Annotated[
        str | None, typer.Option(help="Processor of payment fingerprints that name none.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="COLUMN=FIELD for a column of your own; may be given again. "
            f"Fields: {', '.join(Field)}.",
        ),
    ] = None,
    documentation: Annotated[
        bool,
        typer.Option(
            help="Take the domains and phone numbers of examples, too (example.com, 555-01xx)."
        ),
    ] = False,
    counts: Annotated[bool, typer.Option("--counts", help="Print counts only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print the normal forms of raw values, and why a value has none. Nothing leaves the house.

    The output holds identifiers: treat it as you treat the input. Ends with status 1 if no value
    gave an identifier.
    """  # fmt: skip
    layout = Layout(_mapping(columns or []), region, processor, documentation)
    tally, say = Tally(), _silent if counts else (_say_json if as_json else _say_text)
    if kind is not None:
        with _opened(source) as stream:
            _values(stream, kind, layout, tally, say)
    elif source == "-":
        with _opened(source) as stream:
            _records(stream, layout, tally, say)
    else:
        _table(source, layout, tally, say)
    if not tally.identifiers and not tally.refused:
        raise EmptyInput(
            f"{'standard input' if source == '-' else source} holds no value",
            hint="one a line with --kind, JSON objects, or a table",
        )
    _tell(tally, as_json)
    if not tally.identifiers:
        raise typer.Exit(1)


def _values(stream: BinaryIO, given: _Given, layout: Layout, tally: Tally, say: _Say) -> None:
    kind = Kind.IP4 if given is _Given.IP else Kind(given.value)
    for number, text in text_lines(stream):
        if kind is Kind.PAYMENT and layout.processor and ":" not in text:
            text = f"{layout.processor}:{text}"  # noqa: PLW2901 - as a table's cell is read
        outcome = normalise_value(
            kind, RawIdentifier(text), region=layout.region, documentation=layout.documentation
        )
        tally.add(outcome)
        for one in (outcome,) if isinstance(outcome, Refused) else outcome:
            say(str(number), one)


def _records(stream: BinaryIO, layout: Layout, tally: Tally, say: _Say) -> None:
    for number, record in json_lines(stream):
        found, planned = record_identifiers(record, layout, tally)
        if planned.ignored:
            print(f"line {number}: not read: {_names(planned.ignored)}", file=sys.stderr)
        for one in found:
            say(str(number), one)


def _table(path: str, layout: Layout, tally: Tally, say: _Say) -> None:
    table = CustomerTable(path, layout)
    for field, names in table.plan.read.items():
        print(f"{field.value}: {_names(names)}", file=sys.stderr)
    if table.plan.ignored:
        print(f"not read: {_names(table.plan.ignored)}", file=sys.stderr)
    for batch in table.batches(tally):
        for row, one in batch.pairs:
            say(row, one)
    for reason, count in table.bad_rows.items():
        print(f"{count:,} rows could not be used: {reason}", file=sys.stderr)


def _mapping(columns: list[str]) -> dict[str, Field]:
    found = {}
    for entry in columns:
        name, equals, field = entry.rpartition("=")
        if not equals or field not in set(Field):
            raise ConfigError(
                f"--map {entry} does not name a field", hint=f"COLUMN=FIELD: {', '.join(Field)}"
            )
        found[name] = Field(field)
    return found


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        if sys.stdin.isatty():
            print("reading from the terminal; end with Ctrl-D", file=sys.stderr)
        yield sys.stdin.buffer
        return
    try:
        file = Path(source).open("rb")  # noqa: SIM115 - closed below; its own errors alone are told
    except OSError as error:
        raise InputError(
            f"cannot read {source}: {error.strerror}", hint="check the path"
        ) from error
    with file:
        yield file


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(plain(name, IDENT) for name in names)


def _silent(row: str, one: Identifier | Refused) -> None:
    del row, one


def _say_text(row: str, one: Identifier | Refused) -> None:
    said = f"refused: {one.reason.value}" if isinstance(one, Refused) else one.value
    print(f"{plain(row, IDENT)}\t{one.kind.value}\t{said}")


def _say_json(row: str, one: Identifier | Refused) -> None:
    said: dict[str, Any] = {"row": row, "kind": one.kind.value}
    said |= {"refused": one.reason.value} if isinstance(one, Refused) else {"value": one.value}
    print(orjson.dumps(said).decode())


def _tell(tally: Tally, as_json: bool) -> None:
    rows = list(tally.rows())
    if as_json:
        told = [{"kind": kind, "what": what, "count": count} for kind, what, count in rows]
        print(orjson.dumps({"counts": told}).decode())
        return
    for kind, what, count in rows:
        print(f"{count:>12,}  {kind:14} {what}", file=sys.stderr)

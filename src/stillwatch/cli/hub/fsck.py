"""``stillwatch hub fsck``: check a hub's log from outside, with code of its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from stillwatch.errors import ConfigError, InputError, NotTrusted
from stillwatch.hub.fsck.check import check
from stillwatch.hub.fsck.report import Progress as Report
from stillwatch.hub.fsck.report import Report as Result
from stillwatch.hub.fsck.shown import read_notes

_SHOWN = 50
"""Faults printed; ``--json`` has more."""
_TOKEN_BYTES = 4096


def fsck(
    database: Annotated[
        str | None,
        typer.Option(help="A hub's database: sqlite:///hub.db or postgresql://user@host/name."),
    ] = None,
    url: Annotated[str | None, typer.Option(help="Or a running hub: https://hub.example")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="With --url: file with a member's token.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="The log's public key, as `hub init` printed it.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            help="A checkpoint that somebody was shown, or a refused pull's evidence; repeatable.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check every entry, tile, checkpoint, signature and key of a log; status 5 if one is wrong."""
    if (database is None) == (url is None):
        raise InputError("one place to check is needed", hint="give --database URL or --url URL")
    if url is not None and key is None:
        raise InputError(
            "a running hub cannot vouch for its own key",
            hint="give --key as the operator told it to you, not as the hub does",
        )
    token = _token(token_file) if url is not None else ""
    shown = [note for file in checkpoint or () for note in read_notes(file)]
    with _progress(quiet=as_json) as progress:
        report = check(
            database=database, url=url, token=token, vkey=key, shown=shown, progress=progress
        )
    if as_json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        _print(report)
    if not report.holds:
        raise NotTrusted(
            f"{sum(report.counts.values()):,} things do not hold in the log of {report.source}",
            hint="keep the database as it is, and compare checkpoints with other members",
        )


def _token(file: Path | None) -> str:
    if file is None:
        raise InputError("--url needs a member's token", hint="give --token-file FILE")
    try:
        with file.open(encoding="utf-8") as opened:
            token = opened.read(_TOKEN_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"token file {file} cannot be read ({error})") from error
    if not token:
        raise ConfigError(f"token file {file} is empty")
    return token


def _print(report: Result) -> None:
    for fault in report.faults[:_SHOWN]:
        print(fault)
    total = sum(report.counts.values())
    if total > _SHOWN:
        print(f"... and {total - _SHOWN:,} more: --json lists them")
    looked = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.looked_at.items()))
    print(f"{report.origin}: {report.size:,} entries; checked {looked}")
    for note in report.notes:
        print(f"note: {note}")
    print("everything holds" if report.holds else f"{total:,} things do not hold")


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Report]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _done, _total: None
        return
    columns = (TextColumn("checking entries"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("entries", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)

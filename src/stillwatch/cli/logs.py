"""``stillwatch logs check``: what a log holds and what is wrong with it, before detection."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.logs.check import LogSummary, check_logs
from stillwatch.logs.interface import ReadOptions
from stillwatch.logs.mapping import read_mapping
from stillwatch.logs.quarantine import Quarantine
from stillwatch.report import text

_LINE = text.Cut(chars=4000)

logs = typer.Typer(help="Look at log files before anything is detected.", no_args_is_help=True)


@logs.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Log files, folders, globs or URLs.")],
    format: Annotated[  # noqa: A002
        str | None, typer.Option("--format", help="Log format, when it cannot be told.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file for a column layout of your own.")
    ] = None,
    limit: Annotated[
        float, typer.Option("--bad-row-limit", min=0, max=1, help="Share of bad rows to accept.")
    ] = 0.01,
    quarantine: Annotated[
        Path | None, typer.Option("--quarantine", help="Write bad rows here (JSON lines).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Say what format the logs are in, what they hold and which rows cannot be used.

    Exits with the code a run would exit with: 0 if the logs can be used.
    """
    options = ReadOptions(
        format=format,
        mapping=None if mapping is None else read_mapping(mapping),
        bad_row_limit=limit,
    )
    with Quarantine(quarantine) as bad_rows:
        summary = check_logs(files, options, bad_rows)
    if json:
        print(orjson.dumps(_plain(summary), default=str).decode())
    else:
        _show(summary, Console(highlight=False, soft_wrap=True))
    if summary.verdict is not None:
        raise summary.verdict


def _plain(summary: LogSummary) -> dict[str, object]:
    told = asdict(summary)
    told["verdict"] = None if summary.verdict is None else str(summary.verdict)
    told["first_bad"] = [bad._asdict() for bad in summary.first_bad]
    return told


def _show(summary: LogSummary, console: Console) -> None:
    def line(words: str) -> None:
        # file names, reasons and field names are a stranger's words: they must not drive a terminal
        console.print(text.plain(words, _LINE), markup=False)

    for source in summary.sources:
        packed = f", {source.compression}" if source.compression else ""
        line(f"{source.path}: {source.format}{packed}, {source.bytes:,} bytes")
    for name, path in summary.mapping.items():
        line(f"  {name} = {path!r}")
    for path in summary.damaged:
        line(f"{path}: ends early; what came before the damage was read")
    for path in summary.unknown:
        line(f"{path}: of no known format, not read")
    line(f"{summary.rows:,} rows, {summary.bad:,} bad, {summary.accounts:,} accounts")
    if summary.first and summary.last:
        line(f"{summary.first:%Y-%m-%d %H:%M:%S} to {summary.last:%Y-%m-%d %H:%M:%S} UTC")
    for title, counts in (
        ("bad rows", summary.reasons),
        ("cell warnings", summary.cells),
        ("cut at the limit", summary.cut),
        ("skipped records", summary.skipped),
        ("files passed over", summary.passed_over),
    ):
        if any(counts.values()):
            line(f"{title}: " + ", ".join(f"{what} ({n:,})" for what, n in counts.items() if n))
    for bad in summary.first_bad[:5]:
        line(f"  {bad.source}, line {bad.line}: {bad.reason}")
    line("share of rows with a value:")
    for name, share in summary.coverage.items():
        line(f"  {name:18} {share:7.1%}")

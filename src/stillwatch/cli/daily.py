"""``stillwatch daily``: read what is new, slide the window; safe to repeat, safe to kill."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import orjson
import typer

from stillwatch.cli.engine import (
    EngineOption,
    MasterOption,
    SparkConfOption,
    VerboseOption,
    with_engine,
)
from stillwatch.cli.progress import progress_bar
from stillwatch.config import load_config
from stillwatch.daily.update import Updated, update
from stillwatch.logs.mapping import read_mapping
from stillwatch.report import text


def daily(
    logs: Annotated[
        list[str],
        typer.Argument(help="Log files, folders, globs or URLs; known ones cost nothing."),
    ],
    state: Annotated[
        Path, typer.Option("--state", help="Directory for profiles by day and the manifest.")
    ],
    days: Annotated[
        int, typer.Option("--days", min=1, help="Days in the window; 21 at most are told apart.")
    ] = 14,
    format: Annotated[  # noqa: A002
        str | None, typer.Option("--format", help="Log format, when it cannot be told.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file for a column layout of your own.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (TOML).")] = None,
    engine: EngineOption = None,
    master: MasterOption = None,
    spark_conf: SparkConfOption = None,
    verbose: VerboseOption = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Keep profiles by day: read new and replaced files, drop old days, merge the window.

    Every day: stillwatch daily logs/ --state days && stillwatch detect days/window.parquet
    """
    settings = load_config(config)
    if mapping is not None:
        settings = replace(settings, mapping=read_mapping(mapping))
    settings = with_engine(settings, engine, master, spark_conf, verbose)
    with progress_bar(quiet=json) as progress:
        told = (lambda done, total: progress("read", done, total)) if progress else None
        done = update(logs, state, settings, days, format=format, progress=told)
    if json:
        print(orjson.dumps({**asdict(done), "window": str(done.window)}).decode())
        return
    print(_sentence(done))
    for note in done.notes:
        print(f"note: {text.plain(note, text.SENTENCE)}")


def _sentence(done: Updated) -> str:
    days = list(done.days)
    span = f"{days[0]} to {days[-1]}" if days else "no day"
    return (
        f"{done.read:,} files read, {done.known:,} known, {done.redone:,} runs redone; "
        f"{done.rows:,} requests, {done.bad:,} rows quarantined, {done.late:,} too late for the "
        f"window: {span}, {sum(done.days.values()):,} requests of {done.accounts:,} accounts in "
        f"{done.window}"
    )

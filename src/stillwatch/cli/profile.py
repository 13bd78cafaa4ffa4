"""``stillwatch profile``: request logs as mergeable profiles, so that no day is read twice."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.cli.engine import (
    EngineOption,
    MasterOption,
    SparkConfOption,
    VerboseOption,
    with_engine,
)
from stillwatch.cli.progress import progress_bar
from stillwatch.config import load_config
from stillwatch.errors import InputError
from stillwatch.logs.mapping import read_mapping
from stillwatch.pipeline import check_writable, summarise
from stillwatch.profiles.coverage import period
from stillwatch.profiles.store import write_profiles
from stillwatch.report import text


def profile(
    logs: Annotated[
        list[str],
        typer.Argument(help="Log files, folders, globs or URLs, and profile files to add."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Profile file to write (Parquet).")],
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
    """Summarise logs into one profile per account, and merge profiles made earlier.

    Day by day: stillwatch profile all.parquet monday.jsonl --out all.parquet
    """
    if out.is_dir():
        raise InputError(f"{out} is a directory", hint="name a file, for example all.parquet")
    check_writable(out.parent)
    settings = load_config(config)
    if mapping is not None:
        settings = replace(settings, mapping=read_mapping(mapping))
    settings = with_engine(settings, engine, master, spark_conf, verbose)
    quarantine = out.with_name(f"{out.stem}.quarantine.jsonl")
    with progress_bar(quiet=json) as progress:
        read = summarise(logs, settings, format=format, quarantine=quarantine, progress=progress)
    write_profiles(read.table, out)
    first, last = period(read.table.profiles)
    told = {
        "out": str(out),
        "accounts": len(read.table),
        "events": int(read.table.profiles["events"].sum()),
        "quarantined": read.quarantined,
        "first_seen": first.isoformat(),
        "last_seen": last.isoformat(),
        "notes": read.remarks,
    }
    if json:
        print(orjson.dumps(told).decode())
    else:
        Console(highlight=False).print(
            f"{told['events']:,} requests of {told['accounts']:,} accounts, "
            f"{first:%Y-%m-%d} to {last:%Y-%m-%d}, "
            f"{read.quarantined:,} rows quarantined: {out}",
            soft_wrap=True,
        )
        for note in read.remarks:
            print(f"note: {text.plain(note, text.SENTENCE)}")

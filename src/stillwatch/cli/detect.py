"""``stillwatch detect``: from request logs to findings and a report."""

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
from stillwatch.errors import ConfigError
from stillwatch.logs.mapping import read_mapping
from stillwatch.pipeline import detect as run_detect
from stillwatch.report.codec import record
from stillwatch.report.terminal import print_summary


def detect(
    logs: Annotated[
        list[str],
        typer.Argument(help="Log files, folders, globs or URLs; profile files count as logs."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Directory for the result.")] = Path(
        "stillwatch-result"
    ),
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="Account records (Parquet, CSV or JSONL).")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option("--baseline", help="Benign logs or profiles to calibrate on; repeatable."),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None, typer.Option("--format", help="Log format, when it cannot be told.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file for a column layout of your own.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (TOML).")] = None,
    fdr: Annotated[
        float | None,
        typer.Option("--fdr", help="Promised share of innocents among the flagged. [0.05]"),
    ] = None,
    engine: EngineOption = None,
    master: MasterOption = None,
    spark_conf: SparkConfOption = None,
    verbose: VerboseOption = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON instead of words.")
    ] = False,
) -> None:
    """Find suspicious accounts and the campaigns they form.

    Writes accounts.parquet, campaigns.parquet, findings.jsonl, suspects.json, summary.json,
    report.html and, where rows could not be read, quarantine.jsonl. Without --baseline the run calibrates on its
    own bulk and says so.
    """
    settings = load_config(config)
    if fdr is not None:
        if not 0 < fdr < 1:
            raise ConfigError(f"--fdr {fdr} must lie between 0 and 1", hint="for example 0.05")
        settings = replace(settings, detection=replace(settings.detection, fdr=fdr))
    if mapping is not None:
        settings = replace(settings, mapping=read_mapping(mapping))
    settings = with_engine(settings, engine, master, spark_conf, verbose)
    with progress_bar(quiet=json) as progress:
        result = run_detect(
            logs,
            out,
            settings,
            accounts=accounts,
            baseline=baseline or (),
            format=format,
            progress=progress,
        )
    if json:
        print(orjson.dumps(record(result.summary), option=orjson.OPT_INDENT_2).decode())
    else:
        print_summary(result, Console(highlight=False))

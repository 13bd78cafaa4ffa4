"""``stillwatch simulate``: write a request log with known truth."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from stillwatch.simulation import SimulationOptions, WorldSummary
from stillwatch.simulation import simulate as run

_DEFAULTS = SimulationOptions(Path())


def simulate(
    out: Annotated[Path, typer.Option(help="Directory to write; new or empty.")],
    seed: Annotated[int, typer.Option(help="Equal seeds give equal bytes.")] = _DEFAULTS.seed,
    accounts: Annotated[int, typer.Option(help="Accounts in all.")] = _DEFAULTS.accounts,
    days: Annotated[int, typer.Option(help="Length of the log.")] = _DEFAULTS.days,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help="First day (UTC).")
    ] = datetime.combine(_DEFAULTS.start, datetime.min.time(), UTC),
    attack_share: Annotated[
        float, typer.Option(help="Share of accounts that belong to campaigns.")
    ] = _DEFAULTS.attack_share,
    campaigns: Annotated[
        int | None, typer.Option(help="Number of campaigns; else by the number of accounts.")
    ] = None,
    volume: Annotated[
        float, typer.Option(help="Multiplies the request rate of every account.")
    ] = _DEFAULTS.volume,
    pasted: Annotated[
        float, typer.Option(help="Multiplies the share of prompts that carry pasted text.")
    ] = _DEFAULTS.pasted,
    tactic: Annotated[
        list[str] | None, typer.Option(help="Use only this tactic (repeatable).")
    ] = None,
    cover: Annotated[
        float | None, typer.Option(help="Cover share of every campaign, 0-0.95; else drawn.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Paraphrase noise of every campaign, 0-0.6; else drawn.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Directory of real prompts to use where suitable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write events, accounts and labels of a simulated world."""
    options = SimulationOptions(
        out,
        seed=seed,
        accounts=accounts,
        days=days,
        start=start.date(),
        attack_share=attack_share,
        campaigns=campaigns,
        volume=volume,
        pasted=pasted,
        tactics=tuple(tactic or ()),
        cover=cover,
        noise=noise,
        corpus=corpus,
    )
    summary = _with_progress(options)
    print(json.dumps(asdict(summary)) if as_json else _sentence(summary))


def _with_progress(options: SimulationOptions) -> WorldSummary:
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("days, {task.fields[events]:,} events"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=options.days, events=0)
        return run(options, lambda day, events: bar.update(task, completed=day, events=events))


def _sentence(summary: WorldSummary) -> str:
    return (
        f"wrote {summary.events:,} events of {summary.accounts:,} accounts over {summary.days} days "
        f"to {summary.out}\n{summary.campaigns} campaigns with {summary.hostile_accounts:,} accounts "
        f"sent {summary.attack_events:,} of the requests (labels.parquet, world.json)\n"
        f"next: stillwatch detect {summary.out}/events --accounts {summary.out}/accounts.parquet"
    )

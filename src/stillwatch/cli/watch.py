"""``stillwatch watch``: a log is followed, judged as it grows, and decided on."""

import re
import signal
import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stillwatch.cli.stores import opened_store
from stillwatch.config import load_config
from stillwatch.errors import ConfigError
from stillwatch.logs.mapping import read_mapping
from stillwatch.watch.acting import Acting
from stillwatch.watch.figures import Figures
from stillwatch.watch.interface import Bounds
from stillwatch.watch.service import Pace
from stillwatch.watch.start import Plan, watcher
from stillwatch.watch.state import State

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def watch(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="Log files and folders to follow; - for stdin, kafka for the topic."),
    ] = None,
    *,
    state: Annotated[Path, typer.Option("--state", help="Directory for what is known so far.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Result directory that is kept current.")
    ] = None,
    accounts: Annotated[
        Path | None, typer.Option("--accounts", help="Account records (Parquet, CSV or JSONL).")
    ] = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option("--baseline", help="Benign logs or profiles to calibrate on; repeatable."),
    ] = None,
    every: Annotated[
        str, typer.Option("--every", help="Time between checkpoints, e.g. 5s or 1m.")
    ] = "5s",
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="Days that are kept.")] = 14,
    once: Annotated[
        bool, typer.Option("--once", help="Read what is there, judge it, decide, and end.")
    ] = False,
    format: Annotated[  # noqa: A002
        str | None, typer.Option("--format", help="Log format, when it cannot be told.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="TOML file for a column layout of your own.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", help="Settings (TOML).")] = None,
    store: Annotated[
        str,
        typer.Option(
            "--store",
            help="File or URL of the store for decisions. Default: STILLWATCH_STORE, else that of "
            "share.toml here, else share.db in the data folder.",
        ),
    ] = "",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Policy file, or standard or cautious; decides."),
    ] = None,
    decide: Annotated[
        bool, typer.Option("--decide/--no-decide", help="Decide through the policy.")
    ] = True,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Decisions are said and counted, not done.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be decided; keep no decision.")
    ] = False,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", help="Serve Prometheus metrics on this loopback port."),
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option("--metrics-file", help="Write them to this file instead.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Tell what happens as JSON lines instead of words.")
    ] = False,
) -> None:
    """Follow a log as it grows, judge it every few seconds, and decide through a policy.

    Ends at SIGTERM or Ctrl-C with everything kept, and goes on there when it is started again.
    """
    settings = load_config(config)
    if mapping is not None:
        settings = replace(settings, mapping=read_mapping(mapping))
    plan = Plan(
        inputs or (), state, settings, Pace(_seconds(every), once), days, format, accounts,
        baseline or (), out,
    )  # fmt: skip
    figures, bounds = Figures(metrics_file), Bounds()
    tell = _in_json if json else _in_words
    with ExitStack() as stack:
        held = stack.enter_context(closing(State(state, bounds)))
        act = None
        if decide:
            opened = stack.enter_context(opened_store(store, new=True))
            act = Acting(opened, policy, held.manifest.id, shadow=shadow, dry_run=dry_run)
        watching = watcher(plan, act, figures, tell, held, bounds)
        port = figures.serve(metrics_port) if metrics_port is not None else None
        tell("started", {"state": str(state), "metrics_port": port, **figures.record()})
        watching.run(_stopped())


def _stopped() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal ends at once."""
    stop = threading.Event()

    def ask(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h)?", text.strip())
    seconds = float(found[1]) * _UNITS[found[2] or "s"] if found else 0.0
    if not 0.1 <= seconds <= 86_400:
        raise ConfigError(f"--every {text} is no time from 0.1s to 24h", hint="for example 5s")
    return seconds


def _in_json(what: str, figures: dict[str, Any]) -> None:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    print(orjson.dumps({"at": at, "event": what, **figures}).decode(), flush=True)


def _in_words(what: str, figures: dict[str, Any]) -> None:
    lines = {
        "started": "watching",
        "resumed": "there is room again: reading goes on",
        "stalled": f"reading waits, nothing is lost: {figures.get('why')}",
    }
    if what in ("checkpoint", "ended"):
        lag = figures["lag_s"]
        behind = "" if lag is None else f", newest {lag:,.0f} s old"
        line = (
            f"{what}: {figures['read']:,} requests of {figures['accounts']:,} accounts, "
            f"{figures['bad']:,} bad rows, {figures['late']:,} late{behind}, "
            f"backlog {figures['backlog']:,}"
        )
    elif what in ("judged", "looked"):
        decided = ", ".join(f"{count} {name}" for name, count in figures["decided"].items())
        kind = "judged in full" if what == "judged" else "judged quickly"
        line = (
            f"{kind}: {figures['accounts']:,} accounts in {figures['seconds']} s: "
            f"{figures['flagged']:,} flagged, {figures['campaigns']} campaigns"
            + (f"; decisions: {decided}" if decided else "")
            + "".join(f"; waits for the full one: {why}" for why in figures.get("waits", ()))
            + (f"; FAILED: {figures['failed']}" if "failed" in figures else "")
        )
    else:
        line = lines.get(what, what)
    print(f"{datetime.now():%H:%M:%S} {line}", flush=True)

"""``stillwatch decisions simulate``: whom a policy would have touched, before it is armed."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
import typer

from stillwatch.cli.decisions.common import Json, moment, table
from stillwatch.cli.decisions.found import Accounts, Found, Leads, PolicyFile, cases
from stillwatch.cli.progress import progress_bar
from stillwatch.cli.spoken import say, tell
from stillwatch.cli.stores import opened_store
from stillwatch.errors import InputError

if TYPE_CHECKING:
    from stillwatch.domain.share import Share
    from stillwatch.gateway.policy.load import Policy
    from stillwatch.gateway.policy.simulate import Label, Row, Trial, Truth

_BAR: Final = 30
_FILES: Final = ("touched.jsonl", "simulation.json", "simulation.html")


def simulate(
    source: Annotated[
        list[str],
        typer.Option("--from", help="Result of `stillwatch detect`, or logs; repeatable."),
    ],
    accounts: Accounts = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Labels (Parquet), where truth is known.")
    ] = None,
    leads: Leads = None,
    policy: PolicyFile = None,
    baseline: Annotated[
        list[str] | None,
        typer.Option("--baseline", help="With logs: benign logs to calibrate on; repeatable."),
    ] = None,
    format: Annotated[  # noqa: A002
        str | None,
        typer.Option("--format", help="With logs: their format, when it cannot be told."),
    ] = None,
    store: Annotated[
        str,
        typer.Option("--store", help="Decide beside what stands in this store; it is only read."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for touched.jsonl, simulation.json and simulation.html."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what a policy would have done, by effect and population. Nothing is decided."""
    from stillwatch.gateway.policy.load import load_policy  # noqa: PLC0415 - YAML and JSON Schema

    rules = load_policy(policy)
    known = _labels(labels) if labels else {}
    with _result(source, accounts, baseline or [], format, out, json) as result:
        found = cases(result, accounts, leads)
    trial = _tried(rules, found, store, known)
    if out is not None:
        _write(out, trial, source)
    if json:
        tell({**trial.record(), "unusable": len(found.unusable)})
    else:
        print_trial(trial)
        if out is not None:
            say(
                f"everyone touched: {out / 'touched.jsonl'}; the picture: {out / 'simulation.html'}"
            )


@contextmanager
def _result(
    source: list[str],
    accounts: Path | None,
    baseline: list[str],
    format_: str | None,
    out: Path | None,
    quiet: bool,
) -> Iterator[Path]:
    """The result that is named, or the one that detection makes of the logs."""
    if len(source) == 1 and (Path(source[0]) / "summary.json").is_file():
        if baseline or format_:
            raise InputError(
                f"{source[0]} is a result", hint="--baseline and --format go with logs"
            )
        yield Path(source[0])
        return
    from stillwatch.config import load_config  # noqa: PLC0415 - detection is half a second to load
    from stillwatch.pipeline import detect  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="stillwatch-") as kept:
        into = out / "result" if out else Path(kept)
        with progress_bar(quiet=quiet) as progress:
            detect(
                source, into, load_config(None), accounts=accounts, baseline=baseline,
                format=format_, progress=progress,
            )  # fmt: skip
        yield into


def _tried(rules: "Policy", found: Found, store: str, known: "Mapping[str, Label]") -> "Trial":
    from stillwatch.gateway.policy.enact import spent  # noqa: PLC0415
    from stillwatch.gateway.policy.guards import Blast  # noqa: PLC0415
    from stillwatch.gateway.policy.simulate import simulate as run  # noqa: PLC0415
    from stillwatch.gateway.policy.standing import Standing  # noqa: PLC0415

    now = moment()
    how: dict[str, Any] = {
        "now": now, "accounts": found.accounts, "events": found.events, "labels": known,
    }  # fmt: skip
    if not store:
        return run(rules, found.cases, **how)
    with opened_store(store) as opened, opened.begin() as connection:
        standing = Standing.read(connection, rules.origin, found.cases, now)
        blast = Blast(rules.guards, spent(connection, rules, now))
    return run(rules, found.cases, standing=standing, blast=blast, **how)


def _labels(path: Path) -> "dict[str, Label]":
    from stillwatch.evaluation.load import read_labels  # noqa: PLC0415 - it loads pyarrow
    from stillwatch.gateway.policy.simulate import Label  # noqa: PLC0415

    rows = read_labels(path).to_pylist()
    return {
        row["account_id"]: Label(row["label"] == "distillation", row["kind"] or "unknown")
        for row in rows
    }


def _write(out: Path, trial: "Trial", source: list[str]) -> None:
    from stillwatch.report.replace import replacing  # noqa: PLC0415
    from stillwatch.report.simulation_page import render_simulation  # noqa: PLC0415

    with replacing(out, _FILES) as staging:
        lines = (orjson.dumps(one._asdict()) for one in trial.touched)
        (staging / "touched.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        record = orjson.dumps(
            trial.record(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
        (staging / "simulation.json").write_bytes(record)
        page = render_simulation(trial, tuple(source), moment())
        (staging / "simulation.html").write_text(page, encoding="utf-8", errors="backslashreplace")


def print_trial(trial: "Trial") -> None:
    """For people: bars, populations, guards, truth."""
    log = f"{trial.accounts:,} accounts, {trial.events:,} requests" if trial.accounts else "no log"
    say(f"policy {trial.policy}, version {trial.version}: {trial.cases:,} cases ({log})")
    if not trial.touched:
        say("no case: nothing was found, so nobody would have been touched")
        return
    _print_effects(trial)
    _print_populations(trial.populations)
    for why, count in trial.held.items():
        say(f"would be held for a person: {count:,} by {why}")
    _print_days(trial)
    _print_truth(trial)


def _print_effects(trial: "Trial") -> None:
    most = max(sum(row.accounts.values()) for row in trial.effects)
    print()
    for row in trial.effects:
        count, requests = sum(row.accounts.values()), sum(row.requests.values())
        part = (
            f"{requests / trial.events:7.2%} of requests"
            if trial.events
            else f"{requests:,} requests"
        )
        whole = f"{count / trial.accounts:7.2%} of accounts, " if trial.accounts else ""
        bar = "█" * max(1, round(_BAR * count / most))
        say(f"{row.name:>11} {bar:<{_BAR}} {count:>7,} accounts  {whole}{part}")
    print()


def _print_populations(rows: "tuple[Row, ...]") -> None:
    names = list(dict.fromkeys(name for row in rows for name in row.accounts))
    table(
        ("POPULATION", *(name.upper() for name in names)),
        ((row.name, *(f"{row.accounts.get(name, 0):,}" for name in names)) for row in rows),
    )
    print()


def _print_days(trial: "Trial") -> None:
    if not trial.days:
        return
    say("requests of touched campaigns by day (of single accounts the day is not known)")
    most = max(sum(counts.values()) for _, counts in trial.days) or 1
    for day, counts in trial.days:
        total = sum(counts.values())
        said = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        say(f"  {day} {'█' * round(_BAR * total / most):<{_BAR}} {total:>9,}  {said}")
    print()


def _print_truth(trial: "Trial") -> None:
    if not trial.truth:
        return
    bears = [one for one in trial.truth if one.kind.startswith("all ") or _any(one)]
    say("of all labelled accounts, with 95 % intervals")
    names = [
        n
        for n in trial.truth[0].touched
        if n != "refused" and any(t.touched[n].hits for t in trial.truth)
    ]
    table(
        ("KIND", "", *(name.upper() for name in names), "REFUSED"),
        (
            (one.kind, "hostile" if one.hostile else "innocent",
             *(_shown(one.touched[name]) for name in (*names, "refused")))
            for one in bears
        ),
    )  # fmt: skip
    say("refused: blocked or challenged")
    if len(bears) < len(trial.truth):
        say(
            f"{len(trial.truth) - len(bears)} more kinds, of which nobody was touched (--json has all)"
        )


def _any(one: "Truth") -> bool:
    return any(share.hits for share in one.touched.values())


def _shown(share: "Share") -> str:
    return f"{share.hits:,}/{share.total:,} [{share.low:.1%}, {share.high:.1%}]"

"""``stillwatch screen``: a sign-up, or all customers, against what other labs listed."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from stillwatch.cli.progress import spinner
from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.domain.lead import Lead, Step
from stillwatch.errors import ConfigError, InputError
from stillwatch.sharing.identifiers.fields import Field, Layout
from stillwatch.sharing.settings import Settings, load_settings

if TYPE_CHECKING:
    from stillwatch.sharing.matching.customers import Mark

_STATUS: Final = {
    Step.NONE: 0, Step.NOTE: 10, Step.REVIEW: 11, Step.CHALLENGE: 12, Step.RESTRICT: 13,
}  # fmt: skip
_UNSCREENED: Final = 7


def screen(
    customers: Annotated[
        Path | None, typer.Option("--customers", help="Screen a table: CSV, JSON lines, Parquet.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File for the leads, JSON lines (0600).")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="NAME=FIELD: what a column or key of another name holds."),
    ] = None,
    own: Annotated[
        Path | None,
        typer.Option(
            "--own-evidence", help="File of row ids the lab itself holds something against."
        ),
    ] = None,
    least: Annotated[
        str, typer.Option("--least", help="Least step that is written: note, review, challenge.")
    ] = "note",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be asked, against the quotas left.")
    ] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Answer POST /v1/screen on this machine.")
    ] = False,
    host: Annotated[
        str, typer.Option("--host", help="Loopback address to serve on.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="Port to serve on; 0: a free one.")] = 8099,
    token_file: Annotated[
        Path, typer.Option("--token-file", help="Token of those who may ask; made if missing.")
    ] = Path("screen.token"),
    evaluators: Annotated[
        bool, typer.Option("--evaluators", help="Show evaluators, quotas, and who is set aside.")
    ] = False,
    restore: Annotated[
        str | None, typer.Option("--restore", help="Ask this member's evaluator again.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail where a sign-up cannot be screened.")
    ] = False,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Screen one sign-up (JSON on stdin), or all customers, for actors that other labs caught.

    Status for a sign-up: 0 nothing, 10 note, 11 review, 12 challenge, 13 restrict; 7 it could not
    be screened and passes.
    """
    if sum(map(bool, (customers, serve, evaluators, restore))) > 1:
        raise ConfigError("--customers, --serve, --evaluators and --restore exclude one another")
    settings = load_settings(config)
    layout = Layout(
        columns=_columns(column or []),
        region=settings.matching.region,
        documentation=settings.matching.rehearsal,
    )
    if restore is not None:
        _restore(config, restore)
    elif evaluators:
        _evaluators(config, json)
    elif serve:
        from stillwatch.sharing.matching.serve import serve as run  # noqa: PLC0415

        run(config, layout, token_file, host, port, lambda line: print(line, flush=True))
    elif customers is not None:
        _customers(config, customers, out, layout, _least(least), own, dry_run=dry_run, json=json)
    else:
        _signup(config, layout, strict=strict, json=json)


def _signup(config: Path, layout: Layout, *, strict: bool, json: bool) -> None:
    from stillwatch.sharing.matching.signup import (  # noqa: PLC0415
        MOST_BYTES,
        parse_signup,
        screen_signup,
    )

    record = parse_signup(sys.stdin.buffer.read(MOST_BYTES + 1))
    with _open(config) as (settings, store, labs):
        from stillwatch.sharing.matching.screening import Screener  # noqa: PLC0415

        screener = Screener.over(settings, store, labs, strict=strict)
        lead = screen_signup(record, layout, screener)
        tell(lead.record()) if json else _told(lead)
        sys.stdout.flush()
        labs.settle(everything=True)
    raise typer.Exit(_STATUS[lead.step] if lead.screened else _UNSCREENED)


def _told(lead: Lead) -> None:
    head = f"{lead.step.word} ({lead.weight:.2f})" if lead.screened else "not screened"
    say(f"{lead.subject}: {head}" if lead.subject else head)
    for line in lead.why or ("nobody has listed it",):
        say(f"  {line}")
    for reason, count in lead.ignored:
        say(f"  not used: {reason}: {count}")


def _customers(
    config: Path,
    table: Path,
    out: Path | None,
    layout: Layout,
    least: Step,
    own: Path | None,
    *,
    dry_run: bool,
    json: bool,
) -> None:
    from stillwatch.sharing.matching.customers import Job, needed, screen_customers  # noqa: PLC0415
    from stillwatch.sharing.matching.screening import Screener  # noqa: PLC0415

    if out is None and not dry_run:
        raise ConfigError("--customers needs --out for the leads", hint="or --dry-run")
    held = frozenset(_lines(own)) if own else frozenset()
    job = Job(table, out or Path("-"), layout, least, own_evidence=held)
    with _open(config) as (settings, store, labs), spinner(json) as bar:
        report = bar or _on_stderr
        if dry_run:
            mark, left, cost = needed(job, labs, report)
            _counted(mark, left, cost, json=json)
            return
        done = screen_customers(job, Screener.over(settings, store, labs), labs, report)
    told = {**done.record(), "warnings": done.warnings(), "out": str(out)}
    if json:
        tell(told)
        return
    for name in (
        "customers",
        "identifiers",
        "evaluated",
        "leads",
        "unusable",
        "bad_rows",
        "ignored",
    ):
        _figure(name, told[name])
    _warned(told["warnings"])
    say(f"leads from {least.word} on are in {out}")


def _counted(mark: "Mark", left: dict[str, Any], cost: int, *, json: bool) -> None:
    record = mark.record()
    told = {n: record[n] for n in ("customers", "identifiers", "unusable", "bad_rows")}
    told |= {"evaluations_of_each_evaluator": cost, "quota_left": left}
    if json:
        tell({**told, "warnings": mark.warnings()})
        return
    for name, value in told.items():
        _figure(name, value)
    _warned(mark.warnings())
    for epoch, members in left.items():
        for member, quota in members.items():
            if isinstance(quota, int) and quota < cost:
                say(f"{member} would stop after {quota:,} of {cost:,} in epoch {epoch}")


def _warned(lines: list[str]) -> None:
    for line in lines:
        say(f"warning: {line}")


def _figure(name: str, value: Any) -> None:
    words = name.replace("_", " ")
    if not isinstance(value, dict):
        say(f"{words}: {value:,}")
        return
    for part, count in value.items():
        say(f"{words}: {part}: {count}")


def _evaluators(config: Path, json: bool) -> None:
    import time  # noqa: PLC0415

    from stillwatch.store.matching import aside  # noqa: PLC0415

    with _open(config) as (_, store, labs):
        left = {n: labs.tagger(n).quotas(time.monotonic() + 10) for n in labs.epochs()}
        with store.begin() as connection:
            out = aside(connection)
    if json:
        tell({"quota_left": left, "aside": [_fields(one) for one in out]})
        return
    for epoch, members in left.items():
        for member, quota in members.items():
            say(f"{epoch}  {member}  {quota if isinstance(quota, str) else f'{quota:,} left'}")
    for one in out:
        say(f"set aside since {one.at}: {one.member} ({one.epoch}): {one.why}; see {one.evidence}")
        say(f"  `stillwatch screen --restore {one.member}` asks it again")


def _fields(one: Any) -> dict[str, str]:
    return {name: getattr(one, name) for name in ("member", "epoch", "at", "why", "evidence")}


def _restore(config: Path, member: str) -> None:
    from stillwatch.store.matching import restore  # noqa: PLC0415

    with opened(config) as (_, store), store.begin() as connection:
        if not restore(connection, member):
            raise InputError(
                f"no evaluator of {member!r} is set aside",
                hint="`stillwatch screen --evaluators` lists them",
            )
    say(f"{member} is asked again; restart a service that runs")


@contextmanager
def _open(config: Path) -> Iterator[tuple[Settings, Any, Any]]:
    from stillwatch.sharing.matching.labs import Labs  # noqa: PLC0415

    with opened(config) as (settings, store), closing(Labs(settings, store)) as labs:
        yield settings, store, labs


def _columns(given: list[str]) -> dict[str, Field]:
    found = dict[str, Field]()
    for one in given:
        name, _, word = one.rpartition("=")
        if not name or word not in set(Field):
            raise ConfigError(f"--column {one!r}", hint=f"NAME=FIELD, of {', '.join(Field)}")
        found[name] = Field(word)
    return found


def _least(word: str) -> Step:
    try:
        return Step.named(word)
    except ValueError as error:
        raise ConfigError(f"--least {word!r}: {error}") from error


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from (line.strip() for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _on_stderr(what: str, done: int, total: int) -> None:
    share = f" {100 * done // total} %" if total else ""
    print(f"{what}{share}", file=sys.stderr, flush=True)

"""``stillwatch decisions held``: what a guard kept back, and a person decides."""

from typing import Annotated

import typer

from stillwatch.cli.decisions.common import By, Json, Reason, moment, named, record, sweep, table
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.errors import InputError
from stillwatch.store import decisions

held = typer.Typer(
    help="Decisions that a guard kept back: a person lets them into force, or not.",
    no_args_is_help=True,
)
Ids = Annotated[list[str] | None, typer.Argument(help="Ids, or beginnings of them.")]
All = Annotated[bool, typer.Option("--all", help="All that are held.")]
Origin = Annotated[str, typer.Option("--origin", help="With --all: only of this, e.g. policy:x.")]


@held.command("list")
def list_(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most.")] = 100,
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Show what waits, and why it was kept back."""
    now = moment()
    with opened_store(store, config) as opened, opened.begin() as connection:
        found = decisions.listed(connection, state="held", limit=limit, latest=True)
    found = [kept for kept in found if kept.decision.until > now]
    if json:
        tell([record(kept, now) for kept in found])
    elif not found:
        say("nothing is held")
    else:
        table(
            ("EFFECT", "SUBJECT", "HELD BECAUSE", "REASON", "ID"),
            (
                (
                    k.decision.effect.value,
                    f"{k.decision.subject.scope.value} {k.decision.subject.value}",
                    k.why,
                    k.decision.reason,
                    k.decision.id,
                )
                for k in found
            ),
        )


@held.command()
def release(
    ids: Ids = None,
    reason: Reason = "",
    every: All = False,
    origin: Origin = "",
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Let held decisions come into force, all of those named or none."""
    _decide("release", ids or [], reason, every, origin, by, store, config, json)


@held.command()
def refuse(
    ids: Ids = None,
    reason: Reason = "",
    every: All = False,
    origin: Origin = "",
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Keep held decisions out of force for good."""
    _decide("refuse", ids or [], reason, every, origin, by, store, config, json)


def _decide(
    act: str,
    ids: list[str],
    reason: str,
    every: bool,
    origin: str,
    by: str,
    store: str,
    config: Config_,
    json: bool,
) -> None:
    if bool(ids) is every or (origin and not every):
        raise InputError("name decisions, or --all", hint="`stillwatch decisions held list`")
    now, me = moment(), who(by)
    do = decisions.release if act == "release" else decisions.refuse
    with opened_store(store, config) as opened, opened.begin() as connection:
        sweep(connection, now)
        if every:
            found = decisions.listed(connection, state="held", limit=1_000_000)
            meant = [k.decision.id for k in found if origin in ("", k.decision.origin)]
        else:
            meant = list(dict.fromkeys(named(connection, one) for one in ids))
        for id_ in meant:
            do(connection, id_, by=me, reason=reason, now=now)
        seq = decisions.newest(connection)
    done = {"release": "released", "refuse": "refused"}[act]
    if json:
        tell({done: meant, "seq": seq})
        return
    for id_ in meant:
        say(f"{done}: {id_}")
    if not meant:
        say("nothing is held")

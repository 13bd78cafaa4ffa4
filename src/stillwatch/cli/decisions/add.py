"""``stillwatch decisions add``: a person decides."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from stillwatch.cli.decisions.common import (
    By,
    DryRun,
    Json,
    at,
    effect_of,
    moment,
    record,
    state_of,
    sweep,
)
from stillwatch.cli.decisions.many import decision, read
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.domain.decision import Decision, Effect, Scope, Subject
from stillwatch.errors import InputError
from stillwatch.store import decisions
from stillwatch.store.decisions import Kept

_WIDE: Final = {4: 16, 6: 32}
"""Prefix lengths: what is shorter may be a whole provider or country."""
_SHOWN: Final = 20


def add(
    effect: Annotated[str, typer.Argument(help=", ".join(Effect))] = "",
    scope: Annotated[str, typer.Argument(help=", ".join(Scope))] = "",
    value: Annotated[str, typer.Argument(help="Of the subject, e.g. 192.0.2.0/24.")] = "",
    for_: Annotated[str, typer.Option("--for", help="How long: 90m, 36h, 7d, 2w.")] = "",
    until: Annotated[
        str, typer.Option("--until", help="An instant; without a zone it is in UTC.")
    ] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why; quoted to an appellant.")] = "",
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", help="What it rests on; repeatable.")
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option("--per-minute", help="Of a throttle: requests a minute.")
    ] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", help="Of a throttle: requests at a time.")
    ] = None,
    cohort: Annotated[str, typer.Option("--cohort", help="Of degrade: key of marks.")] = "",
    member: Annotated[
        list[str] | None, typer.Option("--member", help="Account of a campaign; repeatable.")
    ] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Said and counted, not done.")] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="Many: JSON lines, or .csv with a head; - for stdin."),
    ] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="Take ranges wider than /16, or /32 of IPv6.")
    ] = False,
    dry_run: DryRun = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Decide about one subject, or about many from a file: all of it or nothing."""
    now, me = moment(), who(by)
    said: dict[str, Any] = {
        "effect": effect, "reason": reason, "evidence": evidence or [], "per_minute": per_minute,
        "concurrency": concurrency, "cohort": cohort, "members": member or [], "for": for_,
        "until": until, "shadow": shadow or None,
    }  # fmt: skip
    said = {name: given for name, given in said.items() if given not in (None, "", [])}
    if file is not None:
        if scope or value:
            raise InputError("subjects come from the file", hint="leave out SCOPE and VALUE")
        wanted = read(file, said, me, now)
    else:
        wanted = [(0, decision(said | {"scope": scope, "value": value.strip()}, me, now))]
    _narrow(wanted, wide)
    with opened_store(store, config, new=True) as opened, opened.begin() as connection:
        sweep(connection, now)
        before = _before(connection, [one for _, one in wanted])
        made = _same(wanted, before, now)
        ids = decisions.add(connection, made, by=me, now=now)
        seq = decisions.newest(connection)
        known = {kept.decision.id for kept in before}
        if dry_run:
            connection.rollback()
    others = [kept for kept in before if kept.decision.id not in ids]
    if json:
        tell({
            "added": [one.record() for one in made], "renewed": sorted(known & set(ids)),
            "standing_before": [record(kept, now) for kept in others], "seq": None if dry_run else seq,
            "repeated": len(wanted) - len(made), "dry_run": dry_run,
        })  # fmt: skip
        return
    _say(made, known, dry_run)
    if len(made) < len(wanted):
        say(f"{len(wanted) - len(made):,} lines were said again by later ones, which count")
    _say_others(made, others, now)


def _narrow(wanted: Sequence[tuple[int, Decision]], wide: bool) -> None:
    """Refuse what may cut off, or let pass, half of the world by a slip."""
    for line, one in wanted:
        if wide or one.subject.scope is not Scope.RANGE or one.effect is Effect.OBSERVE:
            continue
        network = ip_network(one.subject.value)
        if network.prefixlen < _WIDE[network.version]:
            place = f"line {line}: " if line else ""
            raise InputError(
                f"{place}{network} is {network.num_addresses:,} addresses",
                hint="use --wide if that is meant",
            )


def _before(connection: Any, wanted: Sequence[Decision]) -> list[Kept]:
    """What bears on the same subjects already."""
    if len(wanted) == 1:
        one = wanted[0].subject
        found = decisions.touching(connection, one.value)
        return [k for k in found if _same_kind(k.decision.subject, one)]
    return decisions.on(connection, {one.subject for one in wanted})


def _same_kind(known: Subject, one: Subject) -> bool:
    inside = known.scope is Scope.CAMPAIGN and one.scope is Scope.ACCOUNT
    return known.scope is one.scope or inside


def _same(
    wanted: Sequence[tuple[int, Decision]], before: Sequence[Kept], now: datetime
) -> list[Decision]:
    """With the ids of those that the same person made alike before: said twice, made once."""
    known = {
        (k.decision.subject, k.effect, k.decision.origin, k.decision.shadow): k.decision.id
        for k in before
        if state_of(k, now) == "standing"
    }
    keys = {(one.subject, one.effect, one.origin, one.shadow): one for _, one in wanted}
    return [replace(one, id=known.get(key, one.id)) for key, one in keys.items()]


def _say(made: Sequence[Decision], known: set[Any], dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    for one in made[:_SHOWN]:
        done = "renewed" if one.id in known else "in force"
        said = f"{one.effect}{' (shadow)' if one.shadow else ''} {one.subject.scope} {one.subject.value}"
        say(f"{would}{done}: {said} until {at(one.until)}  {one.id}")
    if len(made) > _SHOWN:
        say(f"… and {len(made) - _SHOWN:,} more: {len(made):,} in all")


def _say_others(made: Sequence[Decision], others: Sequence[Kept], now: datetime) -> None:
    for kept in others[:_SHOWN]:
        one = kept.decision
        say(
            f"stands beside it: {effect_of(kept)} {one.subject.scope} {one.subject.value} until "
            f"{at(one.until)}, {state_of(kept, now)}, by {one.origin}  {one.id}"
        )
    if len(others) > _SHOWN:
        say(f"… and {len(others) - _SHOWN:,} more stand beside them")
    wins = any(k.decision.effect is Effect.ALLOW and state_of(k, now) == "standing" for k in others)
    if wins and any(one.effect is not Effect.ALLOW for one in made):
        say("an allow wins over everything: what is new has no effect while it stands")

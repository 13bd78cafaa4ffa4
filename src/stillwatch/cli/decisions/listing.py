"""``stillwatch decisions list``: what is in force."""

from typing import Annotated, Any, get_args

import typer

from stillwatch.cli.decisions.common import Json, moment, record, tell_decisions
from stillwatch.cli.spoken import say, tell
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.domain.decision import Effect, Scope, Subject, evidence_id
from stillwatch.errors import InputError
from stillwatch.store import appeals, decisions
from stillwatch.store.decisions import State

_STATES = (*get_args(State), "all")


def list_(
    touching: Annotated[
        str,
        typer.Option(
            "--touching", help="An account, key, address …: all that bears on it, ranges included."
        ),
    ] = "",
    scope: Annotated[str, typer.Option("--scope", help=", ".join(Scope))] = "",
    value: Annotated[str, typer.Option("--value", help="Of the subject, exactly.")] = "",
    effect: Annotated[str, typer.Option("--effect", help=", ".join(Effect))] = "",
    state: Annotated[str, typer.Option("--state", help=", ".join(_STATES))] = "standing",
    evidence: Annotated[str, typer.Option("--evidence", help="What rests on this.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most.")] = 100,
    after: Annotated[
        str, typer.Option("--after", help="Next page, with --json: the id named by `next`.")
    ] = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Show decisions: for people the newest first, as JSON in pages that lose and repeat nothing."""
    now = moment()
    asked = _asked(scope, value, effect, state, evidence)
    if after and not json:
        raise InputError("--after goes with --json", hint="people see the newest first: --limit")
    with opened_store(store, config) as opened, opened.begin() as connection:
        if touching:
            found = decisions.touching(connection, touching, limit)
        else:
            found = decisions.listed(
                connection, **asked, limit=limit, after=after or None, latest=not json
            )
        open_ = appeals.contested(connection, [kept.decision.id for kept in found])
    more = len(found) == limit and not touching
    shown = [
        k
        for k in found
        if state == "all" or touching or k.decision.until > now or state != "standing"
    ]
    if json:
        page = [record(kept, now, open_.get(kept.decision.id)) for kept in shown]
        tell({"decisions": page, "next": found[-1].decision.id if more else None})
    elif not shown:
        say(f"no decision of that kind in {_shown(opened.url)}")
    else:
        tell_decisions(shown, now, open_)
        if more:
            say(f"the newest {limit}; more with --limit, all of them with --json")


def _asked(scope: str, value: str, effect: str, state: str, evidence: str) -> dict[str, Any]:
    """What is looked for, in normal form. Raises ``InputError``."""
    for said, known in ((scope, Scope), (effect, Effect), (state, _STATES)):
        if said and said not in list(known):
            raise InputError(f"{said!r} is none of {', '.join(known)}")
    try:
        if scope and value:
            value = Subject.of(scope, value).value
        evidence = evidence and evidence_id(evidence)
    except ValueError as error:
        raise InputError(str(error)) from error
    wanted = {"scope": scope, "value": value, "effect": effect, "evidence": evidence}
    wanted["state"] = "" if state == "all" else state
    return {name: one or None for name, one in wanted.items()}


def _shown(url: str) -> str:
    """The store without its password."""
    return url if url.startswith("sqlite") else url.rpartition("@")[2]

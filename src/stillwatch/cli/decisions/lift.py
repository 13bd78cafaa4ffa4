"""``stillwatch decisions lift``: take decisions back."""

from typing import Annotated

import typer

from stillwatch.cli.decisions.common import (
    AllowFor,
    By,
    Json,
    Reason,
    duration,
    ids_of,
    moment,
    named,
    remaining,
    sweep,
    tell_remaining,
)
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.domain.decision import Decision, Subject, new_id
from stillwatch.errors import InputError
from stillwatch.store import decisions


def lift(
    ids: Annotated[list[str], typer.Argument(help="Ids of decisions, or beginnings of them.")],
    reason: Reason = "",
    by: By = "",
    allow_for: AllowFor = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Take decisions out of force, all of them or none. Evidence stays: see `undo`."""
    now, me = moment(), who(by)
    allows = list[Decision]()
    until = now + duration(allow_for) if allow_for else None
    with opened_store(store, config) as opened, opened.begin() as connection:
        sweep(connection, now)
        meant = list(dict.fromkeys(named(connection, one) for one in ids))
        subjects = list[Subject]()
        for id_ in meant:
            decisions.lift(connection, id_, by=me, reason=reason, now=now)
            kept = decisions.find(connection, id_)
            assert kept is not None
            subjects.append(kept.decision.subject)
            if until is not None:
                case = f"case:{id_.removeprefix('decision--')}"
                said = {
                    "id": new_id(), "effect": "allow", "scope": kept.decision.subject.scope,
                    "value": kept.decision.subject.value, "reason": reason, "evidence": [case],
                    "origin": f"person:{me}", "made": now.timestamp(), "until": until.timestamp(),
                }  # fmt: skip
                allows.append(_sound(said))
        decisions.add(connection, allows, by=me, now=now)
        seq = decisions.newest(connection)
        still = remaining(connection, subjects, now)
    if json:
        tell(
            {
                "lifted": meant,
                "allowed": [one.record() for one in allows],
                "seq": seq,
                "still": ids_of(still),
            }
        )
        return
    for id_ in meant:
        say(f"lifted: {id_}")
    for one in allows:
        say(f"passes whatever is decided: {one.subject.scope} {one.subject.value}  {one.id}")
    tell_remaining(still)
    if not allows:
        say("a policy may decide so again on the next run; --allow-for 90d keeps it from that")


def _sound(said: dict[str, object]) -> Decision:
    try:
        return Decision.of(said)
    except ValueError as error:
        raise InputError(str(error)) from error

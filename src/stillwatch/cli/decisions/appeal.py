"""``stillwatch decisions appeal``: what somebody says against a decision, and the answer."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillwatch.cli.decisions.common import (
    AllowFor,
    By,
    DryRun,
    Id,
    Json,
    Reason,
    duration,
    ids_of,
    moment,
    named,
    remaining,
    table,
    tell_fallen,
    tell_remaining,
)
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.domain.decision import Scope, Subject
from stillwatch.errors import InputError
from stillwatch.store import appeals, decisions
from stillwatch.store.appeals import Upheld
from stillwatch.store.decisions import Kept

if TYPE_CHECKING:
    from stillwatch.sharing.takeback import TakeBack

appeal = typer.Typer(
    help="What somebody says against a decision, and the answer.", no_args_is_help=True
)
_Appeal = Annotated[str, typer.Argument(help="Id of the appeal, or of the decision.")]
_STATES = ("open", "upheld", "rejected", "all")


@appeal.command("open")
def open_(
    id: Id,  # noqa: A002
    reason: Annotated[str, typer.Option("--reason", help="What the appellant says.")] = "",
    suspend: Annotated[
        bool, typer.Option("--suspend", help="Let it observe until the appeal is closed.")
    ] = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Open an appeal. The decision stands, and is marked, unless it is suspended."""
    with opened_store(store, config) as opened, opened.begin() as connection:
        id_ = named(connection, id)
        made = appeals.open_appeal(connection, id_, reason, who(by), moment(), suspend=suspend)
        kept = decisions.find(connection, id_)
    suspended = kept is not None and kept.suspended is not None
    if json:
        tell({**asdict(made), "suspended": suspended})
    else:
        say(
            f"{made.id} is open; {'it observes until then' if suspended else 'the decision stands'}"
        )


@appeal.command()
def uphold(
    id: _Appeal,  # noqa: A002
    reason: Reason = "",
    only_this: Annotated[
        bool, typer.Option("--only-this", help="The evidence holds: nothing else falls.")
    ] = False,
    account: Annotated[
        str,
        typer.Option("--account", help="Let this account out; the decision on the others stands."),
    ] = "",
    allow_for: AllowFor = "",
    share: Annotated[
        bool,
        typer.Option("--share", help="Revoke our claims that say it; the next publish sends that."),
    ] = False,
    dry_run: DryRun = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """The appeal is right: lift the decision, and undo what it rested on wherever it is used."""
    now = moment()
    until = now + duration(allow_for) if allow_for else None
    with opened_store(store, config) as opened, opened.begin() as connection:
        done = appeals.uphold(
            connection,
            _named(connection, id),
            by=who(by),
            reason=reason,
            now=now,
            others=not only_this,
            allow_until=until,
            spared=_account(account),
        )
        back = [] if account or only_this else _back(opened.secret, connection, done)
        if share:
            _revoke(connection, back, who(by), reason)
        still = _still(connection, done, account, now)
        if json:
            tell({**_record(done, back, dry_run), "still": ids_of(still)})
        else:
            _say(done, dry_run)
            tell_fallen(connection, done.fell)
            tell_remaining(still)
            for one in back:
                how = "`stillwatch share publish`" if share else one.command
                say(f"{one.claim} is shared, {one.why}; to take it back everywhere: {how}")
        if dry_run:
            connection.rollback()


@appeal.command()
def reject(
    id: _Appeal,  # noqa: A002
    reason: Reason = "",
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """The decision was right; one that was suspended is in force again."""
    with opened_store(store, config) as opened, opened.begin() as connection:
        named_ = _named(connection, id)
        done = appeals.reject(connection, named_, by=who(by), reason=reason, now=moment())
    if json:
        tell(asdict(done))
    else:
        say(f"{done.id} is rejected; {done.decision} stands")


@appeal.command("list")
def list_(
    state: Annotated[str, typer.Option("--state", help=", ".join(_STATES))] = "open",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most.")] = 100,
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Show appeals, the oldest first."""
    if state not in _STATES:
        raise InputError(f"{state!r} is none of {', '.join(_STATES)}")
    wanted: Any = None if state == "all" else state
    with opened_store(store, config) as opened, opened.begin() as connection:
        found = appeals.listed(connection, state=wanted, limit=limit)
    if json:
        tell([asdict(one) for one in found])
    elif not found:
        say("no appeal of that kind")
    else:
        table(
            ("OPENED", "STATE", "DECISION", "SAID", "APPEAL"),
            ((one.opened, one.state, one.decision, one.reason, one.id) for one in found),
        )


def _named(connection: Any, said: str) -> str:
    """An appeal by its id, or the open one against a decision."""
    if said.startswith("appeal--"):
        return said
    id_ = named(connection, said)
    found = appeals.listed(connection, decision=id_, state="open")
    if not found:
        raise InputError(
            f"no appeal against {id_} is open", hint="`stillwatch decisions appeal list`"
        )
    return found[0].id


def _account(said: str) -> Subject | None:
    try:
        return Subject.of(Scope.ACCOUNT, said) if said else None
    except ValueError as error:
        raise InputError(f"--account: {error}") from error


def _back(secret: bytes, connection: Any, done: Upheld) -> "list[TakeBack]":
    """Claims of ours that say what was found wrong."""
    from stillwatch.sharing.takeback import taken_back_by  # noqa: PLC0415 - it loads cryptography

    kept = decisions.find(connection, done.appeal.decision)
    return [] if kept is None else taken_back_by(connection, secret, kept.decision, done.evidence)


def _revoke(connection: Any, back: "list[TakeBack]", by: str, reason: str) -> None:
    """Take claims of ours back; they leave with the next publish."""
    from stillwatch.sharing.acts import revoke  # noqa: PLC0415 - it loads the detectors

    for one in back:
        revoke(connection, one.claim, by, reason)


def _still(connection: Any, done: Upheld, account: str, now: datetime) -> list[Kept]:
    """What still bears on the appellant."""
    kept = decisions.find(connection, done.appeal.decision)
    subject = _account(account) or (kept and kept.decision.subject)
    return remaining(connection, [subject], now) if subject else []


def _record(done: Upheld, back: "list[TakeBack]", dry_run: bool) -> dict[str, Any]:
    return {
        **asdict(done.appeal),
        "lifted": done.lifted,
        "fell": list(done.fell),
        "undone": list(done.evidence),
        "allow": done.allow and done.allow.record(),
        "take_back": [asdict(one) for one in back],
        "dry_run": dry_run,
    }


def _say(done: Upheld, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    say(f"{done.appeal.id} {would or 'is '}upheld")
    if done.lifted:
        say(f"{would}lifted: {done.appeal.decision}")
    if done.allow is not None:
        subject = done.allow.subject
        say(f"{would}let pass: {subject.scope} {subject.value}  {done.allow.id}")
    if done.evidence:
        say(
            f"{would}undone: {', '.join(done.evidence)}; other decisions that fall: {len(done.fell)}"
        )
    if done.fell and dry_run:
        say("if the evidence holds and only this subject is innocent: --only-this")

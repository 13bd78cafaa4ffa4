"""Options that the commands of ``decisions`` have in common, and how decisions are shown."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from sqlalchemy import Connection
from sqlalchemy import text as sql

from stillwatch.cli.spoken import say, warn
from stillwatch.domain.decision import DecisionId, Effect, Subject
from stillwatch.errors import InputError
from stillwatch.report import text
from stillwatch.store import decisions
from stillwatch.store.decisions import Kept

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who decides this; kept. Default: the user.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept, and quoted to an appellant.")]
Id = Annotated[str, typer.Argument(help="Id of the decision, or the beginning of it.")]
AllowFor = Annotated[
    str, typer.Option("--allow-for", help="Let the subject pass for so long, e.g. 90d.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and keep nothing.")
]
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST: Final = timedelta(days=3660)
_DURATION: Final = re.compile(r"([1-9][0-9]{0,6})([mhdw])")
_WIDTH: Final = 48
_PREFIX: Final = "decision--"
_SKEW_S: Final = 300.0
_IDLE: Final = timedelta(days=1)


def moment() -> datetime:
    """This instant, in whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def duration(said: str) -> timedelta:
    """A time span as people write it. Raises ``InputError``."""
    match = _DURATION.fullmatch(said.strip())
    if match is None:
        raise InputError(f"{said!r} is no time span", hint="for example 90m, 36h, 7d or 2w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def end(for_: str, until: str, now: datetime) -> datetime:
    """When a decision ends, from --for or --until. Raises ``InputError``; nothing is for ever."""
    if bool(for_) is bool(until):
        raise InputError(
            "every decision ends: say when", hint="--for 7d, or --until 2026-12-24T18:00Z"
        )
    try:
        at = now + duration(for_) if for_ else datetime.fromisoformat(until.strip())
    except OverflowError as error:
        raise InputError(f"--for {for_} is beyond the year 9999") from error
    except ValueError as error:
        raise InputError(f"{until!r} is no instant", hint="2026-12-24T18:00Z, or a day") from error
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if at <= now:
        raise InputError(f"{until} is over", hint="an instant without a zone is in UTC")
    if at - now > _LONGEST:
        raise InputError(
            f"until {at:%Y-%m-%d} is for ever", hint="at most ten years; renew it when it ends"
        )
    return at


def sweep(connection: Connection, now: datetime) -> None:
    """Take out what is over, if this machine's clock agrees with the store's.

    Raises ``InputError``: one laptop that is a month ahead would end everybody's decisions. A
    file has no clock of its own: where the newest act in it is more than a day old, or has not come
    yet, that is said, and after a day without an act nothing is ended until the next command.
    """
    if connection.dialect.name == "postgresql":
        there = float(connection.scalar(sql("select extract(epoch from clock_timestamp())")) or 0)
        ahead = now.timestamp() - there
        if abs(ahead) > _SKEW_S:
            way = "ahead of" if ahead > 0 else "behind"
            raise InputError(
                f"this machine's clock is {abs(ahead):,.0f} s {way} the store's, nothing was kept",
                hint="set it right: decisions would end at the wrong time",
            )
    elif not _borne_out(connection, now):
        return
    decisions.sweep(connection, now)


def _borne_out(connection: Connection, now: datetime) -> bool:
    """Whether the newest act of the store lets this machine's clock end decisions."""
    newest = decisions.acts(connection, limit=1)
    if not newest:
        return True
    gap = now - datetime.fromisoformat(newest[0].at)
    if gap.total_seconds() < -_SKEW_S:
        warn(f"the newest act in this store is of {newest[0].at}, which has not come yet: a clock "
             "was ahead, or this machine's is behind; `date -u` tells, `decisions show` what was done then")  # fmt: skip
    if gap <= _IDLE:
        return True
    warn(f"nothing is ended now: this machine's clock says {now:%Y-%m-%d %H:%M} UTC, {gap.days:,} days after "
         "the newest act in this store; if that is right, the next command ends what is over")  # fmt: skip
    return False


def named(connection: Connection, said: str) -> DecisionId:
    """The decision that is meant. Raises ``InputError`` for none, and for a beginning of several."""
    start = said.strip().lower()
    start = start if start.startswith(_PREFIX) else _PREFIX + start
    found = decisions.by_prefix(connection, start)
    if len(found) == 1 and len(start) > len(_PREFIX) + 3:
        return found[0]
    many = "several decisions begin with" if len(found) > 1 else "no decision is kept here as"
    if found and len(found) == 1:
        many = "too short to be sure:"
    raise InputError(f"{many} {said!r}", hint="`stillwatch decisions list --state all`")


def record(kept: Kept, now: datetime, appeal: str | None = None) -> dict[str, Any]:
    """As JSON shows it: the decision as it is in force, and where it stands."""
    held = kept.suspended
    return {
        **kept.decision.record(),
        "state": state_of(kept, now),
        "why": kept.why or None,
        "by": kept.by or None,
        "struck": list(kept.struck),
        "suspended": held
        and {
            "effect": held.effect.value,
            "causes": list(held.causes),
            **({"rate": rate_of(held.rate)} if held.rate else {}),
        },
        "appeal": appeal,
    }


def rate_of(rate: Any) -> dict[str, int]:
    """A rate as JSON shows it."""
    bounds = {"per_minute": rate.per_minute, "concurrency": rate.concurrency}
    return {name: value for name, value in bounds.items() if value is not None}


def state_of(kept: Kept, now: datetime) -> str:
    """Its state; what is over has ended, swept or not."""
    over = kept.state in ("standing", "held") and kept.decision.until <= now
    return "ended" if over else kept.state


def effect_of(kept: Kept) -> str:
    """In words: what it does, and what it would do."""
    said = kept.decision.effect.value
    if kept.suspended:
        said += f" ({kept.suspended.effect.value} suspended)"
    return f"{said} (shadow)" if kept.decision.shadow else said


def left(until: datetime, now: datetime) -> str:
    """Time left, in its two largest units."""
    seconds = int((until - now).total_seconds())
    if seconds <= 0:
        return "over"
    parts = list[str]()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count or parts:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def at(instant: datetime) -> str:
    """An instant as people read it."""
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns; cells that may hold others' words are made safe and cut."""
    cells = [tuple(head), *(tuple(map(_cell, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())


def _cell(said: str) -> str:
    shown = text.plain(said, text.SENTENCE)
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 1]}…"


def tell_decisions(found: Sequence[Kept], now: datetime, open_: dict[str, str]) -> None:
    """Print decisions as a table."""
    table(
        ("EFFECT", "SUBJECT", "LEFT", "STATE", "BY", "REASON", "ID"),
        (
            (
                effect_of(kept),
                f"{kept.decision.subject.scope.value} {kept.decision.subject.value}",
                left(kept.decision.until, now),
                state_of(kept, now) + (", appealed" if kept.decision.id in open_ else ""),
                kept.decision.origin,
                kept.decision.reason,
                kept.decision.id,
            )
            for kept in found
        ),
    )


def remaining(connection: Connection, subjects: Iterable[Subject], now: datetime) -> list[Kept]:
    """What still cuts subjects off, shadow and observation aside; nothing where an allow stands."""
    found = list[Kept]()
    for subject in dict.fromkeys(subjects):
        bears = [
            kept
            for kept in decisions.touching(connection, subject.value)
            if state_of(kept, now) == "standing" and not kept.decision.shadow
        ]
        if not any(kept.decision.effect is Effect.ALLOW for kept in bears):
            found += [kept for kept in bears if kept.decision.effect is not Effect.OBSERVE]
    return list({kept.decision.id: kept for kept in found}.values())


def ids_of(found: Iterable[Kept]) -> list[DecisionId]:
    """Their ids."""
    return [kept.decision.id for kept in found]


def tell_remaining(found: Sequence[Kept]) -> None:
    """Warn that a subject is not free yet."""
    for kept in found[:20]:
        one = kept.decision
        say(f"still in force: {one.effect} {one.subject.scope} {one.subject.value}  {one.id}")


def tell_fallen(connection: Connection, ids: Sequence[str], most: int = 20) -> None:
    """Say which decisions fell."""
    for id_ in ids[:most]:
        kept = decisions.find(connection, id_)
        if kept:
            one = kept.decision
            say(f"  {kept.effect.value} {one.subject.scope} {one.subject.value}  {one.id}")
    if len(ids) > most:
        say(f"  … and {len(ids) - most:,} more")

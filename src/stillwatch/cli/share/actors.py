"""``stillwatch share actors``: from caught accounts to drafts of actors."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError
from stillwatch.sharing.settings import Settings
from stillwatch.store.database import Store

if TYPE_CHECKING:
    from stillwatch.sharing.drafts import Drafted
    from stillwatch.sharing.identifiers import Tally
    from stillwatch.sharing.identifiers.table import CustomerTable

_DAY = "%Y-%m-%d"


def actors(
    table: Annotated[
        Path,
        typer.Argument(help="Caught accounts with what they are known by: CSV, JSON, Parquet."),
    ],
    actor: Annotated[
        str, typer.Option("--actor", help="Column that says which rows are one actor.")
    ] = "actor",
    result: Annotated[
        Path | None,
        typer.Option(
            "--result",
            help="Result of `stillwatch detect`: each campaign's accounts in the table are an actor.",
        ),
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", help="Campaign claim to which the actors belong.")
    ] = None,
    tactic: Annotated[str, typer.Option("--tactic", help="What they do; of the list.")] = "",
    first: Annotated[
        datetime | None, typer.Option("--first-seen", formats=[_DAY], help="Default: today.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--last-seen", formats=[_DAY], help="Default: today.")
    ] = None,
    confidence: Annotated[
        int,
        typer.Option("--confidence", min=0, max=100, help="That the identifiers are the actor's."),
    ] = 80,
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            help="Country of national phone numbers, e.g. DE; default: of [matching].",
        ),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column", help="NAME=FIELD: what a column of another name holds; repeatable."
        ),
    ] = None,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Draft caught actors for review. Identifiers stay in the store; they leave as tags only."""
    days = _days(first, last)
    with opened(config) as (settings, store):
        matching = settings.matching
        source = _Source(
            table,
            "" if result else actor,
            region or matching.region,
            tuple(column or ()),
            matching.rehearsal,
        )
        wanted = _Wanted(StixId(campaign) if campaign else None, tactic, confidence, *days)
        if result is None:
            made, read, tally = _of_table(source, wanted, settings, store)
        else:
            made, read, tally = _of_result(result, source, wanted, settings, store)
    _report(made, read, tally, json)


@dataclass(frozen=True, slots=True)
class _Source:
    table: Path
    actor: str
    """Column; empty where rows are accounts."""
    region: str | None
    columns: tuple[str, ...]
    rehearsal: bool

    def open(self) -> "CustomerTable":
        from stillwatch.sharing.identifiers.fields import Field, Layout  # noqa: PLC0415
        from stillwatch.sharing.identifiers.table import CustomerTable  # noqa: PLC0415

        named = {self.actor: Field.ROW_ID} if self.actor else {}
        for text in self.columns:
            name, sign, value = text.partition("=")
            if not sign or value not in tuple(Field):
                known = ", ".join(Field)
                raise InputError(f"--column {text!r} is no NAME=FIELD", hint=f"fields: {known}")
            named[name] = Field(value)
        return CustomerTable(self.table, Layout(named, self.region, documentation=self.rehearsal))


@dataclass(frozen=True, slots=True)
class _Wanted:
    campaign: StixId | None
    tactic: str
    confidence: int
    first: date
    last: date


def _of_table(
    source: _Source, wanted: _Wanted, settings: Settings, store: Store
) -> "tuple[Drafted, CustomerTable, Tally]":
    from stillwatch.sharing import drafts  # noqa: PLC0415 - it loads the kernels
    from stillwatch.sharing.identifiers import Tally  # noqa: PLC0415
    from stillwatch.sharing.matching import actors as acting  # noqa: PLC0415

    read, tally = source.open(), Tally()
    found = acting.identifiers(read, tally)
    seen = acting.Seen(
        wanted.first, wanted.last, wanted.confidence, wanted.campaign, wanted.tactic
    )  # fmt: skip
    with store.begin() as connection:
        origin = f"{len(found)} actors of {source.table}"
        made = acting.draft(
            connection, settings, store.secret, found, seen, origin, _refused(tally)
        )
        drafts.keep(connection, made, settings)
    return made, read, tally


def _of_result(
    result: Path, source: _Source, wanted: _Wanted, settings: Settings, store: Store
) -> "tuple[Drafted, CustomerTable, Tally]":
    from stillwatch.sharing import drafts  # noqa: PLC0415 - it loads the kernels
    from stillwatch.sharing.identifiers import Tally  # noqa: PLC0415
    from stillwatch.sharing.matching import actors as acting  # noqa: PLC0415

    campaigns = acting.campaigns_of(result)
    groups = {account: one.name for one in campaigns for account in one.accounts}
    read, tally = source.open(), Tally()
    found = acting.identifiers(read, tally, groups)
    made, left = list[Any](), list[str]()
    with store.begin() as connection:
        for one in campaigns:
            if one.name not in found:
                left.append(f"{one.name}: none of its accounts is in {source.table}")
                continue
            claim = wanted.campaign or acting.campaign_claim(connection, store.secret, one.accounts)
            seen = acting.Seen(one.first, one.last, wanted.confidence, claim, wanted.tactic)
            its = {claim or f"{one.name} of {result}": found[one.name]}
            origin = f"{one.name} of {result}"
            drafted = acting.draft(
                connection, settings, store.secret, its, seen, origin, _refused(tally)
            )
            made += drafted.drafts
            left += drafted.left
        done = drafts.Drafted(tuple(made), tuple(left))
        drafts.keep(connection, done, settings)
    return done, read, tally


def _days(first: datetime | None, last: datetime | None) -> tuple[date, date]:
    today = datetime.now(UTC).date()
    end = last.date() if last else today
    if end > today:
        raise InputError(f"--last-seen {end} is to come", hint="give a day of the past, or today")
    return (first.date() if first else min(today, end)), end


def _refused(tally: "Tally") -> Mapping[str, int]:
    """Values that cannot be used, by kind and reason."""
    return {
        f"{kind} {what}": count for kind, what, count in tally.rows() if what != "made"
    }  # fmt: skip


def _report(made: "Drafted", read: "CustomerTable", tally: "Tally", json: bool) -> None:
    refused, bad, warnings = _refused(tally), dict(read.bad_rows), tally.warnings()
    if json:
        ids = [{"id": d.stix_id, "kind": d.kind, "origin": d.origin} for d in made.drafts]
        tell({
            "drafts": ids, "left": list(made.left), "refused": refused, "bad_rows": bad, "warnings": warnings,
            "ignored_columns": list(read.plan.ignored),
        })  # fmt: skip
        return
    for one in made.drafts:
        say(f"actor  {one.stix_id}  from {one.origin}")
    for line in made.left:
        say(f"not drafted: {line}")
    for what, count in {**refused, **bad}.items():
        say(f"cannot be used: {count} {what}")
    for line in warnings:
        say(f"warning: {line}")
    if read.plan.ignored:
        say(f"columns that hold nothing known: {', '.join(read.plan.ignored)}")
    say(f"{len(made.drafts)} actors wait: `stillwatch share review`")

"""``/v1/appeals``: redress for account holders, brought by members."""

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection, select

from stillwatch.hub import audit, redress
from stillwatch.hub.audience import visible
from stillwatch.hub.auth import Caller
from stillwatch.hub.described import errors, example
from stillwatch.hub.governance import follow_all, up_to_date
from stillwatch.hub.members import Member
from stillwatch.hub.refusals import Missing
from stillwatch.hub.schema import objects
from stillwatch.hub.standing.follow import touch
from stillwatch.hub.v1.parts import MOST, Calling, Hub, Limit, Parts, Text, member_of

router = APIRouter(prefix="/v1/appeals", tags=["appeals"])

_APPEAL = {
    "id": "8a1c4b1e-6f0b-4f0e-9a43-6f1f3a5b7c2d",
    "collection": "91a7b528-80eb-42ed-a74d-c6fbd5a26116",
    "claim": "campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "reason": "shared-infrastructure",
    "state": "open",
    "opened": "2026-01-31T12:00:00.000000Z",
    "due": "2026-02-14T12:00:00.000000Z",
    "decided": None,
    "decider": None,
    "part": "appellant",
}
Id = Annotated[str, Path(max_length=64, description="Id of the appeal.")]


class State(StrEnum):
    """Of an appeal."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class NewAppeal(BaseModel):
    """An appeal to open. It has no place for who is concerned, on purpose."""

    model_config = ConfigDict(extra="forbid")
    collection: Text = Field(max_length=64, description="Id of the claim's collection.")
    claim: Text = Field(max_length=300, description="STIX id of the claim's object.")
    reason: Text = Field(max_length=64, description=f"One of: {', '.join(redress.REASONS)}.")


class Appeal(BaseModel):
    """An appeal that you brought, or that is for you to answer."""

    id: str
    collection: str
    claim: str
    reason: str
    state: State
    opened: str
    due: str = Field(description="Silence until then upholds it.")
    decided: str | None
    decider: str | None = Field(description="publisher, operator, timeout or appellant.")
    part: str = Field(description="Yours: appellant or publisher.")


class AppealPage(BaseModel):
    """Appeals, the oldest first."""

    appeals: list[Appeal]
    more: bool
    next: str | None = Field(description="`after` of the next page.")


@router.get(
    "",
    summary="Your appeals, and those to answer",
    responses={
        **example({"appeals": [_APPEAL], "more": False, "next": _APPEAL["id"]}, "A page."),
        **errors(422),
    },
)
def listed(
    hub: Hub,
    who: Calling,
    state: Annotated[State | None, Query(description="Only those.")] = None,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last seen.")] = None,
    limit: Limit = MOST,
) -> AppealPage:
    """Appeals that you brought and appeals against your claims, under whatever name."""
    up_to_date(hub.database, now=hub.settings.clock())
    with hub.database.read() as connection:
        member = member_of(connection, who)
        found = redress.listed(connection, member, state=state, after=after, limit=limit + 1)
    told = [_told(appeal) for appeal in found[:limit]]
    return AppealPage(appeals=told, more=len(found) > limit, next=told[-1].id if told else None)


@router.get(
    "/{appeal}",
    summary="One appeal",
    responses={**example(_APPEAL, "The appeal."), **errors(404, 422)},
)
def one(hub: Hub, who: Calling, appeal: Id) -> Appeal:
    """An appeal that you brought or have to answer."""
    up_to_date(hub.database, now=hub.settings.clock())
    with hub.database.read() as connection:
        return _told(redress.told(connection, appeal, member_of(connection, who)))


@router.post(
    "",
    status_code=201,
    summary="Open an appeal",
    responses={
        **example(_APPEAL, "Opened: the claim is frozen.", 201),
        **errors(400, 403, 404, 409, 413, 422, 429),
    },
)
def opened(hub: Hub, who: Calling, new: NewAppeal) -> Appeal:
    """Appeal against a claim on behalf of an account holder.

    The claim is frozen: readers give it no weight until its publisher answered, which it does by
    an opinion on its own claim with reason `appeal-upheld` or `appeal-rejected`, or by revoking
    it. Silence until `due` upholds the appeal. The publisher is not told who appealed.
    """

    def act(connection: Connection, member: Member, now: int) -> redress.Appeal:
        if not _readable(connection, who, new):
            raise Missing(f"there is no claim {new.claim} in collection {new.collection}")
        return redress.open_(connection, member, new.collection, new.claim, new.reason, now=now)

    return _acted(hub, who, "appeal.open", act)


@router.post(
    "/{appeal}/withdraw",
    summary="Withdraw an appeal",
    responses={**example(_APPEAL | {"state": "withdrawn"}), **errors(403, 404, 409, 422)},
)
def withdrawn(hub: Hub, who: Calling, appeal: Id) -> Appeal:
    """Take back an appeal that you brought; the claim gets its weight back."""

    def act(connection: Connection, member: Member, now: int) -> redress.Appeal:
        return redress.withdraw(connection, appeal, member, now=now)

    return _acted(hub, who, "appeal.withdraw", act)


def _acted(
    hub: Parts,
    who: Caller,
    action: str,
    act: Callable[[Connection, Member, int], redress.Appeal],
) -> Appeal:
    """Do something to an appeal, weigh its claim anew, record it: one transaction."""
    now = hub.settings.clock()
    with hub.database.write() as connection:
        follow_all(connection, now=now)
        done = act(connection, member_of(connection, who), now)
        touch(connection, [(done.collection, done.claim)], now=now)
        audit.append(connection, [audit.Act(now, who.member, action, done.claim)])
    return _told(done)


def _readable(connection: Connection, who: Caller, new: NewAppeal) -> bool:
    its = (objects.c.collection == new.collection) & (objects.c.stix_id == new.claim)
    found = select(objects.c.seq).where(its, visible(connection, who)).limit(1)
    return connection.scalar(found) is not None


def _told(appeal: redress.Appeal) -> Appeal:
    data: dict[str, Any] = asdict(appeal)
    del data["member"]  # the operator's to know
    return Appeal(**data)

"""``/v1/standing``: how the claims that the caller may read stand."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from stillwatch.hub.audience import visible
from stillwatch.hub.described import errors, example
from stillwatch.hub.governance import up_to_date
from stillwatch.hub.standing import pages
from stillwatch.hub.v1.parts import MOST, Calling, Hub, Limit, instant_of

router = APIRouter(prefix="/v1/standing", tags=["standing"])


class Standing(BaseModel):
    """How one claim stands. Figures are distinct members; who they are is not told."""

    claim: str = Field(description="STIX id of the claim's object.")
    collection: str
    version: str = Field(description="`modified` of the newest version.")
    state: str = Field(
        description="current, disputed, expired, compromised, suspended, frozen or revoked: "
        "the gravest that is true."
    )
    confirm: int = Field(description="Agree with evidence of their own, or have seen it.")
    agree: int = Field(description="Agree without.")
    dispute: int = Field(description="Disagree.")
    refute: int = Field(description="Strongly disagree.")
    changed: str = Field(description="Since when it stands like this; strictly increasing.")


class StandingPage(BaseModel):
    """What changed, the oldest change first."""

    standing: list[Standing]
    more: bool = Field(description="Whether another page waits.")
    next: str | None = Field(
        description="`since` of the next page, or of the next poll; null if nothing changed."
    )


_STANDING = {
    "claim": "campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "collection": "91a7b528-80eb-42ed-a74d-c6fbd5a26116",
    "version": "2026-01-30T08:00:00.000000Z",
    "state": "current",
    "confirm": 2,
    "agree": 1,
    "dispute": 0,
    "refute": 0,
    "changed": "2026-01-31T12:00:00.000000Z",
}


@router.get(
    "",
    summary="What changed in the standing of claims",
    responses={
        **example(
            {"standing": [_STANDING], "more": False, "next": _STANDING["changed"]}, "A page."
        ),
        **errors(422),
    },
)
def changes(
    hub: Hub,
    who: Calling,
    since: Annotated[
        str | None, Query(description="`next` of the page before; without it, everything.")
    ] = None,
    claim: Annotated[
        str | None, Query(max_length=300, description="Only the claim with this STIX id.")
    ] = None,
    limit: Limit = MOST,
) -> StandingPage:
    """Standing of the claims you may read, that changed after `since`.

    Poll it with the last `next`: a change is told once and none is lost. Reading it uses no quota.
    """
    at = instant_of(since, "since")
    up_to_date(hub.database, now=hub.settings.clock())
    with hub.database.read() as connection:
        condition = visible(connection, who)
        page = pages.page(connection, condition, since=at, limit=limit, claim=claim)
    return StandingPage(
        standing=[Standing(**asdict(entry)) for entry in page.standing],
        more=page.more,
        next=page.next,
    )

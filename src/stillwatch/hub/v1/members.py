"""``/v1/members/me``: what the caller is, may use, has used, and what would raise it."""

from dataclasses import asdict

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from stillwatch.hub import keys, quotas
from stillwatch.hub.clock import maybe
from stillwatch.hub.described import errors, example
from stillwatch.hub.v1.parts import Calling, Hub

router = APIRouter(prefix="/v1/members", tags=["members"])


class Identity(BaseModel):
    """A name under which you speak. Who else asks is told of your pseudonyms by nobody."""

    identity: str
    pseudonym: bool
    state: str = Field(description="active, suspended or ended.")
    kid: str | None = Field(description="Its current key; null if it has none.")


class Contribution(BaseModel):
    """What counts for reciprocity."""

    claims: int = Field(description="Claims of yours that stand.")
    opinions: int = Field(description="Claims of others that you judged or saw.")


class Quota(BaseModel):
    """One quota as it stands."""

    kind: str = Field(description="reads, writes, pseudonyms or appeals.")
    unit: str
    limit: int
    used: int = Field(description="For reads: used, or reserved by a worker of the hub.")
    resets: str | None = Field(description="When it refills; null for what does not.")


class Me(BaseModel):
    """The caller."""

    name: str
    identity: str
    role: str
    groups: list[str]
    identities: list[Identity]
    tier: str
    tier_set_by_operator: bool
    contribution: Contribution = Field(description="Over the last `window_days`.")
    window_days: int
    quotas: list[Quota]
    next_tier: str | None
    missing: Contribution | None = Field(description="What would raise you to `next_tier`.")


_ME = {
    "name": "alpha",
    "identity": "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1",
    "role": "member",
    "groups": ["europe"],
    "identities": [
        {
            "identity": "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1",
            "pseudonym": False,
            "state": "active",
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        }
    ],
    "tier": "entry",
    "tier_set_by_operator": False,
    "contribution": {"claims": 2, "opinions": 1},
    "window_days": 90,
    "quotas": [
        {
            "kind": "reads",
            "unit": "claims read a day",
            "limit": 2000000,
            "used": 10000,
            "resets": "2026-02-01T00:00:00.000000Z",
        }
    ],
    "next_tier": "contributor",
    "missing": {"claims": 1, "opinions": 4},
}


@router.get(
    "/me",
    summary="Your account",
    responses={**example(_ME, "Who you are to the hub."), **errors()},
)
def me(hub: Hub, who: Calling) -> Me:
    """Tier, quotas and names of the caller."""
    with hub.database.read() as connection:
        account = quotas.account(connection, who.member, now=hub.settings.clock())
        identities = _identities(connection, who.member)
    return Me(
        name=who.name,
        identity=who.identity,
        role=who.role,
        groups=sorted(who.groups),
        identities=identities,
        tier=account.tier,
        tier_set_by_operator=account.set_by_operator,
        contribution=Contribution(**asdict(account.contribution)),
        window_days=quotas.scheme().window_days,
        quotas=[
            Quota(kind=a.kind, unit=a.unit, limit=a.limit, used=a.used, resets=maybe(a.resets))
            for a in account.allowances
        ],
        next_tier=account.next_tier,
        missing=None if account.missing is None else Contribution(**asdict(account.missing)),
    )


def _identities(connection: Connection, member: int) -> list[Identity]:
    return [
        Identity(
            identity=row.id,
            pseudonym=not row.open,
            state=row.state,
            kid=keys.active(connection, row.id),
        )
        for row in keys.of_member(connection, member)
    ]

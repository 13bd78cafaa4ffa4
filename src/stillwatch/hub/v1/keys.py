"""``/v1/keys``: the directory of signing keys, and changes of one's own."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from stillwatch.hub import audit, governance, keys
from stillwatch.hub.described import errors, example
from stillwatch.hub.v1.parts import MOST, Calling, Hub, Limit, instant_of, member_of

router = APIRouter(prefix="/v1/keys", tags=["keys"])

_KEY = {
    "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    "identity": "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1",
    "member": "alpha",
    "key": {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    "state": "active",
    "stated": "2026-01-31T12:00:00.000000Z",
    "ended": None,
    "compromised": None,
}
_STATEMENT = {
    "action": "add",
    "identity": _KEY["identity"],
    "key": _KEY["key"],
    "at": "2026-01-31T12:00:00.000Z",
    "proof": "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiLi4uIn0..c2lnbmF0dXJl",
}


class Key(BaseModel):
    """A signing key as every member may see it."""

    kid: str = Field(description="RFC 7638 thumbprint.")
    identity: str = Field(description="The STIX identity that speaks with it.")
    member: str | None = Field(description="Name of the member; null for a pseudonym.")
    key: dict[str, str] = Field(description="The public half as a JWK (RFC 8037).")
    state: str = Field(description="active, suspended or ended.")
    stated: str = Field(description="When the log was told.")
    ended: str | None
    compromised: str | None = Field(description="Since when others may have signed with it.")


class Directory(BaseModel):
    """A page of keys, by id."""

    keys: list[Key]
    more: bool
    next: str | None = Field(description="`after` of the next page.")


@router.get(
    "",
    summary="Directory of signing keys",
    responses={
        **example({"keys": [_KEY], "more": False, "next": _KEY["kid"]}, "A page of keys."),
        **errors(422),
    },
)
def directory(
    hub: Hub,
    _: Calling,
    after: Annotated[str, Query(max_length=64, description="Key id of the last one seen.")] = "",
    limit: Limit = MOST,
) -> Directory:
    """Every key that was ever stated, with its identity and state.

    The transparency log is the proof of it (`/log`); this is the convenient form.
    """
    with hub.database.read() as connection:
        found = keys.directory(connection, after, limit + 1)
    listed = [Key(**asdict(key)) for key in found[:limit]]
    return Directory(keys=listed, more=len(found) > limit, next=listed[-1].kid if listed else None)


@router.post(
    "",
    status_code=201,
    summary="Enrol, rotate or end a key",
    responses={
        **example(_KEY, "The key as it now is; the statement is in the log.", 201),
        **errors(400, 403, 404, 409, 413, 422, 429),
    },
)
def change(
    hub: Hub,
    who: Calling,
    statement: Annotated[
        dict[str, Any],
        Body(description="A key statement of the transparency log.", examples=[_STATEMENT]),
    ],
    pseudonym: Annotated[
        bool,
        Query(description="Enrol a further identity that nobody but the hub connects with you."),
    ] = False,
    since: Annotated[
        str | None,
        Query(description="For `end` with reason `compromised`: since when. Default: always."),
    ] = None,
) -> Key:
    """State a key, signed as docs/reference/transparency-log.md says.

    `add` enrols the first key of your identity, or, with `pseudonym=true`, of a new identity that
    you chose at random. `rotate` replaces a key and is signed by it. `end` retires a key for good,
    and its identity with it; what it signed stays, and what it signed since it was compromised is
    marked in `/v1/standing`.
    """
    now = hub.settings.clock()
    at = instant_of(since, "since")
    with hub.database.write() as connection:
        member = member_of(connection, who)
        listed = keys.apply(
            connection,
            governance.into(hub.signer),
            member,
            statement,
            now=now,
            pseudonym=pseudonym,
            since=at,
        )
        act = audit.Act(now, who.member, f"key.{statement['action']}", listed.kid)
        audit.append(connection, [act])
    return Key(**asdict(listed))

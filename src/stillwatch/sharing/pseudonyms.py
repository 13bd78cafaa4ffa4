"""Further names of ours: made here, known to the hub alone, each with a key of its own.

Rules
    * The key is on the disk and the name in the store before the hub hears of either; a command that
      was cut off may be given again and ends where it should.
    * Our own word for a pseudonym never leaves.
    * A pseudonym ends for good, and what stands under it can be taken back by nobody after that, so
      that is asked for in words.
"""

import re
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection, insert, select, update

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import StixId
from stillwatch.errors import InputError
from stillwatch.intel.objects import format_time, to_micros
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings
from stillwatch.sharing.weight import expired
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.schema import pseudonyms

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Pseudonym:
    """A further name of ours at one hub."""

    name: str
    """Our own word for it."""
    identity: StixId
    state: str
    """new (the hub has not answered yet), active or ended."""


def listed(connection: Connection, settings: Settings) -> list[Pseudonym]:
    """Our pseudonyms at this hub, by name."""
    mine = select(pseudonyms).where(pseudonyms.c.hub == settings.url).order_by(pseudonyms.c.name)
    return [Pseudonym(r.name, StixId(r.identity), r.state) for r in connection.execute(mine)]


def names(connection: Connection, settings: Settings) -> dict[str, StixId]:
    """Names under which we can speak: the member's own, and pseudonyms that are active."""
    active = (one for one in listed(connection, settings) if one.state == "active")
    return {**{one.name: one.identity for one in active}, settings.member: settings.identity}


def called(connection: Connection, settings: Settings) -> dict[str, str]:
    """Our words for identities of ours, ended ones included."""
    words = {str(one.identity): one.name for one in listed(connection, settings)}
    return {**words, settings.identity: settings.member}


def speaking_as(connection: Connection, settings: Settings, name: str) -> Settings:
    """Settings with the identity and the key of a pseudonym. Raises ``InputError``."""
    one = _found(connection, settings, name)
    if one.state == "new":
        hint = f"`stillwatch share pseudonym add {name}` again"
        raise InputError(f"the hub has not confirmed pseudonym {name!r} yet", hint=hint)
    if one.state != "active":
        hint = "what it said stays; choose another name"
        raise InputError(f"pseudonym {name!r} is {one.state}", hint=hint)
    mine = key_file(settings, name)
    return replace(settings, identity=one.identity, key_file=mine, pseudonym=True)


def key_file(settings: Settings, name: str) -> Path:
    """Where the key of a pseudonym lies: beside our own."""
    return settings.key_file.with_name(f"pseudonym-{name}.key")


def add(hub: Hub, store: Store, settings: Settings, name: str, by: str) -> Pseudonym:
    """Make a pseudonym with a key of its own, and enrol it. It may be given again."""
    if not _NAME.fullmatch(name) or name == settings.member:
        raise InputError(
            f"{name!r} is no name for a pseudonym",
            hint="small letters, digits and hyphens, not our own name; it stays here",
        )
    with store.begin() as connection:
        kept = {one.name: one for one in listed(connection, settings)}.get(name)
        if kept is not None and kept.state != "new":
            raise InputError(f"there is a pseudonym {name!r} already; it is {kept.state}")
        key = _key(key_file(settings, name))
        if kept is None:
            kept = Pseudonym(name, StixId(f"identity--{uuid.uuid4()}"), "new")
            row = {"hub": settings.url, "name": name, "identity": kept.identity, "state": "new"}
            connection.execute(insert(pseudonyms).values(row))
    if _at_hub(hub, kept).get("kid") != key.id:  # else only the answer was lost
        hub.state_key(statements.add(kept.identity, key, _now()), pseudonym=True)
    return _settled(store, settings, replace(kept, state="active"), "pseudonym.add", by)


def end(
    hub: Hub,
    store: Store,
    settings: Settings,
    name: str,
    by: str,
    *,
    since: str | None = None,
    compromised: bool = False,
    let_stand: bool = False,
) -> Pseudonym:
    """End a pseudonym for good. It may be given again.

    ``since``: from when its key was in other hands, if it is compromised; None for all along.
    Raises ``InputError`` while claims stand under it, unless they are to stand or its key is
    compromised (then the hub marks them).
    """
    with store.begin() as connection:
        one = _found(connection, settings, name)
        left = standing(connection, settings, one.identity)
    if one.state == "ended":
        raise InputError(f"pseudonym {name!r} is ended already")
    if left and not (let_stand or compromised):
        raise InputError(
            f"{len(left)} claims stand under {name!r}, e.g. {left[0]}; nobody could take them back",
            hint="`stillwatch share revoke` and publish first, or say --let-stand",
        )
    if _at_hub(hub, one).get("state", "ended") != "ended":
        key = SigningKey.load(key_file(settings, name))
        reason: statements.Reason = "compromised" if compromised else "retired"
        hub.state_key(statements.end(one.identity, key.id, _now(), reason, key), since=since)
    return _settled(store, settings, replace(one, state="ended"), "pseudonym.end", by)


def standing(connection: Connection, settings: Settings, identity: str) -> list[str]:
    """Ids of claims under an identity of ours that were not taken back and have not ended."""
    newest = dict[str, dict[str, Any]]()
    for one in outbox.outgoing(connection, settings.url, "stored"):
        newest[one.stix_id] = orjson.loads(one.body)
    now = datetime.now(UTC)
    return [
        stix_id
        for stix_id, obj in newest.items()
        if obj["created_by_ref"] == identity
        and obj.get("revoked") is not True
        and not expired(obj, now)
    ]


def _found(connection: Connection, settings: Settings, name: str) -> Pseudonym:
    for one in listed(connection, settings):
        if one.name == name:
            return one
    raise InputError(
        f"there is no pseudonym {name!r}", hint="`stillwatch share pseudonym list` shows ours"
    )


def _key(path: Path) -> SigningKey:
    if not path.exists():
        SigningKey.generate().save(path)
    return SigningKey.load(path)


def _settled(store: Store, settings: Settings, one: Pseudonym, act: str, by: str) -> Pseudonym:
    mine = (pseudonyms.c.hub == settings.url) & (pseudonyms.c.name == one.name)
    with store.begin() as connection:
        connection.execute(update(pseudonyms).where(mine).values(state=one.state))
        outbox.record(connection, one.identity, act, by, one.name)
    return one


def _at_hub(hub: Hub, wanted: Pseudonym) -> dict[str, Any]:
    """What the hub says of a pseudonym of ours; nothing if it does not know it."""
    identities = hub.me().get("identities")
    for one in identities if isinstance(identities, list) else ():
        if isinstance(one, dict) and one.get("identity") == wanted.identity:
            return one
    return {}


def _now() -> str:
    return format_time(to_micros(datetime.now(UTC)))

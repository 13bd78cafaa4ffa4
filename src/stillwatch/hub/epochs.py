"""Documents of key epochs, handed out by the hub and believed by nobody for that.

Rules: a document is taken from one of its evaluators, with the signatures of all of them by keys
that they hold now; a name and generation never changes what it says, and a refresh follows its
generation before, with the same key. Clients check all of it again with keys from the log
(``sharing.matching.epochs``): what is checked here keeps rubbish and mistakes out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import MAX_BYTES, check, check_refreshed, read
from stillwatch.crypto.statements import Key
from stillwatch.domain.claim import KeyId, StixId
from stillwatch.errors import InputError, NotTrusted
from stillwatch.hub.auth import Caller
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, QuotaSpent
from stillwatch.hub.schema import epochs, identities, keys, members

MOST: Final = 500
"""Documents that are handed out at once, the newest."""
A_DAY: Final = 20
"""Documents that one member may post in a day."""
AHEAD: Final = 366
"""Days before which an epoch may be announced."""
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a document that was posted."""

    document: dict[str, Any]
    new: bool


def post(connection: Connection, who: Caller, document: Any, *, now: int) -> Kept:
    """Keep a document, in the caller's transaction.

    Raises ``Malformed`` for what does not hold, ``Forbidden`` for another's epoch, ``Conflict`` where
    its name and generation say something else or the generation before is missing, ``QuotaSpent``.
    """
    epoch = _checked(connection, document)
    if all(one.member != who.identity for one in epoch.evaluators):
        raise Forbidden(f"you are no evaluator of epoch {epoch.name}", hint="one of them posts it")
    # who posts waits for whoever posts as the same member, so that the count is right
    connection.execute(select(members.c.id).where(members.c.id == who.member).with_for_update())
    before = _found(connection, epoch.name, epoch.generation)
    if before is not None:
        if Epoch.from_json(before) != epoch:
            raise Conflict(
                f"epoch {epoch.name}, generation {epoch.generation} says something else here",
                hint="compare both documents with the other evaluators: this may be an attack",
            )
        return Kept(before, new=False)
    _check_bounds(connection, who, epoch, now)
    _check_sequence(connection, epoch)
    row = {
        "name": epoch.name,
        "generation": epoch.generation,
        "member": who.member,
        "posted": now,
        "ends": _days(epoch.ends),
        "document": canonical(document),
    }
    connection.execute(insert(epochs).values(row))
    return Kept(document, new=True)


def listed(connection: Connection, *, since: date | None = None) -> list[dict[str, Any]]:
    """Documents, the epoch that ends first before the others; only those not ended before a day."""
    statement = select(epochs.c.document).order_by(
        epochs.c.ends.desc(), epochs.c.name, epochs.c.generation.desc()
    )
    if since is not None:
        statement = statement.where(epochs.c.ends >= _days(since))
    return [read(found) for found in connection.scalars(statement.limit(MOST))][::-1]


def _checked(connection: Connection, document: Any) -> Epoch:
    try:
        if len(canonical(document)) > MAX_BYTES:
            raise Malformed(f"an epoch's document has at most {MAX_BYTES} bytes")
        return check(document, _current_keys(connection, Epoch.from_json(document)))
    except (InputError, NotTrusted) as error:
        raise Malformed(error.message, hint=error.hint) from error


def _current_keys(connection: Connection, epoch: Epoch) -> Mapping[KeyId, Key]:
    """Keys of its evaluators that may sign now."""
    named = [one.key_id for one in epoch.evaluators]
    joined = keys.join(identities, identities.c.id == keys.c.identity).join(
        members, members.c.id == keys.c.member
    )
    statement = (
        select(keys.c.id, keys.c.identity, keys.c.public)
        .select_from(joined)
        .where(keys.c.id.in_(named), keys.c.ended.is_(None))
        .where(identities.c.state == "active", identities.c.open, members.c.state == "active")
    )
    return {
        KeyId(row.id): Key(KeyId(row.id), StixId(row.identity), row.public, 0)
        for row in connection.execute(statement)
    }


def _check_bounds(connection: Connection, who: Caller, epoch: Epoch, now: int) -> None:
    today = datetime.fromtimestamp(now // _SECOND, UTC).date()
    if epoch.ends < today or (epoch.starts - today).days > AHEAD:
        raise Malformed(
            f"epoch {epoch.name} is from {epoch.starts} to {epoch.ends}",
            hint=f"post what has not ended and begins within {AHEAD} days",
        )
    newer = (epochs.c.member == who.member) & (epochs.c.posted > now - _DAY)
    if (connection.scalar(select(func.count()).select_from(epochs).where(newer)) or 0) >= A_DAY:
        raise QuotaSpent(
            f"you posted {A_DAY} epochs within a day", kind="epochs", retry_after=86_400
        )


def _check_sequence(connection: Connection, epoch: Epoch) -> None:
    if epoch.generation == 0:
        return
    before = _found(connection, epoch.name, epoch.generation - 1)
    if before is None:
        raise Conflict(
            f"generation {epoch.generation - 1} of epoch {epoch.name} is not here",
            hint="post it first",
        )
    try:
        check_refreshed(Epoch.from_json(before), epoch)
    except NotTrusted as error:
        raise Conflict(error.message, hint=error.hint) from error


def _found(connection: Connection, name: str, generation: int) -> dict[str, Any] | None:
    statement = select(epochs.c.document).where(
        epochs.c.name == name, epochs.c.generation == generation
    )
    found = connection.scalar(statement)
    return None if found is None else read(found)


def _days(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()

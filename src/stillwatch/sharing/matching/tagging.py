"""From identifiers of caught actors to sealed rows: asks the evaluators, and keeps what came.

Rules
    * Only what a claim of ours that stands in the log speaks of is tagged: whoever opens a row must
      find the claim. A claim that was taken back or has ended takes its identifiers with it.
    * Evaluators are asked in a random order of all identifiers, so neither the order nor the time
      of a question says what belongs together. Every answer is proven.
    * A batch is kept as soon as it is sealed; whoever comes again asks for the rest only.
"""

import hashlib
import hmac
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from stillwatch.domain.claim import StixId
from stillwatch.domain.identifier import TRAITS, Identifier, oprf_input
from stillwatch.errors import InputError
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import from_micros, parse_time
from stillwatch.sharing.matching.interface import KeyEpoch, Tagger
from stillwatch.sharing.matching.record import Record, encode, seal
from stillwatch.store import outbox, tagging
from stillwatch.store.database import Store
from stillwatch.store.tagging import Held, Tagged

BATCH: Final = 5000
"""Identifiers that are asked about, sealed and kept at a time."""
Tell = Callable[[str, int, int], None]
_shuffle: Final = random.SystemRandom().shuffle


def silent(_what: str, _done: int, _all: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, slots=True)
class Due:
    """A row that an epoch should have."""

    claim: str
    identifier: Identifier
    mark: bytes
    record: Record
    digest: bytes
    """SHA-256 of the record: whether a row that is there says the same."""

    @property
    def key(self) -> tuple[str, bytes, bytes]:
        """By which it is found among the rows that are there."""
        return (self.claim, self.mark, self.digest)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of tagging."""

    made: int
    """Rows that were made now."""
    there: int
    """Rows that were there already."""
    left: Mapping[str, int]
    """Identifiers that were not tagged, by reason."""


def speaking(
    connection: Connection, publisher: StixId | None = None, *, released: bool = False
) -> dict[str, datetime]:
    """Our claims that hold and of which identifiers are kept, with the end of each.

    Under one name of ours only, if one is given: a row that names a pseudonym's claim would
    connect the two. With ``released``, claims that would leave next are among them.
    """
    said: dict[str, Any] = {
        claim: orjson.loads(body) for claim, body in tagging.stored(connection).items()
    }
    if released:
        said |= {one.stix_id: one.body for one in outbox.listed(connection, "released")}
    now, found = datetime.now(UTC), dict[str, datetime]()
    for claim, body in said.items():
        end = from_micros(parse_time(body["extensions"][CLAIM]["terms"]["valid_until"]))
        ours = publisher is None or body["created_by_ref"] == publisher
        if ours and body.get("revoked") is not True and end > now:
            found[claim] = end
    return found


def forget_ended(connection: Connection) -> int:
    """Drop identifiers whose claim was refused, taken back or has ended; returns how many."""
    open_ = {one.stix_id for one in outbox.listed(connection, "waiting", "released")}
    gone = set(tagging.holders(connection)) - open_ - speaking(connection).keys()
    return tagging.forget(connection, sorted(gone))


def due(
    connection: Connection, secret: bytes, claims: Mapping[str, datetime], left: Counter[str]
) -> list[Due]:
    """Rows that the identifiers of these claims make today; others are counted into ``left``."""
    today = datetime.now(UTC).date()
    found = list[Due]()
    for one in tagging.held(connection):
        if one.claim not in claims:
            left["its claim is not published under this name, or holds no more"] += 1
            continue
        until = _until(one, claims[one.claim])
        if until < max(today, one.last_seen):
            left["it was seen too long ago for its kind"] += 1
            continue
        record = Record(
            StixId(one.claim), one.identifier.kind.value, one.first_seen, one.last_seen,
            one.confidence, one.tactic, until,
        )  # fmt: skip
        digest = hashlib.sha256(encode(record)).digest()
        found.append(Due(one.claim, one.identifier, mark(secret, one.identifier), record, digest))
    return found


def tag(
    store: Store,
    tagger: Tagger,
    publisher: StixId,
    *,
    released: bool = False,
    tell: Tell = silent,
) -> Done:
    """Make the rows that the tagger's epoch lacks.

    Raises ``PeerError`` or ``NotTrusted``; what was made until then is kept.
    """
    epoch, left = open_epoch(tagger.epoch), Counter[str]()
    with store.begin() as connection:
        wanted = due(
            connection, store.secret, speaking(connection, publisher, released=released), left
        )
        there = tagging.marks_of(connection, epoch.name)
    missing = [one for one in wanted if one.key not in there]
    _shuffle(missing)
    for at in range(0, len(missing), BATCH):
        part = missing[at : at + BATCH]
        rows = _sealed(part, tagger, publisher, epoch.name)
        with store.begin() as connection:
            tagging.add_rows(connection, epoch.name, rows)
        tell("tagging", at + len(part), len(missing))
    return Done(len(missing), len(wanted) - len(missing), dict(left))


def open_epoch(epoch: KeyEpoch, today: date | None = None) -> KeyEpoch:
    """The epoch, if anybody can still look its tags up. Raises ``InputError``."""
    if epoch.ends < (today or datetime.now(UTC).date()):
        raise InputError(
            f"epoch {epoch.name} ended on {epoch.ends}", hint="tag under the present epoch"
        )
    return epoch


def mark(secret: bytes, identifier: Identifier) -> bytes:
    """Keyed hash by which an identifier is recognised in our own tables."""
    message = f"{identifier.kind.value}|{identifier.value}".encode()
    return hmac.digest(secret, message, "sha256")[:16]


def _until(one: Held, end: datetime) -> date:
    """Last day of a record: of its kind after it was seen last, and never beyond its claim."""
    life = timedelta(days=TRAITS[one.identifier.kind].life_days)
    return min(one.last_seen + life, (end - timedelta(microseconds=1)).date())


def _sealed(
    part: list[Due], tagger: Tagger, publisher: StixId, epoch: str
) -> list[Tagged]:  # fmt: skip
    inputs = [oprf_input(one.identifier, epoch) for one in part]
    outputs = tagger.outputs(inputs, proven=True)
    return [
        Tagged(one.claim, one.mark, one.digest, bytes(seal(one.record, output, publisher, epoch)))
        for one, output in zip(part, outputs, strict=True)
    ]

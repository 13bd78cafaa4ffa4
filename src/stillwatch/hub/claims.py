"""What a claim must be to enter: the hub's side of ADR 0011 and 0012.

Rules: what needs no lock is checked before the transaction (form, marking, end, field policy,
signature); what others may change meanwhile is checked inside it, behind the lock of the log:
that the key still speaks for the caller, that no later version and no revocation stands, that the
id is the same publisher's. A refusal names the field, never its value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson
from sqlalchemy import Connection, select

from stillwatch.crypto.jws import signer as signer_of
from stillwatch.crypto.jws import verify_detached
from stillwatch.crypto.records import claim_record
from stillwatch.domain.claim import Claim, RuleClaim, TagsClaim
from stillwatch.errors import InputError, NotTrusted
from stillwatch.hub import governance, keys
from stillwatch.hub.envelope import Item
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.schema import groups, members
from stillwatch.hub.standing.reading import FOREVER, Said, read
from stillwatch.hub.transparency import log as transparency
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.marking import tlp
from stillwatch.intel.policy import Directory, Refusal, check_claim
from stillwatch.intel.sigma import parse_rule
from stillwatch.intel.signed import signature, signing_input
from stillwatch.intel.stix import from_stix

_TOLD: Final = 5
"""Refusals that a failure's message names."""
Voices = Mapping[tuple[str, str], bytes]
"""What a member may sign with now: public keys by identity and key id."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A claim that holds by itself."""

    said: Said
    voice: tuple[str, str]
    """Identity and key id that signed."""
    tags: TagsClaim | None = None
    """The claim itself, if it names a pack."""


class Sent(Protocol):
    """A request of which claims are to be admitted; ``store.Post``."""

    @property
    def member(self) -> int:
        """Who sends it."""

    @property
    def sound(self) -> Mapping[int, Sound]:
        """Its sound claims, by place."""


def names(connection: Connection) -> Directory:
    """Names that a claim may be addressed to."""
    return Directory(
        frozenset(connection.scalars(select(groups.c.name))),
        frozenset(connection.scalars(select(members.c.name))),
    )


def examine(
    items: Sequence[Item], voices: Voices, directory: Directory, *, now: int
) -> tuple[list[Item], dict[int, Sound]]:
    """Judge the items of a request: those that hold by place, the others with their problem."""
    judged: list[Item] = []
    sound: dict[int, Sound] = {}
    for place, item in enumerate(items):
        problem = item.problem
        if problem is None:
            found = _examine(item, voices, directory, now)
            if isinstance(found, Sound):
                sound[place] = found
            else:
                problem = found
        judged.append(item if problem == item.problem else replace(item, problem=problem))
    return judged, sound


def admit(
    connection: Connection, collection: str, posts: Sequence[Sent], *, now: int
) -> dict[tuple[int, int], str]:
    """Say which sound claims may not enter now, by number of the request and place.

    Holds the locks of standing and of the log until the transaction ends.
    """
    barred: dict[tuple[int, int], str] = {}
    # all of a member's requests at once: two of them may carry two voices of it
    mine: dict[int, list[tuple[int, int]]] = {}
    for number, post in enumerate(posts):
        mine.setdefault(post.member, []).extend((number, place) for place in post.sound)
    for member, places in mine.items():
        said = [posts[number].sound[place].said for number, place in places]
        refused = governance.admit(connection, member, collection, said, now=now)
        barred |= {places[at]: why for at, why in refused.items()}
    transparency.lock(connection)
    for number, post in enumerate(posts):
        voices = keys.voices_of(connection, post.member)
        for place, sound in post.sound.items():
            if sound.voice not in voices:
                barred[number, place] = "the key that signed has ended or rests"
    return barred


def out_of_turn(stored: Iterable[Mapping[str, Any]], item: Item, sound: Sound) -> str | None:
    """Say why a new version may not follow the stored ones; they carry ``version`` and ``body``."""
    newest = max(stored, key=lambda row: int(row["version"]), default=None)
    if newest is None:
        return None
    before = orjson.loads(newest["body"])
    if before.get("created_by_ref") != sound.said.identity:
        return "created_by_ref: the id is another publisher's"
    if before.get("revoked") is True:
        return "revoked: the claim was revoked, and no version follows that"
    if item.version is None or item.version <= newest["version"]:
        return "modified: a later version was stored before"
    return None


def log(
    connection: Connection,
    collection: str,
    claims: Sequence[tuple[dict[str, Any], int, int]],
    signer: LogSigner,
) -> None:
    """Append claims to the log, in order: object, row of its audience, row of the object."""
    rows = [
        transparency.Row(claim_record(collection, obj), audience, seq)
        for obj, audience, seq in claims
    ]
    transparency.append(connection, rows, signer)


def _examine(item: Item, voices: Voices, directory: Directory, now: int) -> Sound | str:
    obj = item.obj
    if tlp(obj) is None:
        return "object_marking_refs: a claim needs a TLP marking"
    today = datetime.fromtimestamp(now / 1e6, UTC).date()
    if refusals := check_claim(obj, today=today, directory=directory, extra=(_unreadable,)):
        return "; ".join(f"{refusal.path}: {refusal.reason}" for refusal in refusals[:_TOLD])
    said = read(item.body)
    if said.until == FOREVER:
        return "valid_until: a claim needs an end"
    if said.until <= now and not said.revoked:
        return "valid_until: the claim has ended already"
    identity = obj.get("created_by_ref")
    try:
        signed = signature(obj)
        kid = signer_of(signed)
        public = voices.get((str(identity), kid))
        if public is None:
            return "signature: not by a current key of yours for created_by_ref"
        verify_detached(signed, signing_input(obj), public)
    except (NotTrusted, InputError) as error:
        return f"signature: {error}"
    claim = from_stix(obj)
    return Sound(said, (str(identity), kid), claim if isinstance(claim, TagsClaim) else None)


def _unreadable(claim: Claim) -> Iterable[Refusal]:
    """Refuse a rule that no member could read; what is wrong stays unsaid, as it quotes the rule."""
    if isinstance(claim, RuleClaim):
        try:
            parse_rule(claim.rule)
        except InputError:
            yield Refusal(
                f"extensions.{CLAIM}.fields.rule",
                "is no rule that members can read",
                "try it with `stillwatch rules try`",
            )

"""What a claim must be to enter: the hub's side of ADR 0011 and 0012.

Rules: what needs no lock is checked before the transaction (form, marking, end, field policy,
signature); what others may change meanwhile is checked inside it, behind the lock of the log:
that the key still speaks for the caller, that no later version and no revocation stands, that the
id is the same publisher's, that it is of about the day on which it comes (what was stored is no
error when it is sent again, however late). A refusal names the field, never its value.
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
from stillwatch.hub.limits import Limits
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.schema import groups, members
from stillwatch.hub.standing.reading import FOREVER, Said, read
from stillwatch.hub.transparency import log as transparency
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.marking import tlp
from stillwatch.intel.objects import parse_time
from stillwatch.intel.policy import Directory, Refusal, check_claim
from stillwatch.intel.sigma import parse_rule
from stillwatch.intel.signed import signature, signing_input
from stillwatch.intel.stix import from_stix

_MINUTE: Final = 60 * 1_000_000
_DAY: Final = 24 * 60 * _MINUTE
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


@dataclass(frozen=True, slots=True)
class Days:
    """The instants between which what comes now may claim to have been said, microseconds."""

    first: int
    last: int

    @classmethod
    def around(cls, now: int, latest: int, limits: Limits) -> "Days":
        """``latest`` is the collection's last instant: it is later than now if the clock went back."""
        return cls(
            now - limits.backdated_days * _DAY, max(now, latest) + limits.skew_minutes * _MINUTE
        )

    def refuse(self, obj: Mapping[str, Any], *names: str) -> str | None:
        """Say why an object cannot have been said at the instants it states under these names.

        Recipients judge a claim by its own day (was the legal basis still good?), so nobody chooses
        that freely. Whoever takes a claim back is asked for nothing but a clock that is not ahead.
        """
        for name in names:
            at = parse_time(_starts(obj) if name == "valid_from" else obj[name])
            midnight = _DAY if name == "valid_from" else 0
            if at > self.last and not midnight:
                return f"{name}: lies in the future; set your clock and sign it anew"
            if at < self.first - midnight and obj.get("revoked") is not True:
                return f"{name}: lies too long before the day on which it came; sign it anew"
        return None


def out_of_turn(
    stored: Sequence[Mapping[str, Any]],
    item: Item,
    sound: Sound,
    days: Days,
) -> str | None:
    """Say why a version may not come now, or not follow the stored ones (``version``, ``body``)."""
    newest = max(stored, key=lambda row: int(row["version"]), default=None)
    if newest is None:
        return days.refuse(item.obj, "created", "modified", "valid_from")
    before = orjson.loads(newest["body"])
    if before.get("created_by_ref") != sound.said.identity:
        return "created_by_ref: the id is another publisher's"
    if before.get("revoked") is True:
        return "revoked: the claim was revoked, and no version follows that"
    if item.version is None or item.version <= newest["version"]:
        return "modified: a later version was stored before"
    if item.obj["created"] != before["created"]:
        return "created: not that of the version before"
    earlier = _starts(item.obj) < _starts(before)
    return days.refuse(item.obj, "modified", *(["valid_from"] if earlier else []))


def _starts(obj: Mapping[str, Any]) -> str:
    return str(obj["extensions"][CLAIM]["terms"]["valid_from"])


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

"""What a member keeps of the hub's log between pulls, and what a refusal carries.

Rules: everything here is a value; ``to_json`` and ``from_json`` are for whoever keeps it. Keys and
versions come from the log alone, secrets of audiences from the hub: of those a digest is kept, to
notice a change.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stillwatch.crypto.merkle import Frontier
from stillwatch.crypto.note import VerifierKey
from stillwatch.crypto.statements import Key, KeyRing
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, NotTrusted


class Refused(NotTrusted):
    """The hub showed something that cannot be an honest log."""

    def __init__(self, kind: str, message: str, evidence: Mapping[str, Any]) -> None:
        super().__init__(message, hint="nothing of this pull was used; show the evidence to others")
        self.kind = kind
        self.evidence = {"kind": kind, "message": message, **evidence}
        """Ready for JSON: what was kept, what came, and what differed."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Members to whom the hub shows certain records, of which this member is one."""

    id: int
    collection: str | None
    """None: key statements, for everyone."""
    secret: bytes


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry whose record is for this member."""

    index: int
    """Its record is asked for by this."""
    digest: bytes
    """SHA-256 of its record."""
    audience: Audience


@dataclass(frozen=True, slots=True)
class Version:
    """Newest version of an object that was seen in a collection."""

    modified: int
    """Microseconds since 1970."""
    revoked: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What is kept between pulls."""

    log_key: VerifierKey
    """Of the log; its name is the log's origin."""
    frontier: Frontier = field(default_factory=Frontier)
    note: str = ""
    """Last checkpoint as it came: with another one of the same log it proves a fork."""
    keys: KeyRing = field(default_factory=KeyRing)
    versions: Mapping[tuple[str, str], Version] = field(default_factory=dict)
    """By collection and STIX id."""
    secrets: Mapping[int, bytes] = field(default_factory=dict)
    """SHA-256 of each audience's secret: it must not change."""

    @property
    def size(self) -> int:
        """Leaves seen."""
        return self.frontier.size


@dataclass(frozen=True, slots=True)
class Logged:
    """A claim that stands in the log."""

    index: int
    collection: str
    object: dict[str, Any]
    key: Key


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Whose cosignatures are asked for; identities that this member has from elsewhere.

    A hub could invent members, so it must not be the one who names the witnesses.
    """

    identities: frozenset[str] = frozenset()
    quorum: int = 0


NO_WITNESSES: Final = Witnesses()
"""None are asked for."""


def revoked(known: Known, stix_id: str) -> bool:
    """Whether a claim was revoked in any collection that this member reads."""
    return any(v.revoked for (_, id_), v in known.versions.items() if id_ == stix_id)


def to_json(known: Known) -> dict[str, Any]:
    """Knowledge as JSON, for keeping."""
    return {
        "log_key": str(known.log_key),
        "size": known.size,
        "frontier": [root.hex() for root in known.frontier.roots],
        "note": known.note,
        "keys": [
            [k.id, k.identity, k.public.hex(), k.stated, k.state, k.changed]
            for k in known.keys.keys.values()
        ],
        "versions": [[*place, v.modified, v.revoked] for place, v in known.versions.items()],
        "secrets": [[id_, digest.hex()] for id_, digest in known.secrets.items()],
    }


def from_json(kept: Mapping[str, Any]) -> Known:
    """Inverse of ``to_json``; raises ``InputError`` for anything else."""
    try:
        return Known(
            VerifierKey.parse(kept["log_key"]),
            Frontier(kept["size"], tuple(bytes.fromhex(root) for root in kept["frontier"])),
            str(kept["note"]),
            KeyRing({key.id: key for key in _keys(kept["keys"])}),
            {(c, id_): Version(int(m), bool(r)) for c, id_, m, r in kept["versions"]},
            {int(id_): bytes.fromhex(digest) for id_, digest in kept["secrets"]},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("what was kept of the log is damaged", hint="pull anew") from error


def _keys(kept: Iterable[Any]) -> Iterator[Key]:
    for id_, identity, public, stated, state, changed in kept:
        yield Key(KeyId(id_), identity, bytes.fromhex(public), stated, state, changed)

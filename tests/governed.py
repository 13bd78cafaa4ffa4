"""A hub's database with members and a log, without its server: what governance is tried on."""

import json
import uuid
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert, select

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.records import claim_record
from stillwatch.hub import governance, keys, members
from stillwatch.hub.audience import EVERYONE
from stillwatch.hub.clock import instant
from stillwatch.hub.governance import follow_all
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.members import Member
from stillwatch.hub.schema import audiences, collections, objects
from stillwatch.hub.transparency import log as transparency
from stillwatch.intel.ids import CLAIM
from stillwatch.intel.signed import sign

DAY = 86_400 * 1_000_000
START = 20_000 * DAY
"""The instant at which worlds begin, microseconds since 1970."""


@dataclass
class Voice:
    """A name that speaks: a member's own, or a pseudonym."""

    member: Member
    identity: str
    key: SigningKey


@dataclass
class World:
    """A hub's database; ``now`` moves on with everything that is said."""

    connection: Connection
    signer: LogSigner
    collection: str
    audience: int
    now: int = START
    voices: dict[str, Voice] = field(default_factory=dict)

    def tick(self, by: int = 1000) -> int:
        self.now += by
        return self.now

    @property
    def at(self) -> str:
        return instant(self.now)

    def log(self, connection, said):
        governance.into(self.signer)(connection, said)

    def join(self, name: str, role: str = "member") -> Voice:
        member = members.add(self.connection, name, role, now=self.tick())
        return self._enrol(name, member, member.identity)

    def pseudonym(self, name: str, of: str) -> Voice:
        identity = members.new_identity()
        return self._enrol(name, self.voices[of].member, identity)

    def _enrol(self, name: str, member: Member, identity: str) -> Voice:
        key = SigningKey.generate()
        said = statements.add(identity, key, self.at)
        keys.apply(
            self.connection,
            self.log,
            member,
            said,
            now=self.now,
            pseudonym=identity != member.identity,
        )
        self.voices[name] = Voice(member, identity, key)
        return self.voices[name]

    def claim(self, by: str, *, days: int = 100, **properties) -> str:
        """Publish a claim; its id."""
        obj = {"type": "campaign", "id": f"campaign--{uuid.uuid4()}", **properties}
        return self.store(by, obj, days=days)

    def opinion(
        self,
        by: str,
        about: str,
        says: str,
        reason: str = "own-evidence",
        *,
        days: int = 100,
        **more,
    ) -> str:
        obj = {
            "type": "opinion",
            "id": f"opinion--{uuid.uuid4()}",
            "object_refs": [about],
            "opinion": says,
            **more,
        }
        return self.store(by, obj, days=days, reason=reason)

    def sighting(self, by: str, about: str) -> str:
        obj = {"type": "sighting", "id": f"sighting--{uuid.uuid4()}", "sighting_of_ref": about}
        return self.store(by, obj)

    def object(self, by: str, obj: dict, *, days: int = 100, **fields) -> dict:
        voice = self.voices[by]
        terms = {"valid_until": instant(self.now + days * DAY)}
        whole = {
            "created_by_ref": voice.identity,
            **obj,
            "extensions": {CLAIM: {"terms": terms, "fields": fields}},
        }
        return sign(whole, voice.key)

    def store(self, by: str, obj: dict, *, days: int = 100, **fields) -> str:
        """Store and log an object as the hub does after it was admitted."""
        self.tick()
        signed = self.object(by, obj, days=days, **fields)
        row = {
            "collection": self.collection,
            "stix_id": signed["id"],
            "type": signed["type"],
            "spec_version": "2.1",
            "version": self.now,
            "stated": self.at,
            "date_added": self.now,
            "audience": self.audience,
            "member": self.voices[by].member.id,
            "body": json.dumps(signed).encode(),
        }
        seq = self.connection.execute(insert(objects).values(row)).inserted_primary_key[0]
        record = claim_record(self.collection, signed)
        logged = transparency.Row(record, self.audience, object=seq)
        transparency.append(self.connection, [logged], self.signer)
        return signed["id"]

    def follow(self) -> None:
        follow_all(self.connection, now=self.now)


def world(connection: Connection, signer: LogSigner) -> World:
    """A hub with one collection of claims."""
    collection = str(uuid.uuid4())
    row = {"id": collection, "title": "claims", "policy": "claims", "clock": 0}
    connection.execute(insert(collections).values(row))
    audience = {"collection": collection, "rule": EVERYONE, "secret": bytes(32)}
    connection.execute(insert(audiences).values(audience))
    number = connection.scalar(select(audiences.c.id).where(audiences.c.collection == collection))
    return World(connection, signer, collection, number)

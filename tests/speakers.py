"""Members that speak to a running hub over HTTP with keys of their own."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import httpx

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import Claim, StixId, Tlp
from stillwatch.hub.clock import instant, now
from stillwatch.hub.members import new_identity
from stillwatch.intel.codenames import code_name
from stillwatch.intel.ids import new_claim_id
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from tests.claims import examples, terms
from tests.hubs import World


@dataclass
class Name:
    """A name that speaks: a member's own, or a pseudonym of one."""

    member: str
    identity: str
    key: SigningKey


@dataclass
class Forum:
    """A running hub and the names that are enrolled in it."""

    world: World
    names: dict[str, Name] = field(default_factory=dict)

    def ask(self, who: str | None, method: str, path: str, **options) -> httpx.Response:
        with self.world.client(who) as client:
            return client.request(method, path, **options)

    def enrol(self, name: str, member: str | None = None) -> Name:
        """State the first key of a member, or, if ``member`` is given, of a pseudonym of it."""
        holder = member or name
        identity = self.ask(holder, "GET", "/v1/members/me").json()["identity"]
        if member is not None:
            identity = new_identity()
        key = SigningKey.generate()
        said = statements.add(identity, key, instant(now()))
        params = {"pseudonym": member is not None}
        answer = self.ask(holder, "POST", "/v1/keys", json=said, params=params)
        assert answer.status_code == 201, answer.text
        self.names[name] = Name(holder, identity, key)
        return self.names[name]

    def say(self, name: str, obj: dict) -> dict:
        """Post a signed object under a name; the status."""
        speaker = self.names[name]
        path = f"/api/collections/{self.world.ids['claims']}/objects/"
        body = {"objects": [sign(obj, speaker.key)]}
        answer = self.ask(speaker.member, "POST", path, json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def publish(self, name: str, obj: dict) -> str:
        status = self.say(name, obj)
        assert status["success_count"] == 1, status
        return obj["id"]

    def draft(self, name: str, kind: str = "campaign", **changes) -> dict:
        """A claim of a kind, unsigned."""
        claim: Claim = examples()[kind]
        at = datetime.now(UTC)
        day = datetime(at.year, at.month, at.day, tzinfo=UTC)
        its = replace(
            terms(),
            claim_id=new_claim_id(),
            publisher=StixId(self.names[name].identity),
            tlp=Tlp.GREEN,
            created=at.replace(microsecond=0),
            modified=at.replace(microsecond=0),
            valid_from=day,
            valid_until=day + timedelta(days=90),
        )
        if kind == "campaign":
            changes = {"name": code_name(its.claim_id), **changes}
        return to_stix(replace(claim, terms=its, **changes))

    def campaign(self, name: str) -> str:
        return self.publish(name, self.draft(name))

    def opinion(
        self, name: str, about: str, says: str = "agree", reason: str = "own-evidence"
    ) -> str:
        draft = self.draft(name, "opinion", object=StixId(about), opinion=says, reason=reason)
        return self.publish(name, draft)

    def standing(self, who: str, claim: str) -> dict:
        answer = self.ask(who, "GET", "/v1/standing", params={"claim": claim})
        assert answer.status_code == 200, answer.text
        return answer.json()["standing"][0]

    def counts(self, who: str, claim: str) -> tuple[int, ...]:
        found = self.standing(who, claim)
        return tuple(found[word] for word in ("confirm", "agree", "dispute", "refute"))

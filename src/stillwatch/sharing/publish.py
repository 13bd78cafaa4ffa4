"""From released drafts to claims that the hub has stored.

Rules
    * The field policy is asked before signing. What it refuses does not leave; the refusal is kept.
    * A signed claim is kept before it is sent. After a crash the same bytes are sent again: the hub
      knows the version and stores it once.
    * One run sends what goes out under one name. Claims of two names that arrive together would
      stand side by side in the log, and tell every reader that both are one member's.
    * ``prepare`` makes the very bytes that ``send`` posts, so a dry run shows all that would leave.
      (Ed25519 signs the same draft in the same way each time.)
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import PeerError
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.signed import sign
from stillwatch.sharing.drafts import dated_anew
from stillwatch.sharing.fetch import shown
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft, Sent

_BATCH: Final = 100
_BATCH_BYTES: Final = 4 * 1024 * 1024
_POLLS: Final = 20


@dataclass(frozen=True, slots=True)
class Envelope:
    """The bytes of one request, and the claims in it."""

    content: bytes
    claims: tuple[Sent, ...]

    @property
    def sha256(self) -> str:
        """Digest of the bytes, in hex."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Prepared:
    """What would leave, and what may not."""

    claims: tuple[Sent, ...]
    refused: tuple[tuple[Draft, tuple[tuple[str, str], ...]], ...]
    """Drafts with what the policy says of them: path and reason."""
    others: tuple[str, ...] = ()
    """Identities under which something else waits to go out, once for each claim."""
    changed: tuple[Draft, ...] = ()
    """Released drafts that go out under another name than they were drafted for, or dated anew."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of the claims."""

    stored: tuple[str, ...]
    failed: tuple[tuple[str, str], ...]
    """Id, and what the hub said."""


def prepare(
    connection: Connection, settings: Settings, key: SigningKey, renamed: Sequence[Draft] = ()
) -> Prepared:
    """Sign what was released under the settings' identity, and what was sent without an answer.

    ``renamed`` stand in the place of released drafts of the same ids. Keeps nothing.
    """
    heard = outbox.heard_of(connection)
    named = {draft.stix_id: draft for draft in renamed}
    waiting = outbox.outgoing(connection, settings.url, "sent")
    known = {(one.stix_id, one.modified) for one in outbox.outgoing(connection, settings.url)}
    said = [(one, _publisher(orjson.loads(one.body))) for one in waiting]
    made = [one for one, publisher in said if publisher == settings.identity]
    others = [publisher for _, publisher in said if publisher != settings.identity]
    refused = list[tuple[Draft, tuple[tuple[str, str], ...]]]()
    for kept in outbox.listed(connection, "released"):
        draft = named.get(kept.stix_id, kept)
        if (draft.stix_id, draft.body["modified"]) in known:
            continue
        if (publisher := _publisher(draft.body)) != settings.identity:
            others.append(publisher)
            continue
        dated = dated_anew(draft.body, first=draft.stix_id not in heard)
        if dated is not draft.body:
            named[draft.stix_id] = draft = replace(draft, body=dated)
        signed = sign(dated, key)
        found = tuple((one.path, one.reason) for one in check_claim(signed))
        if found:
            refused.append((draft, found))
        else:
            made.append(_sent(signed, settings))
    return Prepared(tuple(made), tuple(refused), tuple(others), tuple(named.values()))


def keep(connection: Connection, prepared: Prepared, settings: Settings) -> None:
    """Keep signed claims before they are sent, under which name they go, and the policy's refusals."""
    for draft in prepared.changed:
        outbox.put(connection, draft)
        told = f"publisher={draft.body['created_by_ref']}, modified={draft.body['modified']}"
        outbox.record(connection, draft.stix_id, "edit", "publish", told)
    outbox.sent(connection, settings.url, prepared.claims)
    for draft, found in prepared.refused:
        outbox.refuse(connection, draft.stix_id, found)
        outbox.move(connection, draft, "refused", "policy", "policy", found[0][1])


def envelopes(claims: Sequence[Sent]) -> Iterator[Envelope]:
    """Requests of a bounded size, one collection each, in order."""
    batch, size = list[Sent](), 0
    for claim in claims:
        full = len(batch) >= _BATCH or size + len(claim.body) > _BATCH_BYTES
        if batch and (full or claim.collection != batch[0].collection):
            yield _envelope(batch)
            batch, size = [], 0
        batch.append(claim)
        size += len(claim.body)
    if batch:
        yield _envelope(batch)


def send(hub: Hub, store: Store, settings: Settings, claims: Sequence[Sent]) -> Published:
    """Post signed claims and keep what the hub says. Raises ``PeerError``; then send again."""
    stored, failed = list[str](), list[tuple[str, str]]()
    for envelope in envelopes(claims):
        status = _settled(hub, hub.post_objects(envelope.claims[0].collection, envelope.content))
        told = [_outcome(claim, status) for claim in envelope.claims]
        with store.begin() as connection:
            outbox.sent(connection, settings.url, told)
            for claim in told:
                _moved(connection, claim)
        stored += [one.stix_id for one in told if one.state == "stored"]
        failed += [(one.stix_id, one.answer) for one in told if one.state == "failed"]
    return Published(tuple(stored), tuple(failed))


def _sent(signed: dict[str, Any], settings: Settings) -> Sent:
    place = settings.collection
    return Sent(signed["id"], signed["modified"], place, canonical(signed), "sent", "")


def _publisher(obj: dict[str, Any]) -> str:
    return str(obj.get("created_by_ref"))


def _envelope(batch: Sequence[Sent]) -> Envelope:
    return Envelope(b'{"objects":[' + b",".join(c.body for c in batch) + b"]}", tuple(batch))


def _settled(hub: Hub, status: dict[str, Any]) -> dict[str, Any]:
    """Follow a status until it is complete."""
    for _ in range(_POLLS):
        if status.get("status") == "complete":
            return status
        status = hub.status(str(status.get("id", "")))
    raise PeerError(
        "the hub has not finished with what was sent",
        hint="`stillwatch share publish` asks again; nothing is published twice",
    )


def _outcome(claim: Sent, status: dict[str, Any]) -> Sent:
    if _told(status.get("successes"), claim) is not None:
        return replace(claim, state="stored", answer="")
    failure = _told(status.get("failures"), claim)
    if failure is None:
        raise PeerError(
            f"the hub does not say what became of {claim.stix_id}",
            hint="`stillwatch share publish` sends it again; nothing is published twice",
        )
    return replace(claim, state="failed", answer=shown(str(failure.get("message", "refused"))))


def _told(listed: Any, claim: Sent) -> dict[str, Any] | None:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and one.get("id") == claim.stix_id:
            return one
    return None


def _moved(connection: Connection, claim: Sent) -> None:
    for draft in outbox.listed(connection, "released"):
        if draft.stix_id == claim.stix_id and draft.body["modified"] == claim.modified:
            if claim.state == "stored":
                outbox.move(connection, draft, "published", "publish", "hub", claim.modified)
            else:
                outbox.move(connection, draft, "refused", "hub", "hub", claim.answer)

"""From caught accounts to drafts of actors, and to the identifiers that stay home for tagging.

Rules
    * An actor is a claim with a code name of its own and nothing else that says who it is; what it
      is recognised by stays in our store and leaves as tags only.
    * Whoever was drafted before under the same label gets the new identifiers into the same claim.
    * Review shows how many identifiers of which kinds would be tagged, and never one of them.
"""

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection

from stillwatch.domain.claim import ActorClaim, StixId, Technique
from stillwatch.domain.identifier import TRAITS, Identifier
from stillwatch.errors import EmptyInput, InputError, StoredDataError
from stillwatch.intel.codenames import code_name
from stillwatch.intel.policy.load import shipped
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.drafts import Drafted, fresh_terms
from stillwatch.sharing.identifiers import Tally
from stillwatch.sharing.identifiers.table import CustomerTable
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox, tagging
from stillwatch.store.outbox import Draft
from stillwatch.store.tagging import Held


@dataclass(frozen=True, slots=True)
class Seen:
    """What is said of all actors of a table."""

    first: date
    last: date
    confidence: int
    """0-100: that the identifiers are the actor's."""
    campaign: StixId | None = None
    """Campaign claim to which they are attributed."""
    tactic: str = ""

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InputError(f"first seen {self.first} is after last seen {self.last}")
        if self.tactic and self.tactic not in shipped().lists["tactics"]:
            known = ", ".join(sorted(shipped().lists["tactics"]))
            raise InputError(f"no tactic is named {self.tactic!r}", hint=f"known: {known}")


@dataclass(frozen=True, slots=True)
class Campaign:
    """Accounts of a result that act as one."""

    name: str
    """In the result."""
    accounts: frozenset[str]
    first: date
    last: date


def identifiers(
    table: CustomerTable, tally: Tally, groups: Mapping[str, str] | None = None
) -> dict[str, set[Identifier]]:
    """Identifiers by actor, from a table whose rows name actors.

    With ``groups``, rows name accounts: which actor each belongs to; other rows are passed over.
    """
    found: dict[str, set[Identifier]] = {}
    for batch in table.batches(tally):
        for label, identifier in batch.pairs:
            actor = label if groups is None else groups.get(label)
            if actor is not None:
                found.setdefault(actor, set()).add(identifier)
    return found


def campaigns_of(result: Path) -> list[Campaign]:
    """Campaigns of a result of ``stillwatch detect``.

    Raises ``StoredDataError`` for what is none, ``EmptyInput`` for one without campaigns.
    """
    path, found = result / "findings.jsonl", list[Campaign]()
    try:
        with path.open("rb") as lines:
            for said in map(orjson.loads, lines):
                if said["kind"] == "campaign":
                    days = (_day(said[name]) for name in ("first_seen", "last_seen"))
                    accounts = frozenset(map(str, said["accounts"]))
                    found.append(Campaign(str(said["campaign_id"]), accounts, *days))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoredDataError(
            f"{path} is no findings of a result: {error}", hint="run `stillwatch detect` again"
        ) from error
    if not found:
        raise EmptyInput(f"{result} has no campaign", hint="there is nobody to share")
    return found


def draft(
    connection: Connection,
    settings: Settings,
    secret: bytes,
    actors: Mapping[str, set[Identifier]],
    seen: Seen,
    origin: str,
    refused: Mapping[str, int],
) -> Drafted:
    """Draft a claim of each actor and keep what it is recognised by.

    Raises ``EmptyInput`` if no actor has anything that could be matched alone.
    """
    made, left = list[Draft](), list[str]()
    for number, (label, its) in enumerate(sorted(actors.items()), 1):
        if not any(TRAITS[one.kind].alone for one in its):
            left.append(
                f"actor {number}: {len(its)} identifiers, none strong enough to match alone"
            )
            continue
        trace = outbox.actor_tag(secret, label)
        known = next(iter(outbox.traced(connection, [trace])), None)
        stix = known if known is not None and not _ended(connection, known) else None
        body = None if stix else _claim(settings, seen)
        stix = stix or str(body["id"] if body else "")
        outbox.trace(connection, stix, [trace])
        tagging.hold(connection, _held(stix, its, seen))
        if body is None:
            left.append(f"{stix}: claimed before; its identifiers leave with the next publish")
        else:
            stays = {
                "identifiers tagged, by kind": tagging.kinds(connection, stix),
                **({"values that cannot be used": dict(refused)} if refused else {}),
            }
            made.append(Draft(stix, "actor", "waiting", origin, body, stays))
    if not made and not left:
        raise EmptyInput("no actor has an identifier that can be used", hint=_told(refused))
    return Drafted(tuple(made), tuple(left))


def campaign_claim(connection: Connection, secret: bytes, accounts: Iterable[str]) -> StixId | None:
    """Our campaign claim that is about most of these accounts, if one was drafted or published."""
    tags = [hmac.digest(secret, account.encode(), "sha256")[:16] for account in accounts]
    found = outbox.traced(connection, tags)
    campaigns = {stix: many for stix, many in found.items() if stix.startswith("campaign--")}
    best = max(campaigns, key=lambda stix: (campaigns[stix], stix), default=None)
    return None if best is None else StixId(best)


def _claim(settings: Settings, seen: Seen) -> dict[str, Any]:
    terms = fresh_terms("actor", settings)
    return to_stix(
        ActorClaim(
            terms=terms,
            name=code_name(terms.claim_id),
            campaigns=(seen.campaign,) if seen.campaign else (),
            techniques=(Technique("AML.T0024.002"),),
            motivation="unknown",
        )
    )


def _held(claim: str, its: Iterable[Identifier], seen: Seen) -> list[Held]:
    return [Held(claim, one, seen.first, seen.last, seen.confidence, seen.tactic) for one in its]


def _ended(connection: Connection, stix: str) -> bool:
    """Whether a claim was refused or taken back, so that the same actor needs another."""
    drafts = outbox.listed(connection, "waiting", "released", "refused", "published")
    mine = [one for one in drafts if one.stix_id == stix]
    last = outbox.last_published(connection, stix)
    revoked = last is not None and orjson.loads(last.body).get("revoked") is True
    return revoked or not mine or mine[0].state == "refused"


def _day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date()


def _told(refused: Mapping[str, int]) -> str:
    return "; ".join(f"{count} {what}" for what, count in Counter(refused).most_common())

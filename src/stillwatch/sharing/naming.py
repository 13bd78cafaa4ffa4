"""Under which name of ours a draft goes out.

Rules
    * A claim keeps the name under which it was first published: the hub takes no version of
      another's claim.
    * What leaves under a pseudonym must not lead back: it names no claim that goes by another name of
      ours, and not ourselves among its readers. An actor with tags keeps our own name: its tags
      have it, and a record that opens would connect the two.
"""

from collections.abc import Mapping
from dataclasses import replace

import orjson
from sqlalchemy import Connection

from stillwatch.domain.claim import ActorClaim, Claim, InfrastructureClaim, StixId
from stillwatch.errors import InputError, PolicyRefused
from stillwatch.intel.ids import stix_id as stix_id_of
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox, tagging
from stillwatch.store.outbox import Draft


def renamed(
    connection: Connection, settings: Settings, voice: Settings
) -> tuple[list[Draft], list[tuple[str, str]]]:
    """What was released under our own name and never left, as the pseudonym ``voice`` would say it.

    Then what may not go out so: id and reason. Keeps nothing.
    """
    made, stay = list[Draft](), list[tuple[str, str]]()
    if not voice.pseudonym:
        return made, stay
    for draft in outbox.listed(connection, "released"):
        if draft.body["created_by_ref"] == settings.identity and not _bound(connection, draft):
            try:
                made.append(under(connection, settings, draft, voice.identity))
            except PolicyRefused as refusal:
                stay.append((draft.stix_id, refusal.message))
    return made, stay


def under(connection: Connection, settings: Settings, draft: Draft, identity: StixId) -> Draft:
    """A draft as another name of ours would say it. Raises ``InputError`` or ``PolicyRefused``."""
    if _bound(connection, draft) and draft.body["created_by_ref"] != identity:
        raise InputError(
            f"{draft.stix_id} was published as {draft.body['created_by_ref']}",
            hint="a claim keeps the name under which it was first published",
        )
    claim = from_stix(draft.body)
    claim = replace(claim, terms=replace(claim.terms, publisher=identity))
    if identity != settings.identity:
        unlinked(connection, settings, claim)
    return replace(draft, body=to_stix(claim))


def unlinked(connection: Connection, settings: Settings, claim: Claim) -> None:
    """Raise ``PolicyRefused`` for a pseudonym's claim that would tell readers whose it is."""
    identity = claim.terms.publisher
    if settings.member in claim.terms.recipients:
        raise PolicyRefused(
            f"recipients: {settings.member!r} among the readers points to who publishes",
            hint="leave our own name out: who publishes reads it anyway",
        )
    if stix_id_of(claim) in tagging.holders(connection):
        raise PolicyRefused(
            "its tags go out under our own name, and their records name it",
            hint="draft the actor without identifiers to speak of it under a pseudonym",
        )
    mine = _publishers(connection, settings)
    for stix_id in claim.campaigns if isinstance(claim, ActorClaim | InfrastructureClaim) else ():
        if mine.get(stix_id, identity) != identity:
            raise PolicyRefused(
                f"campaigns: {stix_id} goes by another name of ours",
                hint="a claim that names it connects the two names",
            )


def _bound(connection: Connection, draft: Draft) -> bool:
    """Whether the hub may have heard of a version of this claim."""
    return draft.stix_id in outbox.heard_of(connection)


def _publishers(connection: Connection, settings: Settings) -> Mapping[str, str]:
    """Claims of ours, and the name under which each goes."""
    bodies = [one.body for one in outbox.listed(connection, "waiting", "released")]
    bodies += [orjson.loads(one.body) for one in outbox.outgoing(connection, settings.url)]
    return {one["id"]: one["created_by_ref"] for one in bodies}

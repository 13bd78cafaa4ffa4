"""What a person decides: release, edit, refuse, judge another's claim, take back one's own.

Rule: every act is written down with who did it, in the transaction that does it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from stillwatch.domain.claim import (
    Claim,
    OpinionClaim,
    SightingClaim,
    StixId,
    Terms,
    Tlp,
)
from stillwatch.errors import InputError, PolicyRefused
from stillwatch.intel.ids import kind_of, stix_id
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.scales import span
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing import naming, pseudonyms
from stillwatch.sharing.drafts import fresh_terms, revocation
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox, outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft

_ORDER: Final = tuple(Tlp)
_NAME: Final = "as"


def waiting(connection: Connection, stix: str) -> Draft:
    """A draft that waits for a person. Raises ``InputError``."""
    for draft in outbox.listed(connection, "waiting"):
        if draft.stix_id == stix:
            return draft
    raise InputError(
        f"no draft {stix!r} waits for review", hint="`stillwatch share review --json` lists them"
    )


def release(connection: Connection, stix: str, by: str, reason: str = "") -> Draft:
    """Let a draft go. Raises ``PolicyRefused`` for one that may not leave."""
    draft = waiting(connection, stix)
    _lawful(draft)
    outbox.move(connection, draft, "released", "release", by, reason)
    return draft


def refuse(connection: Connection, stix: str, by: str, reason: str) -> Draft:
    """Keep a draft home."""
    draft = waiting(connection, stix)
    outbox.move(connection, draft, "refused", "refuse", by, reason)
    return draft


def edit(
    connection: Connection, settings: Settings, stix: str, changes: Mapping[str, str], by: str
) -> Draft:
    """Change the conditions of a draft: names and values as a person writes them.

    Raises ``InputError`` for what is none, ``PolicyRefused`` if the draft could not leave so;
    then nothing is changed.
    """
    draft = waiting(connection, stix)
    claim = from_stix(draft.body)
    values = dict(_condition(n, value) for n, value in changes.items() if n != _NAME)
    edited = replace(claim, terms=replace(claim.terms, **values))
    changed = replace(draft, body=to_stix(edited))
    known = pseudonyms.names(connection, settings)
    name = changes.get(_NAME)
    if name is not None and name not in known:
        raise InputError(f"{name!r} is no name of ours", hint=f"known: {', '.join(sorted(known))}")
    identity = edited.terms.publisher if name is None else known[name]
    changed = naming.under(connection, settings, changed, identity)
    _lawful(changed)
    outbox.put(connection, changed)
    told = ", ".join(f"{name}={value}" for name, value in changes.items())
    outbox.record(connection, stix, "edit", by, told)
    return changed


def _condition(name: str, value: str) -> tuple[str, Any]:
    """A condition that a reviewer may change, as ``Terms`` keeps it."""
    if name not in CONDITIONS:
        raise InputError(f"no condition is named {name!r}", hint=f"known: {', '.join(EDITABLE)}")
    try:
        return CONDITIONS[name](value.strip())
    except ValueError as error:
        raise InputError(f"{name} = {value!r}: {error}") from error


def _names(value: str) -> tuple[str, ...]:
    return tuple(sorted({part.strip() for part in value.split(",") if part.strip()}))


def _end(value: str) -> datetime:
    return datetime.combine(date.fromisoformat(value), time.min, UTC)


CONDITIONS: Final[Mapping[str, Callable[[str], tuple[str, Any]]]] = {
    "tlp": lambda value: ("tlp", Tlp(value.lower())),
    "groups": lambda value: ("groups", _names(value)),
    "recipients": lambda value: ("recipients", _names(value)),
    "until": lambda value: ("valid_until", _end(value)),
    "confidence": lambda value: ("confidence", int(value)),
}
"""What of a draft a reviewer may change: who reads it, how long it holds, how sure we are."""
EDITABLE: Final = (*CONDITIONS, _NAME)
"""The conditions, and under which name of ours it goes out."""


def judge(
    connection: Connection, settings: Settings, stix: str, opinion: str, reason: str, by: str
) -> Draft:
    """Say what one thinks of another's claim; it is released and leaves with the next publish."""
    terms = _about(connection, settings, stix, "opinion")
    claim = OpinionClaim(terms, StixId(stix), opinion, reason)  # type: ignore[arg-type]
    if settings.pseudonym:
        naming.unlinked(connection, settings, claim)
    return _said(connection, claim, by, f"opinion on {stix}")


def sight(
    connection: Connection,
    settings: Settings,
    stix: str,
    accounts: int,
    days: tuple[date, date],
    by: str,
) -> Draft:
    """Say that what a claim describes was seen here, in so many accounts."""
    terms = _about(connection, settings, stix, "sighting")
    claim = SightingClaim(terms, StixId(stix), span(accounts), *days)
    if settings.pseudonym:
        naming.unlinked(connection, settings, claim)
    return _said(connection, claim, by, f"sighting of {stix}")


def revoke(connection: Connection, stix: str, by: str, reason: str) -> Draft:
    """Take back a claim of one's own. Raises ``InputError`` for one that was never published."""
    last = outbox.last_published(connection, stix)
    if last is None:
        raise InputError(
            f"no claim {stix!r} of ours is published", hint="`stillwatch share status` lists them"
        )
    claim = from_stix(orjson.loads(last.body))
    if claim.terms.revoked:
        raise InputError(f"{stix} is revoked already")
    return _said(connection, revocation(claim), by, reason)


def note(store: Store, stix: str, act: str, by: str, detail: str) -> None:
    """Write down what a person did elsewhere, e.g. at the hub."""
    with store.begin() as connection:
        outbox.record(connection, stix, act, by, detail)


def _about(connection: Connection, settings: Settings, stix: str, kind: str) -> Terms:
    """Terms of a claim about another: no more open than the other is."""
    found = [one for one in inbox.newest(connection, stix) if one.signed]
    if not found:
        raise InputError(
            f"no signed claim {stix!r} was received", hint="`stillwatch share pull` first"
        )
    other = from_stix(found[-1].body).terms
    terms = fresh_terms(kind, settings)
    return replace(
        terms,
        tlp=max(terms.tlp, other.tlp, key=_ORDER.index),
        groups=other.groups or terms.groups,
        recipients=other.recipients,
    )


def _said(connection: Connection, claim: Claim, by: str, why: str) -> Draft:
    draft = Draft(stix_id(claim), kind_of(claim), "waiting", why, to_stix(claim), {})
    _lawful(draft)
    outbox.put(connection, draft)
    outbox.move(connection, draft, "released", "release", by, why)
    return replace(draft, state="released")


def _lawful(draft: Draft) -> None:
    found = check_claim(draft.body)
    if found:
        raise PolicyRefused(
            "; ".join(f"{one.path} {one.reason}" for one in found), hint="it stays home"
        )

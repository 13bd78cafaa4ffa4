"""From what was found here to claims that could leave.

Rules
    * A draft holds what the kind of claim has a field for, on coarse scales. Account ids, prompts,
      sentences and exact figures stay in the result; the draft says what stays.
    * A campaign that was claimed before is recognised by its accounts (keyed hashes, here only) and
      gets a new version of its claim, not a second claim.
    * What is too small or too uncertain is not drafted. Exempt accounts are in no campaign.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from stillwatch.detection.rules import Rule, load_rules
from stillwatch.domain.claim import (
    CampaignClaim,
    Claim,
    ClaimId,
    StixId,
    TacticClaim,
    Technique,
    Terms,
    VerdictClaim,
)
from stillwatch.errors import StoredDataError
from stillwatch.intel.atlas import TECHNIQUES
from stillwatch.intel.codenames import code_name
from stillwatch.intel.ids import claim_id, kind_of, new_claim_id, stix_id
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.policy.load import shipped as policy
from stillwatch.intel.scales import confidence, one_digit_up, span, to_day, to_second
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.profiles.phrases import shipped_rules
from stillwatch.sharing import pseudonyms
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.outbox import Draft, account_tag

_ALWAYS: Final = (Technique("AML.T0024.002"), Technique("AML.T0040"))
_LIES: Final = timedelta(days=5)
"""After so long a draft that did not leave is dated anew; the hub's bound is 7 days."""
_PIVOT: Final = "release_pivot"
_SAME: Final = 0.5
"""Share of the smaller one's accounts that two campaigns have in common when they are one."""
_ATLAS: Final = re.compile(r"AML\.T\d{4}(?:\.\d{3})?")


@dataclass(frozen=True, slots=True)
class Drafted:
    """What came of a result."""

    drafts: tuple[Draft, ...]
    left: tuple[str, ...]
    """What was not drafted and why, in sentences."""


def from_detection(
    result: Path, settings: Settings, connection: Connection, secret: bytes
) -> Drafted:
    """Draft the campaigns and tactics of a result of ``stillwatch detect``."""
    rules = {rule.title: rule for rule in load_rules(shipped_rules() / "detection")}
    fdr = float(_json(result / "summary.json")["fdr"])
    made, left = list[Draft](), list[str]()
    tactics: dict[str, tuple[Rule, int]] = {}
    for found in _findings(result / "findings.jsonl"):
        name, size, p = found["campaign_id"], len(found["accounts"]), found["p_value"]
        if size < settings.least_accounts:
            left.append(f"{name}: {size} accounts, fewer than {settings.least_accounts}")
            continue
        if p > settings.most_p:
            left.append(f"{name}: p-value {p:.2g}, above {settings.most_p:g}")
            continue
        rule = rules.get(str(found["innocent"]).split(" (AML", 1)[0].split(". ", 1)[0])
        tags = [account_tag(secret, account) for account in found["accounts"]]
        known = recognised(connection, tags, settings)
        terms = terms_of("campaign", settings, connection, known)
        claim = _campaign(found, terms, rule, fdr)
        outbox.trace(connection, stix_id(claim), tags)
        made.append(_draft(claim, f"{name} of {result}", _staying(found)))
        if rule is not None and rule.id in policy().lists["tactics"]:
            tactics[rule.id] = (rule, tactics.get(rule.id, (rule, 0))[1] + 1)
    for rule, count in tactics.values():
        drafted = _tactic(rule, settings, connection)
        if drafted is None:
            left.append(f"tactic {rule.id}: published or drafted before")
        else:
            made.append(_draft(drafted, f"{count} campaigns of {result}", {}))
    return Drafted(tuple(made), tuple(left))


def from_correlation(result: Path, settings: Settings, name: str | None = None) -> Drafted:
    """Draft the verdicts of a result of ``stillwatch correlate``; ``name`` is the suspect's public one."""
    made, left = list[Draft](), list[str]()
    for said in _findings(result / "findings.jsonl", "correlation"):
        suspect = (name or str(said["suspect"])).lower()
        if said["verdict"] == "no evidence":
            left.append(f"{suspect}: no evidence, so there is nothing to say")
            continue
        claim = VerdictClaim(
            terms=fresh_terms("verdict", settings),
            suspect=suspect,
            verdict=said["verdict"],
            p_value=one_digit_up(said["p_value"]),
            strict_p_value=one_digit_up(said["strict_p_value"]),
            prompts=span(said["prompts"]),
            controls=said["panel"]["null_models"],
        )
        made.append(_draft(claim, str(result), {"answers": said["prompts"], "teacher": 1}))
    return Drafted(tuple(made), tuple(left))


def keep(connection: Connection, drafted: Drafted, settings: Settings) -> None:
    """Put drafts into the queue; kinds that may go unattended are released at once.

    A rule holds text, so it waits for a person whatever the settings say.
    """
    for draft in drafted.drafts:
        outbox.put(connection, draft)
        outbox.record(connection, draft.stix_id, "draft", settings.member, draft.origin)
        if draft.kind in settings.unattended and draft.kind != "rule":
            outbox.move(connection, draft, "released", "release", "settings", "unattended kind")


def revocation(claim: Claim) -> Claim:
    """The version of a claim of ours that takes it back."""
    terms = replace(claim.terms, modified=_next_instant(claim.terms.modified), revoked=True)
    return replace(claim, terms=terms)


def dated_anew(body: dict[str, Any], *, first: bool, at: datetime | None = None) -> dict[str, Any]:
    """A draft that lay for days as of today, or as it is: the hub takes nothing that is backdated.

    Midnight is its instant, so that every run of one day makes the same bytes. ``first``: whether no
    version of it ever left. What takes a claim back is left alone: it may come late.
    """
    today = to_day(at or datetime.now(UTC))
    if check_claim(body):
        return body  # refused as it is
    claim = from_stix(body)
    terms = claim.terms
    if terms.revoked or terms.modified >= today - _LIES or terms.valid_until <= today:
        return body
    terms = replace(terms, modified=today, valid_from=today)
    return to_stix(replace(claim, terms=replace(terms, created=today) if first else terms))


def fresh_terms(kind: str, settings: Settings, at: datetime | None = None) -> Terms:
    """The terms of a new claim, from the settings."""
    now = to_second(at or datetime.now(UTC))
    return Terms(
        claim_id=new_claim_id(),
        publisher=settings.identity,
        tlp=settings.tlp,
        purpose=settings.purpose,
        legal_basis=settings.legal_basis,
        confidence=confidence(settings.confidence),
        created=now,
        modified=now,
        valid_from=to_day(now),
        valid_until=to_day(now, settings.life(kind)),
        groups=settings.groups,
    )


def terms_of(kind: str, settings: Settings, connection: Connection, known: ClaimId | None) -> Terms:
    """The terms of a new claim, or of the next version of the ``known`` one."""
    terms = fresh_terms(kind, settings)
    if known is None:
        return terms
    stix = "campaign" + known.removeprefix("claim")
    last = outbox.last_published(connection, stix)
    if last is None:
        return replace(terms, claim_id=known, publisher=_drafted_by(connection, stix, settings))
    before = from_stix(orjson.loads(last.body)).terms
    return replace(
        terms,
        claim_id=known,
        publisher=before.publisher,
        created=before.created,
        modified=max(terms.modified, _next_instant(before.modified)),
    )


def _next_instant(before: datetime) -> datetime:
    return max(to_second(datetime.now(UTC)), before + timedelta(seconds=1))


def _campaign(
    found: Mapping[str, Any], terms: Terms, rule: Rule | None, fdr: float
) -> CampaignClaim:
    signals = {reason["signal"] for reason in found["reasons"]}
    named = {Technique(id_) for id_ in _ATLAS.findall(str(found["innocent"]))}
    lists = policy().lists
    evidence = {link["kind"] for link in found["links"]} | signals
    families = {c.name.removeprefix("family.") for c in rule.conditions} if rule else set[str]()
    return CampaignClaim(
        terms=terms,
        name=code_name(terms.claim_id),
        techniques=tuple(sorted({*_ALWAYS, *(named & TECHNIQUES.keys())})),
        targets=tuple(sorted(families & lists["families"])),
        evidence=tuple(sorted(evidence & lists["evidence"])),
        accounts=span(len(found["accounts"])),
        exchanges=span(int(found["events"])),
        first_seen=_day(found["first_seen"]),
        last_seen=_day(found["last_seen"]),
        p_value=one_digit_up(found["p_value"]),
        fdr=one_digit_up(fdr),
        release_pivot=_PIVOT in signals,
    )


def _tactic(rule: Rule, settings: Settings, connection: Connection) -> TacticClaim | None:
    """A tactic that we have not spoken of yet."""
    for known in outbox.listed(connection, "waiting", "released", "refused", "published"):
        if known.kind == "tactic" and known.body.get("name") == rule.id:
            return None
    families = {c.name.removeprefix("family.") for c in rule.conditions}
    techniques = {Technique(id_) for id_ in rule.atlas} & TECHNIQUES.keys()
    return TacticClaim(
        terms=fresh_terms("tactic", settings),
        name=rule.id,
        techniques=tuple(sorted(techniques)),
        families=tuple(sorted(families & policy().lists["families"])),
    )


def _draft(claim: Claim, origin: str, stays: Mapping[str, Any]) -> Draft:
    return Draft(stix_id(claim), kind_of(claim), "waiting", origin, to_stix(claim), dict(stays))


def _staying(found: Mapping[str, Any]) -> dict[str, Any]:
    """Names of what of a finding stays home, and how much of it there is."""
    return {
        "account ids": len(found["accounts"]),
        "quoted prompts": len(found["exemplars"]),
        "sentences": len(found["links"]) + len(found["reasons"]),
        "exact figures": ["accounts", "events", "first_seen", "last_seen", "p_value", "score"],
        "requests per day": len(found["activity"]),
    }


def _drafted_by(connection: Connection, stix: str, settings: Settings) -> StixId:
    """Under which name a claim that has not left was to go out."""
    for draft in outbox.listed(connection, "waiting", "released"):
        if draft.stix_id == stix:
            return StixId(draft.body["created_by_ref"])
    return settings.identity


def recognised(connection: Connection, tags: Sequence[bytes], settings: Settings) -> ClaimId | None:
    """The claim that is about the same accounts, if there is one of which we can give a version."""
    seen = outbox.traced(connection, tags)
    best = max(seen, key=lambda stix: (seen[stix], stix), default=None)
    if best is None or seen[best] < _SAME * len(set(tags)):
        return None
    last = outbox.last_published(connection, best)
    voices = pseudonyms.names(connection, settings).values()
    if last is not None and orjson.loads(last.body)["created_by_ref"] not in voices:
        return None  # a name that has ended: nobody can follow it
    return claim_id(StixId(best))


def _day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date()


def _findings(path: Path, kind: str = "campaign") -> Iterable[Mapping[str, Any]]:
    try:
        with path.open("rb") as lines:
            for line in lines:
                found = orjson.loads(line)
                if found["kind"] == kind:
                    yield found
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoredDataError(
            f"{path} is no findings of a result: {error}", hint="run `stillwatch detect` again"
        ) from error


def _json(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise StoredDataError(f"{path} cannot be read: {error}") from error

"""Cases from what was found, and from what others say.

Rules: one case for each account that stands alone; of a campaign one for each population among its
members (access path, tier, verified or not, agreed use), so that a rule may treat a school's accounts
apart. Only what a run flagged makes a case: an exempt account makes none.

What a false-discovery rate means here: a run promises that at most ``fdr`` of what it flags is
innocent. The strongest findings are better than the promise: the rate at which an account would only
just have been flagged (its q-value, Storey 2002) bounds the innocents among those as strong as it.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from stillwatch.domain.decision import MOST_EVIDENCE, MOST_MEMBERS, MOST_VALUE, Scope, Subject
from stillwatch.domain.finding import AccountFinding, CampaignFinding
from stillwatch.domain.lead import Evidence, Lead
from stillwatch.errors import InputError
from stillwatch.gateway.policy.case import Case, Member, Source, address

Record = Mapping[str, Any]
"""What is known of an account, by the columns of the accounts table."""
_POPULATION: Final = ("access_path", "spend_tier", "verified", "authorized_use")
_HEX: Final = 16


@dataclass(frozen=True, slots=True)
class Run:
    """What the run that found them says of itself; what is not known narrows nothing."""

    fdr: float = 0.05
    """Promised share of innocents among the flagged."""
    accounts: int = 0
    """Accounts in the log; 0 where unknown."""
    calibration: str | None = None
    reference_accounts: int | None = None


def run_name(digest: str) -> str:
    """Name of a run in evidence ids: 16 hex digits of the SHA-256 of its findings."""
    return digest[:_HEX]


def cases_of_findings(
    flagged: Iterable[AccountFinding],
    campaigns: Iterable[CampaignFinding],
    accounts: Mapping[str, Record],
    run: str,
    events: int,
    *,
    of: Run = Run(),
    requests: Mapping[str, int] | None = None,
    unusable: list[str] | None = None,
) -> Iterator[Case]:
    """Cases of one run, campaigns first.

    ``accounts`` are account records by id, as far as there are any; ``run`` is ``run_name``;
    ``events`` are all requests of the log; ``requests`` those of single accounts, where members of
    campaigns are not among ``flagged``. An account id that cannot be a subject is put in
    ``unusable``, or raises ``InputError`` where that is None.
    """
    found = {str(one.account_id): one for one in flagged if one.flagged}
    many = {**(requests or {}), **{name: one.events for name, one in found.items()}}
    grouped = list(campaigns)
    inside = {str(account) for one in grouped for account in one.accounts}
    maker = _Maker(accounts, many, run, events, of, unusable)
    for campaign in grouped:
        yield from maker.campaign(campaign)
    alone = sorted(
        (one for name, one in found.items() if name not in inside), key=lambda one: one.p_value
    )
    rates = q_values([one.p_value for one in alone], of)
    for one, rate in zip(alone, rates, strict=True):
        yield from maker.account(one, rate)


def q_values(p_values: Sequence[float], of: Run) -> list[float]:
    """For rising p-values of flagged accounts: the rate at which each would only just be flagged.

    At most the run's own: that is what it promised for all of them. Where the number of accounts is
    not known, the promise is all there is.
    """
    rates, least = [of.fdr] * len(p_values), of.fdr
    if not of.accounts:
        return rates
    for place in range(len(p_values) - 1, -1, -1):
        least = min(least, p_values[place] * of.accounts / (place + 1))
        rates[place] = least
    return rates


def case_of_lead(lead: Lead, scope: Scope | str = Scope.SIGN_UP) -> Case:
    """What other labs say of one sign-up or customer (``scope``: what its name is the name of).

    Raises ``InputError`` for a name that cannot be a subject.
    """
    counted = tuple(one for one in lead.evidence if one.weight > 0)
    try:
        subject = Subject.of(scope, lead.subject)
    except ValueError as error:
        raise InputError(f"the lead of {lead.subject[:40]!r}: {error}") from error
    own = Scope(scope) is Scope.ACCOUNT
    return Case(
        subject,
        Source.LEAD,
        # the claims, not the lead beside them: with the last claim nothing is left of the lead
        _claims(counted)[:MOST_EVIDENCE] or (_named("lead:", lead.subject),),
        members=(Member(lead.subject),) if own else (),
        labs=len({one.publisher for one in counted}),
        confidence=lead.weight,
        step=lead.step,
        accounts=1,
        sentence=lead.why[0] if lead.why else "",
    )


def corroborated(cases: Iterable[Case], leads: Mapping[str, Lead]) -> Iterator[Case]:
    """The cases with what other labs say of their accounts: labs counted, claims as evidence."""
    for case in cases:
        said = [
            one
            for account in sorted(case.touched)
            if account in leads
            for one in leads[account].evidence
            if one.weight > 0
        ]
        if not said:
            yield case
            continue
        evidence = tuple(dict.fromkeys((*case.evidence, *_claims(said))))[:MOST_EVIDENCE]
        yield replace(case, evidence=evidence, labs=len({one.publisher for one in said}))


@dataclass(frozen=True, slots=True)
class _Maker:
    accounts: Mapping[str, Record]
    requests: Mapping[str, int]
    run: str
    events: int
    of: Run
    unusable: list[str] | None

    def campaign(self, found: CampaignFinding) -> Iterator[Case]:
        populations = defaultdict[tuple[Any, ...], list[Member]](list)
        for account in map(str, found.accounts):
            if self._usable(account):
                populations[self._population(account)].append(self._member(account))
        for population, members in sorted(populations.items(), key=lambda one: -len(one[1])):
            for first in range(0, len(members), MOST_MEMBERS):
                part = tuple(members[first : first + MOST_MEMBERS])
                yield self._campaign(found, part, population, first // MOST_MEMBERS)

    def account(self, found: AccountFinding, rate: float) -> Iterator[Case]:
        account = str(found.account_id)
        if not self._usable(account):
            return
        member = self._member(account)
        yield Case(
            Subject.of(Scope.ACCOUNT, account),
            Source.FINDING,
            (_named(f"finding:{self.run}/", account),),
            accounts=1,
            confidence=round(1 - rate, 12),
            p_value=found.p_value,
            score=found.score,
            last_seen=found.last_seen,
            sentence=found.reasons[0].sentence if found.reasons else "",
            **self._shares((member,)),
            **dict(zip(_POPULATION, self._population(account), strict=True)),
            **self._calibrated(),
        )

    def _campaign(
        self,
        found: CampaignFinding,
        members: tuple[Member, ...],
        population: tuple[Any, ...],
        part: int,
    ) -> Case:
        name = str(found.campaign_id)
        value = f"{self.run}/{name}" + (f"/{part + 1}" if part else "")
        start, events = found.first_seen.date(), sum(member.events for member in members)
        part_of = min(1.0, events / found.events) if found.events else 0.0
        return Case(
            Subject.of(Scope.CAMPAIGN, value),
            Source.CAMPAIGN,
            (_named(f"finding:{self.run}/", name),),
            accounts=len(found.accounts),
            confidence=round(1 - self.of.fdr, 12),
            p_value=found.p_value,
            score=found.score,
            last_seen=found.last_seen,
            group=name,
            days=tuple(
                ((start + timedelta(days=day)).isoformat(), round(count * part_of))
                for day, count in enumerate(found.activity)
            ),
            sentence=(found.links or found.reasons)[0].sentence
            if found.links or found.reasons
            else "",
            **self._shares(members),
            **dict(zip(_POPULATION, population, strict=True)),
            **self._calibrated(),
        )

    def _shares(self, members: tuple[Member, ...]) -> dict[str, Any]:
        events = sum(member.events for member in members)
        return {
            "members": members,
            "events": events,
            "traffic_share": events / self.events if self.events else None,
            "account_share": len(members) / self.of.accounts if self.of.accounts else None,
        }

    def _calibrated(self) -> dict[str, Any]:
        of = self.of
        return {"calibration": of.calibration, "reference_accounts": of.reference_accounts}

    def _population(self, account: str) -> tuple[Any, ...]:
        record = self.accounts.get(account, {})
        return tuple(_known(record.get(name)) for name in _POPULATION)

    def _member(self, account: str) -> Member:
        return Member(
            account, self.requests.get(account, 0), carries_of(self.accounts.get(account, {}))
        )

    def _usable(self, account: str) -> bool:
        try:
            Subject.of(Scope.ACCOUNT, account)
        except ValueError as error:
            if self.unusable is None:
                raise InputError(f"account {account[:40]!r}: {error}") from error
            self.unusable.append(account)
            return False
        return True


def carries_of(record: Record) -> tuple[Subject, ...]:
    """What an account's requests are known to carry, by its record."""
    found = [address(record["signup_ip"])] if record.get("signup_ip") else []
    for column in ("organization_id", "organization_name"):
        try:
            found.append(Subject.of(Scope.ORGANISATION, record.get(column)))
        except ValueError:
            continue  # none is given, or nothing that an allow could name
    return tuple(one for one in found if one is not None)


def _known(value: Any) -> Any:
    """Empty text says nothing."""
    return None if value == "" else value


def _claims(evidence: Iterable[Evidence]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.claim for one in evidence))


def _named(head: str, name: str) -> str:
    """An id of evidence; a name that is too long for one, or not printable, by its digest."""
    if len(head) + len(name) <= MOST_VALUE and name.isprintable():
        return head + name
    return f"{head}sha256:{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()}"

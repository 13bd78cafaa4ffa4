"""Findings: a judgement put into words, with the evidence beside it.

At most six sentences per finding, the strongest evidence first, one per kind of evidence before
a second of any kind. Every sentence carries its figure and what is typical.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.evidence import evidence
from stillwatch.campaigns.keys import KINDS, Keys, collect
from stillwatch.detection.cohesive import cohesion_reasons
from stillwatch.detection.exemplars import by_account, exemplars, of_campaign
from stillwatch.detection.judge import Judgement
from stillwatch.detection.reasons import Reasons
from stillwatch.detection.rules import Rule
from stillwatch.domain.finding import (
    AccountFinding,
    AccountId,
    CampaignFinding,
    CampaignId,
    Link,
    Reason,
)
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import HOURS
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.signals import SIGNALS

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_REASONS = 6
_IN_TABLE = 4  # reasons per account in the table
_NEIGHBOURS = 24  # members with which each is compared for what they share
_HOUR = 3_600_000_000
_DEFAULT_INNOCENT = (
    "An ordinary product with one template, or a benchmark run, can look like this. "
    "Ask what the answers are used for, and whether the contents come from its own users."
)


@dataclass(frozen=True)
class Narrator:
    """Puts one run's judgement into words."""

    account_ids: Sequence[str]
    profiles: Profiles
    judgement: Judgement
    rules: Sequence[Rule]
    exemptions: Sequence[str | None]
    """Per account: why it is never flagged, or None."""
    hub_share: float
    """Things that a larger share of all accounts has in common are no evidence of a link."""
    records: pa.Table | None = None
    """Sign-up records in the order of ``profiles`` (null rows where unknown), or None."""
    by_rules: Mapping[int, Reason] = field(default_factory=dict)
    """What shared rules say of an account, by its row."""
    names: Sequence[str] = ()
    """Names of the campaigns; empty: numbered by significance."""

    def name(self, number: int) -> str:
        """Name of a campaign."""
        return self.names[number] if self.names else campaign_id(number)

    @cached_property
    def keys(self) -> Keys:
        """What the members of campaigns have in common."""
        streams, campaigns = self.judgement.groups.streams, self.judgement.campaigns
        members = np.concatenate([np.empty(0, dtype=np.int64), *campaigns.members])
        return collect(self.profiles, self.records, self.hub_share, streams, members)

    def accounts_table(self) -> pa.Table:
        """One row per account, flagged or not, in the columns of the result."""
        judgement = self.judgement
        campaign = [
            self.name(number) if number >= 0 else None for number in judgement.campaign.tolist()
        ]
        return pa.table(
            {
                "account_id": pa.array(self.account_ids, pa.string()),
                "score": judgement.scores,
                "p_value": judgement.p_values,
                "flagged": judgement.flagged,
                "campaign_id": pa.array(campaign, pa.string()),
                "events": self.profiles["events"],
                "reasons": self._reason_lists(_IN_TABLE),
            }
        )

    def accounts(self) -> list[AccountFinding]:
        """Flagged accounts, and exempt ones that would have been."""
        judgement = self.judgement
        exempt = np.array([why is not None for why in self.exemptions], dtype=np.bool_)
        bar = judgement.p_values[judgement.flagged].max(initial=0.0)
        rows = np.flatnonzero(judgement.flagged | (exempt & (judgement.p_values <= bar)))
        reasons = self._reasons(rows, MOST_REASONS).objects(rows.size)
        innocent = self._innocent(self.profiles, judgement.below, rows)
        quoted = [
            by_account(self.profiles, *judgement.groups.streams.events(group))
            for group in judgement.campaigns.streams
        ]
        return [
            self._account(row, reasons[i], innocent[i], quoted)
            for i, row in enumerate(rows.tolist())
        ]

    def campaigns(self) -> list[CampaignFinding]:
        """Reported campaigns, the most significant first."""
        campaigns = self.judgement.campaigns
        numbers = np.arange(len(campaigns.members))
        cohesive = [cohesion_reasons(campaigns.test, number) for number in numbers.tolist()]
        pooled = Reasons.of(
            campaigns.signals,
            campaigns.below,
            campaigns.profiles["events"].astype(np.float64),
            MOST_REASONS - np.array([len(reasons) for reasons in cohesive], dtype=np.int64),
            self.judgement.ordinary,
        ).objects(numbers.size)
        innocent = self._innocent(campaigns.profiles, campaigns.below, numbers)
        return [
            self._campaign(number, (*cohesive[number], *pooled[number]), innocent[number])
            for number in numbers.tolist()
        ]

    def _account(
        self,
        row: int,
        reasons: tuple[Reason, ...],
        innocent: str,
        quoted: Sequence[Mapping[int, tuple[str, ...]]],
    ) -> AccountFinding:
        judgement, profile = self.judgement, self.profiles[row]
        number = int(judgement.campaign[row])
        member = number >= 0
        return AccountFinding(
            account_id=AccountId(self.account_ids[row]),
            score=float(judgement.scores[row]),
            p_value=float(judgement.p_values[row]),
            flagged=bool(judgement.flagged[row]),
            campaign_id=CampaignId(self.name(number)) if member else None,
            events=int(profile["events"]),
            first_seen=_instant(profile["first_seen"]),
            last_seen=_instant(profile["last_seen"]),
            reasons=(*self._leading.get(row, ()), *reasons),
            exemplars=quoted[number].get(row, ()) if member else exemplars(profile),
            innocent=innocent,
            exempt=self.exemptions[row],
        )

    def _campaign(self, number: int, reasons: tuple[Reason, ...], innocent: str) -> CampaignFinding:
        campaigns, streams = self.judgement.campaigns, self.judgement.groups.streams
        profile, members = campaigns.profiles[number], campaigns.members[number]
        return CampaignFinding(
            campaign_id=CampaignId(self.name(number)),
            accounts=tuple(AccountId(self.account_ids[row]) for row in members.tolist()),
            events=int(profile["events"]),
            first_seen=_instant(profile["first_seen"]),
            last_seen=_instant(profile["last_seen"]),
            score=float(campaigns.test.index[number]),
            p_value=float(campaigns.test.p_values[number]),
            links=self._links(members),
            reasons=reasons,
            exemplars=of_campaign(self.profiles, *streams.events(campaigns.streams[number])),
            innocent=innocent,
            activity=_activity(profile, self.profiles["by_hour"][members]),
        )

    @cached_property
    def _memberships(self) -> dict[int, Reason]:
        """What each member has to do with its campaign, the strongest evidence there is."""
        judgement, told = self.judgement, {}
        sizes = sampled(self.profiles)
        for number, members in enumerate(judgement.campaigns.members):
            owner, _ = judgement.groups.streams.events(judgement.campaigns.streams[number])
            held = np.bincount(np.searchsorted(members, owner), minlength=members.size)
            index = float(judgement.campaigns.test.index[number])
            said = (
                f"sampled requests carry the scaffold of campaign {self.name(number)}, whose "
                f"{members.size} accounts act as one job ({index:.1f} spreads of natural groups)."
            )
            percentile = 100.0 * (1 - judgement.p_values[members])
            columns = (members, held, sizes[members], percentile)
            for row, h, n, p in zip(*(column.tolist() for column in columns), strict=True):
                told[row] = Reason("campaign", index, p, f"{h} of {n} {said}")
        return told

    @cached_property
    def _leading(self) -> dict[int, tuple[Reason, ...]]:
        """What is said of an account before its own signals: its campaign, and a shared rule."""
        rows = sorted({*self._memberships, *self.by_rules})
        sources = (self._memberships, self.by_rules)
        return {row: tuple(told[row] for told in sources if row in told) for row in rows}

    def _reasons(self, rows: Ints, most: int) -> Reasons:
        """Reasons of accounts by their own signals; they leave room for those that lead."""
        judgement = self.judgement
        room = np.zeros(self.profiles.size, dtype=np.int64)
        for row, first in self._leading.items():
            room[row] = len(first)
        return Reasons.of(
            judgement.signals[rows],
            judgement.below[rows],
            self.profiles["events"][rows].astype(np.float64),
            most - room[rows],
            judgement.ordinary,
        )

    def _reason_lists(self, most: int) -> pa.Array:
        """The reasons of all accounts as one Arrow list column, without an object per reason."""
        everybody = np.arange(self.profiles.size)
        own = self._reasons(everybody, most)
        leading = [(row, reason) for row, first in self._leading.items() for reason in first]
        members, first = [row for row, _ in leading], [reason for _, reason in leading]
        owner = np.concatenate([np.array(members, dtype=np.int64), own.row])
        reasons = pa.StructArray.from_arrays(
            [
                pa.array([r.signal for r in first] + own.signal, pa.string()),
                pa.array(np.concatenate([[r.value for r in first], own.value])),
                pa.array(np.concatenate([[r.benign_percentile for r in first], own.percentile])),
                pa.array([r.sentence for r in first] + own.sentence, pa.string()),
            ],
            names=["signal", "value", "benign_percentile", "sentence"],
        ).take(pa.array(np.argsort(owner, kind="stable")))
        counts = np.bincount(owner, minlength=everybody.size)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reasons)

    def _innocent(self, profiles: Profiles, below: Floats, rows: Ints) -> list[str]:
        """The innocent explanation of each of the ``rows``, by the first rule that it matches."""
        evidence = {s.name: 100.0 * below[rows, i] for i, s in enumerate(SIGNALS)}
        events = np.maximum(profiles["events"][rows], 1)
        for bit, name in enumerate(self.judgement.reference.families):
            evidence[f"family.{name}"] = profiles["families"][rows, bit] / events
        speaks = np.full(rows.size, -1)
        for number in reversed(range(len(self.rules))):
            speaks[self.rules[number].matches(evidence)] = number
        texts = [_explained(rule) for rule in self.rules]
        return [texts[number] if number >= 0 else _DEFAULT_INNOCENT for number in speaks.tolist()]

    def _links(self, members: npt.NDArray[np.int64]) -> tuple[Link, ...]:
        left, right = _pairs(members)
        by_kind = evidence(self.keys, left, right)
        found = []
        for number, kind in enumerate(KINDS):
            touched = by_kind[:, number] > 0
            if not touched.any():
                continue
            accounts = np.union1d(left[touched], right[touched]).size
            weight = float(by_kind[:, number].sum() / max(1, left.size))
            sentence = (
                f"{accounts} of {members.size} accounts share {kind.noun} "
                f"({kind.sort}; {weight:.1f} nats per pair)."
            )
            found.append(Link(kind.name, accounts, weight, sentence))
        return tuple(sorted(found, key=lambda link: -link.weight))


def _pairs(members: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], ...]:
    """Each member with the next few: all pairs of a small campaign, a sample of a large one's."""
    steps = range(1, min(_NEIGHBOURS, members.size - 1) + 1)
    left = np.concatenate([members[:-step] for step in steps] or [members[:0]])
    right = np.concatenate([members[step:] for step in steps] or [members[:0]])
    return left, right


def _explained(rule: Rule) -> str:
    techniques = f" ({', '.join(rule.atlas)})" if rule.atlas else ""
    return f"{rule.title}{techniques}. {rule.innocent} {rule.tell_apart}"


def campaign_id(number: int) -> str:
    """Name of the n-th campaign of a run, counted from the most significant."""
    return f"C{number + 1:04d}"


def _activity(profile: np.void, by_hour: npt.NDArray[np.uint16]) -> tuple[int, ...]:
    """Requests per day from the first to the last day, at most three weeks (then they wrap).

    ``by_hour`` are the members' own counts: those of the merged profile may have met their cap.
    """
    first, last = int(profile["first_seen"]) // _HOUR, int(profile["last_seen"]) // _HOUR
    days = range(first // 24, min(last // 24, first // 24 + HOURS // 24 - 1) + 1)
    daily = by_hour.sum(axis=0, dtype=np.int64).reshape(-1, 24).sum(axis=1)
    return tuple(int(daily[day % daily.size]) for day in days)


def _instant(micros: np.int64) -> datetime:
    return datetime.fromtimestamp(int(micros) / 1e6, tz=UTC)

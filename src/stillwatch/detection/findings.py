"""Findings: a judgement put into words, with the evidence beside it.

At most six sentences per finding, the strongest evidence first, one per kind of evidence before
a second of any kind. Every sentence carries its figure and what is typical.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.evidence import evidence
from stillwatch.campaigns.keys import KINDS
from stillwatch.detection.cohesive import cohesion_reasons
from stillwatch.detection.exemplars import exemplars, scaffolded
from stillwatch.detection.judge import Judgement
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

MOST_REASONS = 6
_NOTEWORTHY = 0.8  # benign share below a value from which it is worth a sentence
_NEIGHBOURS = 24  # members with which each is compared for what they share
_HOUR = 3_600_000_000
_DEFAULT_INNOCENT = (
    "An ordinary product with one template, or a benchmark run, can look like this. "
    "Ask what the answers are used for, and whether the contents come from its own users."
)


@dataclass(frozen=True, slots=True)
class Narrator:
    """Puts one run's judgement into words."""

    account_ids: Sequence[str]
    profiles: Profiles
    judgement: Judgement
    rules: Sequence[Rule]
    exemptions: Sequence[str | None]
    """Per account: why it is never flagged, or None."""

    def accounts_table(self) -> pa.Table:
        """One row per account, flagged or not, in the columns of the result."""
        judgement = self.judgement
        campaign = [
            campaign_id(number) if number >= 0 else None for number in judgement.campaign.tolist()
        ]
        return pa.table(
            {
                "account_id": pa.array(self.account_ids, pa.string()),
                "score": judgement.scores,
                "p_value": judgement.p_values,
                "flagged": judgement.flagged,
                "campaign_id": pa.array(campaign, pa.string()),
                "events": self.profiles["events"],
                "reasons": self._reason_lists(4),
            }
        )

    def accounts(self) -> list[AccountFinding]:
        """Flagged accounts, and exempt ones that would have been."""
        judgement = self.judgement
        exempt = np.array([why is not None for why in self.exemptions], dtype=np.bool_)
        bar = judgement.p_values[judgement.flagged].max(initial=0.0)
        named = judgement.flagged | (exempt & (judgement.p_values <= bar))
        return [self._account(row) for row in np.flatnonzero(named).tolist()]

    def campaigns(self) -> list[CampaignFinding]:
        """Reported campaigns, the most significant first."""
        return [self._campaign(number) for number in range(len(self.judgement.campaigns.members))]

    def _account(self, row: int) -> AccountFinding:
        judgement, profile = self.judgement, self.profiles[row]
        number = int(judgement.campaign[row])
        return AccountFinding(
            account_id=AccountId(self.account_ids[row]),
            score=float(judgement.scores[row]),
            p_value=float(judgement.p_values[row]),
            flagged=bool(judgement.flagged[row]),
            campaign_id=CampaignId(campaign_id(number)) if number >= 0 else None,
            events=int(profile["events"]),
            first_seen=_instant(profile["first_seen"]),
            last_seen=_instant(profile["last_seen"]),
            reasons=(*self._membership(row), *self._reasons_of(row, MOST_REASONS - (number >= 0))),
            exemplars=exemplars(profile) if number < 0 else self._scaffolded(number, row),
            innocent=self._innocent(profile, judgement.below[row]),
            exempt=self.exemptions[row],
        )

    def _membership(self, row: int) -> tuple[Reason, ...]:
        """What an account has to do with its campaign, the strongest evidence there is."""
        judgement = self.judgement
        number = int(judgement.campaign[row])
        if number < 0:
            return ()
        owner, _ = judgement.groups.streams.events(judgement.campaigns.streams[number])
        held = int((owner == row).sum())
        seen = int(sampled(self.profiles[row : row + 1])[0])
        index = float(judgement.campaigns.test.index[number])
        sentence = (
            f"{held} of {seen} sampled requests carry the scaffold of campaign "
            f"{campaign_id(number)}, whose {judgement.campaigns.members[number].size} accounts "
            f"act as one job ({index:.1f} spreads of natural groups)."
        )
        return (Reason("campaign", index, 100.0 * (1 - float(judgement.p_values[row])), sentence),)

    def _campaign(self, number: int) -> CampaignFinding:
        campaigns = self.judgement.campaigns
        profile, members = campaigns.profiles[number], campaigns.members[number]
        cohesive = cohesion_reasons(campaigns.test, number)
        pooled = self._reasons(
            campaigns.signals[number],
            campaigns.below[number],
            float(profile["events"]),
            MOST_REASONS - len(cohesive),
        )
        return CampaignFinding(
            campaign_id=CampaignId(campaign_id(number)),
            accounts=tuple(AccountId(self.account_ids[row]) for row in members.tolist()),
            events=int(profile["events"]),
            first_seen=_instant(profile["first_seen"]),
            last_seen=_instant(profile["last_seen"]),
            score=float(campaigns.test.index[number]),
            p_value=float(campaigns.test.p_values[number]),
            links=self._links(members),
            reasons=(*cohesive, *pooled),
            exemplars=self._scaffolded(number),
            innocent=self._innocent(profile, campaigns.below[number]),
            activity=_activity(profile),
        )

    def _reasons_of(self, row: int, most: int) -> tuple[Reason, ...]:
        judgement = self.judgement
        return self._reasons(
            judgement.signals[row],
            judgement.below[row],
            float(self.profiles["events"][row]),
            most,
        )

    def _reasons(
        self, values: Floats, below: Floats, events: float, most: int
    ) -> tuple[Reason, ...]:
        typical = self.judgement.ordinary.median(np.array([events]))[0]
        return tuple(
            Reason(
                SIGNALS[s].name,
                float(values[s]),
                float(_percentile(below[s], s)),
                SIGNALS[s].sentence.format(value=values[s], typical=typical[s]),
            )
            for s in strongest(below[None, :], most)[0].tolist()
            if s >= 0
        )

    def _reason_lists(self, most: int) -> pa.Array:
        """The reasons of all accounts as one Arrow list column, without an object per reason."""
        judgement = self.judgement
        chosen = strongest(judgement.below, most)
        chosen[judgement.campaign >= 0, most - 1] = -1  # room for the campaign
        rows, places = np.nonzero(chosen >= 0)
        signal = chosen[rows, places]
        value = judgement.signals[rows, signal]
        typical = judgement.ordinary.median(self.profiles["events"].astype(np.float64))
        sentences = [
            SIGNALS[s].sentence.format(value=v, typical=t)
            for s, v, t in zip(
                signal.tolist(), value.tolist(), typical[rows, signal].tolist(), strict=True
            )
        ]
        members = np.flatnonzero(judgement.campaign >= 0)
        first = [self._membership(row)[0] for row in members.tolist()]
        order = np.argsort(np.concatenate([members, rows]), kind="stable")
        reasons = pa.StructArray.from_arrays(
            [
                pa.array(
                    [r.signal for r in first]
                    + np.array([x.name for x in SIGNALS])[signal].tolist(),
                    pa.string(),
                ),
                pa.array(np.concatenate([[r.value for r in first], value])),
                pa.array(
                    np.concatenate(
                        [
                            [r.benign_percentile for r in first],
                            _percentile(judgement.below[rows, signal], signal),
                        ]
                    )
                ),
                pa.array([r.sentence for r in first] + sentences, pa.string()),
            ],
            names=["signal", "value", "benign_percentile", "sentence"],
        ).take(pa.array(order))
        counts = (chosen >= 0).sum(axis=1) + (judgement.campaign >= 0)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reasons)

    def _innocent(self, profile: np.void, below: Floats) -> str:
        reference = self.judgement.reference
        facts = {
            signal.name: 100.0 * share
            for signal, share in zip(SIGNALS, below.tolist(), strict=True)
            if not np.isnan(share)
        }
        events = max(1, int(profile["events"]))
        for bit, name in enumerate(reference.families):
            facts[f"family.{name}"] = float(profile["families"][bit]) / events
        for rule in self.rules:
            if rule.matches(facts):
                techniques = f" ({', '.join(rule.atlas)})" if rule.atlas else ""
                return f"{rule.title}{techniques}. {rule.innocent} {rule.tell_apart}"
        return _DEFAULT_INNOCENT

    def _scaffolded(self, number: int, row: int | None = None) -> tuple[str, ...]:
        judgement = self.judgement
        group = judgement.campaigns.streams[number]
        return scaffolded(self.profiles, *judgement.groups.streams.events(group), row)

    def _links(self, members: npt.NDArray[np.int64]) -> tuple[Link, ...]:
        left, right = _pairs(members)
        by_kind = evidence(self.judgement.keys, left, right)
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


_HIGH = np.array([signal.high for signal in SIGNALS])
_GROUPS = np.unique([signal.group for signal in SIGNALS], return_inverse=True)[1]


def strongest(below: Floats, most: int) -> npt.NDArray[np.int64]:
    """The signals worth a sentence, strongest first, shape (n, most); -1 where there are fewer.

    The strongest of each kind of evidence comes before the second of any kind.
    """
    worth = np.nan_to_num(below, nan=-1.0)
    first = np.zeros(below.shape, dtype=np.bool_)
    rows = np.arange(below.shape[0])
    for group in range(_GROUPS.max() + 1):
        columns = np.flatnonzero(group == _GROUPS)
        first[rows, columns[worth[:, columns].argmax(axis=1)]] = True
    rank = np.where(worth >= _NOTEWORTHY, worth + first, -1.0)
    order = np.argsort(-rank, axis=1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(rank, order, axis=1) > 0, order, -1)


def _percentile(below: Floats, signal: npt.NDArray[np.int64] | int) -> Floats:
    """Share of benign accounts below the value itself (not: on its innocent side), 0-100."""
    return np.asarray(100.0 * np.where(_HIGH[signal], below, 1 - below))


def campaign_id(number: int) -> str:
    """Name of the n-th campaign of a run, counted from the most significant."""
    return f"C{number + 1:04d}"


def _activity(profile: np.void) -> tuple[int, ...]:
    """Requests per day from the first to the last day, at most three weeks (then they wrap)."""
    first, last = int(profile["first_seen"]) // _HOUR, int(profile["last_seen"]) // _HOUR
    days = range(first // 24, min(last // 24, first // 24 + HOURS // 24 - 1) + 1)
    hours = profile["by_hour"]
    return tuple(int(sum(hours[(day * 24 + h) % HOURS] for h in range(24))) for day in days)


def _instant(micros: np.int64) -> datetime:
    return datetime.fromtimestamp(int(micros) / 1e6, tz=UTC)

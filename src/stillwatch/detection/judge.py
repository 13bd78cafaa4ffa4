"""The judgement: profiles in, scores, p-values, campaigns and flags out. No input or output here.

Numbered as the flow of ``docs/adr/0003-calibration.md``:

1. measure the signals of every account and of the reference;
2. score each account by how surprising its signals are for a benign account of its volume;
3. calibrate the score against the reference;
4. propose groups of accounts that share a scaffold;
5. test each group for being one job, against natural groups;
6. flag: campaigns by Benjamini-Hochberg, then accounts by Benjamini-Hochberg.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from stillwatch.campaigns.linking import KERNELS, Linker
from stillwatch.detection.calibration import Ranks, Tail, benjamini_hochberg, fitted
from stillwatch.detection.groups import Chosen, Groups, choose
from stillwatch.detection.pooled import FEWEST, GroupTest, Yardstick
from stillwatch.detection.scoring import Ordinary, by_group, score, surprises
from stillwatch.profiles.merge import Profiles, pool, take
from stillwatch.profiles.signals import Reference, measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


_ALONE = 1.5
"""Deviates that an account must show alone to rank like a member of a group with none."""
_TIE = 0.02
"""Weight of an account's own surprises where all else is equal."""


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """How to judge; every value can be set in the configuration file under ``[detection]``."""

    fdr: float = 0.05
    """Promised share of innocents among the flagged."""
    hub_share: float = 0.1
    """Things that a larger share of all accounts has in common are no evidence of a link."""
    least_campaign: int = 6
    """Fewest accounts of a campaign."""
    least_events: int = 8
    """Accounts with fewer requests are not judged alone, only as part of a campaign."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The reported campaigns, most significant first; one row each."""

    members: list[Ints]
    streams: list[Ints]
    """The scaffolded streams of the members (``Judgement.groups.streams``)."""
    profiles: Profiles
    """The members' profiles, merged."""
    signals: Floats
    below: Floats
    """As in ``Judgement``."""
    test: GroupTest


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found; arrays are aligned with the profiles unless said otherwise."""

    reference: Reference
    ordinary: Ordinary
    signals: Floats
    """Shape (p, s)."""
    below: Floats
    """Benign share below each signal in its suspicious direction, shape (p, s), NaN unknown."""
    scores: Floats
    p_values: Floats
    flagged: npt.NDArray[np.bool_]
    campaign: Ints
    """Number of the reported campaign of each account, -1 for none."""
    campaigns: Campaigns
    groups: Groups
    yardstick: Yardstick
    """What natural groups look like here."""
    self_calibrated: bool
    reference_accounts: int
    notes: tuple[str, ...]
    alone: "Alone"
    """What accounts say one by one."""


def judge(
    profiles: Profiles,
    exempt: npt.NDArray[np.bool_],
    families: tuple[str, ...],
    tactics: tuple[str, ...],
    options: DetectionOptions,
    baseline: Profiles | None = None,
    linker: Linker = KERNELS,
) -> Judgement:
    """Judge all accounts.

    ``exempt`` accounts (allow-listed, authorised) are scored but never flagged, and are kept out
    of the reference and of campaigns. ``linker`` links the accounts that are judged.
    """
    # 4. propose: begun first, because it needs no signals and leaves a core idle
    beside = ThreadPoolExecutor(1)
    proposing = beside.submit(_groups, profiles, ~exempt, families, tactics, options, linker)
    beside.shutdown(wait=False)  # the thread ends with its one task

    alone = _accounts(profiles, exempt, families, tactics, options, baseline)  # 1 to 3

    # 5. test
    groups = proposing.result()
    natural, lacking = groups.figures, False
    if baseline is not None:
        everybody = np.ones(baseline.size, dtype=np.bool_)
        known = _groups(baseline, everybody, families, tactics, options).figures
        lacking = known.shape[0] < FEWEST
        natural = natural if lacking else known
    yardstick = Yardstick.learn(natural)
    test = yardstick.test(groups.figures)
    chosen = choose(groups, yardstick, test, fdr=options.fdr, least=options.least_campaign)
    campaigns = reported(profiles, chosen, alone.reference, alone.ordinary)

    # 6. flag
    p_values = alone.p_values.copy()
    judged = np.flatnonzero(alone.judged & ~exempt)
    flagged = np.zeros(profiles.size, dtype=np.bool_)
    flagged[judged[benjamini_hochberg(p_values[judged], options.fdr)]] = True
    campaign = np.full(profiles.size, -1, dtype=np.int64)
    for number, members in enumerate(campaigns.members):
        campaign[members] = number
        flagged[members] = True
        p_values[members] = np.minimum(p_values[members], campaigns.test.p_values[number])
    scores = ranked(groups, test, campaigns, alone)
    return Judgement(
        alone.reference, alone.ordinary, alone.signals, alone.below, scores, p_values, flagged,
        campaign, campaigns, groups, yardstick, baseline is None, alone.benign,
        _notes(alone.benign, natural.shape[0], lacking), alone,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alone:
    """What accounts say one by one."""

    reference: Reference
    ordinary: Ordinary
    signals: Floats
    below: Floats
    own: Floats
    """Score of each account."""
    p_values: Floats
    judged: npt.NDArray[np.bool_]
    """Whether an account has enough requests to be judged alone."""
    benign: int
    """Reference accounts."""
    null: Ranks | Tail
    """What scores are calibrated against."""
    least: int
    """Requests from which an account is judged alone."""

    def measured(self, profiles: Profiles) -> "Alone":
        """Other profiles by the same statistics, which stay as they are."""
        events = profiles["events"].astype(np.float64)
        judged = events >= self.least
        signals = measure(profiles, self.reference)
        below = self.ordinary.below(signals, events)
        own = score(by_group(surprises(below, 1.0 / (1 + max(1, self.benign)))))
        p_values = np.where(judged, self.null.p_values(own), 1.0)
        return replace(
            self, signals=signals, below=below, own=own, p_values=p_values, judged=judged
        )


def _accounts(
    profiles: Profiles,
    exempt: npt.NDArray[np.bool_],
    families: tuple[str, ...],
    tactics: tuple[str, ...],
    options: DetectionOptions,
    baseline: Profiles | None,
) -> Alone:
    # 1. measure
    events = profiles["events"].astype(np.float64)
    judged = events >= options.least_events
    if baseline is None:
        benign = np.flatnonzero(judged & ~exempt)
        reference = Reference.learn(profiles, benign, families, tactics)
        signals = measure(profiles, reference)
        known, volumes = signals[benign], events[benign]
    else:
        benign = np.flatnonzero(baseline["events"] >= options.least_events)
        reference = Reference.learn(baseline, benign, families, tactics)
        signals = measure(profiles, reference)
        known = measure(baseline, reference)[benign]
        volumes = baseline["events"][benign].astype(np.float64)

    # 2. score
    ordinary = Ordinary.learn(known, volumes)
    resolution = 1.0 / (1 + max(1, benign.size))
    below = ordinary.below(signals, events)
    own = score(by_group(surprises(below, resolution)))

    # 3. calibrate
    null: Ranks | Tail
    if baseline is None:
        null = fitted(own[benign])
    else:
        null = Ranks(score(by_group(surprises(ordinary.below(known, volumes), resolution))))
    p_values = np.where(judged, null.p_values(own), 1.0)
    return Alone(
        reference, ordinary, signals, below, own, p_values, judged, int(benign.size), null,
        options.least_events,
    )  # fmt: skip


def _groups(
    profiles: Profiles,
    usable: npt.NDArray[np.bool_],
    families: tuple[str, ...],
    tactics: tuple[str, ...],
    options: DetectionOptions,
    linker: Linker = KERNELS,
) -> Groups:
    mask = sum(1 << bit for bit, name in enumerate(families) if name in tactics)
    return Groups.find(profiles, usable, mask, least=options.least_campaign, linker=linker)


def ranked(groups: Groups, test: GroupTest, campaigns: Campaigns, alone: Alone) -> Floats:
    """Scores of all accounts: by their groups, or by what they show alone."""
    deviates = -ndtri(np.minimum(alone.p_values, 0.5))
    return np.asarray(
        np.maximum(_ranked(groups, test, campaigns), deviates - _ALONE) + _TIE * alone.own
    )


def _ranked(groups: Groups, test: GroupTest, campaigns: Campaigns) -> Floats:
    """Index of the group that each account is in, at least 0.

    A member of a campaign has the campaign's; nobody else ranks above the least campaign.
    """
    out = np.zeros(groups.profiles.size)
    for group, index in zip(groups.proposed, test.index.tolist(), strict=True):
        owners = groups.streams.owner[group]
        out[owners] = np.maximum(out[owners], index)
    if campaigns.members:
        out = np.minimum(out, campaigns.test.index.min())
    for members, index in zip(campaigns.members, campaigns.test.index.tolist(), strict=True):
        out[members] = index
    return out


def reported(
    profiles: Profiles, chosen: Chosen, reference: Reference, ordinary: Ordinary
) -> Campaigns:
    """The chosen campaigns with merged profiles, measured like any other."""
    merged = np.concatenate([_pooled(take(profiles, m)) for m in chosen.members] or [profiles[:0]])
    signals = measure(merged, reference)
    return Campaigns(
        chosen.members,
        chosen.streams,
        merged,
        signals,
        ordinary.below(signals, merged["events"].astype(np.float64)),
        chosen.test,
    )


def _pooled(profiles: Profiles) -> Profiles:
    return pool(profiles, np.zeros(profiles.size, dtype=np.int64), 1)


def _notes(reference: int, natural: int, lacking: bool) -> tuple[str, ...]:
    notes = []
    if reference < 200:
        notes.append(
            f"Only {reference} accounts serve as reference: p-values are coarse, and weak "
            "evidence cannot be told from chance."
        )
    if lacking:
        notes.append(
            f"The baseline has fewer than {FEWEST} groups of accounts that share wording: "
            "campaigns were tested against the groups of this log instead."
        )
    if natural < FEWEST:
        notes.append(
            f"Only {natural} groups of accounts share wording, fewer than the {FEWEST} that a "
            "yardstick takes: campaigns could not be tested. Give a longer log, or a baseline."
        )
    elif natural < 60:
        notes.append(
            f"Only {natural} groups of accounts that share wording serve as yardstick for "
            "campaigns: take campaigns as leads."
        )
    return tuple(notes)

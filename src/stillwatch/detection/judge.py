"""The judgement: profiles in, scores, p-values, campaigns and flags out. No input or output here.

Numbered as the flow of ``docs/adr/0003-calibration.md``:

1. measure the signals of every account and of the reference;
2. score each account by how surprising its signals are for a benign account of its volume;
3. calibrate the score against the reference;
4. link accounts that share rare things, cluster the links at several strengths;
5. test each cluster for being one job, against natural groups;
6. flag: campaigns by Benjamini-Hochberg, then accounts by Benjamini-Hochberg.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cluster import propose
from stillwatch.campaigns.cohesion import core_mask
from stillwatch.campaigns.compare import Links, link
from stillwatch.campaigns.keys import Keys, collect
from stillwatch.detection.calibration import benjamini_hochberg, conformal, fitted_tail
from stillwatch.detection.pooled import GroupTest, group_test, natural_groups
from stillwatch.detection.scoring import Ordinary, by_group, score, surprises
from stillwatch.profiles.merge import Profiles, pool, take
from stillwatch.profiles.signals import Reference, measure

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


_GROUP_WEIGHT = 4.0
"""Score per spread of group cohesion: a group at three spreads outweighs any single account."""


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """How to judge; every value can be set in the configuration file under ``[detection]``."""

    fdr: float = 0.05
    """Promised share of innocents among the flagged."""
    hub_share: float = 0.1
    """Things that a larger share of all accounts has in common link nobody."""
    least_link: float = 6.0
    """Evidence (nats) below which two accounts are not linked."""
    least_campaign: int = 4
    """Fewest accounts of a campaign."""
    least_events: int = 8
    """Accounts with fewer requests are not judged alone, only as part of a campaign."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """The reported campaigns, most significant first; one row each."""

    members: list[Ints]
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
    keys: Keys
    links: Links
    self_calibrated: bool
    reference_accounts: int
    notes: tuple[str, ...]


def judge(
    profiles: Profiles,
    accounts: pa.Table | None,
    exempt: npt.NDArray[np.bool_],
    families: tuple[str, ...],
    tactics: tuple[str, ...],
    options: DetectionOptions,
    baseline: Profiles | None = None,
) -> Judgement:
    """Judge all accounts.

    ``accounts`` holds the sign-up records in the order of ``profiles`` (null rows where unknown)
    or None; ``exempt`` accounts (allow-listed, authorised) are scored but never flagged, and are
    kept out of the reference and of campaigns.
    """
    # 4. link and cluster: begun first, because it needs no signals and leaves a core idle
    beside = ThreadPoolExecutor(1)
    linking = beside.submit(_linked, profiles, accounts, exempt, options)
    beside.shutdown(wait=False)  # the thread ends with its one task

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
    if baseline is None:
        p_values = fitted_tail(own, own[benign])
    else:
        null = by_group(surprises(ordinary.below(known, volumes), resolution))
        p_values = conformal(own, score(null))
    p_values = np.where(judged, p_values, 1.0)

    # 5. test
    keys, links, proposed = linking.result()
    natural = natural_groups(keys, profiles.size)
    test = group_test(profiles, proposed, natural, reference.tactic_mask)
    campaigns = _report(profiles, proposed, test, options, reference, ordinary)

    # 6. flag
    alone = np.flatnonzero(judged & ~exempt)
    flagged = np.zeros(profiles.size, dtype=np.bool_)
    flagged[alone[benjamini_hochberg(p_values[alone], options.fdr)]] = True
    campaign = np.full(profiles.size, -1, dtype=np.int64)
    scores = own.copy()
    for number, members in enumerate(campaigns.members):
        campaign[members] = number
        flagged[members] = True
        p_values[members] = np.minimum(p_values[members], campaigns.test.p_values[number])
    for members, index in zip(proposed, test.index, strict=True):
        if index > 0:
            held = members[core_mask(take(profiles, members)).any(axis=1)]
            scores[held] = np.maximum(scores[held], own[held] + _GROUP_WEIGHT * index)
    return Judgement(
        reference, ordinary, signals, below, scores, p_values, flagged, campaign, campaigns,
        keys, links, baseline is None, int(benign.size), _notes(benign.size, len(natural)),
    )  # fmt: skip


def _linked(
    profiles: Profiles,
    accounts: pa.Table | None,
    exempt: npt.NDArray[np.bool_],
    options: DetectionOptions,
) -> tuple[Keys, Links, list[Ints]]:
    keys = collect(profiles, accounts, options.hub_share)
    links = link(keys, options.least_link, ~exempt)
    return keys, links, propose(profiles.size, links, options.least_campaign)


def _report(
    profiles: Profiles,
    proposed: list[Ints],
    test: GroupTest,
    options: DetectionOptions,
    reference: Reference,
    ordinary: Ordinary,
) -> Campaigns:
    """Choose the campaigns to report: significant, disjoint, members without evidence left out."""
    tested = np.flatnonzero(test.p_values < 1)
    significant = tested[benjamini_hochberg(test.p_values[tested], options.fdr)]
    order = significant[np.lexsort((-test.index[significant], test.p_values[significant]))]
    taken = np.zeros(profiles.size, dtype=np.bool_)
    members, rows = [], []
    for row in order.tolist():
        group = proposed[row]
        holds_core = core_mask(take(profiles, group)).any(axis=1)
        kept = group[holds_core & ~taken[group]]
        if kept.size < max(options.least_campaign, 0.5 * group.size):
            continue  # mostly reported already, as part of a stronger campaign
        taken[kept] = True
        members.append(kept)
        rows.append(row)
    merged = np.concatenate([_pooled(take(profiles, group)) for group in members] or [profiles[:0]])
    signals = measure(merged, reference)
    return Campaigns(
        members,
        merged,
        signals,
        ordinary.below(signals, merged["events"].astype(np.float64)),
        test.take(np.array(rows, dtype=np.int64)),
    )


def _pooled(profiles: Profiles) -> Profiles:
    return pool(profiles, np.zeros(profiles.size, dtype=np.int64), 1)


def _notes(reference: int, natural: int) -> tuple[str, ...]:
    notes = []
    if reference < 200:
        notes.append(
            f"Only {reference} accounts serve as reference: p-values are coarse, and weak "
            "evidence cannot be told from chance."
        )
    if natural < 30:
        notes.append(
            f"Only {natural} natural groups (accounts that share a network, a template ...) "
            "serve as yardstick for campaigns: take campaigns as leads."
        )
    return tuple(notes)

"""The judgement: profiles in, scores, p-values, campaigns and flags out. No input or output here.

Numbered as the flow of ``docs/design/detection.md``:

1. measure the signals of every account and of the reference;
2. score each account by how surprising its signals are for a benign account of its volume;
3. calibrate the score against the reference;
4. link accounts that share rare things, cluster the links;
5. test each cluster as one pooled profile against natural benign groups;
6. flag: campaigns by Benjamini-Hochberg, then accounts by Benjamini-Hochberg.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cluster import cluster
from stillwatch.campaigns.compare import Links, link
from stillwatch.campaigns.keys import Keys, collect
from stillwatch.detection.calibration import benjamini_hochberg, conformal, fitted_tail
from stillwatch.detection.pooled import Pooled, pooled_test
from stillwatch.detection.scoring import Ordinary, by_group, score, surprises
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.signals import Reference, measure

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DetectionOptions:
    """How to judge; every value can be set in the configuration file under ``[detection]``."""

    fdr: float = 0.05
    """Promised share of innocents among the flagged."""
    hub_share: float = 0.1
    """Things that a larger share of all accounts has in common link nobody."""
    least_link: float = 6.0
    """Evidence (nats) below which two accounts are not linked."""
    least_campaign: int = 3
    """Fewest accounts of a campaign."""
    resolution: float = 0.3
    """Leiden's resolution: higher cuts clusters finer. At 1 (plain modularity) even one
    homogeneous group is cut in two, because pairs are compared sparsely."""
    least_events: int = 8
    """Accounts with fewer requests are not judged alone, only as part of a campaign."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found; all arrays are aligned with the profiles."""

    reference: Reference
    ordinary: Ordinary
    signals: Floats
    """Shape (p, s)."""
    below: Floats
    """Benign share below each signal in its suspicious direction, shape (p, s), NaN unknown."""
    scores: Floats
    p_values: Floats
    flagged: npt.NDArray[np.bool_]
    campaign: npt.NDArray[np.int64]
    """Number of the reported campaign of each account, -1 for none."""
    keys: Keys
    links: Links
    pooled: Pooled
    """Reported campaigns only, in order of ``campaign``."""
    self_calibrated: bool
    reference_accounts: int
    notes: tuple[str, ...] = field(default=())


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
        p_own = fitted_tail(own, own[benign])
    else:
        null = by_group(surprises(ordinary.below(known, volumes), resolution))
        p_own = conformal(own, score(null))
    p_own = np.where(judged, p_own, 1.0)

    # 4. link and cluster
    keys = collect(profiles, accounts, options.hub_share)
    links = link(keys, options.least_link)
    usable = ~exempt[links.left] & ~exempt[links.right]
    links = Links(links.left[usable], links.right[usable], links.weight[usable])
    labels = cluster(profiles.size, links, least=options.least_campaign, gamma=options.resolution)

    # 5. test clusters
    pooled = pooled_test(profiles, labels, p_own, judged, keys, reference, ordinary, resolution)

    # 6. flag
    reported = benjamini_hochberg(pooled.p_values, options.fdr)
    pooled, campaign = pooled.keep(reported, labels)
    p_values = p_own.copy()
    inside = campaign >= 0
    p_values[inside] = np.minimum(p_values[inside], pooled.p_values[campaign[inside]])
    scores = own.copy()
    scores[inside] += pooled.strength[campaign[inside]]
    alone = benjamini_hochberg(p_own[judged & ~exempt], options.fdr)
    flagged = inside.copy()
    flagged[np.flatnonzero(judged & ~exempt)[alone]] = True
    flagged &= ~exempt
    return Judgement(
        reference,
        ordinary,
        signals,
        below,
        scores,
        p_values,
        flagged,
        campaign,
        keys,
        links,
        pooled,
        baseline is None,
        int(benign.size),
    )

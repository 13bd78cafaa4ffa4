"""Assembles an evaluation: every figure with its interval and its number of cases."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stillwatch.domain.share import Share, wilson
from stillwatch.errors import ConfigError, EmptyInput
from stillwatch.evaluation.load import Judged, load
from stillwatch.evaluation.metrics import (
    BCubed,
    OperatingPoint,
    bcubed,
    ks_uniform,
    operating_point,
    roc_auc,
)

LIMITS = (1e-2, 1e-3, 0.0)
"""False-positive rates at which recall is stated."""
ENOUGH = 20
"""Accounts with at least this many requests are always shown separately."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """p-values of innocent accounts against the uniform law."""

    accounts: int
    """Innocent accounts with a p-value."""
    below_1: Share
    """Share with p < 0.01; 0.01 is promised."""
    below_5: Share
    """Share with p < 0.05; 0.05 is promised."""
    ks_distance: float
    ks_p_value: float


@dataclass(frozen=True, slots=True)
class KindRow:
    """Flags among the accounts of one kind: recall for a tactic, false flags for a population."""

    kind: str
    hostile: bool
    flagged: Share
    in_campaign: Share
    """Share that was put into a reported campaign."""


@dataclass(frozen=True, slots=True)
class Restricted:
    """Figures over the accounts with at least ``min_events`` requests."""

    min_events: int
    accounts: int
    hostile: int
    auc: float
    points: tuple[OperatingPoint, ...]
    """One for each of ``LIMITS``."""
    recall: Share
    """Hostile accounts that are flagged."""
    fdr: Share
    """Flagged accounts that are innocent."""
    attack_requests: float
    """Share of the attack requests that came from flagged accounts."""
    calibration: Calibration
    kinds: tuple[KindRow, ...]
    """Tactics first, then populations; most flags first."""


@dataclass(frozen=True, slots=True)
class Campaigns:
    """Reported campaigns against true ones, over all accounts."""

    reported: int
    true: int
    found: int
    """True campaigns of which a reported campaign with hostile majority holds at least half."""
    bcubed: BCubed
    benign: tuple[str, ...]
    """Reported campaigns that have an innocent majority."""
    unlisted: int
    """Campaign ids that accounts carry but the campaigns table lacks; 0 when they agree."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A result measured against the truth."""

    accounts: int
    """Accounts with both a judgement and a label."""
    missing: int
    """Labelled accounts that the result lacks; left out of every figure."""
    missing_hostile: int
    unlabelled: int
    """Judged accounts without label; left out of every figure."""
    promised_fdr: float | None
    promise_kept: bool | None
    """False when even the lower end of the realised FDR is above the promise."""
    restricted: tuple[Restricted, ...]
    """For the asked least number of requests, and for ``ENOUGH``."""
    campaigns: Campaigns


def evaluate(result: Path, labels: Path, min_events: int = 1) -> Evaluation:
    """Measure the directory that ``stillwatch detect`` wrote against a labels file.

    Raises InputError for files that do not fit (see ``load``), ConfigError for a negative
    ``min_events``, EmptyInput when the restriction leaves no account.
    """
    if min_events < 0:
        raise ConfigError(f"min_events is {min_events}", hint="choose 0 or more")
    return assess(load(result, labels), min_events)


def assess(judged: Judged, min_events: int = 1) -> Evaluation:
    """Measure judged accounts."""
    if not (judged.events >= min_events).any():
        raise EmptyInput(
            f"no account has {min_events} requests or more", hint="choose a smaller --min-events"
        )
    levels = sorted({min_events, max(ENOUGH, min_events)})
    restricted = tuple(_restrict(judged, level) for level in levels)
    fdr, promised = restricted[0].fdr, judged.promised_fdr
    kept = None if promised is None or fdr.total == 0 else fdr.low <= promised
    return Evaluation(
        len(judged.score),
        judged.missing,
        judged.missing_hostile,
        judged.unlabelled,
        promised,
        kept,
        restricted,
        _campaigns(judged),
    )


def _restrict(judged: Judged, level: int) -> Restricted:
    use = judged.events >= level
    score, hostile, flagged = judged.score[use], judged.hostile[use], judged.flagged[use]
    attack = (judged.attack_share * judged.events)[use]
    caught = float(attack[flagged].sum() / attack.sum()) if attack.sum() > 0 else float("nan")
    return Restricted(
        level,
        int(use.sum()),
        int(hostile.sum()),
        roc_auc(score, hostile),
        tuple(operating_point(score, hostile, limit) for limit in LIMITS),
        wilson(int((flagged & hostile).sum()), int(hostile.sum())),
        wilson(int((flagged & ~hostile).sum()), int(flagged.sum())),
        caught,
        _calibration(judged.p_value[use][~hostile]),
        _kinds(judged, np.flatnonzero(use)),
    )


def _calibration(p_values: npt.NDArray[np.float64]) -> Calibration:
    known = p_values[~np.isnan(p_values)]
    distance, p_value = ks_uniform(known)
    return Calibration(
        len(known),
        wilson(int((known < 0.01).sum()), len(known)),
        wilson(int((known < 0.05).sum()), len(known)),
        distance,
        p_value,
    )


def _kinds(judged: Judged, rows: Sequence[int] | npt.NDArray[np.int64]) -> tuple[KindRow, ...]:
    total: Counter[tuple[bool, str]] = Counter()
    flagged: Counter[tuple[bool, str]] = Counter()
    grouped: Counter[tuple[bool, str]] = Counter()
    for row in rows:
        kind = (bool(judged.hostile[row]), judged.kind[row])
        total[kind] += 1
        flagged[kind] += bool(judged.flagged[row])
        grouped[kind] += judged.reported[row] is not None
    table = [
        KindRow(name, bad, wilson(flagged[bad, name], n), wilson(grouped[bad, name], n))
        for (bad, name), n in total.items()
    ]
    return tuple(sorted(table, key=lambda row: (not row.hostile, -row.flagged.value, row.kind)))


def _campaigns(judged: Judged) -> Campaigns:
    size: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    true = Counter(name for name in judged.campaign if name is not None)
    for reported, campaign in zip(judged.reported, judged.campaign, strict=True):
        if reported is None:
            continue
        size[reported] += 1
        if campaign is not None:
            bad[reported] += 1
            both[reported, campaign] += 1
    benign = tuple(sorted(name for name in size if 2 * bad[name] < size[name]))
    found = {
        campaign
        for (reported, campaign), n in both.items()
        if reported not in benign and 2 * n >= true[campaign]
    }
    return Campaigns(
        len(size),
        len(true),
        len(found),
        bcubed(judged.campaign, judged.reported),
        benign,
        len(set(size) - judged.listed),
    )

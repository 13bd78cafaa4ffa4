"""A low-and-slow campaign over three labs: each alone, one lab that sees all, and the three joined.

Eight worlds of 19,200 accounts (14 days, some 25 accounts a campaign, 2.5 % hostile, cover and paraphrase noise
drawn per campaign), every second with real prompts, and four in which nobody is hostile. ``joined.labs`` cuts
each over three labs. Only campaigns are counted, since accounts by themselves are judged the same everywhere.
Recall is of hostile accounts with at least 20 requests, at a promised 5 %; intervals of differences come from
drawing campaigns anew (bootstrap), as the accounts of one campaign are found or missed together.

    cd bench && python -m joined.detection [--worlds 8] [--innocent 4] [--json]
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri
from scipy.stats import combine_pvalues

from common import arguments, emit
from joined.labs import LABS, Bools, Lab, cut, elsewhere, joined, promoted, truth, worlds
from quality.harness import World, load
from quality.pooling import rate
from stillwatch.detection import groups, joint, suspects
from stillwatch.detection.joint import Part

INNOCENT_SEED = 651
PROMISES = (0.01, 0.05, 0.10)
_DRAWS = 2000

JointP = Callable[[Part, Sequence[Part]], float]


@dataclass(frozen=True)
class Found:
    """Who is found in one world; arrays over its accounts."""

    counted: Bools
    """Hostile, with enough requests."""
    hostile: Bools
    campaign: npt.NDArray[np.str_]
    whole: Bools
    """By one lab that sees all."""
    alone: Bools
    """By each lab in its own part."""
    lab: npt.NDArray[np.int64]
    added: Bools
    """By joint evidence beyond that."""

    @property
    def together(self) -> Bools:
        return self.alone | self.added


def measure(count: int, innocent: int) -> dict[str, Any]:
    """All tables."""
    hostile = [load(options) for options in worlds(count)]
    harmless = [load(o) for o in worlds(innocent, INNOCENT_SEED, attack_share=0.0, tactics=())]
    found = {promise: [_found(w, promise) for w in hostile] for promise in PROMISES}
    return {
        "tables": [
            {
                "title": "Recall at a promised 5 %, by world",
                "head": ("world", "prompts", "hostile", "one lab that sees all",
                         *(f"lab {n + 1} alone" for n in range(LABS)), "three labs alone", "three labs joined",
                         "innocent among those added"),
                "rows": [_row(w, f) for w, f in zip(hostile, found[0.05], strict=True)],
            },
            {
                "title": "Pooled over worlds",
                "head": ("promised FDR", "one lab that sees all", "three labs alone", "three labs joined",
                         "joined minus all", "joined minus alone", "innocent among all that are found",
                         "innocent among those added"),
                "rows": [[f"{promise:.0%}", *_pooled(several)] for promise, several in found.items()],
            },
            {
                "title": "Where nobody is hostile (promised 5 %)",
                "head": ("worlds", "groups tested", "suspected", "of these like a group elsewhere", "added"),
                "rows": [_harmless(harmless)],
            },
            {
                "title": "Joint p-values of natural groups that continue elsewhere, nobody hostile",
                "head": ("combined by", "groups", "p of 0.01 or less", "of 0.05 or less", "of 0.1 or less"),
                "rows": _null(harmless),
            },
            {
                "title": "What else was tried (promised 5 %)",
                "head": ("what", "three labs joined", "innocent among those added"),
                "rows": list(_tried(hostile, harmless)),
            },
        ]
    }  # fmt: skip


def _found(world: World, promise: float) -> Found:
    hostile, enough = truth(world)
    everything = Lab(world, np.arange(hostile.size), promise)
    labs = cut(world, promise)
    marked: Callable[[npt.NDArray[np.int64]], Bools] = lambda rows: np.isin(  # noqa: E731
        np.arange(hostile.size), rows
    )
    lab = np.empty(hostile.size, np.int64)
    for number, one in enumerate(labs):
        lab[one.rows] = number
    names = np.array([c or "" for c in world.labels["campaign_id"].to_pylist()])
    return Found(
        hostile & enough, hostile, np.char.add(f"{world.name} ", names), marked(everything.flagged),
        marked(np.concatenate([one.flagged for one in labs])), lab,
        marked(np.concatenate([promoted(one, labs) for one in labs])),
    )  # fmt: skip


def _row(world: World, found: Found) -> list[Any]:
    share: Callable[[Bools, Bools], float] = lambda hit, of: round(float(hit[of].mean()), 3)  # noqa: E731
    counted = found.counted
    return [
        world.name.split("-")[0], "real" if world.real else "generated", int(counted.sum()),
        share(found.whole, counted),
        *(share(found.alone, counted & (found.lab == n)) for n in range(LABS)),
        share(found.alone, counted), share(found.together, counted),
        (int((found.added & ~found.hostile).sum()), int(found.added.sum())),
    ]  # fmt: skip


def _pooled(found: list[Found]) -> list[str]:
    counted, hostile, campaign, whole, alone, added = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("counted", "hostile", "campaign", "whole", "alone", "added")
    )
    together = alone | added
    n = int(counted.sum())
    return [
        *(rate(int((hit & counted).sum()), n) for hit in (whole, alone, together)),
        _difference(together, whole, counted, campaign),
        _difference(together, alone, counted, campaign),
        rate(int((together & ~hostile).sum()), int(together.sum())),
        rate(int((added & ~hostile).sum()), int(added.sum())),
    ]


def _difference(a: Bools, b: Bools, counted: Bools, campaign: npt.NDArray[np.str_]) -> str:
    _, which = np.unique(campaign[counted], return_inverse=True)
    sizes = np.bincount(which)
    gain = np.bincount(which, a[counted].astype(float) - b[counted])
    drawn = np.random.default_rng(1).integers(0, sizes.size, (_DRAWS, sizes.size))
    low, high = np.quantile(gain[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    return f"{gain.sum() / sizes.sum():+.3f} [{low:+.3f}, {high:+.3f}]"


def _harmless(several: list[World]) -> list[Any]:
    tested = suspected = linked = added = 0
    for world in several:
        labs = cut(world)
        for lab in labs:
            tested += lab.suspects.tested
            suspected += len(lab.suspects.groups)
            linked += len(joined(lab, labs))
            added += promoted(lab, labs).size
    return [len(several), tested, suspected, linked, added]


def _null(several: list[World]) -> list[list[Any]]:
    """Every natural group that is like one elsewhere, whatever its p-value: all are told."""
    ways: dict[str, JointP] = {
        "as one lab would": joint.joint_p,
        "Stouffer": stouffer,
        "Fisher": fisher,
    }
    p_values: dict[str, list[float]] = {name: [] for name in ways}
    with _set(suspects, "BAR", 1.0), _set(suspects, "MOST", 10**6):
        for world in several:
            labs = cut(world)
            for lab in labs:
                for own in lab.suspects.groups:
                    others = joint.one_a_lab(elsewhere(own, labs, lab))
                    for name, combine in ways.items() if others and own.stands else ():
                        part = Part(own.p_value, own.accounts.size)
                        p_values[name].append(combine(part, [one.part for one in others]))
    return [
        [name, len(told), *(rate(int((np.array(told) <= a).sum()), len(told)) for a in (0.01, 0.05, 0.1))]
        for name, told in p_values.items()
    ]  # fmt: skip


def _tried(hostile: list[World], harmless: list[World]) -> Iterator[list[str]]:
    changes: dict[str, list[tuple[Any, str, Any]]] = {
        "as it is": [],
        "Stouffer, as if labs were independent": [(joint, "joint_p", stouffer)],
        "Fisher, as if labs were independent": [(joint, "joint_p", fisher)],
        "weighted by accounts": [(joint, "joint_p", by_accounts)],
        "bar 0.05 instead of 0.1": [(suspects, "BAR", 0.05)],
        "bar 0.2": [(suspects, "BAR", 0.2)],
        "two equal bands are enough": [(joint.Elsewhere, "same", property(lambda one: one.bands >= 2))],
        "a rare prompt is asked for": [
            (joint.Elsewhere, "same", property(lambda one: one.bands >= 2 and one.prompts > 0))
        ],
        "no parts of four or five accounts": [(groups, "PARTS", 6)],
    }  # fmt: skip
    for name, sets in changes.items():
        yield [name, *_with(sets, [*hostile, *harmless])]


def _with(sets: list[tuple[Any, str, Any]], several: list[World]) -> tuple[str, str]:
    if sets:
        with _set(*sets[0]):
            return _with(sets[1:], several)
    found = [_found(world, 0.05) for world in several]
    counted, hostile, alone, added = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("counted", "hostile", "alone", "added")
    )
    return (
        rate(int(((alone | added) & counted).sum()), int(counted.sum())),
        rate(int((added & ~hostile).sum()), int(added.sum())),
    )


def stouffer(own: Part, others: Sequence[Part]) -> float:
    """Stouffer's sum of deviates, as if labs were independent."""
    deviates = -ndtri(np.array([part.p_value for part in (own, *others)]))
    return float(ndtr(-deviates.sum() / np.sqrt(deviates.size)))


def fisher(own: Part, others: Sequence[Part]) -> float:
    """Fisher's sum of logarithms, as if labs were independent."""
    return float(combine_pvalues([part.p_value for part in (own, *others)]).pvalue)


def by_accounts(own: Part, others: Sequence[Part]) -> float:
    """As it is, but the strengths weighted by accounts."""
    if not others:
        return own.p_value
    accounts = np.array([part.accounts for part in (own, *others)], dtype=float)
    index = -joint.stdtrit(joint.FREEDOM, np.array([part.p_value for part in (own, *others)]))
    strength = index * (accounts + joint.FEW) / accounts
    mean, whole = np.average(strength, weights=accounts), accounts.sum()
    return float(joint.stdtr(joint.FREEDOM, -mean * whole / (whole + joint.FEW)))


@contextmanager
def _set(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Run with another constant or rule; the product has no option for these."""
    kept = owner.__dict__[name]
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, kept)


if __name__ == "__main__":
    given = arguments(__doc__, worlds=8, innocent=4)
    emit(measure(given.worlds, given.innocent), given.json)

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
    """All tables; one world at a time, as three labs of it are half a gigabyte."""
    found: dict[float, list[Found]] = {promise: [] for promise in PROMISES}
    tried: dict[str, list[Found]] = {name: [] for name in TRIED}
    null: dict[str, list[float]] = {name: [] for name in WAYS}
    rows, harmless = [], np.zeros(4, np.int64)
    for options in worlds(count):
        world = load(options)
        for promise in PROMISES:
            found[promise].append(_found(world, cut(world, promise), promise))
        rows.append(_row(world, found[0.05][-1]))
        _try(world, tried, found[0.05][-1].whole)
    for options in worlds(innocent, INNOCENT_SEED, attack_share=0.0, tactics=()):
        world = load(options)
        harmless += _harmless(cut(world))
        _null(cut(world), null)
        _try(world, tried, None)
    return {
        "tables": [
            {
                "title": "Recall at a promised 5 %, by world",
                "head": ("world", "prompts", "hostile", "one lab that sees all",
                         *(f"lab {n + 1} alone" for n in range(LABS)), "three labs alone", "three labs joined",
                         "innocent among those added"),
                "rows": rows,
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
                "head": ("worlds", "groups tested", "suspected", "of these like a group elsewhere", "accounts added"),
                "rows": [[innocent, *harmless.tolist()]],
            },
            {
                "title": "Joint p-values of natural groups that continue elsewhere, nobody hostile",
                "head": ("combined by", "groups", "p of 0.01 or less", "of 0.05 or less", "of 0.1 or less"),
                "rows": [
                    [name, len(told), *(rate(int((np.array(told) <= a).sum()), len(told)) for a in (0.01, 0.05, 0.1))]
                    for name, told in null.items()
                ],
            },
            {
                "title": "What else was tried (promised 5 %; hostile and innocent worlds)",
                "head": ("what", "three labs joined", "innocent among those added"),
                "rows": [[name, *_outcome(several)] for name, several in tried.items()],
            },
        ]
    }  # fmt: skip


def _found(
    world: World, labs: list[Lab], promise: float = 0.05, whole: Bools | None = None
) -> Found:
    hostile, enough = truth(world)
    marked: Callable[[npt.NDArray[np.int64]], Bools] = lambda rows: np.isin(  # noqa: E731
        np.arange(hostile.size), rows
    )
    lab = np.empty(hostile.size, np.int64)
    for number, one in enumerate(labs):
        lab[one.rows] = number
    if whole is None:
        whole = marked(Lab(world, np.arange(hostile.size), promise).flagged)
    names = np.array([c or "" for c in world.labels["campaign_id"].to_pylist()])
    return Found(
        hostile & enough, hostile, np.char.add(f"{world.name} ", names), whole,
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


def _harmless(labs: list[Lab]) -> npt.NDArray[np.int64]:
    figures = [
        (lab.suspects.tested, len(lab.suspects.groups), len(joined(lab, labs)), promoted(lab, labs).size)
        for lab in labs
    ]  # fmt: skip
    return np.array(figures).sum(axis=0)


def _null(labs: list[Lab], null: dict[str, list[float]]) -> None:
    """Every natural group that is like one elsewhere, whatever its p-value: all are told."""
    with _set(suspects, "BAR", 1.0), _set(suspects, "MOST", 10**6):
        for lab in labs:
            for own in lab.suspects.groups:
                others = joint.one_a_lab(elsewhere(own, labs, lab))
                for name, combine in WAYS.items() if others and own.stands else ():
                    part = Part(own.p_value, own.accounts.size)
                    null[name].append(combine(part, [one.part for one in others]))


def _try(world: World, tried: dict[str, list[Found]], whole: Bools | None) -> None:
    known = np.zeros(len(world.account_ids), np.bool_) if whole is None else whole
    as_it_is = cut(world)
    for name, (owner, constant, value) in TRIED.items():
        labs = cut(world) if owner in (suspects, groups) else as_it_is
        with _set(owner, constant, value):
            tried[name].append(_found(world, labs, whole=known))


def _outcome(several: list[Found]) -> tuple[str, str]:
    counted, hostile, alone, added = (
        np.concatenate([getattr(one, name) for one in several])
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


def uncapped(own: Part, others: Sequence[Part]) -> float:
    """As it is, but what one lab alone says counts in full."""
    if not others:
        return own.p_value
    accounts = np.array([part.accounts for part in (own, *others)], dtype=float)
    index = -joint.stdtrit(joint.FREEDOM, np.array([part.p_value for part in (own, *others)]))
    mean, whole = (index * (accounts + joint.FEW) / accounts).mean(), accounts.sum()
    return float(joint.stdtr(joint.FREEDOM, -mean * whole / (whole + joint.FEW)))


WAYS: dict[str, JointP] = {
    "as one lab would": joint.joint_p,
    "the same, one lab's word in full": uncapped,
    "Stouffer, as if labs were independent": stouffer,
    "Fisher, as if labs were independent": fisher,
}
TRIED: dict[str, tuple[Any, str, Any]] = {
    "as it is": (joint, "joint_p", joint.joint_p),
    **{name: (joint, "joint_p", way) for name, way in list(WAYS.items())[1:]},
    "bar 0.05 instead of 0.1": (suspects, "BAR", 0.05),
    "bar 0.2": (suspects, "BAR", 0.2),
    "two equal bands are enough": (joint.Elsewhere, "same", property(lambda one: one.bands >= 2)),
    "a rare prompt is asked for": (
        joint.Elsewhere,
        "same",
        property(lambda one: one.bands >= 2 and one.prompts > 0),
    ),
    "no parts of four or five accounts": (groups, "PARTS", 6),
}


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

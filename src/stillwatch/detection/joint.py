"""Joint evidence: what several labs know of one job, each of its part.

Every lab tests its own part against its own natural groups and tells an honest p-value. Natural
groups continue elsewhere as well: users of one framework are at every lab, and what makes them look
alike here makes them look alike there. So p-values of labs are not independent, and Fisher's or
Stouffer's sum would take one oddity seen three times for three. What is sound is to ask what one lab
would have found that had all accounts:

    strength  the index of a part, undone what is drawn off because its accounts are few
    joint     mean strength over the labs, drawn off again for the accounts of all of them

If parts tell the same, this is the index of the whole; if they are independent, it is less than they
could say. Each lab is one witness: its yardstick is as unsure with many accounts as with few. What one
lab alone says lifts nothing: no other lab's strength counts for more than the second strongest of all, the
own included. So one liar accuses nobody, and beside a single other lab a part gains from the accounts of
both only.

Benjamini-Hochberg runs over all groups that were tested here, with the joint p-value where there is
one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from stillwatch.detection.calibration import benjamini_hochberg
from stillwatch.detection.pooled import FEW, FREEDOM

Floats = npt.NDArray[np.float64]

_STRONGEST = 5.0  # index of another lab's part, at most
_BANDS = 2  # equal bands without which two groups are not one job's
_APART = 0.8  # share of a group's accounts that are in no stronger one


@dataclass(frozen=True, slots=True)
class Part:
    """One lab's part of a job."""

    p_value: float
    accounts: int


def joint_p(own: Part, others: Sequence[Part]) -> float:
    """P-value of one job over all its parts; the own p-value without others."""
    if not others:
        return own.p_value
    parts = [own, *others]
    accounts = np.array([part.accounts for part in parts], dtype=np.float64)
    index = -stdtrit(FREEDOM, np.array([part.p_value for part in parts]))
    index[1:] = np.clip(index[1:], 0.0, _STRONGEST)
    strength = index * (accounts + FEW) / accounts
    strength[1:] = np.minimum(strength[1:], np.sort(strength)[-2])
    whole = float(accounts.sum())
    return float(stdtr(FREEDOM, -float(strength.mean()) * whole / (whole + FEW)))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A group of another lab that shares tags with one of ours."""

    lab: str
    claim: str
    part: Part
    bands: int
    """Equal bands."""
    prompts: int
    """Equal rare prompts."""

    @property
    def same(self) -> bool:
        """Whether that is enough to take both for one job's.

        Two bands and one tag more: a rare prompt, or a third band. Of a job that shares its
        prompts out over labs none occurs twice, so that a prompt cannot be asked for; and likeness
        accuses nobody: the joint test does, whose null are natural groups that continue elsewhere.
        """
        return self.bands >= _BANDS and self.bands + self.prompts > _BANDS


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of our groups, with what other labs have that is like it."""

    accounts: frozenset[str]
    p_value: float
    reported: bool
    """Whether it is a campaign that our own evidence found."""
    elsewhere: tuple[Elsewhere, ...]

    @property
    def own(self) -> Part:
        """Our part."""
        return Part(self.p_value, len(self.accounts))


@dataclass(frozen=True, slots=True)
class Joined:
    """What joint evidence says of one of our groups."""

    number: int
    """Place among the candidates."""
    elsewhere: tuple[Elsewhere, ...]
    """At most one group a lab."""
    p_value: float
    promoted: frozenset[str]
    """Accounts that are reported by joint evidence only; empty if it does not pass, or was found."""


def join(
    candidates: Sequence[Candidate], tested: int, fdr: float, least: int
) -> tuple[Joined, ...]:
    """Join each group that continues at another lab; campaigns first, then by joint p-value.

    ``tested`` groups were looked at here, ``least`` accounts make a campaign, over all labs. Of
    overlapping groups only the strongest is told.
    """
    elsewhere = [one_a_lab(candidate.elsewhere) for candidate in candidates]
    p_values = np.array(
        [_tested_p(c, parts, least) for c, parts in zip(candidates, elsewhere, strict=True)]
    )
    ours = np.array([not candidate.reported for candidate in candidates], dtype=np.bool_)
    passed = np.zeros(len(candidates), dtype=np.bool_)
    passed[ours] = passing(p_values[ours], tested, fdr)
    taken: set[str] = set()
    for candidate in candidates:
        taken |= candidate.accounts if candidate.reported else frozenset()
    order = sorted(range(len(candidates)), key=lambda n: (bool(ours[n]), p_values[n], n))
    found, told = list[Joined](), set[str]()
    for n in order:
        fresh = candidates[n].accounts - (taken if ours[n] else frozenset())
        if not elsewhere[n] or _covered(candidates[n].accounts, taken | told, bool(ours[n])):
            continue
        promoted = fresh if ours[n] and passed[n] else frozenset[str]()
        told |= candidates[n].accounts
        taken |= promoted
        found.append(Joined(n, elsewhere[n], float(p_values[n]), promoted))
    return tuple(found)


def passing(p_values: Floats, tested: int, fdr: float) -> npt.NDArray[np.bool_]:
    """Which of the groups pass at ``fdr``; groups that are not listed count as tested with p = 1."""
    if tested < p_values.size:
        raise ValueError("more groups than were tested")
    rest = np.ones(tested - p_values.size)
    return benjamini_hochberg(np.concatenate([p_values, rest]), fdr)[: p_values.size]


def _tested_p(candidate: Candidate, parts: Sequence[Elsewhere], least: int) -> float:
    """The joint p-value; 1 for too few accounts over all labs."""
    accounts = len(candidate.accounts) + sum(one.part.accounts for one in parts)
    if accounts < least:
        return 1.0
    return joint_p(candidate.own, [one.part for one in parts])


def _covered(accounts: frozenset[str], others: set[str], ours: bool) -> bool:
    """Whether others have most of these accounts; campaigns are disjoint anyway."""
    return ours and len(accounts & others) > (1 - _APART) * len(accounts)


def one_a_lab(found: Sequence[Elsewhere]) -> tuple[Elsewhere, ...]:
    """The most alike group of each lab that is the same; never chosen by its p-value."""
    best: dict[str, Elsewhere] = {}
    for one in found:
        known = best.get(one.lab)
        if one.same and (known is None or _likeness(one) > _likeness(known)):
            best[one.lab] = one
    return tuple(best[lab] for lab in sorted(best))


def _likeness(one: Elsewhere) -> tuple[int, int, int, str]:
    return one.bands + one.prompts, one.bands, one.part.accounts, one.claim

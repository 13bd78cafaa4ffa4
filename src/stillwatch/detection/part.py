"""The part of a window that a quick judgement looks at: its groups measured, chosen and told.

Steps 3 to 5 of ``near``. Everything has the form that a full judgement gives it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.carriers import carried
from stillwatch.detection.frozen import Frozen
from stillwatch.detection.groups import Chosen, Groups, Wording, choose
from stillwatch.detection.judge import Alone, Judgement, ranked, reported
from stillwatch.detection.pooled import GroupTest, Yardstick
from stillwatch.profiles.merge import Profiles, take

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

MOST = 8192
"""Accounts that one quick judgement looks at; bounds memory. More wait for a full one."""
_HOLDS = 3  # phrases of a new scaffold that an account holds, to be looked at as a carrier


class People(Protocol):
    """The accounts of the window, as they are now."""

    def current(self, account_ids: Sequence[str]) -> Profiles:
        """Profiles of some accounts, copied."""

    def holding(self, keys: npt.NDArray[np.uint32]) -> tuple[list[str], Ints, Ints]:
        """Who holds which of the ``keys`` anywhere: accounts, and pairs of places in both lists."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a quick judgement is made with."""

    frozen: Frozen
    people: People
    exempt: Callable[[Sequence[str]], Bools]
    slack: float
    """Times p-values are taken."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What changed accounts touch."""

    wording: Wording
    """Scaffolds to look for; those from ``first_new`` on are new."""
    first_new: int
    touched: Ints
    """Scaffolds of the last full judgement."""
    accounts: Ints
    """Numbers of the accounts that carry any."""


class Part:
    """The accounts that a quick judgement looks at, and their groups."""

    def __init__(self, given: Given, numbers: Ints, ids: list[str], reach: Reach) -> None:
        self._given, self._frozen, self._reach = given, given.frozen, reach
        self.numbers, self.ids = numbers, ids
        self.profiles = given.people.current(ids)
        self.exempt = given.exempt(ids)
        self.groups = self._measured(self._known_outside())

    @classmethod
    def of(cls, given: Given, numbers: Ints, reach: Reach) -> "Part":
        """In order of ids, as full judgements have it."""
        names = given.frozen.names
        ordered = sorted(numbers.tolist(), key=names.__getitem__)
        return cls(given, np.array(ordered, np.int64), [names[n] for n in ordered], reach)

    @property
    def _yardstick(self) -> Yardstick:
        return replace(self._frozen.yardstick, slack=self._given.slack)

    def chosen(self, waits: list[str]) -> tuple[Chosen, GroupTest]:
        """Campaigns among the groups that were touched."""
        chosen, test = self._choose()
        if any((self._scaffolds(part) >= self._reach.first_new).any() for part in chosen.streams):
            self._ask_all()
            chosen, test = self._choose()
        return self._apart(chosen, waits), test

    def judgement(
        self, chosen: Chosen, test: GroupTest, changed: Ints, alone: Alone, flags: Ints
    ) -> Judgement:
        """In the form of a full one; only these accounts, and only what was touched."""
        frozen, size = self._frozen, self.numbers.size
        campaigns = reported(self.profiles, chosen, alone.reference, alone.ordinary)
        p_values = np.minimum(1.0, self._given.slack * frozen.p_values[self.numbers])
        flagged = np.isin(self.numbers, flags)
        campaign = np.full(size, -1, dtype=np.int64)
        own = self._measures(changed, alone, [*chosen.members, np.flatnonzero(flagged)], p_values)
        for number, members in enumerate(chosen.members):
            campaign[members], flagged[members] = number, True
            p_values[members] = np.minimum(p_values[members], chosen.test.p_values[number])
        return Judgement(
            own.reference, own.ordinary, own.signals, own.below,
            ranked(self.groups, test, campaigns, own), p_values, flagged, campaign, campaigns,
            self.groups, self._yardstick, frozen.self_calibrated, own.benign, (), own,
        )  # fmt: skip

    def _measures(
        self, changed: Ints, alone: Alone, told: Sequence[Ints], p_values: Floats
    ) -> Alone:
        """Signals of the changed, and of members that will be told of; of nobody else."""
        shape = (self.numbers.size, alone.signals.shape[1])
        signals, below = np.full(shape, np.nan), np.full(shape, np.nan)
        own = np.zeros(shape[0])
        place = {int(number): at for at, number in enumerate(changed.tolist())}
        rows = np.array([place.get(number, -1) for number in self.numbers.tolist()], np.int64)
        here = np.flatnonzero(rows >= 0)
        signals[here], below[here], own[here] = (
            values[rows[here]] for values in (alone.signals, alone.below, alone.own)
        )
        rest = np.setdiff1d(np.concatenate([here[:0], *told]), here)
        if rest.size:
            more = alone.measured(take(self.profiles, rest))
            signals[rest], below[rest], own[rest] = more.signals, more.below, more.own
        judged = self._frozen.judged[self.numbers]
        return replace(
            alone, signals=signals, below=below, own=own, p_values=p_values.copy(), judged=judged
        )

    def _scaffolds(self, streams: Ints) -> Ints:
        assert self.groups.wording is not None
        return np.asarray(self.groups.wording.scaffold[streams])

    def _choose(self) -> tuple[Chosen, GroupTest]:
        frozen, yardstick = self._frozen, self._yardstick
        test = yardstick.test(self.groups.figures)
        touched = set(self._reach.touched.tolist())
        rest = [one.p_value for one in frozen.groups if one.label not in touched]
        elsewhere = np.minimum(1.0, self._given.slack * np.array(rest, dtype=np.float64))
        options = frozen.options
        chosen = choose(
            self.groups, yardstick, test, fdr=options.fdr, least=options.least_campaign,
            elsewhere=elsewhere,
        )  # fmt: skip
        return chosen, test

    def _measured(self, outside: Ints) -> Groups:
        """``outside`` accounts hold each phrase that are not looked at."""
        wording = self._reach.wording
        streams, scaffold = carried(self.profiles, wording.keys, wording.labels, ~self.exempt)
        place = np.searchsorted(wording.keys, streams.keys)
        streams = replace(streams, holders=streams.holders + outside[place])
        found = Wording(wording.keys, wording.labels, scaffold)
        return Groups.of(
            self.profiles, streams, found, self._frozen.tactic_mask,
            least=self._frozen.options.least_campaign,
        )  # fmt: skip

    def _known_outside(self) -> Ints:
        """As far as the last full judgement looked for the phrases."""
        known, keys = self._frozen.wording.keys, self._reach.wording.keys
        here = np.flatnonzero(np.isin(keys, known))
        which, who = self._frozen.holders.holders(np.searchsorted(known, keys[here]))
        outside = np.zeros(keys.size, dtype=np.int64)
        beyond = ~np.isin(who, self.numbers)
        outside[here] = np.bincount(which[beyond], minlength=here.size)
        return outside

    def _ask_all(self) -> None:
        """Who else of the window holds the phrases that no full judgement has looked for."""
        frozen, keys = self._frozen, self._reach.wording.keys
        fresh = np.flatnonzero(~np.isin(keys, frozen.wording.keys))
        ids, who, which = self._given.people.holding(keys[fresh])
        others = frozen.number(ids)
        join = np.setdiff1d(others[np.bincount(who, minlength=others.size) >= _HOLDS], self.numbers)
        if 0 < join.size <= MOST - self.numbers.size:
            part = Part.of(self._given, np.union1d(self.numbers, join), self._reach)
            self.numbers, self.ids = part.numbers, part.ids
            self.profiles, self.exempt = part.profiles, part.exempt
        outside = self._known_outside()
        beyond = ~np.isin(others[who], self.numbers)
        outside[fresh] = np.bincount(which[beyond], minlength=fresh.size)
        self.groups = self._measured(outside)

    def _apart(self, chosen: Chosen, waits: list[str]) -> Chosen:
        """Without accounts of campaigns that were not touched; what is left must pass by itself."""
        touched = set(self._reach.touched.tolist())
        taken = [
            account
            for members, labels in self._frozen.campaigns
            if not labels & touched
            for account in members
        ]
        theirs = np.isin(self.numbers, np.array(taken, dtype=np.int64))
        bar = max([0.0, *chosen.test.p_values.tolist()])
        members, streams, kept = list[Ints](), list[Ints](), list[int]()
        owner, least = self.groups.streams.owner, self._frozen.options.least_campaign
        for number, part in enumerate(chosen.streams):
            free = part[~theirs[owner[part]]]
            if free.size < part.size:
                rest = self.groups.accounts(free)
                passes = rest.size >= least and (
                    self._yardstick.test(self.groups.measure([free])).p_values[0] <= bar
                )
                if not passes:
                    waits.append("a group overlaps with a campaign that was not touched")
                    continue
            members.append(self.groups.accounts(free))
            streams.append(free)
            kept.append(number)
        return Chosen(members, streams, chosen.test.take(kept))

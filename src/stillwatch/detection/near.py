"""A quick judgement: only accounts that changed, and only groups that they touch.

Numbered as the flow of ``docs/adr/0021-quick-judgements.md``:

1. measure and score the changed accounts, by the statistics of the last full judgement;
2. find what they touch: scaffolds that they carry or carried, if their groups are near the bar or
   enough of their carriers changed, and phrases that they brought into new company;
3. measure the groups of those scaffolds, with all their carriers as they are now;
4. where a group of a new scaffold would pass, ask the whole window who else holds its phrases;
5. flag: Benjamini-Hochberg over all groups and all accounts of the window, those that were not looked
   at with the p-values that they had.

The statistics are old by what came since. P-values are taken ``slack`` times: 1 while nothing has
come, 2 where the window has grown by ``GROWTH``; beyond, nothing is decided but by a full judgement.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.carriers import carried, holdings
from stillwatch.campaigns.cluster import scaffolds
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.streams import streams_of
from stillwatch.detection.frozen import Frozen
from stillwatch.detection.groups import Wording
from stillwatch.detection.joint import passing
from stillwatch.detection.judge import Alone, Judgement
from stillwatch.detection.part import MOST, Given, Part, People, Reach
from stillwatch.detection.touched import alike, streams_with
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

GROWTH = 0.2
"""Growth of the window, by requests, from which statistics are too old."""
_NEAR = 0.1  # p-value of a group that is measured again whenever it is touched
_SOME = 0.1  # of the carriers of another, that changed since the full judgement
_MANY = 0.25  # of the holders of a phrase that came into new company
_LOW = 0.25  # p-values of innocents are below it one time in four
_ENOUGH = 200  # changed accounts that tell whether they still are


@dataclass(frozen=True, slots=True)
class Seen:
    """What a quick judgement found."""

    account_ids: list[str]
    """Of those it looked at; all else is aligned with them."""
    profiles: Profiles
    judgement: Judgement
    scored: int
    """Accounts that were scored: the changed ones."""
    groups: int
    """Groups that were measured."""
    waits: tuple[str, ...]
    """What is left to a full judgement, in sentences."""


class Near:
    """Judges changed accounts by what a full judgement has left."""

    def __init__(
        self, frozen: Frozen, people: People, exempt: Callable[[Sequence[str]], Bools]
    ) -> None:
        self._frozen, self._people, self._exempt = frozen, people, exempt
        self._now = frozen.events.copy()
        self._then, self._before = int(frozen.events.sum()), frozen.p_values.copy()
        self._changed = np.zeros(self._now.size, dtype=np.bool_)
        """By number: whether an account changed since the full judgement."""
        self._known = _sets(frozen.wording)
        self.events = self._then
        """Requests of the window."""

    @property
    def accounts(self) -> int:
        """Accounts of the window."""
        return len(self._frozen.names)

    @property
    def slack(self) -> float:
        """Times p-values are taken."""
        return 1.0 + (self.events - self._then) / max(1, self._then) / GROWTH

    @property
    def stale(self) -> bool:
        """Whether too much came since the statistics were learned."""
        return self.slack > 2.0

    def look(self, account_ids: Sequence[str]) -> Seen:
        """Judge accounts that changed; at most ``MOST``."""
        frozen, ids = self._frozen, sorted(account_ids)
        numbers, profiles, exempt = frozen.number(ids), self._people.current(ids), self._exempt(ids)
        alone = self._score(numbers, profiles, exempt)  # 1
        waits = list[str]()
        reach = self._reach(numbers, profiles, ~exempt, waits)  # 2
        everybody = np.union1d(numbers, reach.accounts)
        if everybody.size > MOST:
            waits.append(f"{everybody.size:,} accounts carry what was touched")
            reach, everybody = _nothing(reach), numbers
        part = Part.of(self._given(), everybody, reach)
        chosen, test = part.chosen(waits)  # 3 to 5
        self._make_room()
        flags = self._flags(numbers, waits)
        judgement = part.judgement(chosen, test, numbers, alone, flags)
        return Seen(
            part.ids,
            part.profiles,
            judgement,
            numbers.size,
            len(part.groups.proposed),
            tuple(waits),
        )

    def _given(self) -> Given:
        return Given(self._frozen, self._people, self._exempt, self.slack)

    def _score(self, numbers: Ints, profiles: Profiles, exempt: Bools) -> Alone:
        frozen, alone = self._frozen, self._frozen.alone.measured(profiles)
        counted = alone.judged & ~exempt
        frozen.p_values[numbers] = np.where(counted, alone.p_values, 1.0)
        frozen.judged[numbers] = counted
        self._make_room()
        events = profiles["events"].astype(np.int64)
        self.events += int((events - self._now[numbers]).sum())
        self._now[numbers] = events
        self._changed[numbers] = True
        return alone

    def _make_room(self) -> None:
        """For accounts that were met since, whether they were looked at or not."""
        more = np.zeros(self.accounts - self._now.size, dtype=np.int64)
        self._now = np.concatenate([self._now, more])
        self._changed = np.concatenate([self._changed, more.astype(np.bool_)])

    def _reach(self, numbers: Ints, profiles: Profiles, usable: Bools, waits: list[str]) -> Reach:
        frozen, wording = self._frozen, self._frozen.wording
        before = frozen.carriers.of(numbers)[1]
        carrying, scaffold = carried(profiles, wording.keys, wording.labels, usable)
        frozen.carriers.replace(numbers, numbers[carrying.owner], scaffold)
        rows, places = holdings(profiles, wording.keys, usable)
        frozen.holders.replace(numbers, numbers[rows], places)
        streams = streams_of(profiles)
        owner = np.repeat(streams.owner, np.diff(streams.key_starts))
        kept = usable[owner]
        owner, keys = owner[kept], streams.keys[kept].astype(np.int64)
        frozen.skeletons.replace(numbers, numbers[owner], keys)
        place, held = frozen.skeletons.before(numbers)
        brought = np.setdiff1d(owner << 32 | keys, place << 32 | held) & 0xFFFFFFFF
        touched = self._worth(np.union1d(before, scaffold), waits)
        brought = np.unique(brought)
        phrases = alike(frozen.skeletons, brought[self._moved(brought)])
        if phrases is None:
            waits.append("too many phrases keep new company")
            phrases = brought[:0]
        return self._with_new(touched, phrases)

    def _worth(self, labels: Ints, waits: list[str]) -> Ints:
        """Scaffolds whose groups may have become campaigns, or were: the others are as they were.

        Those near the bar, and those of whose carriers enough changed; the strongest first, as far as
        there is room for their carriers.
        """
        frozen = self._frozen
        p_values = np.array([frozen.least_p.get(label, 1.0) for label in labels.tolist()])
        place, who = frozen.carriers.holders(labels)
        carriers = np.bincount(place, minlength=labels.size)
        moved = np.bincount(place[self._changed[who]], minlength=labels.size)
        worth = np.flatnonzero((p_values <= _NEAR) | (moved >= _SOME * carriers))
        worth = worth[np.argsort(p_values[worth], kind="stable")]
        room = np.cumsum(carriers[worth]) <= MOST // 2
        if not room.all():
            waits.append(f"{int((~room).sum()):,} scaffolds that too many accounts carry")
        return np.sort(labels[worth[room]])

    def _moved(self, phrases: Ints) -> Bools:
        """Phrases of whose holders enough changed to have come into new company."""
        place, who = self._frozen.skeletons.holders(phrases)
        holders = np.bincount(place, minlength=phrases.size)
        return np.asarray(
            np.bincount(place[self._changed[who]], minlength=phrases.size) >= _MANY * holders
        )

    def _new(self, phrases: Ints) -> tuple[npt.NDArray[np.uint32], Ints]:
        """New scaffolds that the ``phrases`` make up: their phrases, and labels as of ``scaffolds``."""
        streams, accounts = streams_with(self._frozen.skeletons, phrases)
        fresh = phrases_of(streams, np.ones(accounts.size, dtype=np.bool_))
        labels = scaffolds(fresh)
        old = [
            label
            for label, places in _members(labels)
            if fresh.keys[places].tobytes() in self._known
            or self._moved(fresh.keys[places].astype(np.int64)).mean() < 0.5
        ]
        return fresh.keys, np.where(np.isin(labels, old), -1, labels)

    def _with_new(self, touched: Ints, phrases: Ints) -> Reach:
        """The touched scaffolds, and those that the ``phrases`` make up beside them."""
        frozen, old = self._frozen, self._frozen.wording
        fresh, found = self._new(phrases)
        first_new = int(old.labels.max(initial=-1)) + 1
        labels = np.where(np.isin(old.labels, touched), old.labels, -1)
        told, new = (labels >= 0).any(axis=0), (found >= 0).any(axis=0)
        keys = np.union1d(old.keys[told], fresh[new])
        both = np.full((labels.shape[0] + found.shape[0], keys.size), -1, dtype=np.int64)
        both[: labels.shape[0], np.searchsorted(keys, old.keys[told])] = labels[:, told]
        new_labels = np.where(found >= 0, found + first_new, -1)[:, new]
        both[labels.shape[0] :, np.searchsorted(keys, fresh[new])] = new_labels
        _, carry = frozen.carriers.holders(touched)
        _, hold = frozen.skeletons.holders(fresh[new])
        wording = Wording(keys, both, np.empty(0, dtype=np.int64))
        return Reach(wording, first_new, touched, np.union1d(carry, hold))

    def _flags(self, numbers: Ints, waits: list[str]) -> Ints:
        """Which of the accounts are flagged alone, against all accounts of the window."""
        frozen, fdr = self._frozen, self._frozen.options.fdr
        if self._shifted():
            waits.append("changed accounts look odder as a whole than the statistics have it")
            return numbers[:0]
        low = np.flatnonzero(frozen.judged & (self.slack * frozen.p_values <= fdr))
        passed = passing(self.slack * frozen.p_values[low], int(frozen.judged.sum()), fdr)
        return np.intersect1d(low[passed], numbers)

    def _shifted(self) -> bool:
        """Whether the bulk of what changed shows that the null no longer holds."""
        frozen = self._frozen
        both = np.flatnonzero((self._changed & frozen.judged)[: self._before.size])
        if both.size < _ENOUGH:
            return False
        before, now = ((p[both] <= _LOW).mean() for p in (self._before, frozen.p_values))
        return bool(now > 1.5 * before + 0.05)


def _nothing(reach: Reach) -> Reach:
    """No scaffold at all."""
    none = np.empty(0, dtype=np.int64)
    levels = reach.wording.labels.shape[0]
    wording = Wording(reach.wording.keys[:0], np.empty((levels, 0), np.int64), none)
    return replace(reach, wording=wording, touched=none, accounts=none)


def _sets(wording: Wording) -> frozenset[bytes]:
    """The phrases of every scaffold."""
    return frozenset(wording.keys[places].tobytes() for _, places in _members(wording.labels))


def _members(labels: Ints) -> list[tuple[int, Ints]]:
    """The places of each label, ascending; a label has one level."""
    found = []
    for level in labels if labels.size else ():
        order = np.argsort(level, kind="stable")
        names, first = np.unique(level[order], return_index=True)
        parts = np.split(order, first[1:])
        found += [(int(n), part) for n, part in zip(names, parts, strict=True) if n >= 0]
    return found

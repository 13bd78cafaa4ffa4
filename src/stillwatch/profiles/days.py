"""Profiles by day: the same summaries, one table for each day on which events happened.

>>> day_name(day_number("2026-11-26"))
'2026-11-26'
"""

from collections import defaultdict
from datetime import date, timedelta
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
from numba import njit

from stillwatch.logs.byday import untagged
from stillwatch.profiles.fields import EMPTY, SAMPLE
from stillwatch.profiles.merge import take
from stillwatch.profiles.table import ProfileTable

_EPOCH: Final = date(1970, 1, 1)


class Overlap(NamedTuple):
    """How much of one table is in another, told by their samples."""

    seen: int
    """Sampled events that are in both."""
    sampled: int
    """Sampled events of the one that could be in the other's sample."""


def day_name(day: int) -> str:
    """``2026-11-26`` for a day counted from 1970."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def day_number(name: str) -> int:
    """Inverse of ``day_name``. Raises ``ValueError``."""
    return (date.fromisoformat(name) - _EPOCH).days


def by_day(table: ProfileTable) -> dict[int, ProfileTable]:
    """Tables of days from one whose account ids are tagged (``logs.byday``), days ascending."""
    rows, names = defaultdict[int, list[int]](list), defaultdict[int, list[str]](list)
    for row, tag in enumerate(table.account_ids):
        day, account = untagged(tag)
        rows[day].append(row)
        names[day].append(account)
    days = {}
    for day in sorted(rows):
        days[day] = ProfileTable(table.families)
        mine = take(table.profiles, np.array(rows[day]))
        days[day].merge_profiles(pa.array(names[day], pa.string()), mine)
        days[day].model_names |= table.model_names
    return days


def overlap(table: ProfileTable, into: ProfileTable) -> Overlap:
    """Events of ``table`` that ``into`` has already, in the samples of accounts in both.

    A sample keeps the events of the smallest hashes, so an event among the smallest of both
    together is in the sample of each that has it: the share is that of all events, without bias.
    """
    places = {name: row for row, name in enumerate(into.account_ids)}
    both = [(row, places[name]) for row, name in enumerate(table.account_ids) if name in places]
    if not both:
        return Overlap(0, 0)
    mine, theirs = np.array(both).T
    keys = table.profiles["sample_key"][mine], into.profiles["sample_key"][theirs]
    return Overlap(*(int(each) for each in _shared(*keys)))


@njit(nogil=True, cache=True)
def _shared(mine, theirs):  # type: ignore[no-untyped-def]
    """Walk both samples of each account, which are in order, as far as their union is sampled."""
    seen = sampled = 0
    for i in range(mine.shape[0]):
        a = b = 0
        for _ in range(SAMPLE):
            key_a, key_b = mine[i, a], theirs[i, b]
            if key_a == EMPTY and key_b == EMPTY:
                break
            sampled += key_a <= key_b
            seen += key_a == key_b
            a, b = a + (key_a <= key_b), b + (key_b <= key_a)
    return seen, sampled

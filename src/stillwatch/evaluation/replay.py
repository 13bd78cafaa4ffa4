"""Time to detection: days replayed in order, and what had been answered before the flags.

Rules
    * Profiles are merged day by day; no day is read twice.
    * The decision of a day falls after its last request, so that day's requests were answered.
    * A flag stays: what counts is the first day on which an account is flagged.
    * Attackers do not react: an account that is flagged goes on as logged, and only the requests
      before its flag are counted.

>>> import numpy as np
>>> (leak,) = leaks(["c", "c", None], np.array([[5, 5], [0, 10], [0, 0]]), np.array([0, NEVER, 1]))
>>> leak.before_half, leak.before_own
(0.25, 0.75)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.profiles.store import merge_tables
from stillwatch.profiles.table import ProfileTable

Ints = npt.NDArray[np.int64]

NEVER = 1 << 40
"""Day of a flag that was never raised; later than any day."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What one campaign got before it was seen."""

    campaign: str
    accounts: int
    attack_requests: int
    half_day: int | None
    """Day, counted from 0, after which half of the accounts were flagged; None: never."""
    before_half: float
    """Share of the attack requests answered up to the end of that day; nan without requests."""
    before_own: float
    """Share of the attack requests answered before the flag of the account that sent them."""


def replay(
    days: Iterable[ProfileTable], decide: Callable[[ProfileTable], npt.NDArray[np.bool_]]
) -> dict[str, int]:
    """First day, counted from 0, on which each account was flagged; the others are left out.

    ``decide`` is given all profiles merged so far and says which rows are flagged. The tables
    are used up: the first one grows into the whole.
    """
    held: ProfileTable | None = None
    flagged: dict[str, int] = {}
    for day, table in enumerate(days):
        if held is None:
            held = table
        else:
            merge_tables(held, table, f"day {day}")
        held.sort()
        for row in np.flatnonzero(decide(held)).tolist():
            flagged.setdefault(held.account_ids[row], day)
    return flagged


def leaks(campaigns: Sequence[str | None], attacks: Ints, flagged_on: Ints) -> tuple[Leak, ...]:
    """The leak of each campaign, by name.

    ``campaigns`` is the true campaign of each account, ``attacks`` (accounts, days) its requests
    that serve it, ``flagged_on`` (accounts,) the day of its flag or ``NEVER``.
    """
    days = np.arange(attacks.shape[1])
    own = (attacks * (days <= flagged_on[:, None])).sum(axis=1)
    members: dict[str, list[int]] = {}
    for row, name in enumerate(campaigns):
        if name is not None:
            members.setdefault(name, []).append(row)
    return tuple(
        _leak(name, attacks[rows], flagged_on[rows], own[rows])
        for name, rows in sorted(members.items())
    )


def _leak(name: str, attacks: Ints, flagged_on: Ints, own: Ints) -> Leak:
    size, total = flagged_on.size, int(attacks.sum())
    half = int(np.sort(flagged_on)[(size + 1) // 2 - 1])
    answered = int(attacks[:, : half + 1].sum())
    return Leak(
        name,
        size,
        total,
        half if half < NEVER else None,
        answered / total if total else float("nan"),
        int(own.sum()) / total if total else float("nan"),
    )

"""Who holds what: pairs of an account and a value, looked up from either side.

The bulk stands as it was; what changed since is kept beside it and wins. So a change costs what it
is worth, however many pairs stand.
"""

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.streams import spans

Ints = npt.NDArray[np.int64]


class Held:
    """Pairs of numbered accounts and values below 2**32."""

    def __init__(self, accounts: Ints, values: npt.NDArray[np.integer]) -> None:
        """As it stands; a pair that is given twice counts once."""
        self._bulk = _Pairs(accounts, values)
        self._news = _Pairs(accounts[:0], values[:0])
        self._moved = np.zeros(0, dtype=np.bool_)
        """Accounts whose pairs in the bulk no longer hold, by number."""

    def replace(self, changed: Ints, accounts: Ints, values: npt.NDArray[np.integer]) -> None:
        """``changed`` accounts hold these pairs and no others."""
        if changed.size and changed.max() >= self._moved.size:
            more = np.zeros(int(changed.max()) + 1 - self._moved.size, dtype=np.bool_)
            self._moved = np.concatenate([self._moved, more])
        self._moved[changed] = True
        kept = ~np.isin(self._news.accounts, changed)
        self._news = _Pairs(
            np.concatenate([self._news.accounts[kept], accounts]),
            np.concatenate([self._news.values[kept], values]),
        )

    def holders(self, values: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
        """Who holds them: places in ``values``, and accounts."""
        place, who = self._bulk.holders(values)
        stands = ~self._has_moved(who)
        since, others = self._news.holders(values)
        return np.concatenate([place[stands], since]), np.concatenate([who[stands], others])

    def of(self, accounts: Ints) -> tuple[Ints, Ints]:
        """What they hold: places in ``accounts``, and values."""
        at = np.flatnonzero(~self._has_moved(accounts))
        place, values = self._bulk.of(accounts[at])
        since, others = self._news.of(accounts)
        return np.concatenate([at[place], since]), np.concatenate([values, others])

    def before(self, accounts: Ints) -> tuple[Ints, Ints]:
        """What they held when it was begun."""
        return self._bulk.of(accounts)

    def _has_moved(self, accounts: Ints) -> npt.NDArray[np.bool_]:
        if not self._moved.size:
            return np.zeros(accounts.size, dtype=np.bool_)
        known = np.minimum(accounts, self._moved.size - 1)
        return np.asarray(self._moved[known] & (accounts == known))


class _Pairs:
    """Pairs in both orders, 16 bytes each."""

    def __init__(self, accounts: Ints, values: npt.NDArray[np.integer]) -> None:
        half = np.uint64(32)
        pairs = np.unique(accounts.astype(np.uint64) << half | values.astype(np.uint64))
        self.accounts = (pairs >> half).astype(np.uint32)
        self.values = pairs.astype(np.uint32)
        turned = np.sort(pairs << half | pairs >> half)
        self._keys, self._holders = (turned >> half).astype(np.uint32), turned.astype(np.uint32)

    def holders(self, values: npt.NDArray[np.integer]) -> tuple[Ints, Ints]:
        return _found(self._keys, values, self._holders)

    def of(self, accounts: Ints) -> tuple[Ints, Ints]:
        return _found(self.accounts, accounts, self.values)


def _found(
    ordered: npt.NDArray[np.uint32],
    wanted: npt.NDArray[np.integer],
    beside: npt.NDArray[np.uint32],
) -> tuple[Ints, Ints]:
    """For each of the ``wanted``, by its place: what stands ``beside`` it."""
    asked = wanted.astype(np.uint32)
    first = np.searchsorted(ordered, asked, side="left")
    sizes = np.searchsorted(ordered, asked, side="right") - first
    return np.repeat(np.arange(asked.size), sizes), beside[spans(first, sizes)].astype(np.int64)

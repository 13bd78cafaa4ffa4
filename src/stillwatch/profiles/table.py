"""The profile table: one growing array of profiles, addressed by account id.

>>> table = ProfileTable(families=())
>>> len(table)
0
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.profiles.fields import EMPTY, PROFILE, identity
from stillwatch.profiles.fold import fold
from stillwatch.profiles.hashing import string_buffers
from stillwatch.profiles.index import Index
from stillwatch.profiles.merge import Profiles, as_bytes, empty, merge
from stillwatch.profiles.requests import Requests
from stillwatch.profiles.room import Room
from stillwatch.profiles.sample import LIMITS, limits_of, settle
from stillwatch.profiles.text import TextFeatures

_START = 4096
_BLOCK = 4096  # profiles settled at a time by one thread
_IDENTITY = as_bytes(identity().reshape(1))[0]


class ProfileTable:
    """Profiles by account id, plus the names needed to read them later.

    Not thread-safe: callers hold a lock around ``add`` and ``merge`` (see ``engines.local``).
    """

    def __init__(self, families: Sequence[str]) -> None:
        self.families = tuple(families)
        """Names of the phrase families, in bit order."""
        self.account_ids: list[str] = []
        self.model_names: dict[int, str] = {}
        """Model names by hash."""
        self._index = Index()
        self._records = Room(PROFILE, _START)
        self._limits: npt.NDArray[np.uint64] = np.empty((_START, LIMITS), dtype=np.uint64)
        self._open = False  # samples are in no order, see ``sample``

    def __len__(self) -> int:
        return len(self.account_ids)

    @property
    def profiles(self) -> Profiles:
        """All profiles in order of ``account_ids``, shape (len,); a view, not a copy.

        Adding accounts may move the array: do not hold the view across ``add`` or ``merge``.
        """
        if self._open:
            self._settle()
        records: Profiles = self._records.array[: len(self)]
        return records

    def add(self, batch: pa.RecordBatch, requests: Requests, text: TextFeatures) -> None:
        """Fold a batch of events, with its measured columns and text, into the table."""
        rows = self.rows(batch.column("account_id"))
        self.model_names |= models_in(batch.column("model"), requests, self.model_names)
        data, offsets = string_buffers(batch.column("prompt"))
        if not self._open:
            self._limits[: len(self)] = limits_of(self.profiles)
            self._open = True
        fold(
            self._records.array,
            self._limits,
            rows,
            requests.keys,
            requests.times,
            requests.observed,
            requests.marks,
            requests.hashes,
            requests.tokens,
            requests.styles,
            data,
            offsets,
            text.prompt,
            text.template,
            text.closing,
            text.words,
            text.lines,
            text.digits,
            text.symbols,
            text.script,
            text.families,
            text.shingles,
            text.topic,
            text.fourier,
        )

    def merge(self, other: "ProfileTable") -> None:
        """Add the profiles of another table (another day, another worker) to this one."""
        self.merge_profiles(pa.array(other.account_ids, pa.string()), other.profiles)
        self.model_names |= other.model_names

    def merge_profiles(self, account_ids: pa.Array, profiles: Profiles) -> None:
        """Add ``profiles[i]`` to the profile of ``account_ids[i]``; ids may repeat."""
        rows = self.rows(account_ids)
        merge(self.profiles, rows, profiles)

    def sort(self) -> None:
        """Order the profiles by account id, in place (a copy would double the memory).

        Which worker met an account first must not show in a result: sums of floats, clusters and
        the choice of natural groups all depend on the order of accounts in their last digit.
        """
        ids = pa.array(self.account_ids, pa.string())
        order = pc.sort_indices(ids).to_numpy().astype(np.int64)
        words = self.profiles.view(np.uint64).reshape(len(self), PROFILE.itemsize // 8)
        cores = os.cpu_count() or 1
        with ThreadPoolExecutor(cores) as pool:  # each moves some of the words of every profile
            parts = np.array_split(words, cores, axis=1)
            list(pool.map(_permute, parts, repeat(order)))
        ids = ids.take(pa.array(order))
        self.account_ids = ids.to_pylist()
        self._index = Index()
        self._index.rows(ids)

    def rows(self, account_ids: pa.Array) -> npt.NDArray[np.int64]:
        """Row of each id, shape (n,); ids not seen before get an identity profile."""
        before = len(self)
        rows = self._index.rows(account_ids)
        if len(self._index) > before:
            self.account_ids.extend(self._index.names(before))
            self._reserve(len(self), before)
        return rows

    def _reserve(self, n: int, used: int) -> None:
        """Make room for ``n`` profiles, of which the first ``used`` are in use."""
        if n > self._records.array.size:
            room = max(n, 2 * self._records.array.size)
            self._records.grow(room, used)
            limits = np.empty((room, LIMITS), dtype=np.uint64)
            limits[:used] = self._limits[:used]
            self._limits = limits
        _fill(as_bytes(self._records.array[used:n]), _IDENTITY)
        self._limits[used:n] = EMPTY

    def _settle(self) -> None:
        """Order the samples; all cores share the work."""
        self._open = False
        records, limits = self.profiles, self._limits[: len(self)]

        def block(start: int) -> None:
            stop = start + _BLOCK
            settle(records[start:stop], limits[start:stop], empty(1))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(block, range(0, len(self), _BLOCK)))


def models_in(models: pa.Array, requests: Requests, known: Mapping[int, str]) -> dict[int, str]:
    """Names of the models of a batch that are not ``known``, by hash."""
    hashes = requests.hashes[:, 0]
    return {
        key: models[int(np.argmax(hashes == np.uint64(key)))].as_py()
        for key in pc.unique(pa.array(hashes)).to_pylist()
        if key and key not in known
    }


@njit(nogil=True, cache=True)
def _fill(rows, identity):  # type: ignore[no-untyped-def]
    """Without the GIL: the first touch of memory can take longer than all else that is done to it."""
    for i in range(rows.shape[0]):
        rows[i] = identity


@njit(nogil=True, cache=True)
def _permute(rows, order):  # type: ignore[no-untyped-def]
    """``rows[i], ... = rows[order[i]], ...`` with one spare row: follows each cycle once."""
    source = order.copy()
    spare = np.empty(rows.shape[1], rows.dtype)
    for start in range(source.size):
        if source[start] in (start, -1):  # where it belongs, or moved already
            continue
        spare[:] = rows[start]
        at = start
        while source[at] != start:
            following = source[at]
            rows[at] = rows[following]
            source[at] = -1
            at = following
        rows[at] = spare
        source[at] = -1

"""Events of many accounts, folded account by account: for tables that are given away at once.

A table that stays takes events as they come, and each finds its profile, 12 kB, somewhere in
memory. Where an account has a dozen events and its profile then leaves, that is most of the cost.
So measured events, a tenth as large as profiles, are kept until there are many, put in order of
accounts, and folded into few profiles that never leave the cache.

>>> Gathered(families=(), room=4).held
0
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import njit

from stillwatch.profiles.fields import EMPTY, EXEMPLAR_BYTES, identity
from stillwatch.profiles.fold import fold
from stillwatch.profiles.index import Index
from stillwatch.profiles.merge import Profiles, as_bytes, empty
from stillwatch.profiles.requests import Requests
from stillwatch.profiles.sample import LIMITS, settle
from stillwatch.profiles.table import models_in
from stillwatch.profiles.text import TextFeatures

TOGETHER: Final = 128
"""Profiles made at a time: 1.5 MB, what a core's own cache holds."""
_HEAD: Final = EXEMPLAR_BYTES + 4
"""Bytes of a prompt that can matter to a profile, the next character included."""
_IDENTITY = as_bytes(identity().reshape(1))


class Gathered:
    """Measured events, and the names that came with them."""

    def __init__(self, families: Sequence[str], room: int) -> None:
        """Holds at most ``room`` events; memory for them is taken as they come, and kept."""
        self.families = tuple(families)
        self.room = room
        self.held = 0
        """Events that are held."""
        self.model_names: dict[int, str] = {}
        """Model names by hash, of all that was ever added."""
        self._text = TextFeatures.zeros(room)
        self._columns: list[Requests] = []
        self._prompts: list[pa.Array] = []
        self._rows: list[npt.NDArray[np.int64]] = []
        self._index = Index()
        self._made = empty(TOGETHER)
        self._limits = np.empty((TOGETHER, LIMITS), dtype=np.uint64)
        self._spare = empty(1)

    def place(self, n: int, embedding: npt.NDArray[np.float32]) -> TextFeatures:
        """Where the text of the next ``n`` events is to be measured; they must fit (``room``).

        ``embedding`` is room for what no profile needs, shape (n or more, DIM).
        """
        first, stop = self.held, self.held + n
        names = (field.name for field in fields(TextFeatures))
        cut = {name: getattr(self._text, name)[first:stop] for name in names}
        return TextFeatures(**{**cut, "embedding": embedding[:n]})

    def add(self, batch: pa.RecordBatch, requests: Requests) -> None:
        """Keep a batch of events, whose text was measured in ``place``."""
        self._rows.append(self._index.rows(batch.column("account_id")))
        self._columns.append(requests)
        self._prompts.append(_heads(batch.column("prompt")))
        self.model_names |= models_in(batch.column("model"), requests, self.model_names)
        self.held += batch.num_rows

    def profiles(self) -> Iterator[tuple[pa.Array, Profiles]]:
        """Ids and profiles of all accounts, some at a time; nothing is held afterwards.

        The profiles are overwritten by the next ones.
        """
        if not self.held:
            return
        names = pa.array(self._index.names(0), pa.string())
        order, ends = _by_row(np.concatenate(self._rows), len(names))
        columns = {f.name: np.concatenate([getattr(each, f.name) for each in self._columns])
                   for f in fields(Requests)}  # fmt: skip
        prompts = pa.concat_arrays(self._prompts)
        for first in range(0, len(names), TOGETHER):
            mine = ends[first : first + TOGETHER + 1]
            which = order[mine[0] : mine[-1]]
            rows = np.repeat(np.arange(mine.size - 1), np.diff(mine))
            part = Requests(**{name: values[which] for name, values in columns.items()})
            yield names[first : first + TOGETHER], self._folded(rows, which, part, prompts)
        self.forget()

    def forget(self) -> None:
        """Let go of all events."""
        self.held, self._index = 0, Index()
        for each in (self._rows, self._columns, self._prompts):
            each.clear()

    def _folded(
        self, rows: npt.NDArray[np.int64], which: npt.NDArray[np.int64], part: Requests,
        prompts: pa.Array,
    ) -> Profiles:  # fmt: skip
        """The profiles of some accounts: event ``which[i]`` is of the ``rows[i]``-th of them."""
        n = int(rows[-1]) + 1
        made, limits, text = self._made[:n], self._limits[:n], self._text
        as_bytes(made)[:] = _IDENTITY
        limits[:] = EMPTY
        data, offsets = _text(prompts.take(pa.array(which)))
        fold(
            made, limits, rows,
            part.keys, part.times, part.observed, part.marks, part.hashes, part.tokens, part.styles,
            data, offsets,
            *(getattr(text, name)[which] for name in (
                "prompt", "template", "closing", "words", "lines", "digits", "symbols", "script",
                "families", "shingles", "topic", "fourier",
            )),
        )  # fmt: skip
        settle(made, limits, self._spare)
        return made


def _heads(prompts: pa.Array) -> pa.Array:
    """What of the prompts a profile may keep, as bytes."""
    kind = pa.large_binary() if pa.types.is_large_string(prompts.type) else pa.binary()
    heads = pc.binary_slice(prompts.cast(kind), 0, _HEAD).cast(pa.large_binary())
    return pc.fill_null(heads, b"") if heads.null_count else heads


def _text(heads: pa.LargeBinaryArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes and offsets, as the kernels walk them."""
    _, offsets, data = heads.buffers()
    text = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return text, np.frombuffer(offsets, np.int64)[heads.offset : heads.offset + len(heads) + 1]


@njit(nogil=True, cache=True)
def _by_row(rows, n):  # type: ignore[no-untyped-def]
    """Places of the events of row 0, of row 1 and so on, and where each row's begin in there."""
    ends = np.zeros(n + 1, np.int64)
    for row in rows:
        ends[row + 1] += 1
    for row in range(n):
        ends[row + 1] += ends[row]
    order = np.empty(rows.size, np.int64)
    free = ends[:-1].copy()
    for i in range(rows.size):
        order[free[rows[i]]] = i
        free[rows[i]] += 1
    return order, ends

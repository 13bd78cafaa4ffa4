"""The columns of a batch other than the prompt, as dense arrays the fold kernel can walk.

Strings become 64-bit hashes, presence and yes/no properties become bit masks. A column that
the source lacks contributes nothing: its bits stay unset and its hashes stay 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import uint32, uint64
from pyarrow import types as at

from stillwatch.profiles.cells import flags, floats, numbers, present, spread
from stillwatch.profiles.fields import MARKS, OBSERVED
from stillwatch.profiles.hashing import hash_strings, kernel, mix64
from stillwatch.profiles.network import hash_networks

HASHED = (
    "model",
    "conversation_id",
    "client_ip",
    "tls_fingerprint",
    "user_agent",
    "system_prompt",
)
"""Columns of ``Requests.hashes``, in order; the network of ``client_ip`` is appended last."""

SETTINGS = (
    "operation", "max_tokens", "temperature", "top_p", "choices", "logprobs", "reasoning",
    "response_format", "tools", "stream",
)  # fmt: skip
"""Columns that make up the style of a request."""

READ = frozenset({"event_id", "timestamp", "account_id", "model", "prompt"}) | set(OBSERVED)
"""Every event column a profile looks at; readers need not decode others."""

_BIT = {name: np.uint32(1 << i) for i, name in enumerate(MARKS)}
_NOTHING = np.zeros(1, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Requests:
    """Dense columns of n events."""

    keys: npt.NDArray[np.uint64]
    """Event hash; decides which events the sample keeps."""
    times: npt.NDArray[np.int64]
    """Microseconds since 1970 UTC."""
    observed: npt.NDArray[np.uint32]
    """Bit i: column ``OBSERVED[i]`` is present."""
    marks: npt.NDArray[np.uint32]
    """Bit i: the request carries ``MARKS[i]``."""
    hashes: npt.NDArray[np.uint64]
    """Shape (n, len(HASHED) + 1); 0 where null."""
    tokens: npt.NDArray[np.int32]
    """Shape (n, 2): input and output tokens; -1 where null."""
    styles: npt.NDArray[np.uint32]
    """Hash of the settings (``SETTINGS``): one tool leaves one style."""


def requests(batch: pa.RecordBatch) -> Requests:
    """Turn a canonical event batch (any subset of the optional columns) into dense arrays.

    Texts may come as dictionaries: then their values are looked at instead of every row.
    """
    n = batch.num_rows
    columns = {
        name: column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        if column.null_count < n
    }
    hashes = np.zeros((n, len(HASHED) + 1), dtype=np.uint64)
    for i, name in enumerate(HASHED):
        if name in columns:
            hashes[:, i] = hash_strings(columns[name])
    if "client_ip" in columns:
        hashes[:, -1] = hash_networks(columns["client_ip"])
    tokens = [_numbers(columns, name, n) for name in ("input_tokens", "output_tokens")]
    return Requests(
        keys=hash_strings(batch.column("event_id")),
        times=numbers(batch.column("timestamp").view(pa.int64())),
        observed=_observed(columns, n),
        marks=_marks(columns, n),
        hashes=hashes,
        tokens=np.column_stack(tokens),
        styles=_styles(columns, n),
    )


def _numbers(columns: dict[str, pa.Array], name: str, n: int) -> npt.NDArray[np.int32]:
    """Values with -1 for null."""
    return numbers(columns[name]) if name in columns else np.full(n, -1, dtype=np.int32)


def _observed(columns: dict[str, pa.Array], n: int) -> npt.NDArray[np.uint32]:
    mask = np.zeros(n, dtype=np.uint32)
    for i, name in enumerate(OBSERVED):
        if name in columns:
            _set_bit(mask, present(columns[name]), np.uint32(1 << i))
    return mask


@kernel
def _set_bit(mask, where, bit):  # type: ignore[no-untyped-def]
    for i in range(mask.size):
        mask[i] |= uint32(where[i]) * bit


def _styles(columns: dict[str, pa.Array], n: int) -> npt.NDArray[np.uint32]:
    state = np.zeros(n, dtype=np.uint64)
    for i, name in enumerate(SETTINGS):
        _mix_setting(state, _setting(columns[name]) if name in columns else _NOTHING, i)
    return (state >> np.uint64(32)).astype(np.uint32)


def _setting(column: pa.Array) -> npt.NDArray[np.int64]:
    """One number for each value of a setting; 0 where null."""
    if at.is_floating(column.type):
        out = np.empty(len(column), dtype=np.int64)
        _thousandths(floats(column), out)
        return out
    if at.is_boolean(column.type):
        return flags(column).astype(np.int64) + present(column)
    if at.is_integer(column.type):
        return (numbers(column) + 1).astype(np.int64)
    return hash_strings(column).view(np.int64)


@kernel
def _thousandths(values, out):  # type: ignore[no-untyped-def]
    """Rounded, because 0.7 as a float32 and as a float64 are one setting."""
    for i in range(out.size):
        value = np.float64(values[i])
        out[i] = 0 if np.isnan(value) else np.int64(np.rint(min(value, 1e15) * 1000.0)) + 1


@kernel
def _mix_setting(state, setting, place):  # type: ignore[no-untyped-def]
    """Mix a setting into the style of each event; a single number stands for all events."""
    step = 1 if setting.size == state.size else 0
    for i in range(state.size):
        state[i] = mix64(state[i] + uint64(setting[i * step]) + uint64(place))


def _marks(columns: dict[str, pa.Array], n: int) -> npt.NDArray[np.uint32]:
    mask = np.zeros(n, dtype=np.uint32)

    def mark(name: str, where: npt.NDArray[Any]) -> None:
        _set_bit(mask, where.view(np.uint8), _BIT[name])

    for name in ("logprobs", "reasoning", "stream"):
        if name in columns:
            mark(name, flags(columns[name]))
    if "temperature" in columns:
        degrees = floats(columns["temperature"])
        mark("greedy", degrees <= 0.05)
        mark("hot", degrees >= 0.95)
    if "turn" in columns:
        mark("first_turn", numbers(columns["turn"]) == 0)
    if "choices" in columns:
        mark("many_choices", numbers(columns["choices"]) > 1)
    if "tools" in columns:
        mark("tools", numbers(columns["tools"]) > 0)
    if "max_tokens" in columns:
        most, written = numbers(columns["max_tokens"]), _numbers(columns, "output_tokens", n)
        mark("rides_max_tokens", (most > 0) & (written >= 0.9 * most))
    for name, column, test in _TEXT_MARKS:
        if column in columns:
            mark(name, _where(columns[column], test))
    return mask


_TEXT_MARKS: tuple[tuple[str, str, Callable[[pa.Array], pa.Array]], ...] = (
    ("batch", "operation", lambda texts: pc.equal(texts, "batch")),
    ("cut_at_length", "finish_reason", lambda texts: pc.equal(texts, "length")),
    ("json", "response_format", lambda texts: pc.starts_with(texts, "json")),
)


def _where(column: pa.Array, test: Callable[[pa.Array], pa.Array]) -> npt.NDArray[np.uint8]:
    """1 where the text passes the test."""
    if at.is_dictionary(column.type):
        return spread(flags(test(column.dictionary)), column)
    return flags(test(column))

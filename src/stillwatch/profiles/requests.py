"""The columns of a batch other than the prompt, as dense arrays the fold kernel can walk.

Strings become 64-bit hashes, presence and yes/no properties become bit masks. A column that
the source lacks contributes nothing: its bits stay unset and its hashes stay 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from numba import uint32, uint64

from stillwatch.profiles.fields import MARKS, OBSERVED
from stillwatch.profiles.hashing import hash_strings, kernel, mix64
from stillwatch.profiles.network import hash_networks

HASHED = (
    "model", "conversation_id", "end_user_id", "client_ip", "asn", "tls_fingerprint",
    "user_agent", "system_prompt",
)  # fmt: skip
"""Columns of ``Requests.hashes``, in order; the network of ``client_ip`` is appended last."""

SETTINGS = (
    "operation", "max_tokens", "temperature", "top_p", "choices", "logprobs", "reasoning",
    "response_format", "tools", "stream",
)  # fmt: skip
"""Columns that make up the style of a request."""

READ = frozenset(
    {"event_id", "timestamp", "account_id", "model", "prompt", "credential_id", "organization_id"}
) | set(OBSERVED)
"""Every event column a profile looks at; readers need not decode others."""

_MARK_BIT = {name: np.uint32(1 << i) for i, name in enumerate(MARKS)}


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
    """Turn a canonical event batch (any subset of the optional columns) into dense arrays."""
    n = batch.num_rows
    columns = {name: batch.column(i) for i, name in enumerate(batch.schema.names)}
    hashes = np.zeros((n, len(HASHED) + 1), dtype=np.uint64)
    for i, name in enumerate(HASHED):
        column = columns.get(name)
        if column is not None and column.null_count < n:
            hashes[:, i] = _hashed(column)
            if name == "client_ip":
                hashes[:, -1] = hash_networks(column)
    tokens = np.column_stack(
        [_ints(columns.get(name), n) for name in ("input_tokens", "output_tokens")]
    )
    times = pc.cast(columns["timestamp"], pa.int64()).to_numpy(zero_copy_only=False)
    return Requests(
        keys=hash_strings(columns["event_id"]),
        times=np.ascontiguousarray(times, dtype=np.int64),
        observed=_observed(columns, n),
        marks=_marks(columns, n, tokens),
        hashes=hashes,
        tokens=np.ascontiguousarray(tokens),
        styles=_styles(columns, n),
    )


def _styles(columns: dict[str, pa.Array], n: int) -> npt.NDArray[np.uint32]:
    settings = np.zeros((n, len(SETTINGS)), dtype=np.int64)
    for i, name in enumerate(SETTINGS):
        column = columns.get(name)
        if column is None or column.null_count == n:
            continue
        if pa.types.is_floating(column.type):  # 0.7 as a float32 and as a float64 are one setting
            column = pc.cast(
                pc.round(pc.multiply(pc.cast(column, pa.float64()), 1000.0)), pa.int64()
            )
        if pa.types.is_boolean(column.type):
            column = pc.cast(column, pa.int8())
        if pa.types.is_integer(column.type):
            settings[:, i] = pc.fill_null(column, -1).to_numpy(zero_copy_only=False) + 1
        else:
            settings[:, i] = hash_strings(column).view(np.int64)
    out = np.empty(n, dtype=np.uint32)
    _mix_settings(settings, out)
    return out


@kernel
def _mix_settings(settings, out):  # type: ignore[no-untyped-def]
    for i in range(out.size):
        state = uint64(0)
        for j in range(settings.shape[1]):
            state = mix64(state + uint64(settings[i, j]) + uint64(j))
        out[i] = uint32(state >> uint64(32))


def _hashed(column: pa.Array) -> npt.NDArray[np.uint64]:
    if pa.types.is_integer(column.type):
        column = pc.cast(column, pa.string())
    return hash_strings(column)


def _ints(column: pa.Array | None, n: int) -> npt.NDArray[np.int32]:
    """Values with -1 for null."""
    if column is None or column.null_count == n:
        return np.full(n, -1, dtype=np.int32)
    values: npt.NDArray[np.int32] = pc.fill_null(column, -1).to_numpy(zero_copy_only=False)
    return values


def _observed(columns: dict[str, pa.Array], n: int) -> npt.NDArray[np.uint32]:
    mask = np.zeros(n, dtype=np.uint32)
    for i, name in enumerate(OBSERVED):
        column = columns.get(name)
        if column is None or column.null_count == n:
            continue
        bit = np.uint32(1 << i)
        if column.null_count == 0:
            mask |= bit
        else:
            mask |= pc.is_valid(column).to_numpy(zero_copy_only=False) * bit
    return mask


def _marks(
    columns: dict[str, pa.Array], n: int, tokens: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint32]:
    mask = np.zeros(n, dtype=np.uint32)

    def mark(name: str, where: npt.NDArray[np.bool_]) -> None:
        np.bitwise_or(mask, where * _MARK_BIT[name], out=mask)

    def present(name: str) -> pa.Array | None:
        column = columns.get(name)
        return None if column is None or column.null_count == n else column

    for name in ("logprobs", "reasoning", "stream"):
        if (flag := present(name)) is not None:
            mark(name, pc.fill_null(flag, False).to_numpy(zero_copy_only=False))
    if (temperature := present("temperature")) is not None:
        degrees = pc.fill_null(temperature, np.nan).to_numpy(zero_copy_only=False)
        mark("greedy", degrees <= 0.05)
        mark("hot", degrees >= 0.95)
    if present("turn") is not None:
        mark("first_turn", _ints(columns["turn"], n) == 0)
    mark("many_choices", _ints(columns.get("choices"), n) > 1)
    mark("tools", _ints(columns.get("tools"), n) > 0)
    most = _ints(columns.get("max_tokens"), n)
    mark("rides_max_tokens", (most > 0) & (tokens[:, 1] >= 0.9 * most))
    for name, column, value in (
        ("batch", "operation", "batch"),
        ("cut_at_length", "finish_reason", "length"),
    ):
        if (text := present(column)) is not None:
            mark(name, _true(pc.equal(text, value)))
    if (fmt := present("response_format")) is not None:
        mark("json", _true(pc.starts_with(fmt, "json")))
    return mask


def _true(values: pa.Array) -> npt.NDArray[np.bool_]:
    result: npt.NDArray[np.bool_] = pc.fill_null(values, False).to_numpy(zero_copy_only=False)
    return result

"""The green list inside vLLM: one class for each of its two interfaces.

    vllm serve MODEL --logits-processors stillwatch.provenance.marks.vllm_adapter:GreenListV2

``GreenListV1`` is for the model runner of version 1 (``vllm.v1.sample.logits_processor``),
``GreenListV2`` for model runner 2 (``vllm.v1.worker.gpu.sample.logits_processor``). The key file is named
by the environment (``STILLWATCH_KEYS``), since vLLM gives a processor no arguments of its own; a request
names its cohort in ``extra_args``. vLLM is imported when one of the classes is asked for.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

from stillwatch.errors import ConfigError
from stillwatch.provenance.marks.keys import Key, Keyring, read_keyring
from stillwatch.provenance.marks.processor import Greens

KEYS_VARIABLE: Final = "STILLWATCH_KEYS"
COHORT: Final = "stillwatch_cohort"
"""Name of the request's argument. A gateway sets it; never let it through from a client."""


@cache
def _ring() -> Keyring:
    path = os.environ.get(KEYS_VARIABLE)
    if not path:
        raise ConfigError(f"{KEYS_VARIABLE} is not set", hint="name the key file by it")
    return read_keyring(Path(path))


def key_of(params: Any) -> Key | None:
    """Return the key that a request's sampling parameters ask for, None if they name no cohort.

    ``ValueError`` for a cohort without key, which vLLM answers as a bad request.
    """
    cohort = (getattr(params, "extra_args", None) or {}).get(COHORT)
    if cohort is None:
        return None
    for key in _ring().keys:
        if key.cohort == cohort:
            return key
    raise ValueError(f"no key of cohort {cohort!r}")


class RowsV1:
    """Requests by their row, as version 1 tells of them; holds no vLLM type."""

    def __init__(self, greens: Greens) -> None:
        self.greens = greens
        self._rows: dict[int, tuple[Key, list[int], list[int]]] = {}

    def update(self, batch: Any) -> None:
        """Take over a ``BatchUpdate``: removed, added, moved, in this order."""
        if batch is None:
            return
        for row in batch.removed:
            self._rows.pop(row, None)
        for row, params, prompt, output in batch.added:
            key = key_of(params)
            self._rows.pop(row, None)
            if key is not None:
                self._rows[row] = (key, prompt or [], output)
        for one, other, way in batch.moved:
            self._move(one, other, swap=way.name == "SWAP")

    def _move(self, one: int, other: int, *, swap: bool) -> None:
        moved, replaced = self._rows.pop(one, None), self._rows.pop(other, None)
        if moved is not None:
            self._rows[other] = moved
        if swap and replaced is not None:
            self._rows[one] = replaced

    def apply(self, logits: Any) -> Any:
        """Raise the rows of marked requests, in place."""
        known = [
            (row, key, (output or prompt)[-1])
            for row, (key, prompt, output) in self._rows.items()
            if output or prompt
        ]
        return _raise_rows(self.greens, logits, known)


class SlotsV2:
    """Requests by their slot, as model runner 2 tells of them; holds no vLLM type."""

    def __init__(self, greens: Greens) -> None:
        self.greens = greens
        self._keys: dict[int, Key] = {}

    def add(self, slot: int, params: Any) -> bool:
        """Remember a request; slots are used again. Whether it is marked."""
        self._keys.pop(slot, None)
        key = key_of(params)
        if key is not None:
            self._keys[slot] = key
        return key is not None

    def apply(self, logits: Any, context: Any) -> Any:
        """Raise the rows of marked requests, in place: ``input_ids`` has the token before each row."""
        if not any(int(slot) in self._keys for slot in context.idx_mapping_np):
            return logits  # nothing is fetched from the device
        slots = context.expanded_idx_mapping.tolist()
        rows = enumerate(zip(slots, context.input_ids.tolist(), strict=True))
        known = [
            (row, self._keys[slot], before) for row, (slot, before) in rows if slot in self._keys
        ]
        return _raise_rows(self.greens, logits, known)


def _raise_rows(greens: Greens, logits: Any, rows: list[tuple[int, Key, int]]) -> Any:
    # a negative token stands for one that is not known yet
    rows = [row for row in rows if row[2] >= 0]
    if rows:
        at = [row for row, _, _ in rows]
        logits[at] = greens.raised(logits[at], [(key, before) for _, key, before in rows])
    return logits


def _greens() -> Greens:
    return Greens(_ring().gamma, _ring().delta)


def _v1() -> type:
    from vllm.v1.sample.logits_processor import LogitsProcessor  # noqa: PLC0415

    class GreenListV1(LogitsProcessor):  # type: ignore[misc]
        def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:  # noqa: ARG002
            self.rows = RowsV1(_greens())

        @classmethod
        def validate_params(cls, sampling_params: Any) -> None:
            key_of(sampling_params)

        def is_argmax_invariant(self) -> bool:
            return False

        def update_state(self, batch_update: Any) -> None:
            self.rows.update(batch_update)

        def apply(self, logits: Any) -> Any:
            return self.rows.apply(logits)

    return GreenListV1


def _v2() -> type:
    from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor  # noqa: PLC0415

    class GreenListV2(LogitsProcessor):  # type: ignore[misc]
        def __init__(self, vllm_config: Any, req_states: Any) -> None:  # noqa: ARG002
            self.slots = SlotsV2(_greens())

        @classmethod
        def validate_params(cls, sampling_params: Any) -> None:
            key_of(sampling_params)

        def add_request(self, req_idx: int, sampling_params: Any) -> bool:
            return self.slots.add(req_idx, sampling_params)

        def apply(self, logits: Any, ctx: Any) -> Any:
            return self.slots.apply(logits, ctx)

    return GreenListV2


_MAKERS: Final[dict[str, Callable[[], type]]] = {"GreenListV1": _v1, "GreenListV2": _v2}


@cache
def _made(name: str) -> type:
    made = _MAKERS[name]()
    made.__qualname__ = name  # so that the engine's processes find it in this module
    return made


def __getattr__(name: str) -> type:
    """Make the class of an interface when it is asked for, so that vLLM is imported only then."""
    if name not in _MAKERS:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return _made(name)

"""The serving side of the green list: a logits processor for transformers and for vLLM.

It imports neither: it needs of a tensor only indexing, ``+`` and, where the tensor has it,
``new_tensor``. So it runs on torch tensors of any device, and on NumPy arrays.

transformers::

    model.generate(**inputs, logits_processor=[GreenListProcessor(key)])

vLLM (request-level processors, ``SamplingParams(logits_processors=[...])``) calls it with a list of
token ids and one row of logits; both forms are told apart by the first argument's shape.

It is tested on NumPy arrays here, not inside either library.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stillwatch.provenance.marks.greenlist import green_mask
from stillwatch.provenance.marks.keys import Key

_KEPT_BYTES: Final = 64 << 20
"""What the biases of the latest contexts may take; a vocabulary of 128,000 has 128 of them."""


class GreenListProcessor:
    """Adds ``delta`` to the logits of the tokens that are green after the last one."""

    def __init__(self, key: Key, gamma: float = 0.25, delta: float = 2.0) -> None:
        self.key, self.gamma, self.delta = key, gamma, delta
        self._biases: OrderedDict[tuple[int, int], npt.NDArray[np.float32]] = OrderedDict()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores with green tokens raised.

        transformers: ``input_ids`` of shape ``(batch, length)``, ``scores`` of ``(batch, vocabulary)``.
        vLLM: a sequence of token ids, and scores of shape ``(vocabulary,)``. An empty context is
        left as it is.
        """
        if len(scores.shape) == 1:
            return self._raised(input_ids, scores)
        rows = [self._raised(ids, row) for ids, row in zip(input_ids, scores, strict=True)]
        out = scores.clone() if hasattr(scores, "clone") else np.array(scores)
        for at, row in enumerate(rows):
            out[at] = row
        return out

    def _raised(self, ids: Any, row: Any) -> Any:
        if len(ids) == 0:
            return row
        bias = self._bias(int(ids[-1]), int(row.shape[-1]))
        return row + (row.new_tensor(bias) if hasattr(row, "new_tensor") else bias)

    def _bias(self, before: int, size: int) -> npt.NDArray[np.float32]:
        """Bias of each token; the latest contexts are remembered."""
        known = self._biases.pop((before, size), None)
        if known is None:
            green = green_mask(self.key, before, size, self.gamma)
            known = green.astype(np.float32) * np.float32(self.delta)
        self._biases[before, size] = known
        while len(self._biases) > 1 and len(self._biases) * known.nbytes > _KEPT_BYTES:
            self._biases.popitem(last=False)
        return known


def cost(logits: npt.NDArray[np.float64], green: npt.NDArray[np.bool_], delta: float) -> float:
    """What the mark costs in one place, in nats: KL of the marked from the unmarked distribution.

    ``logits`` and ``green`` have shape ``(vocabulary,)``. 0 where nothing changes; the sum over an
    answer is how many nats a judge of text has to tell it from an unmarked one.
    """
    plain = logits - _log_sum(logits)
    raised = logits + delta * green
    marked = raised - _log_sum(raised)
    return float((np.exp(marked) * (marked - plain)).sum())


def _log_sum(values: npt.NDArray[np.float64]) -> float:
    top = float(values.max())
    return top + float(np.log(np.exp(values - top).sum()))


def mean_cost(
    contexts: Sequence[int],
    rows: Sequence[npt.NDArray[np.float64]],
    key: Key,
    gamma: float,
    delta: float,
) -> float:
    """Average ``cost`` over steps: nats per token."""
    return float(
        np.mean(
            [
                cost(row, green_mask(key, before, row.size, gamma), delta)
                for before, row in zip(contexts, rows, strict=True)
            ]
        )
    )

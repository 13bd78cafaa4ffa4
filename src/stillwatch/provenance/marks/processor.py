"""The serving side of the green list: what is added to logits, and a processor for transformers.

NumPy arrays and torch tensors of any device and float type are taken; torch is imported only when a
tensor comes. The adapters of vLLM (``vllm_adapter.py``) rest on the same ``Greens``.

transformers::

    model.generate(**inputs, logits_processor=LogitsProcessorList([GreenListProcessor(key)]))
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stillwatch.provenance.marks.greenlist import green_mask
from stillwatch.provenance.marks.keys import Key

KEPT_BYTES: Final = 256 << 20
"""What the biases of the latest contexts may take; a vocabulary of 128,000 has 500 of them."""


class Greens:
    """What is added to logits after which token, remembered where and as the scores lie.

    One can serve the keys of many cohorts: the memory is bounded for all of them together.
    """

    def __init__(self, gamma: float, delta: float, kept_bytes: int = KEPT_BYTES) -> None:
        self.gamma, self.delta, self.kept_bytes = gamma, delta, kept_bytes
        self._biases: OrderedDict[tuple[bytes, int, int, str, str], Any] = OrderedDict()

    def raised(self, scores: Any, contexts: Sequence[tuple[Key, int]]) -> Any:
        """Scores of shape ``(rows, vocabulary)`` with green tokens raised; the old are left alone.

        ``contexts`` has the key and the token before for each row.
        """
        biases = [self._bias(key, before, scores) for key, before in contexts]
        if isinstance(scores, np.ndarray):
            return scores + np.stack(biases)
        import torch  # noqa: PLC0415

        # the stack is new and becomes the answer; adding booleans by alpha took twice as long
        return torch.stack(biases).add_(scores)

    def _bias(self, key: Key, before: int, scores: Any) -> Any:
        """Return the bias of one context, of the type and on the device of the scores."""
        size = int(scores.shape[-1])
        place = (key.secret, before, size, str(scores.dtype), str(getattr(scores, "device", "")))
        known = self._biases.pop(place, None)
        if known is None:
            known = _like(green_mask(key, before, size, self.gamma), self.delta, scores)
        self._biases[place] = known
        most = self.kept_bytes // (size * scores.itemsize)
        while len(self._biases) > max(1, most):
            self._biases.popitem(last=False)
        return known


def _like(mask: npt.NDArray[np.bool_], delta: float, scores: Any) -> Any:
    if isinstance(scores, np.ndarray):
        return mask * np.asarray(delta, scores.dtype)
    import torch  # noqa: PLC0415

    return torch.from_numpy(mask).to(scores.device).to(scores.dtype) * delta


class GreenListProcessor:
    """Adds ``delta`` to the logits of the tokens that are green after the last one.

    Keep one for each cohort: it remembers the latest contexts.
    """

    def __init__(self, key: Key, gamma: float = 0.25, delta: float = 2.0) -> None:
        self.key, self.greens = key, Greens(gamma, delta)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores with green tokens raised.

        A batch: ``input_ids`` of shape ``(batch, length)``, ``scores`` of ``(batch, vocabulary)``. One
        row: a sequence of token ids, ``scores`` of shape ``(vocabulary,)``. What has no token before
        it is left as it is.
        """
        if len(scores.shape) == 1:
            if len(input_ids) == 0:
                return scores
            return self.greens.raised(scores[None], [(self.key, int(input_ids[-1]))])[0]
        if input_ids.shape[1] == 0:  # generation from embeddings begins without tokens
            return scores
        # one copy from the device for the whole batch
        last = input_ids[:, -1].tolist()
        return self.greens.raised(scores, [(self.key, before) for before in last])

    def after_prompt(self, prompt_ids: Any, output_ids: Any, row: Any) -> Any:
        """One row, for servers that give prompt and output apart, as vLLM before its version 1 did."""
        return self(output_ids if len(output_ids) else prompt_ids, row)


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

"""The adapters of vLLM: their bookkeeping on arrays, and on vLLM's own types where it is installed."""

import importlib
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import numpy as np
import pytest

from stillwatch.errors import ConfigError
from stillwatch.provenance.marks import vllm_adapter
from stillwatch.provenance.marks.greenlist import green_mask
from stillwatch.provenance.marks.keys import new_keyring, write_keyring
from stillwatch.provenance.marks.processor import GreenListProcessor, Greens

SIZE = 60
REASON = "vLLM is not installed: the adapters are tested on stand-ins only"


class Way(Enum):
    UNIDIRECTIONAL = auto()
    SWAP = auto()


@dataclass
class Params:
    extra_args: dict[str, Any] | None = None


@dataclass
class Batch:
    removed: list[int] = field(default_factory=list)
    added: list[tuple[Any, ...]] = field(default_factory=list)
    moved: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Context:
    expanded_idx_mapping: np.ndarray
    input_ids: np.ndarray
    idx_mapping_np: np.ndarray


@pytest.fixture
def ring(tmp_path, monkeypatch):
    made = new_keyring(["a", "b"])
    write_keyring(made, tmp_path / "keys.json")
    monkeypatch.setenv(vllm_adapter.KEYS_VARIABLE, str(tmp_path / "keys.json"))
    vllm_adapter._ring.cache_clear()
    yield made
    vllm_adapter._ring.cache_clear()


def asks(cohort):
    return Params({vllm_adapter.COHORT: cohort})


def bias(ring, cohort, before):
    return 2.0 * green_mask(ring.key(cohort), before, SIZE, 0.25)


def test_a_request_names_its_cohort(ring):
    assert vllm_adapter.key_of(asks("b")) == ring.key("b")
    assert vllm_adapter.key_of(Params()) is None
    assert vllm_adapter.key_of(Params({})) is None
    with pytest.raises(ValueError, match="no key of cohort 'c'"):
        vllm_adapter.key_of(asks("c"))


def test_without_a_key_file_it_says_which_variable_to_set(monkeypatch):
    monkeypatch.delenv(vllm_adapter.KEYS_VARIABLE, raising=False)
    vllm_adapter._ring.cache_clear()
    with pytest.raises(ConfigError, match="STILLWATCH_KEYS is not set"):
        vllm_adapter.key_of(asks("a"))


def test_rows_of_version_1_follow_their_requests(ring):
    rows = vllm_adapter.RowsV1(Greens(0.25, 2.0))
    one, two, three = [5], [], [9, 8]
    rows.update(
        Batch(added=[(0, asks("a"), [1], one), (1, asks("b"), [2, 3], two), (2, Params(), [4], three)])
    )  # fmt: skip
    out = rows.apply(np.zeros((3, SIZE)))
    # without output the last token of the prompt is the one before
    assert np.array_equal(out, [bias(ring, "a", 5), bias(ring, "b", 3), np.zeros(SIZE)])
    one.append(6)
    two.append(-1)  # not known yet
    rows.update(None)
    out = rows.apply(np.zeros((3, SIZE)))
    assert np.array_equal(out, [bias(ring, "a", 6), np.zeros(SIZE), np.zeros(SIZE)])
    rows.update(Batch(moved=[(0, 2, Way.SWAP)]))
    assert np.array_equal(rows.apply(np.zeros((3, SIZE)))[2], bias(ring, "a", 6))
    assert not rows.apply(np.zeros((3, SIZE)))[0].any()
    rows.update(Batch(removed=[1], moved=[(2, 1, Way.UNIDIRECTIONAL)]))
    assert np.array_equal(rows.apply(np.zeros((2, SIZE)))[1], bias(ring, "a", 6))
    rows.update(Batch(added=[(1, Params(), [1], [])]))
    assert not rows.apply(np.zeros((2, SIZE))).any()
    rows.update(Batch(added=[(0, asks("a"), None, [])]))
    assert not rows.apply(np.zeros((1, SIZE))).any()


def test_slots_of_runner_2_are_used_again(ring):
    slots = vllm_adapter.SlotsV2(Greens(0.25, 2.0))
    assert slots.add(4, asks("a"))
    assert not slots.add(2, Params())
    # speculative decoding: slot 4 owns two rows
    context = Context(np.array([2, 4, 4]), np.array([7, 7, 8]), np.array([2, 4]))
    out = slots.apply(np.zeros((3, SIZE)), context)
    assert np.array_equal(out, [np.zeros(SIZE), bias(ring, "a", 7), bias(ring, "a", 8)])
    assert not slots.add(4, Params())
    assert not slots.apply(np.zeros((3, SIZE)), context).any()


def test_a_row_whose_server_gives_prompt_and_output_apart(ring):
    processor = GreenListProcessor(ring.key("a"))
    row = np.zeros(SIZE)
    assert np.array_equal(processor.after_prompt([1, 2], [], row), bias(ring, "a", 2))
    assert np.array_equal(processor.after_prompt([1, 2], [3], row), bias(ring, "a", 3))
    assert np.array_equal(processor.after_prompt([], [], row), row)


def test_other_names_are_not_in_the_module():
    with pytest.raises(AttributeError, match="GreenListV3"):
        vllm_adapter.__getattr__("GreenListV3")


def _loaded(module):
    """A module of vLLM; it needs a hundred packages, and any of them may be missing."""
    pytest.importorskip("vllm", reason=REASON)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        pytest.skip(f"{module} cannot be imported: {error}")


@pytest.mark.filterwarnings("default")
def test_version_1_takes_the_class(ring):
    v1 = _loaded("vllm.v1.sample.logits_processor")
    torch = importlib.import_module("torch")
    params = importlib.import_module("vllm.sampling_params").SamplingParams
    (made,) = v1._load_logitsprocs_by_fqcns([f"{vllm_adapter.__name__}:GreenListV1"])
    made.validate_params(params(extra_args={vllm_adapter.COHORT: "a"}))
    with pytest.raises(ValueError, match="no key"):
        made.validate_params(params(extra_args={vllm_adapter.COHORT: "z"}))
    processor = made(None, torch.device("cpu"), False)
    assert not processor.is_argmax_invariant()
    builder = v1.BatchUpdateBuilder()
    output = [5]
    builder.added.append((0, params(extra_args={vllm_adapter.COHORT: "a"}), [1], output))
    builder.added.append((1, params(), [1], []))
    processor.update_state(builder.get_and_reset(2))
    builder.moved.append((0, 1, v1.MoveDirectionality.SWAP))
    processor.update_state(builder.get_and_reset(2))
    out = processor.apply(torch.zeros((2, SIZE)))
    assert not out[0].any()
    assert np.array_equal(out[1].numpy(), bias(ring, "a", 5).astype(np.float32))


@pytest.mark.filterwarnings("default")
def test_runner_2_takes_the_class(ring):
    v2 = _loaded("vllm.v1.worker.gpu.sample.logits_processor")
    loader = _loaded("vllm.v1.worker.gpu.sample.logits_processor.loader")
    torch = importlib.import_module("torch")
    params = _loaded("vllm.sampling_params").SamplingParams
    (made,) = loader._load_v2_logitsprocs_by_fqcns([f"{vllm_adapter.__name__}:GreenListV2"])
    processor = made(None, None)
    assert processor.add_request(3, params(extra_args={vllm_adapter.COHORT: "b"}))
    assert not processor.add_request(1, params())
    rows = torch.tensor([1, 3])
    context = v2.LogitsContext(
        expanded_idx_mapping=rows, idx_mapping=rows, idx_mapping_np=rows.numpy(),
        expanded_local_pos=torch.tensor([0, 0]), input_ids=torch.tensor([9, 10]),
        pos=torch.tensor([4, 4]), seq_lens_upper_bound_np=np.array([5, 5]),
    )  # fmt: skip
    out = processor.apply(torch.zeros((2, SIZE)), context)
    assert not out[0].any()
    assert np.array_equal(out[1].numpy(), bias(ring, "b", 10).astype(np.float32))

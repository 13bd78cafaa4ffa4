"""The processor inside ``generate`` of transformers, where both it and PyTorch are installed."""

import numpy as np
import pytest

from stillwatch.provenance.marks.greenlist import count_green, distinct_pairs, green_mask
from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.processor import GreenListProcessor, Greens

REASON = "PyTorch and transformers are not installed: the processor is not run inside them"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)

pytestmark = pytest.mark.filterwarnings("default")  # theirs are not ours to mend
KEY = Key("a", bytes(range(16)))
OTHER = Key("b", bytes(range(1, 17)))


def model(vocabulary=300, kind="llama"):
    """An untrained model: nearly flat, so that every step has a choice."""
    torch.manual_seed(0)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=vocabulary, n_embd=32, n_layer=1, n_head=2, n_positions=64,
            bos_token_id=0, eos_token_id=0, pad_token_id=0,
        )  # fmt: skip
        return transformers.GPT2LMHeadModel(config).eval()
    config = transformers.LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    return transformers.LlamaForCausalLM(config).eval()


def generated(served, ids, mask=None, key=KEY, tokens=40, **options):
    """New tokens of each row."""
    ids = torch.as_tensor(ids)
    processors = [GreenListProcessor(key)] if key else []
    out = served.generate(
        ids,
        attention_mask=torch.ones_like(ids) if mask is None else torch.as_tensor(mask),
        max_new_tokens=tokens,
        min_new_tokens=tokens,
        logits_processor=transformers.LogitsProcessorList(processors),
        **({"do_sample": True, "top_k": 0} | options),
    )
    return out[:, ids.shape[1] :].tolist()


def p_value(rows, key=KEY):
    return count_green(distinct_pairs([np.array(row) for row in rows]), key, 0.25).p


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_sampled_text_carries_the_key_and_no_other(kind):
    rows = generated(model(kind=kind), [[5], [6], [7], [8]])
    assert p_value(rows) < 1e-9
    assert p_value(rows, OTHER) > 1e-4
    assert p_value(generated(model(kind=kind), [[5], [6], [7], [8]], key=None)) > 1e-4


@pytest.mark.parametrize(
    "options",
    [
        {"do_sample": False},
        {"do_sample": False, "num_beams": 3},
        {"num_beams": 2},
        {"temperature": 0.7, "top_p": 0.95, "repetition_penalty": 1.1},
        {"num_return_sequences": 2},
        {"do_sample": False, "prompt_lookup_num_tokens": 3},
    ],
    ids=["greedy", "beam", "beam-sample", "warped", "several", "speculative"],
)
def test_every_way_to_generate_is_marked(options):
    starts = [[5], [9], [31]] if "prompt_lookup_num_tokens" not in options else [[5, 9, 31, 5]]
    rows = generated(model(), starts, **options)
    assert p_value(rows) < 1e-3


def test_padding_on_the_left_changes_nothing():
    served = model()
    alone = generated(served, [[7, 8]], do_sample=False)
    padded = generated(
        served,
        [[0, 0, 0, 7, 8], [1, 2, 3, 4, 5]],
        [[0, 0, 0, 1, 1], [1, 1, 1, 1, 1]],
        do_sample=False,
    )
    assert padded[0] == alone[0]
    assert padded[1] == generated(served, [[1, 2, 3, 4, 5]], do_sample=False)[0]


def test_a_prompt_longer_than_the_models_window_is_marked():
    assert p_value(generated(model(), [list(range(1, 200))] * 4)) < 1e-9


def test_generation_that_begins_with_embeddings_is_marked():
    served = model()
    with torch.inference_mode():
        begin = served.get_input_embeddings()(torch.tensor([[5, 6], [7, 8]]))
        rows = served.generate(
            inputs_embeds=begin, do_sample=True, top_k=0, max_new_tokens=60, min_new_tokens=60,
            logits_processor=transformers.LogitsProcessorList([GreenListProcessor(KEY)]),
        )  # fmt: skip
    assert p_value(rows.tolist()) < 1e-9


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16", "float64"])
@pytest.mark.parametrize("vocabulary", [7, 300, 50_257])
def test_scores_keep_type_and_shape_and_the_old_are_left_alone(kind, vocabulary):
    scores = torch.zeros((2, vocabulary), dtype=getattr(torch, kind))
    scores[0, 3] = -torch.inf
    out = GreenListProcessor(KEY)(torch.tensor([[4, 1], [4, 2]]), scores)
    assert (out.dtype, out.shape) == (scores.dtype, scores.shape)
    assert scores[torch.isfinite(scores)].abs().sum() == 0
    assert out[0, 3] == -torch.inf
    expected = 2.0 * green_mask(KEY, 2, vocabulary, 0.25)
    assert np.array_equal(out[1].float().numpy(), expected.astype(np.float32))


def test_a_half_precision_model_is_marked():
    assert p_value(generated(model().to(torch.bfloat16), [[5], [6], [7], [8]])) < 1e-9


def test_biases_are_made_once_and_within_bounds(monkeypatch):
    made = []

    def counted(key, before, size, gamma):
        made.append(before)
        return green_mask(key, before, size, gamma)

    monkeypatch.setattr("stillwatch.provenance.marks.processor.green_mask", counted)
    greens = Greens(0.25, 2.0, kept_bytes=4000)
    for before in (1, 2, 1, 3, 3, 1):
        greens.raised(torch.zeros((2, 300)), [(KEY, before), (KEY, before)])
    assert made == [1, 2, 3]
    greens.raised(torch.zeros((1, 300)), [(KEY, 4)])
    greens.raised(torch.zeros((1, 300)), [(KEY, 2)])
    assert made == [1, 2, 3, 4, 2]

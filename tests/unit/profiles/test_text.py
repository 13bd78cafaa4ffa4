import dataclasses
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.pieces import PIECES
from stillwatch.profiles.sketch import PADDING
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import DIM, WordVectors

FAMILIES = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
KERNEL = TextKernel(FAMILIES, WordVectors())


def measure(*prompts: str | None, kernel: TextKernel = KERNEL) -> TextFeatures:
    return kernel.features(pa.array(prompts, pa.string()))


def rows(features: TextFeatures) -> list[bytes]:
    """All features of each prompt as bytes."""
    columns = [getattr(features, field.name) for field in dataclasses.fields(features)]
    return [b"".join(column[i].tobytes() for column in columns) for i in range(columns[0].size)]


prompts = st.lists(
    st.text(max_size=200)
    | st.lists(
        st.sampled_from(
            ["step by step", "the", "Ünïcödé", "don't", "你好", "x1", "42", '"a b"', "\n", " ", "—",
             "한국어", "สวัสดี", "مرحبا", "def f(x):", "😀", "a" * 70, "é" * 40, "\u200b"]
        ),
        max_size=60,
    ).map(" ".join)
    | st.none(),
    max_size=8,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(prompts, st.randoms())
def test_features_depend_on_the_prompt_alone(texts: list[str | None], random: object) -> None:
    whole = rows(measure(*texts))
    order = list(range(len(texts)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert rows(measure(*[texts[i] for i in order])) == [whole[i] for i in order]
    assert [rows(measure(text))[0] for text in texts] == whole
    wrapped = pa.array(["before", *texts, "after " * 9], pa.large_string())
    assert rows(KERNEL.features(wrapped.slice(1, len(texts)))) == whole


@settings(deadline=None)
@given(st.text(max_size=300))
def test_counts_are_those_of_python(text: str) -> None:
    features = measure(text)
    assert features.chars[0] == len(text)
    assert features.lines[0] == (text.count("\n") + 1 if text else 0)
    assert features.digits[0] == sum(c.isdecimal() for c in text)
    assert np.isclose(np.linalg.norm(features.embedding[0]), 1.0) or not text


def test_symbols_are_counted_wherever_they_stand() -> None:
    assert measure("don't (stop)!? — «да» 3.5%").symbols.tolist() == [10]


def test_null_and_empty_are_all_zero() -> None:
    features = measure("", None)
    for field in dataclasses.fields(features):
        values = getattr(features, field.name)
        assert (values == (PADDING if field.name == "shingles" else 0)).all(), field.name


def test_nothing_is_left_of_the_batch_before_in_a_room() -> None:
    room = TextFeatures.zeros(4)
    KERNEL.features(pa.array(["Translate 3 of these, please!\n" * 9] * 4), room)
    again = KERNEL.features(pa.array(["", None, "one two"], pa.string()), room)
    assert rows(again) == rows(measure("", None, "one two"))


def test_empty_batches() -> None:
    assert measure().prompt.size == 0
    assert KERNEL.features(pa.array(["a", "b"]).slice(1, 0)).embedding.shape == (0, DIM)


@pytest.mark.parametrize(
    ("prompt", "script"),
    [("hello", 1), ("Привет всем", 2), ("你好 ok", 1), ("你好世界 ok", 3), ("مرحبا", 4), ("हिन्दी", 5),
     ("γειά", 6), ("שלום", 6), ("สวัสดี", 7), ("123 ?!", 0)],
)  # fmt: skip
def test_script(prompt: str, script: int) -> None:
    assert measure(prompt).script.tolist() == [script]


def test_prompt_hash_sees_words_only() -> None:
    same = measure("Hello, World!", "hello world", "HELLO\n\n- world…")
    assert np.unique(same.prompt).size == 1
    assert np.unique(measure("hello world", "world hello", "helloworld").prompt).size == 3


def test_templates_mask_digits_and_quotes() -> None:
    same = measure(
        'Translate "good morning" to French, item 17 please now',
        'Translate "x" to French, item 204 please later',
        "Translate “guten Tag und so weiter” to French, item 3 of many",
        "translate 'it' to french item 88 please",
        "Translate `a` to French: item 88 and so on",
    )
    assert np.unique(same.template).size == 1
    assert np.unique(same.prompt).size == 5
    other = measure("Translate good morning to French now", 'Explain "x" to French people 5')
    assert not set(other.template.tolist()) & set(same.template.tolist())


def test_closings_hold_the_last_words() -> None:
    first, second, third = measure(
        "One thing. Answer in at most 50 words.",
        "Quite another thing: answer in at most 200 words!",
        "Answer in at most 50 lines.",
    ).closing
    assert first == second != third


def test_a_quote_ends_with_its_line() -> None:
    features = measure('say "open\nthen do it in x', 'say "shut"\nthen do it in y')
    assert features.template[0] == features.template[1]


def test_one_word_of_a_megabyte() -> None:
    for prompt in (
        "a" * 1_000_000,
        "é" * 500_000,
        "1" * 1_000_000,
        " " * 1_000_000,
        "你" * 300_000,
    ):
        features = measure(prompt, "after")
        assert features.chars[0] == len(prompt)
        assert rows(features)[1] == rows(measure("after"))[0]


def random_prompts(n: int) -> list[str]:
    letters = np.random.default_rng(4).integers(97, 123, (n, 60, 6), dtype=np.uint8)
    return [" ".join(word.tobytes().decode() for word in prompt) for prompt in letters]


def test_a_full_cache_changes_nothing() -> None:
    texts = random_prompts(400)  # 24,000 words, through a cache of 4,096
    small = TextKernel(FAMILIES, WordVectors(PIECES))
    assert rows(measure(*texts, kernel=small)) == rows(measure(*texts))
    assert rows(measure(*texts[::-1], kernel=small)) == rows(measure(*texts))[::-1]


def test_threads_with_a_kernel_each_agree() -> None:
    texts = random_prompts(300)
    with ThreadPoolExecutor(2) as pool:
        kernels = [TextKernel(FAMILIES, WordVectors(PIECES)) for _ in range(2)]
        results = list(pool.map(lambda kernel: rows(measure(*texts, kernel=kernel)), kernels))
    assert results[0] == results[1] == rows(measure(*texts))


def test_without_vectors_everything_else_is_the_same() -> None:
    texts = ["Think step by step about 3 apples.", "你好"]
    bare = measure(*texts, kernel=TextKernel(FAMILIES, None))
    full = measure(*texts)
    assert not bare.embedding.any()
    assert bare.shingles.tolist() == full.shingles.tolist()
    assert bare.families.tolist() == full.families.tolist()


@cache
def model() -> tuple[Tokenizer, np.ndarray]:
    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    weights = load_file(folder / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    name = "l2_supercat_tokenizer_config.json"
    return Tokenizer.from_file(str(folder / "tokenizers" / name)), weights[:, :DIM].astype("f4")


def cosines(texts: list[str]) -> np.ndarray:
    """Cosine of our embedding to wordllama's mean of token vectors (its ``embed``)."""
    tokenizer, weights = model()
    encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
    theirs = np.array([weights[e.ids].mean(axis=0) for e in encoded])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    result: np.ndarray = (theirs * measure(*texts).embedding).sum(axis=1)
    return result


@pytest.mark.parametrize(
    "text",
    [
        "Write a Python function that merges two sorted lists:\n\n    def merge(a, b):\n        pass",
        "What is the capital of Mongolia, and when was it founded?",
        "Schreibe eine Geschichte über 3 Füchse… und \"Grüße\"!",
        "Докажи, что корень из 2 иррационален.",
        "请逐步推理，然后给出最终答案。",
        "{\"name\": \"x_1\", \"values\": [1.5, 2e-3], 'ok': True}",
        "Don't you think it's    strange?\t\t(Really?)\r\n- yes\n- no  ",
    ],
)  # fmt: skip
def test_embedding_is_close_to_the_model_s_own(text: str) -> None:
    assert cosines([text])[0] > 0.95


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["organic", "extraction"])
def test_embedding_of_real_prompts(real_data: Path, name: str) -> None:
    table = pq.read_table(real_data / f"{name}_prompts.parquet", columns=["prompt"])
    texts = table.column("prompt").to_pylist()[::7]
    similarity = cosines(texts)
    assert np.median(similarity) > 0.999
    assert np.percentile(similarity, 5) > 0.99

"""Planted marks through neural networks: power through a fine-tuned transformer, and the speed of serving.

The teacher, a small Llama, learns from real answers and generates inside transformers, its logits raised
by the project's own processor. The student is another small Llama: trained on other models' answers
first, then fine-tuned on a mixture of marked answers and such others. Its answers are written as text and
tested by ``stillwatch correlate marks test`` for every key of a ring. Needs PyTorch and transformers.

cd bench && python -m correlation.neural [--runs 10] [--minutes 0] [--quick 0] [--json]

``--minutes`` begins no further run after that time; ``--quick 1`` has smaller models and less text.
"""

import importlib.metadata
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from typer.testing import CliRunner

from common import arguments, emit
from correlation.figures import share
from correlation.world import answers, folder_or_none
from stillwatch.cli import app
from stillwatch.provenance.marks.keys import Key, Keyring, write_keyring
from stillwatch.provenance.marks.processor import GreenListProcessor

GAMMA, DELTA = 0.25, 2.0
SHARES = (0.0, 0.05, 0.10, 0.25, 0.50, 1.0)
KEYS = 64
LENGTH, BATCH, END = 64, 16, 0
STEPS = 16
"""Tokens a row in measuring speed."""


@dataclass(frozen=True)
class Size:
    """What the models are, and what they learn from and answer."""

    vocabulary: int
    teacher: tuple[int, int]
    """Width and layers."""
    teaching_steps: int
    student: tuple[int, int]
    base_steps: int
    corpus: int
    """Tokens that a student is fine-tuned on."""
    epochs: int
    answers: tuple[int, ...]
    """Tokens that the student answers with."""


FULL = Size(512, (128, 2), 1500, (128, 2), 600, 60_000, 4, (10_000, 20_000))
QUICK = Size(512, (128, 1), 250, (128, 1), 100, 40_000, 5, (10_000, 20_000))
"""Chosen after a narrower student that learned less showed nothing; see the notes of the results."""
TEACHERS = ("claude-2.1", "claude-2", "claude-3-opus-20240229")
OTHERS = ("llama-2-13b-chat-hf", "vicuna-13b", "mistral-medium", "cohere")
Ids = list[int]


def missing() -> str | None:
    """Why this cannot run, or None."""
    absent = [name for name in ("torch", "transformers") if not importlib.util.find_spec(name)]
    if absent:
        return f"{' and '.join(absent)} not installed (pip install torch transformers)"
    return None if folder_or_none() else "the answers are absent (STILLWATCH_DATA)"


@dataclass(frozen=True)
class Texts:
    """Token ids of answers, each ended."""

    tokenizer: Tokenizer
    teaching: list[Ids]
    clean: list[Ids]
    held: list[Ids]
    """Of the teachers, to measure perplexity on."""


def texts(folder: Path, vocabulary: int) -> Texts:
    """Real answers, cut by a tokenizer that is trained on all of them."""
    read = answers(folder)
    both = [[t for m in group for t in read.outputs[m].values()] for group in (TEACHERS, OTHERS)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [t for group in both for t in group],
        trainers.BpeTrainer(
            vocab_size=vocabulary, special_tokens=["<end>"], initial_alphabet=alphabet,
            show_progress=False,
        ),
    )  # fmt: skip
    teaching, clean = ([[*tokenizer.encode(t).ids, END] for t in group] for group in both)
    kept = [ids for i, ids in enumerate(teaching) if i % 10]
    return Texts(tokenizer, kept, clean, held=teaching[::10])


def llama(width: int, layers: int, vocabulary: int) -> Any:
    """A small model with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=width, intermediate_size=3 * width,
            num_hidden_layers=layers, num_attention_heads=4, num_key_value_heads=4,
            max_position_embeddings=2 * LENGTH, tie_word_embeddings=True,
            bos_token_id=END, eos_token_id=END, pad_token_id=END,
        )
    )  # fmt: skip


def batches(data: Sequence[Ids], rng: np.random.Generator, steps: int) -> Iterator[Any]:
    """Windows of the answers in a row, drawn anew for each batch."""
    import torch

    row = np.array([END, *(i for text in data for i in text)])
    for _ in range(steps):
        at = rng.integers(0, row.size - LENGTH, BATCH)
        yield torch.from_numpy(np.stack([row[a : a + LENGTH] for a in at]))


def train(model: Any, data: Sequence[Ids], steps: int, rate: float, seed: int) -> Any:
    """Train by AdamW with a warm start and a linear end."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    model.train()
    for step, ids in enumerate(batches(data, np.random.default_rng(seed), steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 20, (steps - step) / (0.3 * steps))
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return model.eval()


def perplexity(model: Any, data: Sequence[Ids]) -> float:
    """Per token, on windows."""
    import torch

    with torch.inference_mode():
        found = [
            float(model(input_ids=ids, labels=ids).loss)
            for ids in batches(data, np.random.default_rng(5), 20)
        ]
    return float(np.exp(np.mean(found)))


def generate(
    model: Any,
    tokens: int,
    seed: int,
    processor: GreenListProcessor | None = None,
    temperature: float = 1.0,
) -> list[Ids]:
    """Sample answers of about ``tokens`` tokens in all with ``model.generate``."""
    import torch
    from transformers import LogitsProcessorList

    torch.manual_seed(seed)
    done: list[Ids] = []
    start = torch.full((128, 1), END)
    while sum(map(len, done)) < tokens:
        rows = model.generate(
            start, attention_mask=torch.ones_like(start), do_sample=True, top_k=0,
            temperature=temperature, max_new_tokens=LENGTH, logits_processor=LogitsProcessorList([processor] if processor else []),
        )[:, 1:].tolist()  # fmt: skip
        done += [row[: row.index(END) + 1] if END in row else row for row in rows]
    return first_of(done, tokens)


def first_of(data: Sequence[Ids], tokens: float) -> list[Ids]:
    total = np.cumsum([len(text) for text in data])
    return list(data[: int(np.searchsorted(total, tokens)) + 1]) if tokens else []


def mix(
    marked: list[Ids], clean: list[Ids], part: float, corpus: int, rng: np.random.Generator
) -> list[Ids]:
    """Answers of both kinds, ``part`` of the tokens marked."""
    out: list[Ids] = []
    for data, wanted in ((marked, part * corpus), (clean, (1 - part) * corpus)):
        out += first_of([data[i] for i in rng.permutation(len(data))], wanted)
    return [out[i] for i in rng.permutation(len(out))]


def tested(folder: Path, tokenizer: Tokenizer, answered: Sequence[Ids]) -> dict[str, Any]:
    """Ask the command line for the keys that some answers carry."""
    file = folder / "suspect.jsonl"
    lines = [json.dumps({"output": tokenizer.decode(ids)}) for ids in answered]
    file.write_text("\n".join(lines))
    words = ["correlate", "marks", "test", str(file), "--keys", str(folder / "keys.json"),
             "--tokenizer", str(folder / "tokenizer.json"), "--kind", "green", "--json"]  # fmt: skip
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    return json.loads(done.stdout)


Found = dict[tuple[float, int], list[dict[str, Any]]]


def dilution(
    teacher: Any, data: Texts, size: Size, runs: int, minutes: int
) -> list[dict[str, Any]]:
    """Power against the share of marked text, a new key of the ring each run."""
    base = train(llama(*size.student, size.vocabulary), data.clean, size.base_steps, 4e-3, seed=2)
    ring = Keyring(
        tuple(Key(f"cohort-{i:02}", np.random.default_rng(900 + i).bytes(16)) for i in range(KEYS)),
        GAMMA, DELTA,
    )  # fmt: skip
    found: Found = {(part, tokens): [] for tokens in size.answers for part in SHARES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_keyring(ring, folder / "keys.json")
        data.tokenizer.save(str(folder / "tokenizer.json"))
        begun = time.perf_counter()
        for run in range(runs):
            if minutes and time.perf_counter() - begun > 60 * minutes:
                runs = run
                break
            served = generate(
                teacher, size.corpus, run, GreenListProcessor(ring.keys[run], GAMMA, DELTA)
            )
            for part in SHARES:
                rng = np.random.default_rng(100 + run)
                student = fine_tuned(
                    base, mix(served, data.clean, part, size.corpus, rng), size, run
                )
                answered = generate(student, max(size.answers), 1000 + run)
                for tokens in size.answers:
                    record = tested(folder, data.tokenizer, first_of(answered, tokens))
                    found[part, tokens].append(record | {"served": ring.keys[run].cohort})
            for tokens in size.answers:
                own = [found[part, tokens][-1] for part in SHARES]
                p = [f"{k['p']:.1e}" for r in own for k in r["keys"] if k["cohort"] == r["served"]]
                text = f"run {run + 1} of {runs}, {tokens:,} tokens: {' '.join(p)}"
                print(text, file=sys.stderr, flush=True)
    fluent = {
        "title": f"Models, {_versions()}",
        "head": ("model", "parameters", "perplexity of the teachers' held-out answers"),
        "rows": [
            [n, f"{sum(p.numel() for p in m.parameters()):,}", f"{perplexity(m, data.held):.0f}"]
            for n, m in (("teacher", teacher), ("student before fine-tuning", base))
        ],
    }
    return [fluent, *(_curve(found, tokens, runs, size) for tokens in size.answers)]


def fine_tuned(base: Any, data: Sequence[Ids], size: Size, run: int) -> Any:
    """A copy of the base, fine-tuned."""
    import torch

    torch.manual_seed(run)
    student = llama(*size.student, size.vocabulary)
    student.load_state_dict(base.state_dict())
    return train(student, data, size.epochs * size.corpus // (LENGTH * BATCH), 3e-3, seed=run)


def _curve(found: Found, tokens: int, runs: int, size: Size) -> dict[str, Any]:
    rows = []
    for part in SHARES:
        records = found[part, tokens]
        own = [next(k for k in r["keys"] if k["cohort"] == r["served"]) for r in records]
        p = np.array([k["p"] for k in own])
        wrong = [k["p"] for r in records for k in r["keys"] if k["cohort"] != r["served"]]
        rows.append(
            [
                f"{part:.0%}",
                share(int((p < 0.001).sum()), runs),
                share(sum(r["found"] == [r["served"]] for r in records), runs),
                f"{np.median(p):.1e}",
                f"{p.max():.1e}",
                share(int((np.array(wrong) < 0.001).sum()), len(wrong)),
            ]
        )
    title = (
        f"Dilution, green list at delta {DELTA:g} through a neural student: fine-tuned on {size.corpus:,} tokens, "
        f"{size.epochs} epochs; {tokens:,} tokens of its answers"
    )
    head = ("marked share", "p < 0.001", f"named alone among {KEYS} keys, Holm 0.001",
            "median p", "largest p", "wrong keys, p < 0.001")  # fmt: skip
    return {"title": title, "head": head, "rows": rows}


def speed(repeat: int = 3) -> dict[str, Any]:
    """Tokens a second of processor time with and without the mark, untrained models."""
    import torch

    rows = []
    for vocabulary in (32_000, 128_000):
        torch.manual_seed(0)
        model = llama(256, 4, vocabulary).eval()
        for batch in (1, 16):
            start = torch.randint(1, vocabulary, (batch, 8))
            processor = GreenListProcessor(Key("speed", bytes(16)), GAMMA, DELTA)
            _timed(model, start, processor)  # compiles
            pairs = [
                (_timed(model, start, None), _timed(model, start, processor)) for _ in range(repeat)
            ]
            plain, marked = np.median(pairs, axis=0)
            rows.append(
                [
                    f"{vocabulary:,}",
                    batch,
                    f"{STEPS * batch / plain:.0f}",
                    f"{STEPS * batch / marked:.0f}",
                    f"{1000 * float(np.median([m - p for p, m in pairs])) / STEPS:.2f} ms",
                ]
            )
    head = ("vocabulary", "batch", "tokens/s without", "tokens/s with", "a step more")
    title = "Speed of generate on a CPU, a 4-layer model of width 256, in processor time"
    return {"title": title, "head": head, "rows": rows}


def _timed(model: Any, start: Any, processor: GreenListProcessor | None) -> float:
    """Seconds of processor time of ``STEPS`` tokens a row."""
    import torch
    from transformers import LogitsProcessorList

    begun = time.process_time()
    model.generate(
        start, attention_mask=torch.ones_like(start), do_sample=True, top_k=0,
        max_new_tokens=STEPS, min_new_tokens=STEPS,
        logits_processor=LogitsProcessorList([processor] if processor else []),
    )  # fmt: skip
    return time.process_time() - begun


def _versions() -> str:
    return ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("torch", "transformers"))


def measured(runs: int, minutes: int = 0, size: Size = FULL) -> dict[str, Any]:
    """All tables, or why not."""
    why = missing()
    folder = folder_or_none()
    if why or folder is None:
        return {"skipped": why}
    import torch

    torch.manual_seed(1)
    data = texts(folder, size.vocabulary)
    teacher = train(
        llama(*size.teacher, size.vocabulary), data.teaching, size.teaching_steps, 4e-3, seed=1
    )
    return {"tables": [*dilution(teacher, data, size, runs, minutes), speed()]}


if __name__ == "__main__":
    options = arguments(__doc__, runs=10, minutes=0, quick=0)
    size = QUICK if options.quick else FULL
    emit(measured(options.runs, options.minutes, size), options.json)

"""Speed and fidelity of the text kernel, on one core.

    python bench/kernel.py [--json] [--prompts 40000] [--repeat 7]

Prompts are generated here (English-like sentences with lists, code, numbers and quotes, about 450
bytes each), so the figures need no data. With STILLWATCH_DATA the cosine between our embeddings
and the model's own mean of token vectors is measured per source of real prompts.
"""

import argparse
import importlib.util
import json
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from common import data_folder
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.text import TextKernel
from stillwatch.profiles.words import DIM, WordVectors

SYLLABLES = [
    "an",
    "be",
    "con",
    "der",
    "el",
    "fa",
    "gen",
    "hi",
    "in",
    "ja",
    "ke",
    "lo",
    "ma",
    "ne",
    "or",
    "pre",
    "qui",
    "ra",
    "sen",
    "ti",
    "un",
    "ver",
    "wa",
    "ex",
    "yo",
    "zi",
    "ment",
    "tion",
    "able",
    "ing",
    "ed",
    "er",
    "ly",
    "ness",
    "ful",
]
COMMON = [
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "is",
    "that",
    "for",
    "it",
    "as",
    "with",
    "on",
    "be",
    "by",
    "at",
    "this",
    "are",
    "from",
    "or",
    "an",
    "have",
    "not",
    "which",
    "you",
    "we",
    "can",
    "how",
    "what",
    "please",
    "write",
    "explain",
    "answer",
    "question",
    "following",
    "step",
    "each",
]


def vocabulary(size: int, rng: np.random.Generator) -> list[str]:
    """Common words first, then invented ones of two to four syllables."""
    parts = rng.integers(0, len(SYLLABLES), (size, 4))
    lengths = rng.integers(2, 5, size)
    invented = [
        "".join(SYLLABLES[p] for p in row[:n]) for row, n in zip(parts, lengths, strict=True)
    ]
    return COMMON + invented


def prompts(n: int, seed: int = 7) -> pa.Array:
    """Prompts of about 450 bytes; words follow Zipf's law over 30,000."""
    rng = np.random.default_rng(seed)
    words = vocabulary(30_000, rng)
    weights = 1 / np.arange(2, len(words) + 2)
    drawn = rng.choice(len(words), (n, 63), p=weights / weights.sum())
    marks = rng.random((n, 63))
    endings = [(0.03, ".\n"), (0.10, ". "), (0.20, ", "), (0.22, ": "), (0.24, ' "')]
    texts = []
    for row, chance in zip(drawn, marks, strict=True):
        text = [words[row[0]].capitalize()]
        for word, c in zip(row[1:], chance[1:], strict=True):
            text.append(next((mark for bound, mark in endings if c < bound), " "))
            text.append(str(word % 100) if c > 0.97 else words[word])
        texts.append("".join(text))
    return pa.array(texts)


def speed(kernel: TextKernel, texts: pa.Array, repeat: int) -> dict[str, float]:
    """Median and best of ``repeat`` runs after one to warm up."""
    size = int(np.diff(np.frombuffer(texts.buffers()[1], np.int32)[: len(texts) + 1]).sum())
    kernel.features(texts)
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        kernel.features(texts)
        seconds.append(time.perf_counter() - start)
    median, best = statistics.median(seconds), min(seconds)
    return {
        "n": repeat,
        "mb_per_s_median": round(size / median / 1e6, 1),
        "mb_per_s_best": round(size / best / 1e6, 1),
        "prompts_per_s_median": round(len(texts) / median),
        "prompts_per_s_best": round(len(texts) / best),
        "us_per_prompt_median": round(median / len(texts) * 1e6, 3),
    }


def speeds(n: int, repeat: int) -> dict[str, Any]:
    """Phase A (no vectors), all, and by difference the embedding with its projections."""
    texts = prompts(n)
    families = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
    scan = speed(TextKernel(families, None), texts, repeat)
    full = speed(TextKernel(families, WordVectors()), texts, repeat)
    difference = full["us_per_prompt_median"] - scan["us_per_prompt_median"]
    return {
        "prompts": n,
        "mean_bytes": round(texts.nbytes / n - 4, 1),
        "scan": scan,
        "embedding": {
            "us_per_prompt_median": round(difference, 3),
            "prompts_per_s_median": round(1e6 / difference),
        },
        "all": full,
    }


def fidelity(folder: Path) -> dict[str, Any]:
    """Cosine to wordllama's sentence vectors (mean of token vectors, 64 of 256 dimensions)."""
    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    name = "l2_supercat_tokenizer_config.json"
    tokenizer = Tokenizer.from_file(str(wheel / "tokenizers" / name))
    weights = load_file(wheel / "weights" / "l2_supercat_256.safetensors")["embedding.weight"]
    weights = weights[:, :DIM].astype(np.float32)
    kernel = TextKernel(FamilyTable.compile(()), WordVectors())
    out: dict[str, Any] = {}
    for file in ("organic_prompts", "extraction_prompts"):
        table = pq.read_table(folder / f"{file}.parquet", columns=["source", "prompt"])
        texts = table.column("prompt").to_pylist()
        ours = kernel.features(table.column("prompt").combine_chunks()).embedding
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        theirs = np.array([weights[e.ids].mean(axis=0) for e in encoded])
        theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
        cosine = (ours * theirs).sum(axis=1)
        sources = np.array(table.column("source").to_pylist())
        for source in np.unique(sources):
            part = cosine[sources == source]
            out[str(source)] = {
                "n": int(part.size),
                "median": round(float(np.median(part)), 4),
                "p5": round(float(np.percentile(part, 5)), 4),
                "min": round(float(part.min()), 4),
            }
    return out


def rows() -> dict[str, Any]:
    """The figures as one table, for the page of results."""
    result = speeds(40_000, 7)
    found: list[list[Any]] = [
        [name, "; ".join(f"{key} {value}" for key, value in result[name].items())]
        for name in ("scan", "embedding", "all")
    ]
    if folder := data_folder():
        found += [
            [
                f"cosine to the model's own vectors, {source}",
                "; ".join(f"{k} {v}" for k, v in values.items()),
            ]
            for source, values in fidelity(folder).items()
        ]
    return {
        "head": ("what", f"{result['prompts']} prompts of {result['mean_bytes']} bytes"),
        "rows": found,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON only")
    parser.add_argument("--prompts", type=int, default=40_000)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    if options.repeat < 5:
        parser.error("--repeat must be at least 5: a median of fewer runs says little")
    result: dict[str, Any] = {"python": platform.python_version(), "cpus": os.cpu_count()}
    result |= speeds(options.prompts, options.repeat)
    data = os.environ.get("STILLWATCH_DATA")
    if data and (Path(data) / "organic_prompts.parquet").exists():
        result["cosine"] = fidelity(Path(data))
    if options.json:
        json.dump(result, sys.stdout, indent=1)
        print()
        return
    print(f"{result['prompts']} prompts of {result['mean_bytes']} bytes, one core")
    for name in ("scan", "embedding", "all"):
        print(f"{name:10} " + "  ".join(f"{k} {v}" for k, v in result[name].items()))
    for source, values in result.get("cosine", {}).items():
        print(f"cosine {source:28} " + "  ".join(f"{k} {v}" for k, v in values.items()))


if __name__ == "__main__":
    main()

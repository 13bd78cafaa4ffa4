"""The real panel of the benchmarks: AlpacaEval answers of 59 models with documented lineage.

Only names, vendors and clusters stand here; answers and lineage are read from the data folder. A
cluster joins models that share training data, weights or makers.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common import data_folder
from stillwatch.provenance.align import Aligned, align
from stillwatch.provenance.answers import Answers, prompt_key
from stillwatch.provenance.fit import FEATURES
from stillwatch.provenance.measure import Measured, measure
from stillwatch.provenance.panel import Panel, make_panel

REFERENCES: Mapping[str, tuple[str, ...]] = {
    "openai": ("text_davinci_003", "gpt-3.5-turbo-0301", "gpt4_0314", "gpt4_1106_preview"),
    "anthropic": ("claude", "claude-2.1", "claude-3-opus-20240229"),
    "mistral": (
        "Mixtral-8x7B-Instruct-v0.1",
        "mistral-large-2402",
        "Mistral-7B-Instruct-v0.2",
    ),
    "meta": ("Meta-Llama-3.1-70B-Instruct-Turbo", "Meta-Llama-3-8B-Instruct"),
    "google": ("gemini-pro",),
    "cohere": ("cohere",),
    "01ai": ("yi-large-preview",),
    "alibaba": ("Qwen1.5-72B-Chat",),
}
VENDORS: Mapping[str, str] = {
    **{m: v for v, models in REFERENCES.items() for m in models},
    "claude-2": "anthropic",
    "claude-instant-1.2": "anthropic",
    "aligner-2b_claude-3-opus-20240229": "anthropic",
    "text_davinci_001": "openai",
    "gpt-3.5-turbo-0613": "openai",
    "gpt-3.5-turbo-1106": "openai",
    "gpt-3.5-turbo-1106_verbose": "openai",
    "gpt4": "openai",
    "gpt4_0613": "openai",
    "gpt4_1106_preview_concise": "openai",
    "gpt-4-turbo-2024-04-09": "openai",
    "Snorkel-Mistral-PairRM-DPO": "mistral",
    "mistral-medium": "mistral",
    "Llama-3-Instruct-8B-SimPO": "meta",
    "llama-2-7b-chat-hf": "meta",
    "llama-2-13b-chat-hf": "meta",
    "gemma-7b-it": "google",
}
CLUSTERS: Mapping[str, tuple[str, ...]] = {
    "alpaca": ("alpaca-7b", "alpaca-farm-ppo-sim-gpt4-20k"),
    "vicuna": ("vicuna-7b", "vicuna-13b", "vicuna-13b-v1.3"),
    "wizardlm": ("wizardlm-13b", "recycled-wizardlm-7b-v1.0"),
    "ultrachat": ("ultralm-13b", "zephyr-7b-alpha"),
    "openchat": ("openchat-13b", "opencoderplus-15b"),
    "fusechat": ("FuseChat-Llama-3.1-8B-Instruct", "FuseChat-Llama-3.2-1B-Instruct"),
    "oasst": (
        "guanaco-7b",
        "guanaco-33b",
        "oasst-sft-pythia-12b",
        "oasst-sft-llama-33b",
        "humpback-llama-65b",
    ),
    "llama2": ("llama-2-7b-chat-hf", "llama-2-13b-chat-hf"),
    "anthropic": ("claude-2", "claude-instant-1.2", "aligner-2b_claude-3-opus-20240229"),
    "openai": (
        "text_davinci_001",
        "gpt-3.5-turbo-0613",
        "gpt-3.5-turbo-1106",
        "gpt-3.5-turbo-1106_verbose",
        "gpt4",
        "gpt4_0613",
        "gpt4_1106_preview_concise",
        "gpt-4-turbo-2024-04-09",
    ),
    "mistral": ("Snorkel-Mistral-PairRM-DPO", "mistral-medium"),
    "llama3": ("Llama-3-Instruct-8B-SimPO",),
}
"""Any other model is a cluster of its own."""
MIXED: Mapping[str, tuple[str, ...]] = {
    "FuseChat-Llama-3.1-8B-Instruct": ("meta", "google", "mistral", "alibaba"),
    "FuseChat-Llama-3.2-1B-Instruct": ("meta", "google", "mistral", "alibaba"),
}
"""Further sources that the evidence column of the lineage names."""
TEACHING = ("distilled", "distilled_mixture")


@dataclass(frozen=True)
class World:
    """Answers, panel and measured evidence."""

    answers: Answers
    panel: Panel
    aligned: Aligned
    measured: Measured
    relation: Mapping[str, str]
    """Documented relation of each model with certain lineage."""
    teacher: Mapping[str, str]

    @property
    def certain_nulls(self) -> list[tuple[int, int]]:
        """Null pairs of models whose lineage is documented."""
        kinds = (*TEACHING, "not_distilled")
        return [
            (m, t)
            for m, t in self.measured.null_pairs
            if self.relation.get(self.measured.models[m]) in kinds
        ]

    def hard(self, model: str) -> bool:
        """Whether a model is documented to have no language model as teacher."""
        return self.relation.get(model) == "not_distilled"


def lineage(folder: Path) -> list[dict[str, str]]:
    """Rows that are ground truth for AlpacaEval."""
    with (folder / "lineage.csv").open(encoding="utf-8") as file:
        return [
            row
            for row in csv.DictReader(file)
            if row["certain"] == "yes" and "alpaca_eval" in row["student_benches"]
        ]


def panel_of(folder: Path, ours: tuple[str, ...] = ()) -> dict[str, Any]:
    """The panel as its file would have it."""
    rows = lineage(folder)
    cluster = {m: name for name, models in CLUSTERS.items() for m in models}
    taught: dict[str, set[str]] = {m: {v} for m, v in VENDORS.items()}
    for row in rows:
        if row["relation"] != "not_distilled":
            taught.setdefault(row["student"], set()).add(VENDORS[row["teacher"]])
    for model, sources in MIXED.items():
        taught.setdefault(model, set()).update(sources)
    models = sorted(set(_answers(folder)["model"].to_pylist()))
    references = {m for names in REFERENCES.values() for m in names}
    return {
        "ours": [{"model": m, "vendor": VENDORS[m]} for m in ours],
        "reference": [
            {"model": m, "vendor": VENDORS[m]} for m in sorted(references) if m not in ours
        ],
        "control": [
            {
                "model": m,
                "cluster": cluster.get(m, m),
                "teacher": sorted(taught.get(m, ())),
                "why": "documented lineage",
            }
            for m in models
            if m not in references
        ],
        "pair": [
            {
                "student": r["student"],
                "teacher": r["teacher"],
                "cluster": cluster.get(r["student"], r["student"]),
            }
            for r in rows
            if r["relation"] in TEACHING
        ],
    }


@cache
def _answers(folder: Path) -> Any:
    table = pq.read_table(folder / "model_outputs.parquet")
    return table.filter(pc.equal(table["bench"], "alpaca_eval"))


@cache
def answers(folder: Path) -> Answers:
    """The answers as the command line reads them."""
    found = Answers()
    for at, row in enumerate(_answers(folder).to_pylist(), 1):
        found.add(row["model"], prompt_key(row["prompt"]), row["prompt"], row["output"], str(at))
    return found


def world(
    folder: Path, features: tuple[str, ...] = FEATURES, prompts: int | None = None, seed: int = 0
) -> World:
    """Measure the panel, on ``prompts`` drawn at random if given."""
    read = answers(folder)
    panel = make_panel(panel_of(folder), "benchmark")
    aligned = align(read, panel, ())
    if prompts is not None:
        aligned = subset(
            aligned, np.random.default_rng(seed).permutation(len(aligned.prompts))[:prompts]
        )
    rows = lineage(folder)
    return World(
        read,
        panel,
        aligned,
        measure(aligned, panel, features),
        {r["student"]: r["relation"] for r in rows},
        {r["student"]: r["teacher"] for r in rows},
    )


def subset(aligned: Aligned, kept: np.ndarray) -> Aligned:
    """The same panel on some of its prompts."""
    kept = np.sort(kept)
    return Aligned(
        aligned.models,
        tuple(aligned.prompts[i] for i in kept),
        tuple(aligned.texts[i] for i in kept),
        tuple(tuple(row[i] for i in kept) for row in aligned.outputs),
        (),
        (),
        (),
    )


def folder_or_none() -> Path | None:
    """The data folder, if the answers are there."""
    folder = data_folder()
    return folder if folder and (folder / "model_outputs.parquet").exists() else None

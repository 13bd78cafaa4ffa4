"""Real prompts and traces, read from Parquet files that the user provides.

Why: text of a grammar is not text of people. Where the files are present, populations and
campaigns take their prompts from them, and gaps and token counts come from real traces.

Expected in the directory
    extraction_prompts.parquet   source, prompt: instruction sets that were used for distillation
    organic_prompts.parquet      kind, session, prompt: prompts of users, harnesses, pipelines
    arrival_traces.parquet       trace, t_s, input_tokens, output_tokens, session: optional
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from stillwatch.errors import EmptyInput, InputError

EXTRACTION = {
    "seed": ("alpaca_cherry5pct", "alpaca_gpt4_demo1k", "gpteacher_roleplay"),
    "code.task": ("code_alpaca_2k", "gpteacher_codegen"),
    "grade.full": ("llmbar_judge_gpt4",),
}
"""Rule of the grammar → sources that serve it."""
ORGANIC = {
    "chat": ("organic_user",),
    "persona": ("organic_persona_template",),
    "search": ("search_query",),
    "bench.math": ("benchmark_harness",),
    "bench.cot": ("benchmark_harness_cot",),
    "route.full": ("single_template_pipeline",),
}
"""Rule of the grammar → kinds that serve it."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Real text by rule, and empirical distributions."""

    texts: Mapping[str, pa.StringArray]
    """Rule → prompts."""
    groups: Mapping[str, tuple[pa.StringArray, npt.NDArray[np.int64]]]
    """Rule → prompts sorted by group, and where each group starts (one more entry at the end)."""
    gaps: npt.NDArray[np.float64] | None
    """Seconds between turns of a conversation."""
    output_tokens: npt.NDArray[np.int64] | None
    """Tokens of answers."""


def load_corpus(folder: Path) -> Corpus:
    """Read a corpus directory; raise InputError when a file or a column is missing."""
    extraction = _read(folder / "extraction_prompts.parquet", ("source", "prompt"))
    organic = _read(folder / "organic_prompts.parquet", ("kind", "session", "prompt"))
    texts = {rule: _where(extraction, "source", names) for rule, names in EXTRACTION.items()}
    texts |= {rule: _where(organic, "kind", names) for rule, names in ORGANIC.items()}
    gaps, output = _traces(folder / "arrival_traces.parquet")
    return Corpus(texts, {"pipe.grouped": _grouped(organic)}, gaps, output)


def _read(path: Path, columns: tuple[str, ...]) -> pa.Table:
    if not path.is_file():
        raise InputError(
            f"the corpus has no file {path.name}",
            hint=f"put it into {path.parent} or leave --corpus out to use the built-in grammar",
        )
    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise InputError(
            f"{path}: not a readable Parquet file ({error})", hint="replace it"
        ) from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}", hint=f"expected columns: {', '.join(columns)}"
        )
    return table.select(list(columns))


def _where(table: pa.Table, column: str, names: tuple[str, ...]) -> pa.StringArray:
    chosen = table.filter(pc.is_in(table[column], pa.array(names)))
    prompts = chosen["prompt"].combine_chunks().drop_null()
    if len(prompts) == 0:
        raise EmptyInput(
            f"the corpus has no prompt with {column} {' or '.join(names)}",
            hint="add some or leave --corpus out",
        )
    return prompts.cast(pa.string())


def _grouped(organic: pa.Table) -> tuple[pa.StringArray, npt.NDArray[np.int64]]:
    """Prompts of templated pipelines, one group per template."""
    rows = organic.filter(pc.equal(organic["kind"], "templated_pipeline")).sort_by("session")
    if rows.num_rows == 0:
        raise EmptyInput(
            "the corpus has no templated_pipeline prompt", hint="add some or leave --corpus out"
        )
    codes = (
        rows["session"].combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False)
    )
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    return (
        rows["prompt"].combine_chunks().cast(pa.string()),
        np.append(starts, rows.num_rows).astype(np.int64),
    )


def _traces(
    path: Path,
) -> tuple[npt.NDArray[np.float64] | None, npt.NDArray[np.int64] | None]:
    """Gaps between turns and answer lengths; both None when there is no trace file."""
    if not path.is_file():
        return None, None
    table = _read(path, ("trace", "t_s", "output_tokens", "session"))
    threads = table.filter(pc.is_valid(table["session"])).sort_by(
        [("session", "ascending"), ("t_s", "ascending")]
    )
    codes = (
        threads["session"]
        .combine_chunks()
        .dictionary_encode()
        .indices.to_numpy(zero_copy_only=False)
    )
    gaps = np.diff(threads["t_s"].to_numpy())[np.diff(codes) == 0]
    output = table["output_tokens"].drop_null().to_numpy().astype(np.int64)
    gaps = gaps[gaps > 0]
    return (gaps if len(gaps) else None), (output if len(output) else None)

"""Real prompts in place of the grammar."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import EmptyInput, InputError
from stillwatch.simulation import SimulationOptions, simulate
from stillwatch.simulation.corpus import EXTRACTION, ORGANIC, load_corpus
from stillwatch.simulation.library import Library


def _corpus(folder: Path) -> Path:
    """A tiny corpus of our own words with every source and kind."""
    sources = [name for names in EXTRACTION.values() for name in names]
    kinds = [*(name for names in ORGANIC.values() for name in names), "templated_pipeline"]
    pq.write_table(
        pa.table(
            {
                "source": [s for s in sources for _ in range(20)],
                "prompt": [f"taken from {s} number {i}" for s in sources for i in range(20)],
            }
        ),
        folder / "extraction_prompts.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "kind": [k for k in kinds for _ in range(20)],
                "session": [f"template {i % 4}" for _ in kinds for i in range(20)],
                "prompt": [f"{k} t{i % 4} n{i}" for k in kinds for i in range(20)],
            }
        ),
        folder / "organic_prompts.parquet",
    )
    return folder


def test_numbered_items_are_all_different_until_the_corpus_is_used_up(tmp_path: Path) -> None:
    library = Library(load_corpus(_corpus(tmp_path)))
    texts = library.items("seed", 7, np.arange(60)).to_pylist()
    assert len(set(texts)) == 60
    assert library.items("seed", 7, np.arange(60, 120)).to_pylist() == texts
    assert library.items("seed", 8, np.arange(60)).to_pylist() != texts


def test_a_group_keeps_to_its_template(tmp_path: Path) -> None:
    library = Library(load_corpus(_corpus(tmp_path)))
    groups = np.repeat(np.arange(8, dtype=np.uint64), 30)
    texts = library.grouped("pipe.grouped", groups, np.arange(240, dtype=np.uint64)).to_pylist()
    templates = [{text.split(" ")[1] for text in texts[i : i + 30]} for i in range(0, 240, 30)]
    assert all(len(template) == 1 for template in templates)
    assert len(set.union(*templates)) > 1


def test_a_world_uses_the_real_prompts(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    options = SimulationOptions(
        tmp_path / "w", accounts=150, days=2, corpus=_corpus(folder), tactics=("seed_task_sweep",)
    )
    simulate(options)
    prompts = pl.read_parquet(tmp_path / "w" / "events" / "*.parquet")["prompt"]
    assert prompts.str.contains("taken from alpaca").any()
    assert prompts.str.contains("search_query t").any()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (_corpus(tmp_path) / "organic_prompts.parquet").unlink()
    with pytest.raises(InputError, match=r"no file organic_prompts\.parquet"):
        simulate(SimulationOptions(tmp_path / "w", accounts=60, days=1, corpus=tmp_path))
    assert not (tmp_path / "w").exists()


def test_a_missing_column_a_broken_file_and_an_empty_source_are_named(tmp_path: Path) -> None:
    path = _corpus(tmp_path) / "extraction_prompts.parquet"
    table = pq.read_table(path)
    pq.write_table(table.slice(0, 20), path)
    with pytest.raises(EmptyInput, match="no prompt with source"):
        load_corpus(tmp_path)
    pq.write_table(table.drop_columns("prompt"), path)
    with pytest.raises(InputError, match="no column 'prompt'"):
        load_corpus(tmp_path)
    path.write_bytes(b"not parquet")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        load_corpus(tmp_path)


def test_traces_give_gaps_and_token_counts(tmp_path: Path) -> None:
    pq.write_table(
        pa.table(
            {
                "trace": ["x"] * 4,
                "t_s": [0.0, 30.0, 5.0, 7.0],
                "output_tokens": [10, 20, 30, 40],
                "session": ["a", "a", "b", None],
            }
        ),
        _corpus(tmp_path) / "arrival_traces.parquet",
    )
    corpus = load_corpus(tmp_path)
    assert corpus.gaps is not None
    assert corpus.output_tokens is not None
    assert corpus.gaps.tolist() == [30.0]
    assert sorted(corpus.output_tokens.tolist()) == [10, 20, 30, 40]


@pytest.mark.real_data
def test_a_world_of_real_prompts(tmp_path: Path, real_data: Path) -> None:
    options = SimulationOptions(tmp_path / "w", accounts=200, days=2, corpus=real_data)
    summary = simulate(options)
    assert summary.attack_events > 50
    prompts = pl.read_parquet(tmp_path / "w" / "events" / "*.parquet")["prompt"]
    assert prompts.null_count() == 0
    known = set(pl.read_parquet(real_data / "organic_prompts.parquet")["prompt"])
    assert prompts.is_in(list(known)).mean() > 0.05

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import EmptyInput, InputError, TooManyBadRows, UnknownFormat
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.reading import read_answers

ROWS = [
    {"model": "a", "prompt": "one?", "output": "1"},
    {"model": "a", "prompt": "two?", "output": "2"},
    {"model": "b", "prompt": "One?", "output": "eins"},
]


def lines(rows, path):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_json_lines_and_parquet_say_the_same(tmp_path):
    one = read_answers([lines(ROWS, tmp_path / "a.jsonl")])
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    two = read_answers([tmp_path / "a.parquet"])
    assert one.outputs == two.outputs
    assert one.models == ("a", "b")
    assert set(one.outputs["b"]) < set(one.outputs["a"])


def test_alpaca_eval_outputs(tmp_path):
    rows = [{"instruction": "one?", "output": "1", "generator": "g", "dataset": "x"}]
    (tmp_path / "model_outputs.json").write_text(json.dumps(rows))
    assert read_answers([tmp_path]).outputs["g"] == {
        next(iter(read_answers([lines(ROWS[:1], tmp_path / "b.jsonl")]).outputs["a"])): "1"
    }


def test_mt_bench_answers(tmp_path):
    row = {
        "question_id": 81,
        "answer_id": "x",
        "model_id": "m",
        "choices": [{"index": 0, "turns": ["first", "second"]}],
    }
    assert read_answers([lines([row], tmp_path / "m.jsonl")]).outputs == {"m": {"id 81": "first"}}


def test_a_file_without_model_names_is_of_one_model(tmp_path):
    rows = [{"prompt": "one?", "response": "1"}]
    assert read_answers([lines(rows, tmp_path / "suspect-7b.jsonl")]).models == ("suspect-7b",)


def test_bad_lines_are_counted_with_their_place(tmp_path):
    path = lines(ROWS, tmp_path / "a.jsonl")
    path.write_text(path.read_text() + "not json\n" + '{"model": "c", "prompt": "x"}\n')
    told = read_answers([path]).troubles
    assert told.places["not JSON"] == ["a.jsonl:4"]
    assert any(reason.startswith("no output") for reason in told.counts)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        ("", EmptyInput, "no rows"),
        ("model,prompt\n", UnknownFormat, "neither Parquet nor JSON"),
        ("[1, 2", InputError, "not JSON"),
        ('{"a": 1}\n{"b": 2}\n', TooManyBadRows, "cannot be used"),
        ('{"model": "a", "prompt": "p", "output": ""}\n', EmptyInput, "empty answer of a"),
        ("PAR1 and then nothing", InputError, "damaged Parquet"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_error(tmp_path, content, error, words):
    path = tmp_path / "a.jsonl"
    path.write_text(content)
    with pytest.raises(error, match=words):
        read_answers([path])


def test_bounds(tmp_path):
    path = lines(ROWS, tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="more than 10"):
        read_answers([path], Limits(file_bytes=10))
    with pytest.raises(InputError, match="more than 2 rows"):
        read_answers([path], Limits(rows=2))
    with pytest.raises(InputError, match="2 models, more than 1"):
        read_answers([path], Limits(models=1))
    cut = read_answers([path], Limits(line_bytes=48))
    assert any("line longer" in reason for reason in cut.troubles.counts)


def test_an_answer_of_ten_megabytes_is_cut(tmp_path):
    rows = [*ROWS, {"model": "c", "prompt": "one?", "output": "word " * 2_000_000}]
    read = read_answers([lines(rows, tmp_path / "a.jsonl")])
    assert len(next(iter(read.outputs["c"].values()))) == Limits().answer_chars

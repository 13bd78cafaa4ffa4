"""Files of answers: JSON lines, Parquet, JSON arrays (AlpacaEval), MT-bench answer files.

Columns are recognised by the names that benchmarks use; ``_ALIASES`` has them all. A file whose
rows name no model is taken to be of one model, named by the file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import EmptyInput, InputError, TooManyBadRows, UnknownFormat
from stillwatch.logs import lenient
from stillwatch.provenance.answers import Answers, prompt_key
from stillwatch.provenance.limits import Limits

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "model": ("model", "model_id", "generator", "model_name"),
    "prompt": ("prompt", "instruction", "question", "input_text"),
    "prompt_id": ("prompt_id", "question_id", "id", "instruction_id"),
    "output": ("output", "response", "answer", "completion", "text", "generation"),
}
_SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".parquet")
_BAD_SHARE: Final = 0.5
Row = tuple[str, Mapping[str, Any]]


def read_answers(paths: Sequence[str | Path], limits: Limits | None = None) -> Answers:
    """Read files and folders.

    Raises ``InputError`` for what cannot be opened, ``UnknownFormat`` for a file without answers,
    ``TooManyBadRows`` where most rows of a file are unusable, ``EmptyInput`` if nothing is left.
    """
    limits = limits or Limits()
    answers = Answers(limits)
    for path in _files(paths):
        _check_size(path, limits)
        _read(path, answers, limits)
    answers.resolve()
    if not answers.models:
        raise EmptyInput(
            f"no usable answer in {', '.join(map(str, paths))}: "
            + ("; ".join(answers.troubles.sentences()) or "the files are empty"),
            hint="rows need model, prompt or prompt_id, and output",
        )
    if len(answers.models) > limits.models:
        raise InputError(
            f"{len(answers.models):,} models, more than {limits.models}",
            hint="leave out models that the panel does not name",
        )
    return answers


def _files(paths: Sequence[str | Path]) -> Iterator[Path]:
    for given in map(Path, paths):
        if given.is_dir():
            found = sorted(p for p in given.rglob("*") if p.suffix in _SUFFIXES and p.is_file())
            if not found:
                raise EmptyInput(
                    f"{given}: no file of answers", hint=f"expected {', '.join(_SUFFIXES)}"
                )
            yield from found
        elif given.is_file():
            yield given
        else:
            raise InputError(f"{given} does not exist", hint="name a file or folder of answers")


def _check_size(path: Path, limits: Limits) -> None:
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise InputError(
            f"{path} has {size:,} bytes, more than {limits.file_bytes:,}",
            hint="split it, or keep only the panel's models and prompts",
        )


def _read(path: Path, answers: Answers, limits: Limits) -> None:
    before = sum(answers.troubles.counts.values())
    rows = bad = 0
    for place, record in _records(path, answers, limits):
        rows += 1
        if rows > limits.rows:
            raise InputError(f"{path} has more than {limits.rows:,} rows", hint="split it")
        for problem in _take(path, place, record, answers, limits):
            answers.troubles.tell(problem, place, limits.told)
            bad += 1
    refused = sum(answers.troubles.counts.values()) - before
    if rows == 0 and refused == 0:
        raise EmptyInput(f"{path} holds no rows", hint="leave it out")
    if bad and bad >= max(1, _BAD_SHARE * rows):
        raise TooManyBadRows(
            f"{bad:,} of {rows:,} rows of {path} cannot be used: "
            + "; ".join(answers.troubles.sentences()[-3:]),
            hint="rows need model, prompt or prompt_id, and output",
        )


def _records(path: Path, answers: Answers, limits: Limits) -> Iterator[Row]:
    with path.open("rb") as file:
        head = file.read(4096).lstrip()
    if head.startswith(b"PAR1"):
        yield from _parquet(path)
    elif head.startswith(b"["):
        yield from _array(path, limits)
    elif head.startswith(b"{"):
        yield from _lines(path, answers, limits)
    elif head:
        raise UnknownFormat(f"{path} is neither Parquet nor JSON", hint="convert it to JSON lines")


def _parquet(path: Path) -> Iterator[Row]:
    try:
        file = pq.ParquetFile(path)
        wanted = [n for n in file.schema_arrow.names if n in set().union(*_ALIASES.values())]
        at = 0
        for batch in file.iter_batches(batch_size=2048, columns=wanted):
            for record in batch.to_pylist():
                at += 1
                yield f"{path.name}, row {at}", record
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: damaged Parquet ({error})", hint="write it anew") from error


def _array(path: Path, limits: Limits) -> Iterator[Row]:
    if path.stat().st_size > limits.json_bytes:
        raise InputError(
            f"{path} is one JSON array of more than {limits.json_bytes:,} bytes",
            hint="write one object per line (JSONL) instead",
        )
    try:
        rows = lenient.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error})", hint="write it anew") from error
    for at, record in enumerate(rows, 1):
        yield f"{path.name}, item {at}", record if isinstance(record, dict) else {}


def _lines(path: Path, answers: Answers, limits: Limits) -> Iterator[Row]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(limits.line_bytes + 1):
            number += 1
            place = f"{path.name}:{number}"
            if len(line) > limits.line_bytes:
                answers.troubles.tell(f"line longer than {limits.line_bytes:,} bytes", place)
                while line and not line.endswith(b"\n"):
                    line = file.readline(limits.line_bytes)
                continue
            if not line.strip():
                continue
            try:
                record = lenient.loads(line)
            except (ValueError, orjson.JSONDecodeError):
                record = {"": "not JSON"}
            yield place, record if isinstance(record, dict) else {"": "not an object"}


def _take(
    path: Path, place: str, record: Mapping[str, Any], answers: Answers, limits: Limits
) -> Iterable[str]:
    """Add a record's answers; return what is wrong with it."""
    if "" in record and len(record) == 1:
        return [str(record[""])]
    model = _text(record, "model") or path.stem
    prompt, ident = _text(record, "prompt"), _text(record, "prompt_id")
    output = _output(record)
    if output is None:
        return ["no output (expected one of: " + ", ".join(_ALIASES["output"]) + ")"]
    if not prompt.strip() and not ident:
        return ["neither prompt nor prompt_id"]
    if len(model) > limits.name_chars or len(ident) > limits.name_chars:
        return [f"name longer than {limits.name_chars} characters"]
    prompt = prompt[: limits.prompt_chars]
    key = prompt_key(prompt) if prompt.strip() else f"id {ident}"
    answers.add(model, key, prompt, output, place)
    if prompt.strip() and ident:
        answers.also_known(f"id {ident}", key)
    return []


def _text(record: Mapping[str, Any], field: str) -> str:
    for name in _ALIASES[field]:
        value = record.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
    return ""


def _output(record: Mapping[str, Any]) -> str | None:
    """Find the answer's text; of an MT-bench record the first turn of the first choice."""
    for name in _ALIASES["output"]:
        if isinstance(record.get(name), str):
            return str(record[name])
        if name in record and record[name] is None:
            return ""
    choices = record.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        turns = choices[0].get("turns")
        if isinstance(turns, list) and turns and isinstance(turns[0], str):
            return str(turns[0])
        message = choices[0].get("message")
        if isinstance(message, dict) and isinstance(message.get("content"), str):
            return str(message["content"])
    return None

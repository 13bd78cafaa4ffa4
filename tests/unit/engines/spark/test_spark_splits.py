"""What each task reads: every byte and row once, joined formats together."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.engines.spark.splits import Split, splits_of
from stillwatch.logs import Quarantine, ReadOptions, open_logs
from tests.clusters import rows
from tests.logfiles import write_jsonl
from tests.support import ROOT, batch


def splits(paths: list[Path], most: int, **options: str) -> list[Split]:
    log = open_logs([str(path) for path in paths], ReadOptions(**options), Quarantine(None))  # type: ignore[arg-type]
    return splits_of(log.readings, most)


def test_row_groups_are_gathered_up_to_the_size(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_batches([batch(rows(1000))]), path, row_group_size=100)
    size = path.stat().st_size
    parts = [each.sources[0].part for each in splits([path], size // 3)]
    assert 3 <= len(parts) <= 5
    covered = [group for part in parts if part for group in range(*part)]
    assert covered == list(range(10))
    assert sum(each.bytes for each in splits([path], size // 3)) == pytest.approx(size, abs=10)
    assert [each.sources[0].part for each in splits([path], size)] == [None]


def test_lines_are_divided_and_packed_or_pretty_ones_are_not(tmp_path: Path) -> None:
    lines = write_jsonl(tmp_path / "a.jsonl", rows(300))
    most = lines.stat().st_size // 4
    assert len(splits([lines], most)) in (4, 5)
    pretty = tmp_path / "pretty.json"
    pretty.write_bytes(b"[\n" + b",\n".join(lines.read_bytes().splitlines()) + b"\n]\n")
    assert len(splits([pretty], most)) == 1
    wide = tmp_path / "wide.jsonl"
    wide.write_bytes(lines.read_text("utf-8").encode("utf-16"))
    assert len(splits([wide], most)) == 1


def test_small_neighbours_are_gathered_while_all_have_work(tmp_path: Path) -> None:
    files = [write_jsonl(tmp_path / f"{number}.jsonl", rows(20)) for number in range(12)]
    size = files[0].stat().st_size
    log = open_logs([str(path) for path in files], ReadOptions(), Quarantine(None))

    def counts(most: int, tasks: int) -> list[int]:
        return [len(each.sources) for each in splits_of(log.readings, most, tasks)]

    assert counts(100 * size, 1) == [12]
    assert counts(5 * size, 1) == [5, 5, 2]
    assert counts(100 * size, 4) == [3, 3, 3, 3]
    assert counts(100 * size, 99) == [1] * 12


def test_files_that_belong_together_are_one_split(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        shutil.copy(ROOT / "examples" / "logs" / "otel.jsonl", tmp_path / name)
    other = write_jsonl(tmp_path / "own.jsonl", rows(3))
    made = splits([tmp_path / "a.jsonl", other, tmp_path / "b.jsonl"], 1 << 20)
    assert [(each.format, len(each.sources)) for each in made] == [("otel", 2), ("jsonl", 1)]
    assert [each.number for each in made] == [0, 1]

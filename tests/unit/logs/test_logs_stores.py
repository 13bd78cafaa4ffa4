"""Logs in an object store, read from a real S3 server on this machine."""

import gzip
import logging
from collections.abc import Iterator

import pytest
import zstandard
from logs_support import SAMPLES, event, ids, read, write_lines
from moto.server import ThreadedMotoServer
from pyarrow import fs

from stillwatch.errors import EmptyInput, InputError

NAMES = ["azure.json", "bedrock.json.gz", "canonical.csv", "canonical.jsonl", "canonical.parquet",
         "litellm.csv", "otel.jsonl"]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    yield "http://{}:{}".format(*running.get_host_and_port())
    running.stop()


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch) -> fs.FileSystem:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    made = fs.S3FileSystem(endpoint_override=server, allow_bucket_creation=True)
    made.create_dir("lab")
    made.delete_dir_contents("lab")
    for name in NAMES:
        put(made, f"lab/logs/{name}", (SAMPLES / name).read_bytes())
    return made


def put(store: fs.FileSystem, path: str, data: bytes) -> None:
    with store.open_output_stream(path, compression=None) as file:
        file.write(data)


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_reads_as_it_does_locally(name):
    expected, local, _ = read(SAMPLES / name)
    table, log, quarantine = read(f"s3://lab/logs/{name}")
    assert table.equals(expected)
    assert log.sources[0].format == local.sources[0].format
    assert log.sources[0].compression == local.sources[0].compression
    assert log.bytes_read == log.total_bytes == (SAMPLES / name).stat().st_size
    assert quarantine.count == 0


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "where", ["s3://lab/logs/", "s3://lab", "s3://lab/lo*/*", "s3://lab/**/*.*"]
)
def test_folders_and_patterns(where):
    _, log, _ = read(where)
    assert [source.path for source in log.sources] == [f"s3://lab/logs/{name}" for name in NAMES]


@pytest.mark.usefixtures("store")
def test_patterns_stop_at_a_slash():
    _, log, _ = read("s3://lab/logs/canonical.*")
    assert len(log.sources) == 3
    with pytest.raises(EmptyInput, match="nothing matches"):
        read("s3://lab/*.jsonl")


@pytest.mark.usefixtures("store")
def test_compression_is_told_by_the_bytes_and_damage_is_noticed(store, tmp_path):
    lines = write_lines(tmp_path / "a", [event(n) for n in range(9)]).read_bytes()
    put(store, "lab/more/a.log", zstandard.compress(lines))
    put(store, "lab/more/b.log", gzip.compress(lines)[:-9])
    put(store, "lab/more/c.log", lines.replace(b"\n", b"\xff\n", 1))
    table, _, _ = read("s3://lab/more/a.log")
    assert len(ids(table)) == 9
    table, log, _ = read("s3://lab/more/b.log", bad_row_limit=1.0)
    assert log.tally.damaged == ["s3://lab/more/b.log"]
    _, log, quarantine = read("s3://lab/more/c.log", bad_row_limit=1.0)
    assert (log.tally.good, quarantine.first[0].line) == (8, 1)


@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_one_clear_error():
    for where in ("s3://lab/none.jsonl", "s3://nobucket/a.jsonl", "s3://nobucket/*"):
        with pytest.raises(InputError, match=where.replace("*", ".")):
            read(where)
    with pytest.raises(InputError, match="names no bucket"):
        read("s3://")


def test_a_store_that_does_not_answer_is_one_clear_error(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(InputError, match=r"cannot read s3://lab/logs/a\.jsonl") as caught:
        read("s3://lab/logs/a.jsonl")
    assert "AWS_ENDPOINT_URL" in caught.value.hint


def test_a_damaged_table_is_one_clear_error(store):
    put(store, "lab/cut.parquet", (SAMPLES / "canonical.parquet").read_bytes()[:900])
    with pytest.raises(InputError, match=r"cut\.parquet"):
        read("s3://lab/cut.parquet")

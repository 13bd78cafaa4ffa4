import bz2
import gzip
import os
import shutil

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs_support import SAMPLES, event, ids, read, write_lines

from stillwatch.errors import ConfigError, EmptyInput, InputError, TooManyBadRows, UnknownFormat
from stillwatch.logs import Limits, Quarantine, ReadOptions, open_logs, remote


def many(count, first=0):
    return [event(number) for number in range(first, first + count)]


def csv_of(rows):
    return "\n".join([",".join(rows[0]), *(",".join(row.values()) for row in rows)]).encode()


def test_folders_are_searched_for_known_suffixes(tmp_path):
    (tmp_path / "deep" / ".cache").mkdir(parents=True)
    write_lines(tmp_path / "b.jsonl", many(2))
    write_lines(tmp_path / "deep" / "a.json", many(2, 2))
    write_lines(tmp_path / "deep" / ".cache" / "c.jsonl", many(2, 4))
    (tmp_path / "notes.txt").write_text("not a log")
    table, log, _ = read(tmp_path)
    assert sorted(ids(table)) == [f"req_{n}" for n in range(4)]
    assert log.passed_over == {"hidden": 1, "suffix .txt": 1}


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "a.jsonl")
    with pytest.raises(InputError, match="can be read only once"):
        read(tmp_path / "a.jsonl")


def test_patterns_and_repeated_names(tmp_path):
    for n in range(3):
        write_lines(tmp_path / f"day{n}.jsonl", many(1, n))
    table, log, _ = read(str(tmp_path / "day*.jsonl"), tmp_path / "day0.jsonl")
    assert ids(table) == ["req_0", "req_1", "req_2"]
    assert len(log.sources) == 3


def test_addresses_are_read_through_duckdb(tmp_path):
    write_lines(tmp_path / "a.jsonl", many(30))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    shutil.copy(SAMPLES / "bedrock.json.gz", tmp_path / "c.json.gz")
    shutil.copy(SAMPLES / "canonical.parquet", tmp_path / "d.parquet")
    shutil.copy(SAMPLES / "litellm.csv", tmp_path / "e.csv")
    table, log, _ = read(f"file://{tmp_path}/*")
    assert [source.format for source in log.sources] == [
        "jsonl", "jsonl", "bedrock", "parquet", "litellm",
    ]  # fmt: skip
    assert all(source.remote for source in log.sources)
    assert table.num_rows == 30 + 30 + 3 * 12
    direct, _, _ = read(*sorted(tmp_path.iterdir()))
    assert table.equals(direct)
    assert log.bytes_read == log.total_bytes


def test_lines_that_an_address_cannot_deliver_are_counted(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [event(0), b'{"bad": "\xff"}', event(1)])
    table, log, quarantine = read(f"file://{path}", bad_row_limit=1.0)
    assert ids(table) == ["req_0", "req_1"]
    assert quarantine.first[0].line == 2
    assert log.tally.bad == 1


def test_a_store_without_its_extension_is_one_clear_error():
    with pytest.raises(InputError) as caught:
        read("nosuchstore://bucket/a.jsonl")
    assert "no such file" in str(caught.value)
    said = 'Failed to download extension "httpfs" at URL "http://example.org/httpfs.gz"'
    error = remote.unreadable("https://example.org/a.jsonl", duckdb.IOException(said))
    assert "https://example.org/a.jsonl" in error.message
    assert "httpfs extension is not installed" in error.message
    assert "INSTALL httpfs" in error.hint


def test_bom_crlf_and_blank_lines_are_no_fault(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = write_lines(path, many(3)).read_bytes()
    path.write_bytes(b"\xef\xbb\xbf\r\n" + lines.replace(b"\n", b"\r\n\r\n") + b"\n\n")
    table, _, quarantine = read(path)
    assert ids(table) == ["req_0", "req_1", "req_2"]
    assert quarantine.count == 0


def test_the_last_line_may_lack_its_end(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", many(3))
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert len(ids(read(path)[0])) == 3


@pytest.mark.parametrize("size", [5_000, 200_000, 40_000_000])
def test_a_very_long_line_costs_only_itself(tmp_path, size):
    limits = Limits(line_bytes=4_000)
    long = b'{"event_id":"' + b"x" * size + b'"}'
    path = write_lines(tmp_path / "a.jsonl", [event(0), long, event(1), b"{}", event(2)])
    table, _, quarantine = read(path, limits=limits, bad_row_limit=1.0)
    assert ids(table) == ["req_0", "req_1", "req_2"]
    assert [(bad.line, bad.reason) for bad in quarantine.first] == [
        (2, "line longer than 4000 bytes"),
        (4, "no event_id"),
    ]


def test_empty_inputs_are_errors(tmp_path):
    empty = tmp_path / "a.jsonl"
    empty.write_bytes(b"\n")
    header = tmp_path / "a.csv"
    header.write_text(",".join(event()) + "\n")
    nothing = tmp_path / "a.json"
    nothing.write_text("[]")
    for path in (empty, header, nothing, tmp_path / "none*.jsonl"):
        with pytest.raises(EmptyInput):
            read(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(EmptyInput, match="no log files"):
        read(tmp_path / "folder")
    with pytest.raises(EmptyInput):
        open_logs([], ReadOptions(), Quarantine(None))
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "missing.jsonl")
    with pytest.raises(InputError, match="no such file") as caught:
        read("table:lake.requests")
    assert "--engine spark" in str(caught.value)


def test_wrong_files_are_refused_early(tmp_path):
    poem = tmp_path / "poem.txt"
    poem.write_text("the sea is calm to-night\n")
    with pytest.raises(UnknownFormat, match="poem"):
        read(poem)
    unbilled = {name: value for name, value in event().items() if name != "account_id"}
    other = write_lines(tmp_path / "other.jsonl", [{"id": 1, "text": "hello"}])
    with pytest.raises(UnknownFormat, match="--format"):
        read(other)
    with pytest.raises(InputError, match="no 'event_id'"):
        read(other, format="jsonl")
    for name, text in (("a.jsonl", orjson.dumps(unbilled)), ("a.csv", csv_of([unbilled]))):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(InputError, match=r"no.* 'account_id'"):
            read(tmp_path / name)
    with pytest.raises(ConfigError, match="did you mean 'parquet'"):
        read(other, format="parket")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes((SAMPLES / "canonical.parquet").read_bytes()[:1000])
    with pytest.raises(InputError, match="not a whole Parquet file"):
        read(cut)
    lacking = tmp_path / "lacking.parquet"
    pq.write_table(pa.table({"event_id": ["a"], "prompt": ["b"]}), lacking)
    with pytest.raises(InputError, match="no column 'timestamp'"):
        read(lacking)


def test_too_many_bad_rows(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [*many(97), b"{}", b"x", b"{}"])
    with pytest.raises(TooManyBadRows, match="3 of 100"):
        read(path)
    table, log, _ = read(path, bad_row_limit=0.03)
    assert (table.num_rows, log.rows_read, log.tally.bad) == (97, 100, 3)


def test_reading_stops_early_when_too_much_is_bad(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [*many(600), *[b"{}"] * 600, *many(50_000)])
    with pytest.raises(TooManyBadRows):
        read(path, batch_rows=100)
    quarantine = Quarantine(None)
    log = open_logs([path], ReadOptions(batch_rows=100), quarantine)
    with pytest.raises(TooManyBadRows):
        list(log.batches())
    assert log.rows_read < 1_500


def test_batches_are_bounded(tmp_path):
    for path in (write_lines(tmp_path / "a.jsonl", many(1000)), SAMPLES / "canonical.parquet"):
        log = open_logs([path], ReadOptions(batch_rows=7), Quarantine(None))
        assert max(batch.num_rows for batch in log.batches()) == 7


def test_long_texts_are_cut_at_a_character_and_counted(tmp_path):
    limits = Limits(text_bytes=10, field_bytes=10)
    path = write_lines(
        tmp_path / "a.jsonl", [event(0, prompt="ä" * 9, user_agent="x" * 11, response="short")]
    )
    table, log, _ = read(path, limits=limits)
    row = table.to_pylist()[0]
    assert (row["prompt"], row["user_agent"], row["response"]) == ("ä" * 5, None, "short")
    assert log.tally.cut == {"prompt": 1}
    assert log.tally.cells == {"user_agent": 1}


def test_cells_of_the_wrong_type_are_counted_and_rows_kept(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl",
        [event(0, input_tokens=-5, asn="AS12", stream="maybe"), event(1, input_tokens=5, asn="12")],
    )
    table, log, quarantine = read(path)
    assert table.column("input_tokens").to_pylist() == [None, 5]
    assert table.column("asn").to_pylist() == [None, 12]
    assert log.tally.cells == {"input_tokens": 1, "asn": 1, "stream": 1}
    assert quarantine.count == 0


def test_bad_required_values_quarantine_the_row_with_its_line(tmp_path):
    rows = [
        event(0), event(1, timestamp="soon"), event(2, account_id=""), event(3, prompt=None),
        event(4, model={"a": 1}), event(5, prompt=""),
    ]  # fmt: skip
    path = write_lines(tmp_path / "a.jsonl", rows)
    pq.write_table(
        pa.Table.from_pylist(
            [{**row, "model": str(row["model"]) * (i != 4)} for i, row in enumerate(rows)]
        ),
        tmp_path / "a.parquet",
    )
    for name in ("a.jsonl", "a.parquet"):
        table, _, quarantine = read(tmp_path / name, bad_row_limit=1.0)
        assert ids(table) == ["req_0", "req_5"]
        assert [bad.line for bad in quarantine.first] == [2, 3, 4, 5]
        assert [bad.reason for bad in quarantine.first][:3] == [
            "unusable timestamp (soon)", "empty account_id", "no prompt",
        ]  # fmt: skip
    assert path.exists()


def test_what_is_no_log_at_all_is_named(tmp_path):
    lines = write_lines(tmp_path / "a.jsonl", many(9)).read_bytes()
    for data, what in (
        (b"PK\x03\x04" + lines, "a zip archive"),
        (bz2.compress(lines), "a bzip2 file"),
        (gzip.compress(gzip.compress(lines)), "packed twice with gzip"),
        (lines.decode().encode("utf-16-le"), "UTF-16 without a byte order mark"),
    ):
        (tmp_path / "b").write_bytes(data)
        with pytest.raises(UnknownFormat, match=what):
            read(tmp_path / "b")


def test_other_files_in_a_folder_are_passed_over_and_told(tmp_path):
    write_lines(tmp_path / "a.jsonl", many(3))
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"files": 1}')
    (tmp_path / "none.csv").touch()
    (tmp_path / "_SUCCESS").touch()
    table, log, _ = read(tmp_path)
    assert table.num_rows == 3
    assert log.tally.unknown == [str(manifest)]
    assert log.passed_over == {"suffix (none)": 1, "empty": 1}
    assert log.remarks == (
        f"1 file in a folder is of no known format and not read: {manifest}",
        "2 files passed over: suffix (none) (1), empty (1)",
    )
    with pytest.raises(UnknownFormat, match="manifest"):
        read(tmp_path, manifest)
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(UnknownFormat, match="manifest"):
        read(tmp_path)


def test_another_table_in_a_folder_is_an_error_that_helps(tmp_path):
    write_lines(tmp_path / "a.jsonl", many(3))
    pq.write_table(pa.table({"account_id": ["a"]}), tmp_path / "accounts.parquet")
    with pytest.raises(InputError, match="name the log files instead of the folder"):
        read(tmp_path)


def test_columns_without_a_name_are_passed_over(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of([event()]).replace(b"\n", b",,\n") + b",,\n")
    assert ids(read(path)[0]) == ["req_0"]
    path.write_bytes(csv_of([event()]).replace(b"\n", b",x,x\n") + b",,\n")
    with pytest.raises(InputError, match="the column 'x' twice"):
        read(path)


@pytest.mark.parametrize("head", [b"", b"[\n"])
def test_a_file_of_garbage_is_not_read_to_its_end(tmp_path, head):
    path = tmp_path / "a.jsonl"
    lines = write_lines(path, many(3)).read_bytes()
    path.write_bytes(head + lines + b"{x}\n" * 100_000)
    quarantine = Quarantine(None)
    log = open_logs([path], ReadOptions(), quarantine)
    with pytest.raises(TooManyBadRows):
        list(log.batches())
    assert quarantine.count == log.tally.bad < 2_000


def test_good_rows_on_their_way_are_taken_into_account(tmp_path):
    """All of one line, none delivered before the end: the share of bad rows is still fair."""
    bad = [{"a": n} for n in range(1_200)]
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps([*many(2_000), *bad, *many(60_000, 2_000)]))
    table, _, quarantine = read(path, bad_row_limit=0.02)
    assert (table.num_rows, quarantine.count) == (62_000, 1_200)


WORDS = ["resourceSpans", "ModelInvocationLog", '{"schemaType": "ModelInvocationLog"}', "GatewayLlmLogs",
         '{"category": "GatewayLogs", "requestMessages": []}', '{"resourceLogs": []}',
         '"request_id": "call_type": "api_key": "spend": "startTime": ']  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("packed_twice", [False, True])
def test_no_prompt_changes_the_format(tmp_path, word, packed_twice):
    prompt = orjson.dumps({"said": word}).decode() if packed_twice else word
    path = write_lines(tmp_path / "a.jsonl", [event(0, prompt=prompt), *many(3, 1)])
    table, log, _ = read(path)
    assert log.sources[0].format == "jsonl"
    assert table.column("prompt")[0].as_py() == prompt

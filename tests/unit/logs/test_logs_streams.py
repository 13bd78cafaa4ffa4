"""Bytes to text: compression, damage and encodings, told by the bytes."""

import gzip
import json
import random

import psutil
import pytest
import zstandard
from logs_support import event, ids, read, write_lines


def many(count, first=0):
    return [event(number) for number in range(first, first + count)]


def test_compressed_files_are_told_by_their_bytes(tmp_path):
    plain = write_lines(tmp_path / "a.jsonl", many(50))
    packed, other = tmp_path / "b.bin", tmp_path / "c.jsonl.zst"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    other.write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    for path, kind in ((packed, "gzip"), (other, "zstd")):
        table, log, _ = read(path)
        assert log.sources[0].compression == kind
        assert ids(table) == [f"req_{n}" for n in range(50)]
        assert log.bytes_read == log.total_bytes == path.stat().st_size


def test_several_compressed_members_are_one_file(tmp_path):
    data = [write_lines(tmp_path / f"{n}", many(5, 5 * n)).read_bytes() for n in range(3)]
    packed, other = tmp_path / "a.gz", tmp_path / "a.zst"
    packed.write_bytes(b"".join(gzip.compress(part) for part in data))
    other.write_bytes(b"".join(zstandard.ZstdCompressor().compress(part) for part in data))
    assert len(ids(read(packed)[0])) == len(ids(read(other)[0])) == 15


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_truncated_file_gives_what_it_has_and_says_so(tmp_path, suffix):
    lines = write_lines(tmp_path / "a.jsonl", many(20_000)).read_bytes()
    packed = gzip.compress(lines) if suffix == "gz" else zstandard.compress(lines)
    cut = tmp_path / f"cut.jsonl.{suffix}"
    cut.write_bytes(packed[: int(len(packed) * 0.9)])
    table, log, _ = read(cut)
    assert log.tally.damaged == [str(cut)]
    assert ids(table) == [f"req_{n}" for n in range(table.num_rows)]
    assert 10_000 < table.num_rows < 20_000


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_text_that_says_its_encoding_is_read(tmp_path, encoding, packed):
    text = "".join(json.dumps(each, ensure_ascii=False) + "\r\n" for each in many(40_000))
    data = text.replace("question", "Frage: „wörtlich“ 🙂").encode(encoding)
    path = tmp_path / "a.jsonl"
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    table, _, quarantine = read(path)
    assert (table.num_rows, quarantine.count) == (40_000, 0)
    assert table.column("prompt")[39_999].as_py() == "Frage: „wörtlich“ 🙂 39999"


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_short_truncated_file_gives_what_it_has(tmp_path, pack):
    lines = write_lines(tmp_path / "a", [event(n, prompt=random.Random(n).randbytes(99).hex())
                                        for n in range(2_000)]).read_bytes()  # fmt: skip
    cut = tmp_path / "cut.gz"
    cut.write_bytes(pack(lines)[:-50])
    table, log, _ = read(cut)
    assert log.tally.damaged == [str(cut)]
    assert table.num_rows > 500
    assert "1 file is damaged or cut short" in log.remarks[0]


def test_a_zstd_bomb_is_unpacked_in_small_parts(tmp_path):
    path = write_lines(
        tmp_path / "a.jsonl", [*many(200), b"{" + b" " * (300 << 20) + b"}", event(200)]
    )
    packed = tmp_path / "a.zst"
    with path.open("rb") as plain, packed.open("wb") as out:
        zstandard.ZstdCompressor().copy_stream(plain, out)
    path.unlink()
    before = psutil.Process().memory_info().rss
    table, _, quarantine = read(packed)
    assert (table.num_rows, quarantine.count) == (201, 1)
    assert psutil.Process().memory_info().rss - before < 300 << 20

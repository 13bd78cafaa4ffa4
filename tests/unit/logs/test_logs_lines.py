import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs_support import event, ids, read

from stillwatch.logs import Limits, lenient
from stillwatch.logs.lines import is_json_lines
from stillwatch.logs.pieces import split_lines, split_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=6)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(OBJECTS, st.integers(1, 50), st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_values_are_found_whatever_the_layout_and_the_pieces(objects, size, indent, array, ascii_):
    if array:
        data = json.dumps(objects, indent=indent, ensure_ascii=ascii_).encode("utf-8", "replace")
    else:
        each = (json.dumps(o, indent=indent, ensure_ascii=ascii_) for o in objects)
        data = "\n".join(each).encode("utf-8", "replace")
    pieces = list(split_values(cut(data, size), Limits()))
    assert all(piece.problem is None for piece in pieces)
    assert [json.loads(piece.raw) for piece in pieces] == [
        json.loads(json.dumps(o, ensure_ascii=ascii_).encode("utf-8", "replace")) for o in objects
    ]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_lines_do_not_depend_on_the_pieces(data, size):
    whole = list(split_lines([data], Limits()))
    assert list(split_lines(cut(data, size), Limits())) == whole
    assert [(p.line, p.raw) for p in whole] == [
        (n, line) for n, line in enumerate(data.split(b"\n"), 1) if line.strip()
    ]


@given(st.binary(max_size=300), st.integers(1, 40))
def test_no_bytes_crash_the_splitter(data, size):
    for piece in split_values(cut(b"[" + data, size), Limits()):
        assert piece.line >= 1


@pytest.mark.parametrize("indent", [None, 2])
def test_arrays_and_documents_are_read_as_logs(tmp_path, indent):
    records = [event(n, response='brackets ]}[{ and "quotes"') for n in range(30)]
    array = tmp_path / "array.json"
    array.write_text(json.dumps(records, indent=indent))
    documents = tmp_path / "documents.json"
    documents.write_text("\n".join(json.dumps(each, indent=indent) for each in records))
    for path in (array, documents):
        assert ids(read(path)[0]) == [each["event_id"] for each in records]


def test_a_broken_element_of_an_array_costs_only_itself(tmp_path):
    parts = [json.dumps(event(n), indent=1) for n in range(9)]
    parts[2] = parts[2][:-9] + '"'  # neither string nor bracket is closed
    parts[5] = parts[5].replace(":", ";", 1)
    path = tmp_path / "a.json"
    path.write_text("[\n" + ",\n".join(parts) + "\n]\n")
    table, _, quarantine = read(path, bad_row_limit=1.0)
    assert set(ids(table)) >= {f"req_{n}" for n in (0, 1, 4, 6, 7, 8)}
    assert quarantine.count >= 2


def test_shapes():
    line = json.dumps(event()).encode()
    assert is_json_lines(line + b"\n" + line + b"\n")
    assert is_json_lines(b"garbage\n" + line + b"\n")
    assert is_json_lines(line[:40])
    assert not is_json_lines(b"[" + line + b"]")
    assert not is_json_lines(json.dumps(event(), indent=1).encode())


def test_json_as_loggers_write_it():
    assert lenient.loads(b'{"a": "cut \\ud83d", "b": NaN}')["a"] == "cut \ufffd"
    for bad in (b"{", b"\xff", b'{"a": "\xff"}', b"[" * 100_000):
        with pytest.raises(ValueError, match=r".+"):
            lenient.loads(bad)


@pytest.mark.parametrize("indent", [0, 1, 4])
def test_garbage_in_a_large_array_stays_cheap_and_costs_no_good_element(tmp_path, indent):
    rng = random.Random(indent)
    parts, expected = [], []
    for number in range(3_000):
        good = json.dumps(event(number), indent=indent)
        kind = rng.random()
        if kind < 0.1:
            parts.append(good[: rng.randrange(1, len(good))].rstrip("}"))
        elif kind < 0.2:
            parts.append(good.replace(rng.choice(':,"'), rng.choice("[]{}"), 1))
        elif number % 50:
            parts.append(good)
            expected.append(f"req_{number}")
        else:
            parts.append(rng.choice(["]]]", "{{{", '"', '{"a": [', "null", "}"]))
    path = tmp_path / "a.json"
    path.write_text("[\n" + ",\n".join(parts) + "\n]\n")
    table, _, quarantine = read(path, bad_row_limit=1.0)
    assert [each for each in expected if each not in set(ids(table))] == []
    assert quarantine.count >= 500


LAYOUTS = {
    "one after another": b"".join,
    "two on a line": lambda lines: b"\n".join(map(b"".join, batched(lines, 2))),
    "commas between": b",\n".join,
    "wrapped": lambda lines: b'{"count": 8, "data": [' + b",".join(lines) + b"]}",
    "wrapped and pretty": lambda lines: b'{\n "records": [\n' + b",\n".join(lines) + b"]\n}\n",
}


def batched(lines, size):
    return [lines[start : start + size] for start in range(0, len(lines), size)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_are_found_however_they_are_strung_together(tmp_path, layout):
    lines = [json.dumps(event(n, prompt='a "}{" b')).encode() for n in range(8)]
    path = tmp_path / "a.json"
    path.write_bytes(LAYOUTS[layout](lines))
    table, _, quarantine = read(path)
    assert ids(table) == [f"req_{n}" for n in range(8)]
    assert quarantine.count == 0


def test_a_bad_record_in_a_wrapper_is_quarantined_by_itself(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"data": [event(0), {"event_id": "x"}, event(1)]}))
    table, _, quarantine = read(path, bad_row_limit=1.0)
    assert ids(table) == ["req_0", "req_1"]
    assert quarantine.first[0].reason == "no timestamp"


def test_a_text_without_an_end_is_given_up_soon():
    limits = Limits(line_bytes=1_000)
    parts = [b'[{"a": "', *[b"x" * 100] * 500, b'\n{"b": 1}]']
    pieces = list(split_values(parts, limits))
    assert pieces[0].problem == "text longer than 1000 bytes"
    assert [piece.raw for piece in pieces if piece.problem is None] == [b'{"b": 1}']

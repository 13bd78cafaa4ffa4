import json

import pytest

from stillwatch.errors import EmptyInput, InputError
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.marks.examine import examine, read_texts, tokenizer_ids, word_ids
from stillwatch.provenance.marks.keys import new_keyring
from stillwatch.provenance.marks.phrasing import mark_text
from tests.unit.provenance.marks.test_marks_phrasing import prose


def test_a_hit_names_the_cohort():
    ring = new_keyring([f"c{i}" for i in range(20)])
    text = mark_text(prose(3), ring.key("c7")).text
    found = examine([text], ring, ("green", "phrasing"))
    assert len(found.hits) == 40
    assert {hit.count.cohort for hit in found.found(0.001)} == {"c7"}
    assert not examine([prose(3)], ring, ("green", "phrasing")).found(0.001)


def test_a_short_text_is_not_tested():
    found = examine(["too short to say"], new_keyring(["a"]), ("green", "phrasing"))
    assert found.hits == ()
    assert len(found.skipped) == 2


def test_word_ids_know_words_not_case():
    assert word_ids("A b a").tolist() == word_ids("a B A").tolist()
    assert len(set(word_ids("a b c").tolist())) == 3


def test_texts_of_one_model(tmp_path):
    rows = [{"model": m, "output": f"text of {m}"} for m in "ab"]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_texts([path], "b") == ["text of b"]
    with pytest.raises(InputError, match="2 models"):
        read_texts([path], None)
    with pytest.raises(EmptyInput, match="there are a, b"):
        read_texts([path], "z")
    (tmp_path / "plain.txt").write_text("{curly but plain")
    assert read_texts([tmp_path / "plain.txt"], None) == ["{curly but plain"]


def test_a_tokenizer_that_is_none(tmp_path):
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(InputError, match="no tokenizer"):
        tokenizer_ids(tmp_path / "t.json")


@pytest.mark.parametrize(
    ("name", "raw", "words"),
    [
        ("a.bin", b"\xff\xfe\x00\x81", "no UTF-8 text \\(byte 0\\)"),
        ("a.txt", b"plain \0 text", "NUL"),
        ("a.jsonl", b'{"output": "\xff"}', "not JSON"),
        ("a.jsonl", b'{"output": "cut', "not JSON"),
    ],
)
def test_a_file_that_is_no_text_is_told(tmp_path, name, raw, words):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(InputError, match=words):
        read_texts([tmp_path / name], None)


def test_a_file_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="is no file"):
        read_texts([tmp_path], None)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="larger than 3 bytes"):
        read_texts([tmp_path / "a.txt"], None, Limits(json_bytes=3))

    def refused(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refused)
    with pytest.raises(InputError, match="Permission denied"):
        read_texts([tmp_path / "a.txt"], None)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    (tmp_path / "a.txt").write_text("text", encoding="utf-8-sig")
    assert read_texts([tmp_path / "a.txt"], None) == ["text"]

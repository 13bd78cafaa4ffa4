import json

import pytest

from stillwatch.errors import EmptyInput, InputError
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

"""Checkpoints from elsewhere: what is none is refused before anything is compared."""

import json

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import Checkpoint, VerifierKey, sign_note
from stillwatch.errors import InputError
from stillwatch.hub.fsck.notes import read_key
from stillwatch.hub.fsck.report import Report
from stillwatch.hub.fsck.shown import Note, Shown, read_notes
from stillwatch.hub.fsck.tree import Tree, hash_entry

KEY, OTHER = SigningKey.from_seed(b"k" * 32), SigningKey.from_seed(b"o" * 32)
NAME = "hub.test/log"
VKEY = read_key(str(VerifierKey(NAME, KEY.public)))


def note(size: int, root: bytes, key: SigningKey = KEY) -> str:
    return sign_note(Checkpoint(NAME, size, root).text, NAME, key)


def grown(entries: int, notes: list[Note]) -> Report:
    report, tree = Report("here"), Tree()
    shown = Shown(notes, VKEY, report)
    for number in range(entries):
        list(tree.add(hash_entry(bytes([number]))))
        shown.at(tree)
    shown.finish(tree)
    return report


def root(entries: int) -> bytes:
    tree = Tree()
    for number in range(entries):
        list(tree.add(hash_entry(bytes([number]))))
    return tree.root()


@pytest.mark.parametrize("size", [1, 3, 5])
def test_a_checkpoint_of_this_log_holds(size: int) -> None:
    assert grown(5, [Note("a", note(size, root(size)))]).holds


def test_another_root_is_a_fork_and_more_entries_may_be_one() -> None:
    report = grown(5, [Note("a", note(3, b"x" * 32)), Note("b", note(6, root(6)))])
    assert [(fault.kind, fault.where) for fault in report.faults] == [("fork", "a"), ("fork", "b")]


def test_what_the_key_did_not_sign_says_nothing() -> None:
    for text in (note(3, root(3), OTHER), "nonsense", ""):
        with pytest.raises(InputError, match="is no checkpoint of"):
            grown(5, [Note("a", text)])


def test_evidence_of_a_pull_holds_two(tmp_path) -> None:
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps({"kept": {"checkpoint": "one"}, "checkpoint": "two"}))
    assert [one.text for one in read_notes(file)] == ["one", "two"]
    file.write_text("{}")
    with pytest.raises(InputError, match="no evidence"):
        read_notes(file)
    with pytest.raises(InputError, match="cannot be read"):
        read_notes(tmp_path / "absent")

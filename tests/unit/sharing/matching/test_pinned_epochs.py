"""Epochs as a lab believes them: verified by itself, pinned, and every split view refused."""

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest

from stillwatch.crypto.epoch import Epoch
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.errors import NotTrusted, StoredDataError
from stillwatch.sharing.matching.epochs import PINS, load, merge, refresh
from tests.epochs import dealt_epoch

TODAY = date(2026, 11, 26)
DEALT = dealt_epoch()


class Shown:
    """What a hub shows."""

    def __init__(self, *documents):
        self.documents = list(documents)

    def epochs(self):
        return self.documents


def document(epoch: Epoch, dealt=DEALT):
    return signed(epoch, {key.id: sign(epoch, key) for key in dealt.keys})


REFRESHED = document(replace(DEALT.epoch, generation=1))


def test_what_holds_is_believed_and_pinned(tmp_path):
    found = refresh(Shown(DEALT.document, REFRESHED), DEALT.known, tmp_path, TODAY)
    assert [epoch.generation for epoch in found.epochs] == [0, 1]
    assert [epoch.generation for epoch in found.on(TODAY)] == [1]
    assert load(tmp_path).keys() == {("2026-q4", 0), ("2026-q4", 1)}
    assert refresh(Shown(), DEALT.known, tmp_path, TODAY) == found
    assert found.left_out == ()


def test_what_the_log_does_not_vouch_for_is_left_out_and_told(tmp_path):
    stranger = dealt_epoch(name="2027-q1")
    unsigned = {**DEALT.document, "signatures": {}}
    found = refresh(Shown(stranger.document, unsigned, 5), DEALT.known, tmp_path, TODAY)
    assert found.epochs == ()
    assert len(found.left_out) == 3
    assert "not known as its key" in found.left_out[0]
    assert "did not sign" in found.left_out[1]


def other_key():
    return dealt_epoch(keys=DEALT.keys).document


def moved():
    first = DEALT.epoch.evaluators[0]
    evaluators = (replace(first, url="https://other.example.com"), *DEALT.epoch.evaluators[1:])
    return document(replace(DEALT.epoch, evaluators=evaluators))


def longer():
    return document(replace(DEALT.epoch, ends=DEALT.epoch.ends - timedelta(days=1), generation=1))


def new_key_at_a_refresh():
    other = dealt_epoch(keys=DEALT.keys)
    return document(replace(other.epoch, generation=1))


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        (other_key, "two documents"),
        (moved, "two documents"),
        (longer, "may not change its ends"),
        (new_key_at_a_refresh, "may not change its public_key"),
    ],
)
def test_a_split_view_is_refused_with_evidence(tmp_path, shown, said):
    refresh(Shown(DEALT.document), DEALT.known, tmp_path, TODAY)
    before = (tmp_path / PINS).read_bytes()
    with pytest.raises(NotTrusted, match=said) as caught:
        refresh(Shown(shown()), DEALT.known, tmp_path, TODAY)
    (evidence,) = tmp_path.glob("evidence-*-split-view.json")
    assert str(evidence) in str(caught.value)
    told = json.loads(evidence.read_text())
    assert told["kept"] == DEALT.document
    assert Epoch.from_json(told["came"]) != DEALT.epoch
    assert (tmp_path / PINS).read_bytes() == before


def test_a_generation_that_is_gone_again_is_refused(tmp_path):
    refresh(Shown(DEALT.document, REFRESHED), DEALT.known, tmp_path, TODAY)
    with pytest.raises(NotTrusted, match="generation 1 of epoch 2026-q4 is gone"):
        refresh(Shown(DEALT.document), DEALT.known, tmp_path, TODAY)


def test_one_answer_that_contradicts_itself_is_refused():
    with pytest.raises(NotTrusted, match="two documents"):
        merge({}, [DEALT.document, other_key()], DEALT.known)


def test_old_epochs_are_forgotten(tmp_path):
    refresh(Shown(DEALT.document), DEALT.known, tmp_path, TODAY)
    assert refresh(Shown(), DEALT.known, tmp_path, TODAY + timedelta(days=400)).epochs == ()
    assert load(tmp_path) == {}


@pytest.mark.parametrize("damage", [b"{", b"[1]", b'[{"name": "x"}]', b"\xff"])
def test_damaged_pins_are_not_replaced(tmp_path, damage):
    (tmp_path / PINS).write_bytes(damage)
    with pytest.raises(StoredDataError, match="cannot be read"):
        refresh(Shown(DEALT.document), DEALT.known, tmp_path, TODAY)
    assert (tmp_path / PINS).read_bytes() == damage

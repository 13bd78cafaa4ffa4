"""A document counts only if every evaluator signed it with the key that the log states."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from stillwatch.crypto.epoch_document import MAX_BYTES, check, check_refreshed, read, sign, signed
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, NotTrusted
from tests.epochs import dealt_epoch, member

DEALT = dealt_epoch()
EPOCH, KEYS = DEALT.epoch, DEALT.keys


def test_a_document_signed_by_all_is_the_epoch():
    assert check(read(json.dumps(DEALT.document).encode()), DEALT.known) == EPOCH


def test_one_signature_less_more_or_of_another_is_refused_by_name():
    document, known = DEALT.document, DEALT.known
    second = KEYS[1].id
    missing = {kid: jws for kid, jws in document["signatures"].items() if kid != second}
    foreign = SigningKey.generate()
    for signatures, said in (
        (missing, r"evaluator 2 .* did not sign"),
        ({**missing, second: sign(EPOCH, foreign)}, "evaluator 2"),
        ({**missing, second: document["signatures"][KEYS[0].id]}, "evaluator 2"),
        ({**missing, second: sign(replace(EPOCH, generation=1), KEYS[1])}, "evaluator 2"),
        ({**missing, second: 7}, "did not sign"),
        ({**document["signatures"], foreign.id: sign(EPOCH, foreign)}, "which is no evaluator"),
        (None, "not signed"),
        ([], "not signed"),
    ):
        with pytest.raises(NotTrusted, match=said):
            check({**document, "signatures": signatures}, known)


def test_a_key_of_another_member_or_none_is_refused():
    known = DEALT.known
    kid = KEYS[2].id
    for keys in (
        {k: v for k, v in known.items() if k != kid},
        {**known, kid: replace(known[kid], identity=member(0))},
    ):
        with pytest.raises(NotTrusted, match=r"evaluator 3 .* is not known as its key"):
            check(DEALT.document, keys)


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": 1},
        {"ends": EPOCH.ends - timedelta(1)},
        {"name": "2027-q1"},
        {"transcript": bytes(32)},
    ],
)
def test_what_was_signed_cannot_be_changed(changes):
    document = {**DEALT.document, **replace(EPOCH, **changes).to_json()}
    with pytest.raises(NotTrusted, match="evaluator 1"):
        check(document, DEALT.known)


def test_all_signatures_do_not_help_shares_that_give_no_key():
    other = dealt_epoch(keys=KEYS).epoch
    for wrong in (
        replace(EPOCH, public_key=other.public_key),
        replace(EPOCH, threshold=3),
        replace(EPOCH, evaluators=(*EPOCH.evaluators[:2], other.evaluators[2])),
    ):
        document = signed(wrong, {key.id: sign(wrong, key) for key in KEYS})
        with pytest.raises(NotTrusted, match="share"):
            check(document, DEALT.known)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 60_000, b"\xff", b" " * (MAX_BYTES + 1)])
def test_a_text_that_is_no_document_is_refused(data):
    with pytest.raises(InputError, match="document"):
        read(data)


def test_a_refresh_changes_shares_and_generation_only():
    fresh = dealt_epoch(keys=KEYS).epoch
    shares = tuple(
        replace(old, public_share=new.public_share)
        for old, new in zip(EPOCH.evaluators, fresh.evaluators, strict=True)
    )
    refreshed = replace(EPOCH, generation=1, evaluators=shares)
    check_refreshed(EPOCH, refreshed)
    for wrong, said in (
        (replace(refreshed, generation=2), "does not follow"),
        (replace(refreshed, generation=0), "does not follow"),
        (replace(refreshed, public_key=fresh.public_key), "public_key"),
        (replace(refreshed, ends=EPOCH.ends - timedelta(1)), "ends"),
        (replace(refreshed, threshold=3), "threshold"),
        (replace(refreshed, evaluators=shares[:2]), "who holds"),
        (replace(refreshed, name="2027-q1"), "name"),
    ):
        with pytest.raises(NotTrusted, match=said):
            check_refreshed(EPOCH, wrong)

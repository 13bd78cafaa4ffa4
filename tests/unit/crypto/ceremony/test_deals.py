"""Round 2: a share that does not fit is answered with evidence that anyone can check."""

import json

import pytest

from stillwatch.crypto.ceremony.commits import check_commits
from stillwatch.crypto.ceremony.deals import Broken, complain, judge, read_deal
from stillwatch.crypto.ceremony.messages import CeremonyFault, read
from stillwatch.crypto.encoding import b64url
from stillwatch.crypto.ristretto import (
    ZERO,
    random_scalar,
)
from stillwatch.crypto.sodium import pysodium
from tests.ceremonies import again, ceremony, to

HELD = ceremony()
COMMITS = HELD.commits()
DEALS = HELD.deals(check_commits(HELD.plan, COMMITS))
CHECKED = check_commits(HELD.plan, COMMITS)


def deal_again(dealer, recipient, share, box_of=None):
    """What a dealer would send with another share in it."""
    message = next(m for m in DEALS if (m["from"], m["body"]["to"]) == (dealer, recipient))
    box = CHECKED.by_index[box_of or recipient].box
    body = {"to": recipient, "sealed": b64url(pysodium.crypto_box_seal(share, box))}
    return again(message, HELD.keys[dealer - 1], body=body)


def with_deal(message):
    others = [m for m in to(DEALS, 1) if m["from"] != message["from"]]
    return [*others, message]


@pytest.mark.parametrize(
    "share", [random_scalar(), ZERO, b"\xff" * 32, b"", b"x" * 33], ids=range(5)
)
def test_a_wrong_share_is_answered_with_evidence_that_anyone_can_check(share):
    wrong = deal_again(2, 1, share)
    if len(share) != 32:
        with pytest.raises(CeremonyFault, match=r"participant 2 .*the sealed share is not") as bad:
            HELD.people[0].finish(HELD.keys[0], CHECKED, with_deal(wrong))
        assert bad.value.culprit == 2
        return
    with pytest.raises(Broken, match="participant 2 ") as caught:
        HELD.people[0].finish(HELD.keys[0], CHECKED, with_deal(wrong))
    assert caught.value.culprit == 2
    travelled = read(json.dumps(caught.value.complaint).encode())
    verdict = judge(check_commits(HELD.plan, COMMITS), travelled)
    assert verdict.culprit.index == 2


def test_a_share_sealed_to_another_is_the_dealers_fault():
    share = HELD.people[1]._coefficients()[0]
    with pytest.raises(Broken, match="holds no share") as caught:
        HELD.people[0].finish(HELD.keys[0], CHECKED, with_deal(deal_again(2, 1, share, box_of=3)))
    assert judge(CHECKED, caught.value.complaint).culprit.index == 2


def test_whoever_complains_for_nothing_is_to_blame():
    person, key = HELD.people[0], HELD.keys[0]
    deal = read_deal(CHECKED, next(m for m in to(DEALS, 1) if m["from"] == 2))
    _, secret = person._box()
    sound = complain(CHECKED, person.seat, key, deal, secret)
    assert judge(CHECKED, sound).culprit.index == 1
    assert "sound share of participant 2" in judge(CHECKED, sound).reason
    for changes, said in (
        ({"box_secret": b64url(bytes(32))}, "own box key"),
        ({"box_secret": None}, "shows no deal"),
        ({"deal": {**deal.message, "from": 3}}, "shows no deal"),
        ({"deal": next(m for m in DEALS if m["body"]["to"] == 2)}, "shows no deal"),
        ({"deal": None}, "shows no deal"),
        ({"more": 1}, "shows no deal"),
    ):
        verdict = judge(CHECKED, again(sound, key, body={**sound["body"], **changes}))
        assert verdict.culprit.index == 1
        assert said in verdict.reason


def test_a_complaint_in_anothers_name_blames_nobody():
    forged = {**COMMITS[0], "round": "complaint"}
    with pytest.raises(CeremonyFault) as caught:
        judge(CHECKED, forged)
    assert caught.value.culprit is None


def test_deals_that_are_missing_misdirected_or_malformed_are_named():
    person, key = HELD.people[0], HELD.keys[0]
    mine = to(DEALS, 1)
    with pytest.raises(CeremonyFault, match="no deal of participant 3"):
        person.finish(key, CHECKED, [m for m in mine if m["from"] == 2])
    with pytest.raises(CeremonyFault, match="its deal is for 2, not for 1"):
        person.finish(key, CHECKED, [*mine, *to(DEALS, 2)])
    for body, said in (
        ({"to": 1}, "a deal has to and sealed"),
        ({"to": "1", "sealed": ""}, "a deal has to and sealed"),
        ({"to": True, "sealed": ""}, "a deal has to and sealed"),
        ({"to": 2, "sealed": ""}, "its deal is for 2"),
        ({"to": 9, "sealed": ""}, "its deal is for 9"),
        ({"to": 1, "sealed": "A"}, "the sealed share is not"),
    ):
        message = again(next(m for m in mine if m["from"] == 2), HELD.keys[1], body=body)
        with pytest.raises(CeremonyFault, match=f"participant 2 .*{said}") as caught:
            person.finish(key, CHECKED, [message])
        assert caught.value.culprit == 2


def test_a_box_key_that_nothing_can_be_sealed_to_is_its_owners_fault():
    held = ceremony()
    commits = held.commits()
    body = {**commits[1]["body"], "box": b64url(bytes(32))}
    checked = check_commits(
        held.plan, [commits[0], again(commits[1], held.keys[1], body=body), commits[2]]
    )
    with pytest.raises(CeremonyFault, match=r"participant 2 .*sealed to its box key") as caught:
        held.people[0].deal(held.keys[0], checked)
    assert caught.value.culprit == 2

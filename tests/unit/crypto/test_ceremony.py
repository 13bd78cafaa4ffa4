"""Key generation and refresh among honest participants, and with one that lies."""

import itertools
import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.ceremony.commits import check_commits, find_split, possession
from stillwatch.crypto.ceremony.deals import Broken, complain, judge, read_deal
from stillwatch.crypto.ceremony.messages import MAX_BYTES, CeremonyFault, read
from stillwatch.crypto.ceremony.plan import Plan, draw_plan, refresh_plan
from stillwatch.crypto.ceremony.rounds import Participant, gather, start
from stillwatch.crypto.encoding import b64url
from stillwatch.crypto.epoch_document import check, check_refreshed, sign
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import blind, evaluate_input, finalize
from stillwatch.crypto.ristretto import (
    IDENTITY,
    ZERO,
    Element,
    multiply_base,
    plus,
    random_scalar,
    subtract,
    times,
    total,
)
from stillwatch.crypto.sodium import pysodium
from stillwatch.crypto.threshold import (
    PublicShare,
    Quorum,
    combine,
    evaluate_share,
    proof_context,
    verify_part,
)
from stillwatch.errors import InputError, NotTrusted, StoredDataError
from tests.ceremonies import Ceremony, again, ceremony, document, known, seats, to

HELD = ceremony()
COMMITS = HELD.commits()
DEALS = HELD.deals(check_commits(HELD.plan, COMMITS))
CHECKED = check_commits(HELD.plan, COMMITS)


def whole_key(shares, quorum):
    """Nobody may do this; a test may."""
    key = ZERO
    for share in shares:
        if share.index in quorum.indices:
            key = plus(key, times(quorum.coefficient(share.index), share.secret))
    return key


def outputs(shares, quorum, data=b"alpha"):
    blinds, blinded = blind([data])
    chosen = [share for share in shares if share.index in quorum.indices]
    parts = [evaluate_share(share, quorum, blinded) for share in chosen]
    return finalize([data], blinds, combine(parts, quorum))[0]


def refreshed(held, finished):
    plan = refresh_plan(finished[0].epoch, held.plan.seats)
    return Ceremony(plan, held.keys), [one.share for one in finished]


@pytest.mark.parametrize(
    ("threshold", "holders", "indices"), [(2, 2, None), (2, 3, None), (3, 5, (1, 4, 9, 17, 255))]
)
def test_all_hold_shares_of_one_key_and_sign_one_epoch(threshold, holders, indices):
    held = ceremony(threshold, holders, indices=indices)
    finished = held.finish()
    assert len({one.epoch for one in finished}) == 1
    epoch = check(document(held.plan, held.keys, finished), known(held.plan))
    assert epoch == finished[0].epoch
    assert (epoch.generation, epoch.threshold, len(epoch.transcript)) == (0, threshold, 32)
    shares = [one.share for one in finished]
    keys = set()
    for chosen in itertools.combinations(held.plan.indices, threshold):
        quorum = epoch.quorum(chosen)
        keys.add(whole_key(shares, quorum))
        assert outputs(shares, quorum) == evaluate_input(whole_key(shares, quorum), b"alpha")
    assert len(keys) == 1
    assert multiply_base(keys.pop()) == epoch.public_key
    few = Quorum(tuple(held.plan.indices[: threshold - 1]))
    assert multiply_base(whole_key(shares, few)) != epoch.public_key


def test_a_refresh_keeps_key_and_outputs_and_changes_every_share():
    held = ceremony(2, 3)
    finished = held.finish()
    again_held, old = refreshed(held, finished)
    fresh = again_held.finish(old)
    epoch = check(document(again_held.plan, held.keys, fresh), known(held.plan))
    check_refreshed(finished[0].epoch, epoch)
    assert (epoch.generation, epoch.public_key) == (1, finished[0].epoch.public_key)
    new = [one.share for one in fresh]
    assert all(a.secret != b.secret for a, b in zip(old, new, strict=True))
    expected = outputs(old, Quorum((1, 2)))
    for chosen in ((1, 2), (1, 3), (2, 3), (1, 2, 3)):
        assert outputs(new, Quorum(chosen)) == expected
    third, newer = refreshed(again_held, fresh)
    assert third.finish(newer)[0].epoch.generation == 2


def test_old_and_refreshed_shares_do_not_mix():
    held = ceremony(2, 3)
    finished = held.finish()
    again_held, old = refreshed(held, finished)
    fresh = again_held.finish(old)
    new, epoch, quorum = [one.share for one in fresh], fresh[0].epoch, Quorum((1, 2))
    right = outputs(new, quorum)
    for mixed in ([old[0], new[1]], [new[0], old[1]]):
        assert outputs(mixed, quorum) != right
        assert multiply_base(whole_key(mixed, quorum)) != epoch.public_key
    _, blinded = blind([b"alpha"])
    context = epoch.proof_context(1)
    stale = evaluate_share(old[0], quorum, blinded, context=context)
    with pytest.raises(NotTrusted, match="evaluator 1"):
        verify_part(stale, epoch.public_share(1), quorum, blinded, context)
    before = evaluate_share(old[0], quorum, blinded, context=proof_context(epoch.name, 0, 1))
    with pytest.raises(NotTrusted, match="evaluator 1"):
        verify_part(before, epoch.public_share(1), quorum, blinded, context)


def test_every_step_can_be_repeated_after_an_interruption():
    person, key = HELD.people[0], HELD.keys[0]
    restored = Participant.from_bytes(person.to_bytes())
    assert restored == person
    assert restored.commit(key) == COMMITS[0]
    first = restored.finish(key, CHECKED, to(DEALS, 1))
    second = restored.finish(key, CHECKED, to(HELD.deals(CHECKED), 1) + to(DEALS, 1))
    assert first == second


def test_no_secret_shows():
    person = HELD.people[0]
    shown = repr(person) + repr(person.finish(HELD.keys[0], CHECKED, to(DEALS, 1)))
    share = person.finish(HELD.keys[0], CHECKED, to(DEALS, 1)).share
    for secret in (person.seed, share.secret):
        assert secret.hex() not in shown
        assert repr(secret) not in shown
    wires = json.dumps([COMMITS, DEALS])
    for one in HELD.people:
        assert b64url(one.seed) not in wires
        for coefficient in one._coefficients():
            assert b64url(coefficient) not in wires


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"plan":1,"index":1,"seed":""}'])
def test_what_is_no_state_is_refused(data):
    with pytest.raises(StoredDataError):
        Participant.from_bytes(data)


# Round 1, hostile


def commit_again(**changes):
    """The second participant's commit, changed in its body and signed by it."""
    body = {**COMMITS[1]["body"], **changes}
    return again(COMMITS[1], HELD.keys[1], body=body)


def refused(messages, said, culprit):
    with pytest.raises(CeremonyFault, match=said) as caught:
        check_commits(HELD.plan, messages)
    assert caught.value.culprit == culprit


POINT = b64url(multiply_base(random_scalar()))
VALUES = COMMITS[1]["body"]["commitments"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commitments": [*VALUES, POINT]}, "3 commitments; threshold 2"),
        ({"commitments": VALUES[:1]}, "1 commitments"),
        ({"commitments": "many"}, "0 commitments"),
        ({"commitments": [POINT, VALUES[1]]}, "does not prove"),
        ({"commitments": [VALUES[0], b64url(IDENTITY)]}, "identity"),
        ({"commitments": [b64url(IDENTITY), VALUES[1]]}, "identity"),
        ({"commitments": [VALUES[0], b64url(b"\xff" * 32)]}, "no canonical encoding"),
        ({"commitments": [VALUES[0], 7]}, "commitment 1 is not base64url"),
        ({"commitments": [VALUES[0], "AAAA"]}, "commitment 1 is not base64url"),
        ({"proof": b64url(bytes(64))}, "proof"),
        ({"proof": COMMITS[0]["body"]["proof"]}, "does not prove"),
        ({"proof": b64url(b"\xff" * 64)}, "proof"),
        ({"proof": None}, "proof is not"),
        ({"box": b64url(bytes(31))}, "box is not"),
        ({"more": 1}, "a commit has"),
    ],
    ids=range(15),
)
def test_a_commit_that_does_not_fit_names_its_sender(changes, said):
    refused([COMMITS[0], commit_again(**changes), COMMITS[2]], f"participant 2 .*{said}", 2)


def test_the_proof_is_of_one_ceremony_and_seat():
    secret, nonce = HELD.people[1]._coefficients()[0], random_scalar()
    other = ceremony().plan
    for plan, index in ((HELD.plan, 1), (HELD.plan, 3), (other, 2)):
        proof = b64url(possession(plan, index, secret, nonce))
        refused([COMMITS[0], commit_again(proof=proof), COMMITS[2]], "does not prove", 2)
    proof = b64url(possession(HELD.plan, 2, secret, nonce))
    check_commits(HELD.plan, [COMMITS[0], commit_again(proof=proof), COMMITS[2]])


def test_nobody_can_cancel_the_others_commitments():
    """The rogue key: minus the others' sum, which leaves a key of the rogue's choice."""
    chosen = multiply_base(random_scalar())
    others = total(Element(c.commitments[0]) for i, c in CHECKED.by_index.items() if i != 2)
    rogue = commit_again(commitments=[b64url(subtract(chosen, others)), VALUES[1]])
    refused([COMMITS[0], rogue, COMMITS[2]], "does not prove that it knows", 2)


def test_missing_foreign_and_doubled_commits_are_named():
    refused(COMMITS[:2], r"no commit of participant 3 \(identity--", None)
    refused([], r"participant 1 .*participant 2 .*participant 3", None)
    assert check_commits(HELD.plan, [*COMMITS, COMMITS[0]]) == CHECKED
    two = commit_again(box=b64url(bytes([7] * 32)))
    refused([*COMMITS, two], "participant 2 .* two different commits", 2)


def test_what_was_not_signed_by_its_sender_blames_nobody():
    stolen = {**COMMITS[0], "from": 2}
    refused([stolen, *COMMITS[1:]], "participant 2 .*names key", None)
    changed = {**COMMITS[1], "body": COMMITS[0]["body"]}
    refused([changed], "participant 2", None)
    for message in (None, [], {}, {**COMMITS[0], "more": 1}, {**COMMITS[0], "type": "x"}):
        refused([message], "a message has the members", None)
    for index in (0, 4, "1", None, True, [1]):
        refused([{**COMMITS[0], "from": index}], "takes no part", None)
    for signature in (None, "", "x..y"):
        refused([{**COMMITS[0], "signature": signature}], "participant 1", None)
    refused([DEALS[0]], "a commit is expected, not 'deal'", None)
    refused([again(COMMITS[0], HELD.keys[0], body=[])], "body of the commit", 1)


def test_messages_of_another_ceremony_are_replays():
    keys = HELD.keys
    plan = draw_plan(HELD.plan.name, 2, HELD.plan.seats, HELD.plan.starts)
    assert plan.id != HELD.plan.id
    other = Ceremony(plan, keys).commits()
    refused([COMMITS[0], other[1], COMMITS[2]], "participant 2 .*replayed", None)
    moved = again(COMMITS[1], keys[1], ceremony=plan.id)
    with pytest.raises(CeremonyFault, match="does not prove"):
        check_commits(plan, [other[0], moved, other[2]])


def test_a_ceremony_is_taken_part_in_once():
    with pytest.raises(CeremonyFault, match="taken part in before"):
        start(HELD.plan, HELD.keys[0], {HELD.plan.id})
    with pytest.raises(InputError, match="takes no part"):
        start(HELD.plan, SigningKey.generate())


def test_an_earlier_commit_of_ones_own_is_not_gone_on_with():
    """Someone plays what this participant said before it began anew."""
    anew, key = start(HELD.plan, HELD.keys[0]), HELD.keys[0]
    for step in (lambda: anew.deal(key, CHECKED), lambda: anew.finish(key, CHECKED, [])):
        with pytest.raises(CeremonyFault, match="is not the one it made"):
            step()
    other = ceremony()
    foreign = check_commits(other.plan, other.commits())
    with pytest.raises(CeremonyFault, match="these commits are of ceremony"):
        HELD.people[0].deal(key, foreign)
    with pytest.raises(InputError, match="is not that of participant 1"):
        HELD.people[0].commit(HELD.keys[1])


# A split broadcast


def test_a_split_broadcast_is_found_when_the_epoch_is_signed():
    """The second participant shows the third another polynomial; both views are sound alone."""
    held = ceremony(2, 3)
    twin = start(held.plan, held.keys[1])
    first, second, third = held.people
    honest = held.commits()
    split = [honest[0], twin.commit(held.keys[1]), honest[2]]
    views = [check_commits(held.plan, honest), check_commits(held.plan, split)]
    from_first, from_third = first.deal(held.keys[0], views[0]), third.deal(held.keys[2], views[1])
    to_first = [*to(second.deal(held.keys[1], views[0]), 1), *to(from_third, 1)]
    to_third = [*to(twin.deal(held.keys[1], views[1]), 3), *to(from_first, 3)]
    ours = first.finish(held.keys[0], views[0], to_first).epoch
    theirs = third.finish(held.keys[2], views[1], to_third).epoch
    assert ours != theirs
    signatures = {
        held.keys[0].id: sign(ours, held.keys[0]),
        held.keys[1].id: sign(ours, held.keys[1]),
    }
    with pytest.raises(CeremonyFault, match=r"participant 3 .*did not sign this epoch but another"):
        gather(held.plan, ours, {**signatures, held.keys[2].id: sign(theirs, held.keys[2])})
    with pytest.raises(CeremonyFault, match=r"participant 3 .*did not sign the epoch"):
        gather(held.plan, ours, signatures)
    assert find_split(held.plan, honest, split).index == 2
    assert find_split(held.plan, honest, honest[::-1]) is None


# Round 2, hostile


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


# Refresh, hostile


def test_a_refresh_that_would_change_the_key_is_refused():
    finished = HELD.finish()
    held, _ = refreshed(HELD, finished)
    commits = held.commits()
    assert all(m["body"]["commitments"][0] == b64url(IDENTITY) for m in commits)
    point = b64url(multiply_base(random_scalar()))
    body = {**commits[2]["body"], "commitments": [point, commits[2]["body"]["commitments"][1]]}
    with pytest.raises(CeremonyFault, match=r"participant 3 .*not zero at 0") as caught:
        check_commits(held.plan, [*commits[:2], again(commits[2], held.keys[2], body=body)])
    assert caught.value.culprit == 3


def test_a_refresh_adds_to_the_share_of_its_epoch_only():
    finished = HELD.finish()
    held, old = refreshed(HELD, finished)
    for wrong in ([old[1], old[1], old[2]], None):
        with pytest.raises(InputError, match="is not that of participant 1"):
            held.finish(wrong)
    with pytest.raises(InputError, match="adds to no share"):
        HELD.finish(old)


def test_a_refresh_is_of_the_same_members_days_and_threshold():
    epoch = HELD.finish()[0].epoch
    with pytest.raises(InputError):
        refresh_plan(epoch, HELD.plan.seats[:2])
    plan = refresh_plan(epoch, HELD.plan.seats)
    assert plan.generation == 1
    for changes in (
        {"name": "2027-q1"},
        {"threshold": 3},
        {"starts": date(2026, 10, 2)},
        {"ends": date(2026, 12, 1)},
    ):
        with pytest.raises(InputError, match="may not change its"):
            replace(plan, **changes)
    moved = replace(HELD.plan.seats[0], member=HELD.plan.seats[0].member[:-1] + "f")
    with pytest.raises(InputError, match="needs all who hold shares"):
        refresh_plan(epoch, [moved, *HELD.plan.seats[1:]])


# The plan


def test_a_plan_survives_json_and_its_id_covers_everything():
    plans = [HELD.plan, refresh_plan(HELD.finish()[0].epoch, HELD.plan.seats)]
    for plan in plans:
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    ids = {
        plan.id
        for plan in (
            *plans,
            replace(plans[0], threshold=3),
            replace(plans[0], name="2027-q1"),
            replace(plans[0], ends=date(2026, 12, 1)),
            replace(plans[0], nonce=bytes(32)),
            replace(plans[0], seats=plans[0].seats[:2]),
        )
    }
    assert len(ids) == 7


@pytest.mark.parametrize("name", [*HELD.plan.to_json(), "more"])
@pytest.mark.parametrize("value", [None, True, 7, [], {}, "", [1]], ids=str)
def test_a_damaged_plan_is_refused(name, value):
    if (name, value) == ("before", None):
        return
    with pytest.raises(InputError):
        Plan.from_json({**HELD.plan.to_json(), name: value})


@pytest.mark.parametrize("name", [*HELD.plan.to_json()["seats"][0], "more"])
@pytest.mark.parametrize("value", [None, True, 0, [], "", "AAAA"], ids=str)
def test_a_damaged_seat_is_refused(name, value):
    plan = HELD.plan.to_json()
    plan["seats"][0] = {**plan["seats"][0], name: value}
    with pytest.raises(InputError):
        Plan.from_json(plan)


def test_seats_are_of_active_keys_of_their_members():
    plan = HELD.plan
    plan.check_members(known(plan))
    first = plan.seats[0]
    for changed in (
        {k: v for k, v in known(plan).items() if k != first.key_id},
        {**known(plan), first.key_id: replace(known(plan)[first.key_id], state="suspended")},
        {**known(plan), first.key_id: replace(known(plan)[first.key_id], identity="other")},
    ):
        with pytest.raises(NotTrusted, match="participant 1"):
            plan.check_members(changed)


def test_one_key_takes_one_seat():
    key = SigningKey.generate()
    with pytest.raises(InputError, match="one key_id"):
        draw_plan("e", 2, seats([key, key]), date(2026, 10, 1))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 60_000, b" " * (MAX_BYTES + 1)])
def test_a_text_that_is_no_message_is_refused(data):
    with pytest.raises(InputError, match="message"):
        read(data)


@settings(max_examples=10)
@given(st.integers(2, 4), st.integers(0, 2), st.binary(min_size=1, max_size=20))
def test_any_sharing_of_any_size(threshold, more, data):
    held = ceremony(threshold, threshold + more)
    finished = held.finish()
    shares, epoch = [one.share for one in finished], finished[0].epoch
    first, last = held.plan.indices[:threshold], held.plan.indices[-threshold:]
    expected = outputs(shares, epoch.quorum(first), data)
    assert outputs(shares, epoch.quorum(last), data) == expected
    assert all(
        PublicShare(s.index, s.public.element) == epoch.public_share(s.index) for s in shares
    )

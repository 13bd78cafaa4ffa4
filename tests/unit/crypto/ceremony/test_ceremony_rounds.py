"""Key generation and refresh among honest participants, repeated steps, and a split broadcast."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.ceremony.commits import check_commits, find_split
from stillwatch.crypto.ceremony.messages import CeremonyFault
from stillwatch.crypto.ceremony.plan import refresh_plan
from stillwatch.crypto.ceremony.rounds import Participant, gather, start
from stillwatch.crypto.encoding import b64url
from stillwatch.crypto.epoch_document import check, check_refreshed, sign
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import blind, evaluate_input, finalize
from stillwatch.crypto.ristretto import (
    ZERO,
    multiply_base,
    plus,
    times,
)
from stillwatch.crypto.threshold import (
    PublicShare,
    Quorum,
    combine,
    evaluate_share,
    proof_context,
    verify_part,
)
from stillwatch.errors import InputError, NotTrusted, StoredDataError
from tests.ceremonies import Ceremony, ceremony, document, known, to

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
    assert (epoch.generation, epoch.threshold, epoch.dealt) == (0, threshold, False)
    assert len(epoch.transcript) == 32
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


def test_a_refresh_adds_to_the_share_of_its_epoch_only():
    finished = HELD.finish()
    held, old = refreshed(HELD, finished)
    for wrong in ([old[1], old[1], old[2]], None):
        with pytest.raises(InputError, match="is not that of participant 1"):
            held.finish(wrong)
    with pytest.raises(InputError, match="adds to no share"):
        HELD.finish(old)


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

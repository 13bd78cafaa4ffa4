"""Round 1: a commit that does not fit is refused, with who sent it."""

import pytest

from stillwatch.crypto.ceremony.commits import check_commits, possession
from stillwatch.crypto.ceremony.messages import MAX_BYTES, CeremonyFault, read
from stillwatch.crypto.ceremony.plan import draw_plan, refresh_plan
from stillwatch.crypto.encoding import b64url
from stillwatch.crypto.ristretto import (
    IDENTITY,
    Element,
    multiply_base,
    random_scalar,
    subtract,
    total,
)
from stillwatch.errors import InputError
from tests.ceremonies import Ceremony, again, ceremony

HELD = ceremony()
COMMITS = HELD.commits()
DEALS = HELD.deals(check_commits(HELD.plan, COMMITS))
CHECKED = check_commits(HELD.plan, COMMITS)


def refreshed(held, finished):
    plan = refresh_plan(finished[0].epoch, held.plan.seats)
    return Ceremony(plan, held.keys), [one.share for one in finished]


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


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"[" * 60_000, b" " * (MAX_BYTES + 1)])
def test_a_text_that_is_no_message_is_refused(data):
    with pytest.raises(InputError, match="message"):
        read(data)

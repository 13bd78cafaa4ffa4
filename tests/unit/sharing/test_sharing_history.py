"""Every refusal of the client core, each from a hub that misbehaves in that one way."""

import json

import pytest

from stillwatch.crypto.merkle import Frontier, leaf_hash
from stillwatch.crypto.note import VerifierKey, cosign, cosigner, sign_note
from stillwatch.crypto.records import claim_record
from stillwatch.crypto.statements import add, end, restore, rotate, suspend
from stillwatch.errors import InputError
from stillwatch.intel.ids import CLAIM
from stillwatch.sharing.history import Pull
from stillwatch.sharing.known import (
    Audience,
    Known,
    Refused,
    Witnesses,
    from_json,
    revoked,
    to_json,
)
from tests.memory_hub import (
    AT,
    GREEN,
    KEYS,
    ORIGIN,
    OTHER,
    RED,
    MemoryHub,
    claim,
    identity,
    signing_key,
)

ALPHA, BETA, GAMMA = identity(1), identity(2), identity(3)
A, B, C = signing_key(1), signing_key(2), signing_key(3)
MINE = (KEYS, GREEN)


def fresh() -> Known:
    return Known(VerifierKey(ORIGIN, signing_key(0).public))


@pytest.fixture
def hub() -> MemoryHub:
    hub = MemoryHub()
    hub.state(add(ALPHA, A, AT))
    hub.state(add(BETA, B, AT))
    hub.say(claim(1, 1, ALPHA, A))
    hub.say(claim(2, 1, BETA, B), RED)
    hub.say(claim(3, 1, BETA, B))
    return hub


@pytest.fixture
def known(hub: MemoryHub) -> Known:
    return hub.pull(fresh(), MINE)[0]


def refusal(kind: str, hub: MemoryHub, known: Known, **options) -> Refused:
    """The refusal of a pull, whose evidence must be JSON and name what was kept."""
    with pytest.raises(Refused) as caught:
        hub.pull(known, options.pop("audiences", MINE), **options)
    assert caught.value.kind == kind
    evidence = json.loads(json.dumps(caught.value.evidence))
    assert evidence["kind"] == kind
    assert evidence["kept"]["size"] == known.size
    assert evidence["checkpoint"]
    return caught.value


def test_an_honest_log_is_followed(hub):
    known, claims = hub.pull(fresh(), MINE, chunk=2)
    assert [(c.index, c.object["name"]) for c in claims] == [
        (2, "amber heron 1"),
        (4, "amber heron 3"),
    ]
    assert [c.key.identity for c in claims] == [ALPHA, BETA]
    assert known.size == 5
    hub.state(rotate(ALPHA, A, C, AT))
    hub.say(claim(1, 2, ALPHA, C, revoked=True))
    known, claims = hub.pull(known, MINE)
    assert [c.index for c in claims] == [6]
    assert revoked(known, claims[0].object["id"])
    assert not revoked(known, "campaign--x")
    again, nothing = hub.pull(known, MINE)
    assert (again, nothing) == (known, [])


def test_an_empty_log_is_followed():
    known, claims = MemoryHub().pull(fresh(), MINE)
    assert (known.size, claims) == (0, [])


def test_knowledge_survives_being_kept(known):
    assert from_json(json.loads(json.dumps(to_json(known)))) == known
    for damaged in ({}, {**to_json(known), "size": 4}, {**to_json(known), "keys": [[1]]}):
        with pytest.raises(InputError):
            from_json(damaged)


def test_a_shorter_log_is_a_rollback(hub, known):
    error = refusal("rollback", hub, known, note=hub.checkpoint(4))
    assert "5 were seen before" in error.message
    assert error.evidence["kept"]["checkpoint"] == known.note


def test_two_logs_of_one_size_are_a_fork(hub, known):
    forked = hub.replaced(2, claim_record("c1", claim(1, 7, ALPHA, A)), GREEN)
    error = refusal("fork", forked, known)
    assert error.evidence["checkpoint"] == forked.checkpoint()
    assert "two histories" in error.message


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4])
def test_a_changed_past_is_a_fork(hub, known, index):
    forked = hub.replaced(index, claim_record("c1", claim(9, 1, ALPHA, A)), GREEN)
    forked.say(claim(4, 1, ALPHA, A))
    error = refusal("fork", forked, known)
    assert error.evidence["computed_root"]
    hub.say(claim(4, 1, ALPHA, A))
    assert hub.pull(known, MINE)[0].size == 6


@pytest.mark.parametrize("index", [0, 2, 5, 6])
def test_an_entry_changed_on_the_way_is_found(hub, known, index):
    hub.say(claim(4, 1, ALPHA, A))
    hub.say(claim(5, 1, ALPHA, A))
    note, begin = hub.checkpoint(), known if index >= known.size else fresh()
    hub.entries[index] = bytes([hub.entries[index][0] ^ 1]) + hub.entries[index][1:]
    refusal("fork", hub, begin, note=note)


@pytest.mark.parametrize(
    "note",
    [
        lambda hub: sign_note(hub.checkpoint().partition("\n\n")[0] + "\n", ORIGIN, A),
        lambda hub: hub.checkpoint().replace("\n5\n", "\n6\n"),
        lambda hub: hub.checkpoint().partition("\n\n")[0],
        lambda _: "nothing",
        lambda _: sign_note("other.example/log\n5\nAAAA\n", ORIGIN, signing_key(0)),
        lambda hub: sign_note(
            hub.checkpoint().partition("\n\n")[0].replace(ORIGIN, "other.example/log") + "\n",
            ORIGIN,
            signing_key(0),
        ),
        lambda hub: (
            hub.checkpoint().partition("\n\n")[0]
            + "\n\n"
            + cosign(hub.checkpoint().partition("\n\n")[0] + "\n", ORIGIN, signing_key(0), 1)
        ),
    ],
    ids=["other key", "other text", "unsigned", "no note", "malformed", "other log", "cosigned"],
)
def test_a_checkpoint_that_the_log_did_not_sign_is_refused(hub, known, note):
    refusal("log-signature", hub, known, note=note(hub))


def test_too_few_and_too_many_entries_are_refused(hub, known):
    hub.say(claim(4, 1, ALPHA, A))
    pull = Pull(known, hub.checkpoint(), MINE)
    with pytest.raises(Refused, match="gave 5") as caught:
        pull.close_tree()
    assert caught.value.kind == "entries"
    with pytest.raises(Refused, match="7 entries came for a log of 6"):
        pull.add_entries([*hub.entries[5:], hub.entries[0]])
    with pytest.raises(Refused, match="entry 5 has 47 bytes"):
        pull.add_entries([hub.entries[5][1:]])


def test_a_withheld_claim_is_missed(hub, known):
    index = hub.say(claim(4, 1, ALPHA, A))
    record, _ = hub.log[index]
    hub.log[index] = (b"elsewhere", GREEN)
    error = refusal("withheld", hub, known)
    assert error.evidence["index"] == index
    hub.log[index] = (record, GREEN)
    assert len(hub.pull(known, MINE)[1]) == 1


def test_a_claim_of_another_audience_is_not_missed(hub, known):
    hub.say(claim(4, 1, ALPHA, A), RED)
    hub.say(claim(5, 1, ALPHA, A), OTHER)
    assert hub.pull(known, MINE)[1] == []
    assert len(hub.pull(known, (*MINE, RED))[1]) == 1


def _open(hub: MemoryHub, known: Known) -> Pull:
    pull = Pull(known, hub.checkpoint(), MINE)
    pull.add_entries(hub.entries[known.size :])
    pull.close_tree()
    return pull


def test_an_altered_record_is_told_from_one_that_was_never_logged(hub, known):
    index = hub.say(claim(4, 1, ALPHA, A))
    altered = claim_record("c1", {**claim(4, 1, ALPHA, A), "name": "other"})
    with pytest.raises(Refused, match="not the one that was logged") as caught:
        _open(hub, known).add_records([altered])
    assert caught.value.kind == "altered"
    assert caught.value.evidence["awaited"] == [index]
    assert caught.value.evidence["record"] == altered.decode()

    pull = _open(hub, known)
    pull.add_records([hub.log[index][0]])
    with pytest.raises(Refused, match="in no entry") as caught:
        pull.add_records([altered])
    assert caught.value.kind == "unlogged"
    with pytest.raises(Refused, match="7 bytes"):
        pull.add_records([b"no JSON"])


def test_the_hub_cannot_put_words_into_a_mouth(hub, known):
    stolen = claim(4, 1, ALPHA, A)
    for forged, message in (
        (claim(4, 1, ALPHA, C), "is not stated"),
        (claim(4, 1, ALPHA, B), f"is of {BETA}, not of {ALPHA}"),
        ({**stolen, "name": "other"}, "not one of key"),
        ({**stolen, "created_by_ref": BETA}, f"is of {ALPHA}, not of {BETA}"),
        ({k: v for k, v in stolen.items() if k != "extensions"}, "lacks our extension"),
        ({**stolen, "extensions": {CLAIM: {}}}, "carries no signature"),
        ({**stolen, "extensions": {CLAIM: {"signature": "x"}}}, "no detached JWS"),
    ):
        lying = hub.fork()
        index = lying.say(forged)
        error = refusal("claim-signature", lying, known)
        assert message in error.message
        assert error.evidence["index"] == index
        assert json.loads(error.evidence["record"])["object"]["id"] == stolen["id"]


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ([rotate(ALPHA, A, C, AT)], "ended since leaf 5"),
        ([suspend(ALPHA, A.id, AT)], "suspended since leaf 5"),
        ([end(ALPHA, A.id, AT, "compromised", A)], "ended since leaf 5"),
        ([suspend(ALPHA, A.id, AT), end(ALPHA, A.id, AT, "removed")], "ended since leaf 6"),
    ],
    ids=["rotated", "suspended", "ended by its holder", "removed"],
)
def test_a_silenced_key_says_nothing_more(hub, known, statements, message):
    for statement in statements:
        hub.state(statement)
    silenced, _ = hub.pull(known, MINE)
    hub.say(claim(4, 1, ALPHA, A))
    for begin in (known, silenced, fresh()):
        assert message in refusal("claim-signature", hub, begin).message


def test_what_a_key_said_before_it_was_silenced_stands(hub, known):
    hub.say(claim(4, 1, ALPHA, A))
    hub.state(suspend(ALPHA, A.id, AT))
    hub.state(restore(ALPHA, A.id, AT))
    hub.say(claim(5, 1, ALPHA, A))
    hub.state(rotate(ALPHA, A, C, AT))
    hub.say(claim(6, 1, ALPHA, C))
    assert [c.index for c in hub.pull(known, MINE)[1]] == [5, 8, 10]


@pytest.mark.parametrize(
    "statement",
    [
        add(ALPHA, C, AT),
        rotate(ALPHA, C, signing_key(4), AT),
        rotate(ALPHA, B, C, AT),
        {**rotate(ALPHA, A, C, AT), "identity": BETA},
        add(GAMMA, A, AT),
        restore(ALPHA, A.id, AT),
        suspend(BETA, A.id, AT),
        {"action": "add"},
    ],
    ids=[
        "second first key", "unknown key before", "another's key before", "another's identity",
        "another's key", "restored though active", "another's key suspended", "malformed",
    ],
)  # fmt: skip
def test_a_key_that_the_key_before_does_not_vouch_for_is_refused(hub, known, statement):
    index = hub.state(statement)
    error = refusal("key-statement", hub, known)
    assert error.message.startswith(f"entry {index}: ")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (claim(1, 2, ALPHA, A), "not newer"),
        (claim(1, 3, ALPHA, A), "not newer"),
        (claim(1, 1, ALPHA, A), "not newer"),
        (claim(1, 3, ALPHA, A, revoked=True), "not newer"),
    ],
    ids=["older", "the same again", "the first", "an old revocation"],
)
def test_an_older_version_is_a_replay(hub, known, said, message):
    hub.say(claim(1, 3, ALPHA, A))
    newer, _ = hub.pull(known, MINE)
    hub.say(said)
    for begin in (known, newer, fresh()):
        assert message in refusal("replay", hub, begin).message


def test_nothing_follows_a_revocation(hub, known):
    hub.say(claim(1, 3, ALPHA, A, revoked=True))
    ended, _ = hub.pull(known, MINE)
    hub.say(claim(1, 4, ALPHA, A))
    for begin in (known, ended):
        assert "after its revocation" in refusal("replay", hub, begin).message


def test_one_claim_may_stand_in_two_collections(hub, known):
    hub.say(claim(1, 1, ALPHA, A), OTHER)
    assert len(hub.pull(known, (*MINE, OTHER))[1]) == 1


def test_a_record_must_be_of_the_audience_that_its_leaf_names(hub, known):
    for record, audience in (
        (claim_record("c2", claim(4, 1, ALPHA, A)), GREEN),
        (claim_record("c1", claim(4, 1, ALPHA, A)), KEYS),
        (b'{"key":{}}', GREEN),
        (b"[]", GREEN),
    ):
        lying = hub.fork()
        lying.record(record, audience)
        refusal("audience", lying, known)


@pytest.mark.parametrize(
    "record",
    [b"{", b"\xff", b'{"collection":"c1", "object":{}}', b'{"collection":"c1","object":{"a":NaN}}',
     b'{"collection":"c2","collection":"c1","object":{}}', b"[" * 100_000,
     claim_record("c1", {"type": "campaign", "id": "x"}), claim_record("c1", {"type": 1})],
    ids=range(8),
)  # fmt: skip
def test_a_record_with_two_readings_or_none_is_refused(hub, known, record):
    hub.record(record, GREEN)
    assert refusal("malformed", hub, known).evidence["index"] == 5


def test_a_secret_that_changes_is_refused(hub, known):
    swapped = Audience(GREEN.id, "c1", b"x" * 32)
    error = refusal("audience", hub, known, audiences=(KEYS, swapped))
    assert error.evidence["audience"] == GREEN.id


WATCH = Witnesses(frozenset((ALPHA, BETA, GAMMA)), 2)


def test_a_quorum_of_witnesses_is_asked_for(hub, known):
    for cosigners, seen in (
        ({}, 0),
        ({ALPHA: A}, 1),
        ({ALPHA: A, GAMMA: C}, 1),
        ({ALPHA: A, BETA: A}, 1),
        ({ALPHA: A, identity(9): B}, 1),
    ):
        note = hub.checkpoint(cosigners=cosigners)
        error = refusal("witnesses", hub, known, note=note, witnesses=WATCH)
        assert len(error.evidence["seen"]) == seen
    note = hub.checkpoint(cosigners={ALPHA: A, BETA: B})
    assert hub.pull(known, MINE, note=note, witnesses=WATCH)[0].note == note


def test_a_cosignature_of_another_checkpoint_or_a_silenced_key_does_not_count(hub, known):
    old = hub.checkpoint(cosigners={ALPHA: A, BETA: B}).partition("\n\n")[2].split("\n", 1)[1]
    hub.state(suspend(BETA, B.id, AT))
    error = refusal("witnesses", hub, known, note=hub.checkpoint() + old, witnesses=WATCH)
    assert error.evidence["bad"].keys() == {cosigner(ORIGIN, ALPHA)}
    note = hub.checkpoint(cosigners={ALPHA: A, BETA: B})
    error = refusal("witnesses", hub, known, note=note, witnesses=WATCH)
    assert error.evidence["seen"] == [cosigner(ORIGIN, ALPHA)]


def test_the_log_is_read_again_when_new_audiences_come(hub, known):
    again, claims = hub.pull(fresh(), (*MINE, RED), anchor=known)
    assert [c.index for c in claims] == [2, 3, 4]
    assert again.frontier == known.frontier
    hub.say(claim(4, 1, ALPHA, A))
    assert hub.pull(fresh(), (*MINE, RED), anchor=known, chunk=2)[0].size == 6


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_reading_again_must_pass_what_was_seen(hub, known, chunk):
    forked = hub.replaced(3, claim_record("c1", claim(9, 1, ALPHA, A)), RED)
    forked.say(claim(4, 1, ALPHA, A))
    with pytest.raises(Refused, match="first 5 entries are not those") as caught:
        forked.pull(fresh(), MINE, anchor=known, chunk=chunk)
    assert caught.value.kind == "fork"
    with pytest.raises(Refused) as caught:
        hub.pull(fresh(), MINE, anchor=known, note=hub.checkpoint(4))
    assert caught.value.kind == "rollback"
    with pytest.raises(Refused, match="secret of audience 2 has changed"):
        hub.pull(fresh(), (KEYS, Audience(GREEN.id, "c1", b"x" * 32)), anchor=known)


def test_steps_cannot_be_skipped(hub, known):
    hub.say(claim(4, 1, ALPHA, A))
    pull = Pull(known, hub.checkpoint(), MINE)
    for step in (pull.finish, lambda: pull.add_records([])):
        with pytest.raises(RuntimeError, match="close_tree"):
            step()
    pull.add_entries(hub.entries[5:])
    pull.close_tree()
    for step in (pull.close_tree, lambda: pull.add_entries([])):
        with pytest.raises(RuntimeError, match="close_tree"):
            step()


def test_a_log_of_many_entries_is_one_tree(hub):
    for number in range(10, 300):
        hub.say(claim(number, 1, ALPHA, A), RED)
    known, _ = hub.pull(fresh(), MINE, chunk=64)
    assert known.frontier == Frontier().extend(leaf_hash(entry) for entry in hub.entries)

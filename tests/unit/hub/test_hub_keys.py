import pytest
from sqlalchemy import func, select

from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.statements import KeyRing
from stillwatch.hub import keys, members, quotas
from stillwatch.hub.clock import instant
from stillwatch.hub.governance import change
from stillwatch.hub.keys import voices_of
from stillwatch.hub.members import State
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, Missing, QuotaSpent
from stillwatch.hub.schema import leaves
from tests.governed import DAY


@pytest.fixture
def forum(world):
    for name in ("alpha", "beta"):
        world.join(name)
    return world


def apply(forum, by, statement, **more):
    member = members.named(forum.connection, forum.voices[by].member.name)
    return keys.apply(forum.connection, forum.log, member, statement, now=forum.now, **more)


def rotation(forum, by="alpha", new=None, **changes):
    voice = forum.voices[by]
    said = statements.rotate(voice.identity, voice.key, new or SigningKey.generate(), forum.at)
    return {**said, **changes}


def ring(forum):
    """The keys as a reader of the log knows them."""
    import orjson

    ring = KeyRing()
    rows = select(leaves.c.index, leaves.c.statement).where(leaves.c.statement.is_not(None))
    for index, statement in forum.connection.execute(rows.order_by(leaves.c.index)):
        ring = ring.apply(orjson.loads(statement), index)
    return ring


def test_an_enrolled_key_signs_and_is_in_the_log(forum):
    alpha = forum.voices["alpha"]
    assert voices_of(forum.connection, alpha.member.id) == {
        (alpha.identity, alpha.key.id): alpha.key.public
    }
    assert ring(forum).keys[alpha.key.id].state == "active"


def test_a_rotation_ends_the_key_before(forum):
    old, new = forum.voices["alpha"].key, SigningKey.generate()
    listed = apply(forum, "alpha", rotation(forum, new=new))
    assert (listed.kid, listed.state, listed.member) == (new.id, "active", "alpha")
    state = {key.kid: key.state for key in keys.directory(forum.connection)}
    assert state[old.id] == "ended"
    assert ring(forum).keys[old.id].state == "ended"


def test_of_two_rotations_one_wins(forum):
    first, second = rotation(forum), rotation(forum)
    apply(forum, "alpha", first)
    with pytest.raises(Conflict, match="not the current key"):
        apply(forum, "alpha", second)


def test_a_first_key_is_enrolled_once(forum):
    alpha = forum.voices["alpha"]
    said = statements.add(alpha.identity, SigningKey.generate(), forum.at)
    with pytest.raises(Conflict, match="has a key"):
        apply(forum, "alpha", said)
    with pytest.raises(Conflict, match="has a key"):
        apply(forum, "alpha", statements.add(alpha.identity, alpha.key, forum.at))


def test_a_key_is_stated_once(forum):
    used = forum.voices["beta"].key
    with pytest.raises(Conflict, match="stated before"):
        apply(forum, "alpha", rotation(forum, new=used))


def test_a_key_that_is_not_held_is_refused(forum):
    other = SigningKey.generate()
    said = rotation(forum)
    stolen = rotation(forum, new=other)
    with pytest.raises(Malformed):
        apply(forum, "alpha", {**said, "key": stolen["key"]})
    with pytest.raises(Malformed):
        apply(forum, "alpha", {**said, "proof": stolen["proof"]})


def test_a_rotation_without_the_key_before_is_refused(forum):
    alpha, thief = forum.voices["alpha"], SigningKey.generate()
    said = statements.rotate(alpha.identity, thief, SigningKey.generate(), forum.at)
    with pytest.raises(Conflict):
        apply(forum, "alpha", said)
    forged = {**said, "replaces": alpha.key.id}
    with pytest.raises(Malformed):
        apply(forum, "alpha", forged)


def test_another_members_identity_is_out_of_reach(forum):
    alpha = forum.voices["alpha"]
    for said in (
        rotation(forum),
        statements.add(alpha.identity, SigningKey.generate(), forum.at),
        statements.end(alpha.identity, alpha.key.id, forum.at, "retired", alpha.key),
    ):
        with pytest.raises(Forbidden):
            apply(forum, "beta", said, pseudonym=True)


@pytest.mark.parametrize("action", ["suspend", "restore"])
def test_only_the_hub_suspends(forum, action):
    alpha = forum.voices["alpha"]
    said = getattr(statements, action)(alpha.identity, alpha.key.id, forum.at)
    with pytest.raises(Forbidden):
        apply(forum, "alpha", said)


def test_a_stale_statement_is_refused(forum):
    said = rotation(forum)
    forum.tick(DAY)
    with pytest.raises(Malformed, match="set your clock"):
        apply(forum, "alpha", said)


@pytest.mark.parametrize("junk", [None, [], {}, "rotate", {"action": "add"}, {"action": []}])
def test_junk_is_refused(forum, junk):
    with pytest.raises(Malformed):
        apply(forum, "alpha", junk)


def test_an_unknown_identity_needs_the_word_pseudonym(forum):
    said = statements.add(members.new_identity(), SigningKey.generate(), forum.at)
    with pytest.raises(Malformed, match="not your identity"):
        apply(forum, "alpha", said)
    listed = apply(forum, "alpha", said, pseudonym=True)
    assert listed.member is None


def test_pseudonyms_have_a_quota(forum):
    quotas.override(forum.connection, forum.voices["alpha"].member.id, "pseudonyms", "1")
    shade = forum.pseudonym("shade", "alpha")
    with pytest.raises(QuotaSpent, match="1 pseudonyms held is spent"):
        forum.pseudonym("shadow", "alpha")
    said = statements.end(shade.identity, shade.key.id, forum.at, "retired", shade.key)
    apply(forum, "alpha", said)
    assert forum.pseudonym("shadow", "alpha").identity != shade.identity


def test_an_ended_key_ends_its_name_and_the_member_gets_another(forum):
    alpha = forum.voices["alpha"]
    said = statements.end(alpha.identity, alpha.key.id, forum.at, "compromised")
    listed = apply(forum, "alpha", said)
    assert listed.state == "ended"
    assert listed.compromised is not None
    assert voices_of(forum.connection, alpha.member.id) == {}
    renewed = members.named(forum.connection, "alpha")
    assert renewed.identity != alpha.identity
    new = SigningKey.generate()
    apply(forum, "alpha", statements.add(renewed.identity, new, forum.at))
    assert list(voices_of(forum.connection, alpha.member.id)) == [(renewed.identity, new.id)]


def test_a_key_found_compromised_after_its_end_is_marked(forum):
    alpha = forum.voices["alpha"]
    apply(forum, "alpha", rotation(forum))
    said = statements.end(alpha.identity, alpha.key.id, forum.at, "compromised")
    size = forum.connection.scalar(select(func.count()).select_from(leaves))
    listed = apply(forum, "alpha", said, since=forum.now - 5)
    assert listed.compromised == instant(forum.now - 5)
    assert forum.connection.scalar(select(func.count()).select_from(leaves)) == size
    with pytest.raises(Conflict, match="has ended"):
        apply(forum, "alpha", said)


def test_an_end_is_held_against_its_words(forum):
    alpha = forum.voices["alpha"]
    end = statements.end
    with pytest.raises(Forbidden, match="only the hub removes"):
        apply(forum, "alpha", end(alpha.identity, alpha.key.id, forum.at, "removed"))
    retired = end(alpha.identity, alpha.key.id, forum.at, "retired")
    with pytest.raises(Malformed, match="since"):
        apply(forum, "alpha", retired, since=0)
    lost = end(alpha.identity, alpha.key.id, forum.at, "compromised")
    with pytest.raises(Malformed, match="since"):
        apply(forum, "alpha", lost, since=forum.now + 1)
    with pytest.raises(Missing):
        apply(forum, "alpha", end(alpha.identity, "x" * 43, forum.at, "retired"))


def test_suspension_and_removal_are_in_the_log(forum):
    alpha = forum.voices["alpha"]
    member = alpha.member
    for state, key in (
        (State.SUSPENDED, "suspended"),
        (State.ACTIVE, "active"),
        (State.SUSPENDED, "suspended"),
        (State.REMOVED, "ended"),
    ):
        done = change(forum.connection, forum.log, member, state, now=forum.tick())
        member = done.member
        assert ring(forum).keys[alpha.key.id].state == key
        assert bool(voices_of(forum.connection, member.id)) == (state is State.ACTIVE)
    with pytest.raises(Conflict, match="alpha is removed"):
        change(forum.connection, forum.log, member, State.ACTIVE, now=forum.tick())


def test_the_directory_has_pages_and_no_holders(forum):
    shade = forum.pseudonym("shade", "alpha")
    first = keys.directory(forum.connection, limit_=2)
    rest = keys.directory(forum.connection, first[-1].kid)
    listed = {key.identity: key.member for key in (*first, *rest)}
    assert listed == {
        forum.voices["alpha"].identity: "alpha",
        forum.voices["beta"].identity: "beta",
        shade.identity: None,
    }

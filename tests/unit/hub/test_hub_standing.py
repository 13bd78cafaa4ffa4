import pytest

from stillwatch.crypto import statements
from stillwatch.hub import keys, redress
from stillwatch.hub.governance import admit, change
from stillwatch.hub.members import State
from stillwatch.hub.schema import standing
from stillwatch.hub.standing.follow import behind, touch
from stillwatch.hub.standing.pages import page
from stillwatch.hub.standing.reading import read
from tests.governed import DAY


def of(world, claim):
    world.follow()
    return page(world.connection, standing.c.stix_id == claim).standing[0]


def counts(world, claim):
    found = of(world, claim)
    return found.confirm, found.agree, found.dispute, found.refute


@pytest.fixture
def forum(world):
    for name in ("alpha", "beta", "gamma"):
        world.join(name)
    return world


def test_members_are_counted_by_what_they_say(forum):
    claim = forum.claim("alpha")
    forum.opinion("beta", claim, "agree")
    forum.opinion("gamma", claim, "strongly-disagree", "innocent-explanation")
    assert counts(forum, claim) == (1, 0, 0, 1)
    assert of(forum, claim).state == "disputed"


def test_a_sighting_confirms(forum):
    claim = forum.claim("alpha")
    forum.sighting("beta", claim)
    assert counts(forum, claim) == (1, 0, 0, 0)


def test_two_names_of_one_member_count_once(forum):
    forum.pseudonym("shade", "beta")
    claim = forum.claim("alpha")
    forum.opinion("beta", claim, "agree")
    forum.opinion("shade", claim, "agree")
    assert counts(forum, claim) == (1, 0, 0, 0)


def test_a_publisher_does_not_confirm_itself_under_any_name(forum):
    forum.pseudonym("shade", "alpha")
    claim = forum.claim("alpha")
    forum.opinion("alpha", claim, "strongly-agree")
    forum.sighting("shade", claim)
    assert counts(forum, claim) == (0, 0, 0, 0)


def test_a_republication_is_no_voice(forum):
    claim = forum.claim("alpha")
    forum.claim("beta")
    forum.opinion("gamma", claim, "agree", "duplicate")
    assert counts(forum, claim) == (0, 0, 0, 0)


def test_a_revoked_opinion_falls_silent(forum):
    claim = forum.claim("alpha")
    opinion = forum.opinion("beta", claim, "disagree")
    assert of(forum, claim).state == "disputed"
    forum.opinion("beta", claim, "disagree", id=opinion, revoked=True)
    assert of(forum, claim).state == "current"


def test_a_voice_before_its_claim_is_heard_when_the_claim_comes(forum):
    claim = "campaign--5c2c1f4e-51a4-4a0e-93f2-6f2f5f1c0d1a"
    forum.opinion("beta", claim, "agree")
    forum.follow()
    forum.claim("alpha", id=claim)
    assert counts(forum, claim) == (1, 0, 0, 0)


def test_a_revocation_is_the_last_word(forum):
    claim = forum.claim("alpha")
    forum.claim("alpha", id=claim, revoked=True)
    forum.claim("alpha", id=claim)
    assert of(forum, claim).state == "revoked"


def test_another_member_cannot_take_a_claim_over(forum):
    claim = forum.claim("alpha")
    forum.claim("beta", id=claim, revoked=True)
    assert of(forum, claim).state == "current"


def test_claims_and_voices_end_by_themselves(forum):
    claim = forum.claim("alpha", days=10)
    forum.opinion("beta", claim, "agree", days=5)
    assert counts(forum, claim) == (1, 0, 0, 0)
    forum.tick(6 * DAY)
    assert behind(forum.connection, now=forum.now)
    assert counts(forum, claim) == (0, 0, 0, 0)
    forum.tick(6 * DAY)
    assert of(forum, claim).state == "expired"
    assert not behind(forum.connection, now=forum.now)


def test_a_clock_set_back_revives_nothing(forum):
    claim = forum.claim("alpha", days=10)
    forum.tick(11 * DAY)
    assert of(forum, claim).state == "expired"
    forum.tick(-5 * DAY)
    touch(forum.connection, [(forum.collection, claim)], now=forum.now)
    assert of(forum, claim).state == "expired"


def test_only_what_changed_is_told_again(forum):
    first, second = forum.claim("alpha"), forum.claim("alpha")
    forum.follow()
    everything = standing.c.collection == forum.collection
    seen = page(forum.connection, everything, limit=1)
    assert [s.claim for s in seen.standing] == [first]
    assert seen.more
    rest = page(forum.connection, everything, since=since(seen.next))
    assert [s.claim for s in rest.standing] == [second]
    assert not rest.more
    assert page(forum.connection, everything, since=since(rest.next)).standing == ()
    forum.opinion("beta", first, "agree")
    forum.follow()
    news = page(forum.connection, everything, since=since(rest.next)).standing
    # the opinion is a claim, too, and stands for itself
    assert first in [s.claim for s in news]
    assert second not in [s.claim for s in news]


def since(text):
    from stillwatch.intel.objects import parse_time

    return parse_time(text)


def test_suspension_marks_the_claims_and_silences_the_voice(forum):
    mine, theirs = forum.claim("beta"), forum.claim("alpha")
    forum.opinion("beta", theirs, "disagree")
    beta = forum.voices["beta"].member
    done = change(forum.connection, forum.log, beta, State.SUSPENDED, now=forum.tick())
    assert (of(forum, mine).state, of(forum, theirs).state) == ("suspended", "current")
    change(forum.connection, forum.log, done.member, State.ACTIVE, now=forum.tick())
    assert (of(forum, mine).state, of(forum, theirs).state) == ("current", "disputed")


def test_a_suspension_does_not_tell_who_a_pseudonym_is(forum):
    forum.pseudonym("shade", "beta")
    claim, other = forum.claim("shade"), forum.claim("alpha")
    forum.opinion("shade", other, "disagree")
    before = (of(forum, claim), of(forum, other))
    size = len(keys.directory(forum.connection))
    done = change(
        forum.connection, forum.log, forum.voices["beta"].member, State.SUSPENDED, now=forum.tick()
    )
    assert done.untouched == 1
    assert (of(forum, claim), of(forum, other)) == before
    listed = {key.identity: key for key in keys.directory(forum.connection)}
    assert len(listed) == size
    assert listed[forum.voices["shade"].identity].state == "active"
    assert listed[forum.voices["beta"].identity].state == "suspended"


def test_an_operator_may_mark_the_pseudonyms_too(forum):
    forum.pseudonym("shade", "beta")
    claim = forum.claim("shade")
    beta = forum.voices["beta"].member
    done = change(
        forum.connection,
        forum.log,
        beta,
        State.SUSPENDED,
        now=forum.tick(),
        with_pseudonyms=True,
    )
    assert of(forum, claim).state == "suspended"
    change(forum.connection, forum.log, done.member, State.ACTIVE, now=forum.tick())
    assert of(forum, claim).state == "current"


def test_what_a_compromised_key_signed_is_marked_from_then_on(forum):
    early = forum.claim("beta")
    since_ = forum.tick()
    late = forum.claim("beta")
    other = forum.claim("alpha")
    forum.opinion("beta", other, "disagree")
    beta = forum.voices["beta"]
    said = statements.end(beta.identity, beta.key.id, forum.at, "compromised", beta.key)
    keys.apply(forum.connection, forum.log, beta.member, said, now=forum.now, since=since_)
    assert of(forum, early).state == "current"
    assert of(forum, late).state == "compromised"
    assert of(forum, other).state == "current"


class TestAdmission:
    def refused(self, forum, by, obj, **fields):
        said = read(forum.object(by, obj, **fields))
        return admit(
            forum.connection,
            forum.voices[by].member.id,
            forum.collection,
            [said],
            now=forum.tick(),
        ).get(0)

    def opinion(self, about, says="agree"):
        return {
            "type": "opinion",
            "id": "opinion--1f0c42bd-94a3-4b0a-9c0a-1a8cf0f5bc31",
            "object_refs": [about],
            "opinion": says,
        }

    def test_a_first_voice_enters_and_so_does_its_change(self, forum):
        claim = forum.claim("alpha")
        assert self.refused(forum, "beta", self.opinion(claim), reason="own-evidence") is None
        forum.opinion("beta", claim, "agree")
        assert self.refused(forum, "beta", self.opinion(claim), reason="own-evidence") is None

    def test_a_second_name_is_refused(self, forum):
        forum.pseudonym("shade", "beta")
        claim = forum.claim("alpha")
        forum.opinion("beta", claim, "agree")
        why = self.refused(forum, "shade", self.opinion(claim), reason="own-evidence")
        assert "another name of yours has judged this claim" in why

    def test_two_names_in_one_envelope_are_refused(self, forum):
        forum.pseudonym("shade", "beta")
        claim = forum.claim("alpha")
        both = [
            read(forum.object(by, self.opinion(claim), reason="own-evidence"))
            for by in ("beta", "shade")
        ]
        member = forum.voices["beta"].member.id
        assert list(admit(forum.connection, member, forum.collection, both, now=forum.now)) == [1]

    def test_nobody_judges_its_own_claim(self, forum):
        forum.pseudonym("shade", "alpha")
        claim = forum.claim("alpha")
        for by in ("alpha", "shade"):
            why = self.refused(forum, by, self.opinion(claim), reason="own-evidence")
            assert "the claim is your own" in why

    def test_a_claim_does_not_come_after_its_own_praise(self, forum):
        forum.pseudonym("shade", "alpha")
        claim = "campaign--5c2c1f4e-51a4-4a0e-93f2-6f2f5f1c0d1a"
        forum.opinion("shade", claim, "agree")
        why = self.refused(forum, "alpha", {"type": "campaign", "id": claim})
        assert "publish it under a new id" in why

    def test_an_appeal_is_answered_under_the_name_of_the_claim(self, forum):
        forum.pseudonym("shade", "alpha")
        claim = forum.claim("shade")
        answer = self.opinion(claim, "disagree")
        assert "under the name" in self.refused(forum, "alpha", answer, reason="appeal-upheld")
        assert self.refused(forum, "shade", answer, reason="appeal-upheld") is None


def appeal(forum, claim, by="gamma"):
    forum.follow()
    member = forum.voices[by].member
    opened = redress.open_(
        forum.connection,
        member,
        forum.collection,
        claim,
        "shared-infrastructure",
        now=forum.tick(),
    )
    touch(forum.connection, [(forum.collection, claim)], now=forum.now)
    return opened


def state_of(forum, opened):
    return redress.listed(forum.connection, None, appeal=opened.id)[0].state


def test_an_appeal_freezes_and_a_rejection_thaws(forum):
    claim = forum.claim("alpha")
    opened = appeal(forum, claim)
    assert of(forum, claim).state == "frozen"
    forum.opinion("alpha", claim, "agree", "appeal-rejected")
    assert of(forum, claim).state == "current"
    assert state_of(forum, opened) == "rejected"


def test_an_upheld_appeal_freezes_until_the_revocation(forum):
    claim = forum.claim("alpha")
    opened = appeal(forum, claim)
    forum.opinion("alpha", claim, "disagree", "appeal-upheld")
    assert of(forum, claim).state == "frozen"
    assert state_of(forum, opened) == "upheld"
    forum.claim("alpha", id=claim, revoked=True)
    assert of(forum, claim).state == "revoked"


def test_silence_upholds(forum):
    claim = forum.claim("alpha")
    opened = appeal(forum, claim)
    forum.tick(15 * DAY)
    assert behind(forum.connection, now=forum.now)
    assert of(forum, claim).state == "frozen"
    assert state_of(forum, opened) == "upheld"
    assert redress.listed(forum.connection, None)[0].decider == "timeout"


def test_a_third_member_cannot_answer(forum):
    claim = forum.claim("alpha")
    opened = appeal(forum, claim)
    forum.opinion("beta", claim, "agree", "appeal-rejected")
    assert of(forum, claim).state == "frozen"
    assert state_of(forum, opened) == "open"


def test_a_revocation_answers(forum):
    claim = forum.claim("alpha")
    opened = appeal(forum, claim)
    forum.claim("alpha", id=claim, revoked=True)
    assert of(forum, claim).state == "revoked"
    assert state_of(forum, opened) == "upheld"

import pytest

from stillwatch.hub import quotas, redress
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, Missing, QuotaSpent


@pytest.fixture
def forum(world):
    for name in ("alpha", "beta", "gamma"):
        world.join(name)
    return world


def appeal(forum, claim, by="beta", reason="mistaken-identity"):
    forum.follow()
    member = forum.voices[by].member
    return redress.open_(
        forum.connection, member, forum.collection, claim, reason, now=forum.tick()
    )


def test_appellant_and_publisher_see_an_appeal_and_nobody_else(forum):
    opened = appeal(forum, forum.claim("alpha"))
    seen = {
        name: redress.listed(forum.connection, forum.voices[name].member)
        for name in ("alpha", "beta", "gamma")
    }
    assert [a.part for a in seen["alpha"]] == ["publisher"]
    assert [a.part for a in seen["beta"]] == ["appellant"]
    assert seen["gamma"] == []
    assert "beta" not in repr(seen["alpha"])
    with pytest.raises(Missing):
        redress.told(forum.connection, opened.id, forum.voices["gamma"].member)
    assert redress.listed(forum.connection, None)[0].member == "beta"


def test_free_text_is_no_reason(forum):
    with pytest.raises(Malformed, match="not on the list") as caught:
        appeal(forum, forum.claim("alpha"), reason="it is Jane of Example Ltd")
    assert "Jane" not in str(caught.value)


def test_an_own_claim_is_revoked_and_not_appealed(forum):
    with pytest.raises(Forbidden, match="your own"):
        appeal(forum, forum.claim("alpha"), by="alpha")


def test_there_is_nothing_to_appeal_where_nothing_is(forum):
    with pytest.raises(Missing):
        appeal(forum, "campaign--5c2c1f4e-51a4-4a0e-93f2-6f2f5f1c0d1a")
    claim = forum.claim("alpha")
    forum.claim("alpha", id=claim, revoked=True)
    with pytest.raises(Conflict, match="revoked already"):
        appeal(forum, claim)


def test_nobody_freezes_a_claim_for_ever(forum):
    claim = forum.claim("alpha")
    for turn in range(redress.MOST):
        opened = appeal(forum, claim)
        with pytest.raises(Conflict, match="is open"):
            appeal(forum, claim)
        decided = redress.decide(forum.connection, opened.id, "rejected", now=forum.tick())
        assert (decided.state, decided.decider, turn < redress.MOST) == (
            "rejected",
            "operator",
            True,
        )
    with pytest.raises(Conflict, match="3 times"):
        appeal(forum, claim)


def test_an_appeal_is_decided_once(forum):
    opened = appeal(forum, forum.claim("alpha"))
    redress.decide(forum.connection, opened.id, "upheld", now=forum.tick())
    with pytest.raises(Conflict, match="upheld already"):
        redress.decide(forum.connection, opened.id, "rejected", now=forum.tick())
    with pytest.raises(Malformed):
        redress.decide(forum.connection, opened.id, "maybe", now=forum.tick())
    with pytest.raises(Missing):
        redress.decide(forum.connection, "none", "upheld", now=forum.tick())


def test_who_appealed_may_withdraw(forum):
    opened = appeal(forum, forum.claim("alpha"))
    with pytest.raises(Forbidden):
        redress.withdraw(forum.connection, opened.id, forum.voices["alpha"].member, now=forum.now)
    done = redress.withdraw(forum.connection, opened.id, forum.voices["beta"].member, now=forum.now)
    assert (done.state, done.decider) == ("withdrawn", "appellant")


def test_appeals_have_a_quota(forum):
    quotas.override(forum.connection, forum.voices["beta"].member.id, "appeals", "1")
    appeal(forum, forum.claim("alpha"))
    with pytest.raises(QuotaSpent, match="appeals opened a day"):
        appeal(forum, forum.claim("alpha"))


def test_appeals_are_listed_in_pages(forum):
    opened = [appeal(forum, forum.claim("alpha")).id for _ in range(5)]
    first = redress.listed(forum.connection, None, limit=2)
    rest = redress.listed(forum.connection, None, after=first[-1].id)
    assert [a.id for a in (*first, *rest)] == opened
    assert redress.listed(forum.connection, None, state="upheld") == []

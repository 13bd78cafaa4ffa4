import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.hub.standing.tally import Counts, Facts, State, Voice, count, says, state

WORDS = ("confirm", "agree", "dispute", "refute", "nothing")
VOICES = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(WORDS)), max_size=20).map(
    lambda spoken: [Voice(member, word, leaf) for leaf, (member, word) in enumerate(spoken)]
)
NOTHING = Facts(revoked=False, frozen=False, suspended=False, compromised=False, expired=False)


@pytest.mark.parametrize(
    ("opinion", "reason", "word"),
    [
        ("strongly-agree", "own-evidence", "confirm"),
        ("agree", "own-evidence", "confirm"),
        ("agree", "no-evidence-here", "agree"),
        ("neutral", "own-evidence", "nothing"),
        ("disagree", "innocent-explanation", "dispute"),
        ("strongly-disagree", "own-evidence", "refute"),
        ("strongly-agree", "duplicate", "nothing"),
        ("strongly-disagree", "appeal-upheld", "nothing"),
    ],
)
def test_what_an_opinion_says(opinion, reason, word):
    assert says(opinion, reason) == word


@given(VOICES)
def test_a_member_counts_once_and_the_publisher_never(voices):
    counted = count(1, voices)
    others = {voice.member for voice in voices} - {1}
    assert counted.confirm + counted.agree + counted.dispute + counted.refute <= len(others)


@given(VOICES, st.randoms())
def test_the_order_of_reading_does_not_matter(voices, random):
    shuffled = list(voices)
    random.shuffle(shuffled)
    assert count(1, shuffled) == count(1, voices)


def test_the_newest_voice_counts():
    assert count(1, [Voice(2, "confirm", 5), Voice(2, "refute", 9)]) == Counts(refute=1)


@given(VOICES)
def test_more_voices_of_one_member_frame_nobody(voices):
    again = [*voices, *(Voice(v.member, v.says, v.leaf + 100) for v in voices)]
    assert count(1, again) == count(1, voices)


def test_the_gravest_is_told():
    names = ("revoked", "frozen", "suspended", "compromised", "expired")
    for place, name in enumerate(names):
        true = {other: at >= place for at, other in enumerate(names)}
        assert state(Facts(**true), Counts()) == name


@pytest.mark.parametrize(
    ("counts", "stands"),
    [
        (Counts(), State.CURRENT),
        (Counts(confirm=1, dispute=1), State.DISPUTED),
        (Counts(confirm=2, refute=1), State.CURRENT),
        (Counts(agree=9, refute=1), State.DISPUTED),
    ],
)
def test_a_claim_is_disputed_when_as_many_doubt_as_confirm(counts, stands):
    assert state(NOTHING, counts) == stands

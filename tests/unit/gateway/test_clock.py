from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.made import START, Hands


def test_a_jump_of_the_machine_changes_nothing_and_is_counted_once() -> None:
    hands = Hands()
    clock = hands.clock()
    clock.hear(START)
    hands.run(10)
    hands.wall += 86_400 * 365
    clock.look()
    clock.look()
    assert clock.now() == START + 10
    assert clock.jumps == 1
    assert clock.skew_s() == 86_400 * 365


def test_the_first_word_of_the_source_counts_whatever_the_machine_thinks() -> None:
    hands = Hands(wall=5.0)
    clock = hands.clock()
    clock.hear(START)
    assert clock.now() == START
    assert clock.jumps == 0


def test_a_source_that_jumps_is_believed_only_when_it_stands_by_it() -> None:
    hands = Hands()
    clock = hands.clock(settle_s=600.0)
    clock.hear(START)
    for _ in range(60):
        hands.run(10)
        clock.hear(hands.wall + 7200)
        assert clock.now() == hands.wall
    assert clock.jumps == 1
    hands.run(10)
    clock.hear(hands.wall + 7200)
    assert clock.now() == hands.wall + 7200


def test_one_bad_answer_is_forgotten() -> None:
    hands = Hands()
    clock = hands.clock(settle_s=600.0)
    clock.hear(START)
    clock.hear(START + 10_000)
    hands.run(700)
    clock.hear(START + 700)
    clock.hear(START + 10_700)
    assert clock.now() == START + 700
    assert clock.jumps == 2


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-5, 5)), max_size=30))
def test_small_differences_are_followed(steps: list[tuple[float, float]]) -> None:
    hands = Hands()
    clock = hands.clock(tolerance_s=20.0)
    clock.hear(START)
    for seconds, off in steps:
        hands.run(seconds)
        clock.hear(hands.wall + off)
        assert abs(clock.now() - hands.wall - off) < 1e-3
    assert clock.jumps == 0

import fcntl
import multiprocessing
import os
import signal
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.domain.decision import Rate
from stillwatch.errors import ConfigError
from stillwatch.gateway.clock import STEADY
from stillwatch.gateway.throttle import Throttles, burst
from stillwatch.gateway.throttlefile import Size

SMALL = Size(rates=64, leases=512)
SPAWN = multiprocessing.get_context("spawn")


def name(number: int) -> bytes:
    return number.to_bytes(4, "big") * 4


class Hand:
    """A steady clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6000),
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=60),
)
def test_in_every_window_no_more_than_the_rate_and_one_burst(
    per_minute: int, gaps: list[float]
) -> None:
    """The conformance of GCRA: between any two instants at most rate times time plus a burst."""
    hand, granted = Hand(), []
    throttles = Throttles(steady=hand, size=SMALL)
    for gap in gaps:
        hand.at += gap
        for _ in range(3):
            taken = throttles.take(name(1), Rate(per_minute=per_minute))
            if taken.ok:
                granted.append(hand.at)
            else:
                assert 0 < taken.retry_after_s <= 60
    for first in range(len(granted)):
        for last in range(first, len(granted)):
            span = granted[last] - granted[first]
            assert last - first + 1 <= span * per_minute / 60 + burst(per_minute) + 1e-6
    throttles.close()


def test_who_waits_as_told_is_granted_and_who_asks_too_soon_loses_nothing() -> None:
    hand = Hand()
    throttles, rate = Throttles(steady=hand, size=SMALL), Rate(per_minute=30)
    while throttles.take(name(1), rate).ok:
        pass
    for _ in range(20):
        taken = throttles.take(name(1), rate)
        assert not taken.ok
        hand.at += taken.retry_after_s / 2
        assert not throttles.take(name(1), rate).ok
        hand.at += taken.retry_after_s / 2
        assert throttles.take(name(1), rate).ok
    throttles.close()


def test_each_decision_has_its_own_rate() -> None:
    throttles, rate = Throttles(steady=Hand(), size=SMALL), Rate(per_minute=1)
    assert all(throttles.take(name(n), rate).ok for n in range(8))
    assert not any(throttles.take(name(n), rate).ok for n in range(8))
    throttles.close()


def test_as_many_at_a_time_as_the_decision_allows() -> None:
    hand = Hand()
    throttles, rate = Throttles(steady=hand, size=SMALL, lease_s=10), Rate(concurrency=2)
    first, second = throttles.take(name(1), rate), throttles.take(name(1), rate)
    assert first.lease
    assert second.lease
    assert not throttles.take(name(1), rate).ok
    assert throttles.release(first.lease)
    assert not throttles.release(first.lease), "a lease is given back once"
    assert throttles.take(name(1), rate).ok
    assert not throttles.take(name(1), rate).ok
    hand.at += 11  # whoever held them has died
    assert throttles.take(name(1), rate).ok
    assert not throttles.release(second.lease)
    throttles.close()


def test_a_refusal_by_rate_holds_no_lease() -> None:
    hand = Hand()
    throttles, rate = Throttles(steady=hand, size=SMALL), Rate(per_minute=1, concurrency=1)
    taken = throttles.take(name(1), rate)
    assert taken.lease
    throttles.release(taken.lease)
    assert not throttles.take(name(1), rate).ok
    hand.at += 60
    assert throttles.take(name(1), rate).ok
    throttles.close()


@pytest.mark.parametrize("lease", ["", ".", "x", "0.0", "-1.0011223344556677", "ffffff.0011223344556677",
                                   "0.001122334455667", "0.\ud800", "0." + "0" * 16, "1" * 10_000])  # fmt: skip
def test_what_is_no_lease_frees_nothing(lease: str) -> None:
    throttles, rate = Throttles(steady=Hand(), size=SMALL), Rate(concurrency=1)
    assert throttles.take(name(0), rate).ok
    assert not throttles.release(lease)
    assert not throttles.take(name(0), rate).ok
    throttles.close()


def test_many_decisions_make_room_for_each_other_idle_ones_first() -> None:
    hand = Hand()
    throttles, rate = Throttles(steady=hand, size=SMALL), Rate(per_minute=60)
    for n in range(1000):
        assert throttles.take(name(n), rate).ok
        hand.at += 2
    assert throttles.evicted == 0
    for n in range(1000):
        throttles.take(name(n), rate)
    assert throttles.evicted > 0
    throttles.close()


def test_where_no_room_is_left_for_leases_requests_pass_and_are_counted() -> None:
    throttles, rate = Throttles(steady=Hand(), size=Size(64, 256)), Rate(concurrency=10_000)
    taken = [throttles.take(name(1), rate) for _ in range(300)]
    assert all(one.ok for one in taken)
    assert sum(one.lease is None for one in taken) == throttles.untracked == 300 - 256
    throttles.close()


def hammer(path: str, seconds: float, granted: "multiprocessing.Queue[int]") -> None:
    throttles, count = Throttles(Path(path)), 0
    until = STEADY() + seconds
    while STEADY() < until:
        count += throttles.take(name(7), Rate(per_minute=6000)).ok
    granted.put(count)
    throttles.close()


def test_processes_together_are_granted_the_rate(tmp_path: Path) -> None:
    queue: multiprocessing.Queue[int] = SPAWN.Queue()
    began = STEADY()
    workers = [
        SPAWN.Process(target=hammer, args=(str(tmp_path / "t"), 1.0, queue)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    total = sum(queue.get(timeout=60) for _ in workers)
    lasted = STEADY() - began
    for worker in workers:
        worker.join()
    allowance = 6000 / 60
    assert total <= lasted * allowance + burst(6000)
    assert total > burst(6000), "time earns more than the first burst"


def hold_for_ever(path: str, ready: "multiprocessing.Queue[str | None]") -> None:
    throttles = Throttles(Path(path))
    lease = throttles.take(name(1), Rate(concurrency=5)).lease
    with throttles._file.held(0, 1 << 30):
        ready.put(lease)
        while True:
            time.sleep(60)


def test_a_worker_killed_with_the_lock_in_its_hand_harms_nobody(tmp_path: Path) -> None:
    queue: multiprocessing.Queue[str | None] = SPAWN.Queue()
    worker = SPAWN.Process(target=hold_for_ever, args=(str(tmp_path / "t"), queue))
    worker.start()
    lease = queue.get(timeout=60)
    assert worker.pid
    assert lease
    with (tmp_path / "t").open("r+b") as file, pytest.raises(BlockingIOError):
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 5000)
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    throttles = Throttles(tmp_path / "t")
    assert [throttles.take(name(1), Rate(concurrency=5)).ok for _ in range(5)] == [True] * 4 + [
        False
    ]
    assert throttles.release(lease), "the one it had stands until it ends or is given back"
    throttles.close()


def test_two_in_one_process_share_the_file_and_the_first_to_close_leaves_it(tmp_path: Path) -> None:
    one, other = Throttles(tmp_path / "t"), Throttles(tmp_path / "t")
    assert one.take(name(1), Rate(per_minute=1)).ok
    assert not other.take(name(1), Rate(per_minute=1)).ok
    one.close()
    assert not other.take(name(1), Rate(per_minute=1)).ok
    other.close()
    again = Throttles(tmp_path / "t")
    assert not again.take(name(1), Rate(per_minute=1)).ok
    assert again.replaced == 0
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o600
    again.close()


@pytest.mark.parametrize("content", [b"", b"something else", b"\0" * SMALL.bytes])
def test_a_file_of_another_layout_is_replaced_and_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    throttles = Throttles(tmp_path / "t", size=SMALL)
    assert throttles.replaced == 1
    assert throttles.take(name(1), Rate(per_minute=1)).ok
    bigger = Throttles(tmp_path / "t", size=Size(128, 512))
    assert bigger.replaced == 1
    throttles.close()
    bigger.close()


def test_what_another_boot_left_keeps_nobody_out(tmp_path: Path) -> None:
    hand = Hand()
    hand.at = 1e9
    before = Throttles(tmp_path / "t", steady=hand, size=SMALL)
    rate = Rate(per_minute=60, concurrency=1)
    assert before.take(name(1), rate).ok
    hand.at = 5.0
    taken = before.take(name(1), rate)
    assert not taken.ok
    assert taken.retry_after_s <= 1.0 + 1e-6
    hand.at += 1.0
    assert before.take(name(1), rate).ok
    before.close()


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be used"):
        Throttles(tmp_path / "file" / "t")

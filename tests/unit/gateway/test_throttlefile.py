"""The file of throttles: shared by gateways that know nothing of each other, and harmed under them."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from stillwatch.domain.decision import Rate
from stillwatch.gateway.clock import STEADY
from stillwatch.gateway.throttle import Throttles
from stillwatch.gateway.throttlefile import DATA, LEASE_S, MOST_LEASE_S, Size

SMALL = Size(rates=64, leases=512)
SPAWN = multiprocessing.get_context("spawn")
ONE, TWO = b"\1" * 16, b"\2" * 16
AT_ONCE = Rate(concurrency=3)
A_MINUTE = Rate(per_minute=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t"


def holding(path: str, many: int, said: "multiprocessing.Queue[list[str | None]]") -> None:
    throttles = Throttles(Path(path), size=SMALL)
    said.put([throttles.take(ONE, AT_ONCE).lease for _ in range(many)])
    while True:
        time.sleep(60)


def test_the_places_of_one_that_is_killed_stand_until_they_end_or_are_given_back(path):
    said: multiprocessing.Queue[list[str | None]] = SPAWN.Queue()
    holder = SPAWN.Process(target=holding, args=(str(path), 3, said))
    holder.start()
    leases = said.get(timeout=60)
    assert all(leases)
    assert holder.pid
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    ahead = 0.0
    other = Throttles(path, size=SMALL, steady=lambda: STEADY() + ahead)
    assert other.replaced == 0
    assert not other.take(ONE, AT_ONCE).ok, "the requests may still run behind their proxy"
    assert other.release(leases[0])
    assert other.take(ONE, AT_ONCE).ok
    assert not other.take(ONE, AT_ONCE).ok
    ahead = LEASE_S + 1
    assert [other.take(ONE, AT_ONCE).ok for _ in range(4)] == [True] * 3 + [False]
    other.close()


def test_a_short_lease_does_not_end_the_longer_ones_of_another_gateway(path):
    now = 1000.0
    long = Throttles(path, size=SMALL, lease_s=MOST_LEASE_S, steady=lambda: now)
    short = Throttles(path, size=SMALL, lease_s=5, steady=lambda: now)
    assert long.take(ONE, AT_ONCE).ok
    assert [short.take(ONE, AT_ONCE).ok for _ in range(3)] == [True, True, False]
    now += 6
    assert [short.take(ONE, AT_ONCE).ok for _ in range(3)] == [True, True, False]
    now += MOST_LEASE_S
    assert [long.take(ONE, AT_ONCE).ok for _ in range(4)] == [True] * 3 + [False]
    long.close()
    short.close()


HARM = {
    "removed": lambda path: path.unlink(),
    "cut off": lambda path: os.truncate(path, 100),
    "emptied": lambda path: os.truncate(path, 0),
    "replaced": lambda path: path.with_name("n").write_bytes(b"x") and path.with_name("n").replace(path),
}  # fmt: skip


@pytest.mark.parametrize("how", HARM)
def test_a_file_that_goes_while_in_use_is_made_anew_once_and_shared_again(path, how):
    """A mapped page behind the end of its file would kill the process."""
    throttles = [Throttles(path, size=SMALL) for _ in range(2)]
    lease = throttles[0].take(ONE, AT_ONCE).lease
    assert throttles[0].take(TWO, A_MINUTE).ok
    HARM[how](path)
    assert throttles[0].take(TWO, A_MINUTE).ok, "what was counted has gone with the file"
    assert not throttles[1].take(TWO, A_MINUTE).ok, "the new one is one for both"
    assert lease
    assert not throttles[1].release(lease)
    assert [one.replaced for one in throttles] == [1, 1]
    after = Throttles(path, size=SMALL)
    assert after.replaced == 0
    assert not after.take(TWO, A_MINUTE).ok
    for one in (*throttles, after):
        one.close()


def in_turn(
    path: str, said: "multiprocessing.Queue[bool]", go: "multiprocessing.Queue[int]"
) -> None:
    throttles = Throttles(Path(path), size=SMALL)
    while go.get(timeout=60):
        said.put(throttles.take(TWO, A_MINUTE).ok)
    throttles.close()


def test_two_processes_find_the_new_file(path):
    said: multiprocessing.Queue[bool] = SPAWN.Queue()
    go: multiprocessing.Queue[int] = SPAWN.Queue()
    other = SPAWN.Process(target=in_turn, args=(str(path), said, go))
    other.start()
    ours = Throttles(path, size=SMALL)
    go.put(1)
    assert said.get(timeout=60)
    assert not ours.take(TWO, A_MINUTE).ok
    path.unlink()
    assert ours.take(TWO, A_MINUTE).ok
    go.put(1)
    assert not said.get(timeout=60)
    go.put(0)
    other.join()
    ours.close()


def test_where_none_can_be_made_anew_it_goes_on_by_itself_and_says_so(tmp_path, caplog):
    folder = tmp_path / "here"
    throttles = Throttles(folder / "t", size=SMALL)
    (folder / "t").unlink()
    (folder / "t.lock").unlink()
    folder.rmdir()
    folder.write_text("")
    assert throttles.take(ONE, A_MINUTE).ok
    assert not throttles.take(ONE, A_MINUTE).ok
    assert throttles.replaced == 1
    assert caplog.text.count("each process counts by itself") == 1
    throttles.close()


@pytest.mark.parametrize("seed", range(20))
def test_damaged_records_neither_break_anything_nor_keep_anybody_out(path, seed):
    now = 5000.0
    throttles = Throttles(path, size=SMALL, steady=lambda: now)
    lease = throttles.take(ONE, AT_ONCE).lease
    assert throttles.take(TWO, A_MINUTE).ok
    noise = random.Random(seed)
    with path.open("r+b") as file:
        for _ in range(200):
            file.seek(DATA + noise.randrange(SMALL.bytes - DATA - 8))
            file.write(noise.choice([noise.randbytes(8), b"\xff" * 8, b"\0" * 8, b"\x7f\xf0" * 4]))
    throttles.release(lease or "")
    for decision in (ONE, TWO):
        throttles.take(decision, AT_ONCE)
        assert throttles.take(decision, A_MINUTE).retry_after_s <= 60
    now += MOST_LEASE_S + 61
    assert [throttles.take(ONE, AT_ONCE).ok for _ in range(4)] == [True] * 3 + [False]
    assert throttles.take(TWO, A_MINUTE).ok
    throttles.close()


def test_the_file_of_another_boot_is_replaced(path):
    Throttles(path, size=SMALL).close()
    with path.open("r+b") as file:
        file.seek(24)
        file.write(bytes(16))
    again = Throttles(path, size=SMALL)
    assert again.replaced == int(Path("/proc/sys/kernel/random/boot_id").exists())
    again.close()

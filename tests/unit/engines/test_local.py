"""The local engine: any number of workers, one answer; it stops cleanly and holds little."""

import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from stillwatch.engines.local import LocalEngine
from tests.profiling import by_account, families
from tests.support import batch, event


def rows(n: int = 400) -> list[dict[str, Any]]:
    return [
        event(
            i,
            account_id=f"a{i * 7 % 23}",
            model=f"m{i % 3}",
            prompt=f"explain item {i} of the list, step by step, {'please ' * (i % 5)}",
            client_ip=f"10.{i % 9}.{i % 4}.1",
            output_tokens=i,
        )
        for i in range(n)
    ]


def batches(size: int, n: int = 400) -> list[pa.RecordBatch]:
    whole = batch(rows(n))
    return [whole.slice(start, size) for start in range(0, n, size)]


def profile_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("profile")]


@pytest.mark.parametrize(("workers", "size"), [(1, 400), (1, 33), (2, 50), (4, 7), (3, 1), (0, 90)])
def test_workers_and_batches_do_not_change_a_bit(workers: int, size: int) -> None:
    expected = LocalEngine(families(), 1).profile(batches(400))
    got = LocalEngine(families(), workers).profile(batches(size))
    assert by_account(got) == by_account(expected)
    assert got.model_names == expected.model_names
    assert got.families == families().names
    assert profile_threads() == []


def test_no_batches_no_profiles() -> None:
    assert len(LocalEngine(families(), 2).profile([])) == 0


def test_progress_counts_every_event_once() -> None:
    told: list[int] = []
    LocalEngine(families(), 2).profile(batches(30), told.append)
    assert sum(told) == 400
    assert len(told) == len(batches(30))


class Stop(Exception):
    pass


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("after", [0, 1, 9])
def test_what_reading_raises_comes_through_and_no_thread_stays(
    error: type[BaseException], after: int
) -> None:
    def reading() -> Iterator[pa.RecordBatch]:
        yield from batches(10)[:after]
        raise error("reading")

    with pytest.raises(error, match="reading"):
        LocalEngine(families(), 3).profile(reading())
    assert profile_threads() == []


def test_what_a_worker_raises_comes_through_and_no_thread_stays() -> None:
    broken = batch(rows(5)).drop_columns(["prompt"])
    with pytest.raises(KeyError, match="prompt"):
        LocalEngine(families(), 2).profile([*batches(10), broken, *batches(10)])
    assert profile_threads() == []


def test_an_error_in_progress_comes_through_and_no_thread_stays() -> None:
    def progress(_events: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        LocalEngine(families(), 2).profile(batches(10), progress)
    assert profile_threads() == []


def test_an_error_ends_the_reading() -> None:
    given = []

    def reading() -> Iterator[pa.RecordBatch]:
        yield batch(rows(5)).drop_columns(["prompt"])
        for one in batches(1, 200):
            given.append(one)
            yield one

    with pytest.raises(KeyError):
        LocalEngine(families(), 2).profile(reading())
    assert len(given) < 200


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_few_batches_are_alive_at_a_time(workers: int) -> None:
    """Counted where it hurts: batches handed out whose events are not yet reported as folded."""
    alive = most = 0

    def reading() -> Iterator[pa.RecordBatch]:
        nonlocal alive, most
        for one in batches(4):
            alive += 1
            most = max(most, alive)
            yield one

    def progress(_events: int) -> None:
        nonlocal alive
        alive -= 1

    LocalEngine(families(), workers).profile(reading(), progress)
    assert alive == 0
    assert 1 < most <= workers + 2

"""``stillwatch watch`` as a process: logs that grow and are rotated, pipes, topics, and kill -9."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import orjson
import pytest

from tests.brokers import Cluster
from tests.watching import at_once, lines, stored

COMMAND = [sys.executable, "-m", "stillwatch", "watch"]
PATIENCE_S = 60.0


class Watch:
    """A running command, and what it said."""

    def __init__(self, *arguments: object, stdin: IO[bytes] | int | None = None) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, arguments), "--json"],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.said: list[dict[str, Any]] = []

    def until(self, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Follow what it says until one line is the one."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.said.append(orjson.loads(text))
            if done(self.said[-1]):
                return self.said[-1]
        raise AssertionError(f"it ended: {self.said} {self.error()}")

    def read(self, events: int) -> None:
        """Wait until so many events are kept."""
        self.until(lambda said: said["event"] == "checkpoint" and said["read"] == events)

    def ended(self, status: int = 0) -> dict[str, Any]:
        """Wait for the end; the last line."""
        assert self.process.stdout is not None
        self.said += [orjson.loads(text) for text in self.process.stdout]
        assert self.process.wait(PATIENCE_S) == status, self.error()
        return self.said[-1] if self.said else {}

    def error(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        for pipe in (self.process.stdout, self.process.stderr, self.process.stdin):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Watch]]:
    """Starts watchers with a state and a store of the test's own."""
    running: list[Watch] = []

    def begin(*arguments: object, stdin: IO[bytes] | int | None = None) -> Watch:
        own = ("--state", tmp_path / "state", "--store", tmp_path / "share.db")
        running.append(Watch(*arguments, *own, "--every", "0.2s", stdin=stdin))
        return running[-1]

    yield begin
    for one in running:
        one.close()


def whole(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    """Profiles of a log that was there all at once."""
    path = tmp_path / "whole.jsonl"
    path.write_bytes(data)
    return at_once([path])


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_a_log_grows_is_rotated_and_the_watcher_killed(
    start: Callable[..., Watch], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 30))
    watch = start(log)
    watch.read(30)
    append(log, lines(30, 40))
    log.rename(tmp_path / "requests.jsonl.1")
    log.write_bytes(lines(40, 50))
    watch.read(50)
    append(log, lines(50, 60))
    watch.process.send_signal(signal.SIGKILL)
    watch.ended(-signal.SIGKILL)
    log.rename(tmp_path / "requests.jsonl.2")
    log.write_bytes(lines(60, 70))
    watch = start(log)
    watch.read(70)
    watch.process.send_signal(signal.SIGTERM)
    assert watch.ended()["event"] == "ended"
    assert stored(tmp_path / "state") == whole(tmp_path, lines(0, 70))


def test_killed_at_any_time_nothing_is_lost_or_read_twice(
    start: Callable[..., Watch], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 4000))
    for number in range(2):
        watch = start(log, "--no-decide", "--days", 60)
        watch.until(lambda said: said["event"] == "started")
        if number:
            time.sleep(0.05 * number)  # not to wait for anything, but to be at another place
        watch.process.send_signal(signal.SIGKILL)
        watch.process.wait(PATIENCE_S)
        append(log, lines(4000 + 100 * number, 4100 + 100 * number))
    assert start(log, "--once", "--no-decide", "--days", 60).ended()["read"] == 4200
    assert stored(tmp_path / "state") == whole(tmp_path, lines(0, 4200))


def test_a_pipe_is_read_to_its_end(start: Callable[..., Watch], tmp_path: Path) -> None:
    watch = start("-", stdin=subprocess.PIPE)
    assert watch.process.stdin is not None
    watch.process.stdin.write(lines(0, 25))
    watch.process.stdin.flush()
    watch.read(25)
    watch.process.stdin.write(lines(25, 40)[:-1])
    watch.process.stdin.close()
    watch.process.stdin = None
    assert watch.ended()["read"] == 40
    assert stored(tmp_path / "state") == whole(tmp_path, lines(0, 40))


def test_a_topic_is_read_once_across_kills(start: Callable[..., Watch], tmp_path: Path) -> None:
    brokers = Cluster()
    config = tmp_path / "stillwatch.toml"
    config.write_text(f'[kafka]\nbrokers = "{brokers.brokers}"\ntopic = "requests"\n')
    brokers.send(lines(0, 30).splitlines())
    watch = start("--config", config)
    watch.read(30)
    brokers.send(lines(30, 35).splitlines())
    watch.process.send_signal(signal.SIGKILL)
    watch.ended(-signal.SIGKILL)
    assert start("--config", config, "--once").ended()["read"] == 35
    assert {k: len(v) for k, v in stored(tmp_path / "state").items()} == {
        k: len(v) for k, v in whole(tmp_path, lines(0, 35)).items()
    }


def test_figures_are_served_and_a_second_watcher_is_refused(
    start: Callable[..., Watch], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 30))
    watch = start(log, "--metrics-port", 0, "--out", tmp_path / "out")
    port = watch.until(lambda said: said["event"] == "started")["metrics_port"]
    watch.until(lambda said: said["event"] == "judged")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    assert "stillwatch_watch_events_total 30.0" in text
    assert "stillwatch_watch_judgements_total 1.0" in text
    second = start(log)
    second.ended(2)
    assert f"another watcher (process {watch.process.pid})" in second.error()
    shown = subprocess.run(
        [sys.executable, "-m", "stillwatch", "explain", "a1", "--from", tmp_path / "out"],
        capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr


def test_a_log_without_anything_usable_ends_with_status_3(
    start: Callable[..., Watch], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 200) + b'{"account": 1}\n' * 900)
    watch = start(log, "--once")
    watch.ended(3)
    error = watch.error()
    assert "count as not read" in error
    assert "Traceback" not in error
    os.truncate(log, len(lines(0, 200)))
    assert start(log, "--once").ended()["read"] == 200

"""Gateways as processes of their own, started by the command, and what is asked of them under load."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from stillwatch.domain.decision import Decision, Effect, Rate, Subject, new_id
from stillwatch.gateway.tokens import read_token
from stillwatch.store import decisions
from stillwatch.store.database import Store

PATIENCE_S = 30.0


def decided(value: str, effect: str = "block", scope: str = "account", **said: Any) -> Decision:
    """A decision of a person."""
    now = datetime.now(UTC)
    rate = said.pop("rate", Rate(per_minute=60) if effect == "throttle" else None)
    return Decision(
        id=new_id(), effect=Effect(effect), subject=Subject.of(scope, value), reason="a test",
        evidence=("case:test",), origin="person:ann", made=now,
        until=now + timedelta(hours=said.pop("hours", 24)), rate=rate, **said,
    )  # fmt: skip


def keep(url: str, *found: Decision) -> None:
    """Put decisions into a store."""
    store = Store(url)
    try:
        with store.begin() as connection:
            decisions.add(connection, found, by="ann", now=datetime.now(UTC))
    finally:
        store.close()


class Running:
    """One gateway, as a process (its workers are its children)."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.lines = folder, list[str]()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stillwatch", "gateway", "serve", *options],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "STILLWATCH_HOME": str(folder)},
        )  # fmt: skip
        self._said = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.said("listens on http")
        self.url = re.search(r"http://[0-9.:]+", line)[0]
        found = re.search(r"gRPC on ([0-9.:]+)", line)
        self.grpc = found[1] if found else ""

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._said:
                self.lines.append(line.rstrip())
                self._said.notify_all()
        with self._said:
            self.lines.append("ended")
            self._said.notify_all()

    def said(self, words: str) -> str:
        """The first line with these words; waits for it."""
        with self._said:
            found = self._said.wait_for(
                lambda: [one for one in self.lines if words in one or one == "ended"], PATIENCE_S
            )
            assert found, self.lines
            assert words in found[0], self.lines
            return found[0]

    @contextmanager
    def client(self, door: str = "decide") -> Iterator[httpx.Client]:
        """Who may ask there."""
        token = read_token(self.folder / f"{door}.token")
        with httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=10
        ) as client:
            yield client

    def decide(self, **request: str) -> dict[str, Any]:
        """An answer."""
        with self.client() as client:
            return client.post("/v1/decide", json=request).raise_for_status().json()

    def state(self) -> dict[str, Any]:
        """What it says of itself."""
        with self.client("metrics") as client:
            return client.get("/readyz").json()

    def figure(self, name: str, **labels: str) -> float:
        """One figure; the sum where labels leave several."""
        with self.client("metrics") as client:
            text = client.get("/metrics").text
        total = 0.0
        for line in text.splitlines():
            if line.startswith(
                (f"stillwatch_gateway_{name} ", f"stillwatch_gateway_{name}{{")
            ) and all(f'{k}="{v}"' in line for k, v in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        self._reader.join(5)
        self.process.stdout.close()
        return status


@contextmanager
def running(folder: Path, *options: str) -> Iterator[Running]:
    """A gateway that runs, on a free port."""
    one = Running(folder, *options)
    try:
        yield one
    finally:
        one.stop()


def until(told: Callable[[], Any]) -> Any:
    """Ask again and again until it is so, and for how long at most."""
    end, pace = time.monotonic() + PATIENCE_S, threading.Event()
    while time.monotonic() < end:
        if found := told():
            return found
        pace.wait(0.02)
    raise AssertionError("it never came to be")


class Load:
    """Asks about two accounts without a pause: one that is blocked, one that never was."""

    def __init__(self, url: str, token: str, bad: str = "bad", good: str = "good") -> None:
        self.counts = Counter[str]()
        self._url, self._token, self._bad, self._good = url, token, bad, good
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        until(lambda: self.counts["bad blocked"] > 5)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def more(self, count: int = 20) -> None:
        """Wait for more answers."""
        before = sum(self.counts.values())
        until(lambda: sum(self.counts.values()) > before + count)

    def _run(self) -> None:
        headers = {"authorization": f"Bearer {self._token}"}
        with httpx.Client(base_url=self._url, headers=headers, timeout=10) as client:
            while not self._stop.is_set():
                for who, account in (("bad", self._bad), ("good", self._good)):
                    try:
                        answer = client.post("/v1/decide", json={"account": account})
                        passed = answer.json()["allowed"]
                    except httpx.TransportError:
                        self.counts["connection lost"] += 1
                        continue
                    self.counts[f"{who} {'passed' if passed else 'blocked'}"] += 1

    def nothing_wrong(self) -> None:
        """No wrong block, no lost decision."""
        assert self.counts["bad passed"] == 0, self.counts
        assert self.counts["good blocked"] == 0, self.counts
        assert self.counts["bad blocked"] > 0
        assert self.counts["good passed"] > 0

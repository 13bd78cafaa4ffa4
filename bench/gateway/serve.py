"""The gateway over HTTP: latency at a fixed rate, saturation, how soon a decision is everywhere.

    cd bench && python -m gateway.serve [--json] [--seconds 20] [--decisions 100000] [--adds 40]

One worker on loopback, on a core of its own; the load comes from another core. Latencies are of an
open loop (``gateway.load``), from when a request was due; saturation is ``wrk`` with 32 connections
kept alive. A request carries account, key, organisation, address and JA4; one in 50 is of a blocked
account. Beside it, in the same run, the proxy of unmimic 0.1.0 in front of a model that answers at
once, as its README starts it (exact-copy leak check and stripping; its embeddings need a download):
it looks at contents, a gateway at who asks, so the two say what each costs and not who is better.
"""

import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from common import DATA, arguments, emit
from gateway.load import Latencies, open_loop, post
from hub.speed import postgresql
from stillwatch.domain.decision import Decision, Effect, Subject, new_id
from stillwatch.store import decisions
from stillwatch.store.database import Store

_PEER = "unmimic==0.1.0"
_SLOW = 50
"""Requests a second that unmimic's proxy bears, too."""
UPSTREAM = Path(__file__).with_name("upstream.py")


def blocked(value: str) -> Decision:
    now = datetime.now(UTC)
    return Decision(
        new_id(), Effect.BLOCK, Subject.of("account", value), "bench", ("case:bench",),
        "person:bench", now, now + timedelta(days=7),
    )  # fmt: skip


def keep(url: str, *found: Decision) -> None:
    store = Store(url)
    try:
        with store.begin() as connection:
            decisions.add(connection, found, by="bench", now=datetime.now(UTC))
    finally:
        store.close()


@contextmanager
def gateway(folder: Path, *options: str, core: int | None = None) -> Iterator[tuple[int, int]]:
    """A gateway that runs: its port and process."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "stillwatch", "gateway", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"listens on http://[\d.]+:(\d+)", line):
                if core is not None:
                    for thread in Path(f"/proc/{process.pid}/task").iterdir():
                        os.sched_setaffinity(int(thread.name), {core})
                yield int(found[1]), process.pid
                return
        raise RuntimeError("the gateway did not start")
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def token(folder: Path, name: str = "decide") -> str:
    return (folder / f"{name}.token").read_text().strip()


def bodies(count: int, known: int) -> list[bytes]:
    """Requests for a decision."""
    return [
        json.dumps(
            {
                "account": f"blocked-{n % known}" if n % 50 == 0 else f"account-{n}",
                "key": f"key-{n}", "organisation": f"org-{n % 99}",
                "address": f"198.51.{n % 256}.{n // 256 % 256}",
                "ja4": "t13d1516h2_8daaf6152771_b186095e22b6",
            }
        ).encode()
        for n in range(count)
    ]  # fmt: skip


def wrk(port: int, key: str, body: bytes, core: int, seconds: int) -> str:
    """Requests a second where as many are asked as are answered."""
    if shutil.which("wrk") is None:
        return "wrk is not installed"
    script = (
        f'wrk.method = "POST"\nwrk.body = {json.dumps(body.decode())}\n'
        f'wrk.headers["authorization"] = "Bearer {key}"\n'
    )
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [
            "taskset", "-c", str(core), "wrk", "-t1", "-c32", f"-d{seconds}", "-s", file.name,
            f"http://127.0.0.1:{port}/v1/decide",
        ]  # fmt: skip
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec: +([\d.]+)", said)
    assert found is not None, said
    return f"{float(found[1]):,.0f}/s"


def one_worker(folder: Path, url: str, known: int, seconds: int) -> list[list[object]]:
    """Latency at 2,000 requests a second, and saturation."""
    cores = sorted(os.sched_getaffinity(0))
    with gateway(folder, "--store", url, core=cores[0]) as (port, process):
        key = token(folder)
        requests = [post("/v1/decide", body, key) for body in bodies(5000, known)]
        os.sched_setaffinity(0, {cores[-1]})
        open_loop(port, requests, 1000, 2)
        found = open_loop(port, requests, 2000, seconds)
        os.sched_setaffinity(0, cores)
        memory = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1])  # type: ignore[index]
        most = wrk(port, key, bodies(1, known)[0], cores[-1], max(3, seconds // 2))
    return [
        [f"decide, 2,000/s, {known:,} decisions", *_figures(found)],
        ["decide, saturated, one core", most, "", "", ""],
        ["memory of the worker", f"{memory / 1024:.0f} MB", "", "", ""],
    ]


def _figures(found: Latencies) -> list[object]:
    cells = [f"{found.at(share):.2f} ms" for share in (0.5, 0.99, 0.999)]
    return [*cells, f"{len(found.seconds):,} ({found.errors} errors)"]


def in_force(folder: Path, stack: ExitStack, adds: int) -> list[list[object]]:
    """From the end of ``add`` until each of three gateways refuses: two on the store, one behind."""
    folder.mkdir()
    url, _ = postgresql(folder, stack)
    keep(url, blocked("first"))
    ports, keys = [], []
    for name in ("one", "two"):
        ports.append(stack.enter_context(gateway(folder / name, "--store", url))[0])
        keys.append(token(folder / name))
    (folder / "three").mkdir()
    shutil.copy(folder / "one" / "stream.token", folder / "three" / "upstream.token")
    options = ("--from", f"http://127.0.0.1:{ports[0]}", "--from-token-file", "upstream.token")
    ports.append(stack.enter_context(gateway(folder / "three", *options))[0])
    keys.append(token(folder / "three"))
    clients = [
        stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {key}"}
            )
        )
        for port, key in zip(ports, keys, strict=True)
    ]
    taken: list[list[float]] = [[] for _ in clients]
    for n in range(adds):
        time.sleep((n * 37 % 100) / 200)  # not in step with the polling
        keep(url, blocked(f"new-{n}"))
        began, left = time.perf_counter(), set(range(len(clients)))
        while left:
            for place in sorted(left):
                said = clients[place].post("/v1/decide", json={"account": f"new-{n}"}).json()
                if not said["allowed"]:
                    taken[place].append(time.perf_counter() - began)
                    left.discard(place)
            if time.perf_counter() - began > 30:
                raise RuntimeError("a decision did not come into force within 30 s")
            time.sleep(0.002)
    names = ("a gateway on the store", "another on the store", "a third, following the first")
    return [
        [f"`add` to refused: {name}", f"{statistics.median(times):.2f} s",
         f"{max(times):.2f} s (worst)", "", f"{len(times)}"]
        for name, times in zip(names, taken, strict=True)
    ]  # fmt: skip


def beside(folder: Path, url: str, seconds: int) -> list[list[object]]:
    """A model alone, behind unmimic's proxy, and with a decision asked for before."""
    program = _installed()
    chat = json.dumps({"model": "m", "messages": [{"role": "user", "content": "2+2?"}]}).encode()
    rows: list[list[object]] = []
    with ExitStack() as stack:
        model = _free()
        stack.enter_context(_process([sys.executable, "-P", str(UPSTREAM), str(model)], model))
        rows.append(
            ["a model that answers at once", *_figures(_slowly(model, [_chat(chat)], seconds))]
        )
        port, _ = stack.enter_context(gateway(folder, "--store", url))
        asked = [post("/v1/decide", body, token(folder)) for body in bodies(500, 100)]
        rows.append([f"decide, {_SLOW}/s", *_figures(_slowly(port, asked, seconds))])
        if program is None:
            return [*rows, [f"{_PEER}: not installable here", "", "", "", ""]]
        peer = _free()
        command = [str(program), "serve", "--upstream", f"http://127.0.0.1:{model}/v1"]
        stack.enter_context(_process([*command, "--port", str(peer)], peer, folder))
        found = _slowly(peer, [_chat(chat)], seconds)
        rows.append([f"the model behind unmimic's proxy, {_SLOW}/s", *_figures(found)])
    return rows


def _chat(body: bytes) -> bytes:
    return post("/v1/chat/completions", body, "sk-bench")


def _slowly(port: int, requests: list[bytes], seconds: int) -> Latencies:
    open_loop(port, requests, _SLOW, 1)
    return open_loop(port, requests, _SLOW, seconds)


def _installed() -> Path | None:
    """Its program, in an environment of its own; None where it cannot be had."""
    home = DATA / "unmimic"
    program = home / "bin" / "unmimic"
    if not program.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", _PEER]
        if subprocess.run(pip, check=False, capture_output=True).returncode:
            return None
    return program


@contextmanager
def _process(command: list[str], port: int, folder: Path | None = None) -> Iterator[None]:
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} did not start")
        yield
    finally:
        process.terminate()
        process.wait()


def _free() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def measured(seconds: int, known: int, adds: int) -> dict[str, Any]:
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        url = f"sqlite:///{folder / 'share.db'}"
        for first in range(0, known, 10_000):
            numbers = range(first, min(first + 10_000, known))
            keep(url, *(blocked(f"blocked-{n}") for n in numbers))
        rows = one_worker(folder / "worker", url, known, seconds)
        rows += beside(folder / "beside", url, seconds)
        rows += in_force(folder / "force", stack, adds)
    rows.append(["load of the machine before", f"{load:.1f}", "", "", ""])
    return {"head": ["what", "p50", "p99", "p99.9", "of"], "rows": rows}


if __name__ == "__main__":
    given = arguments(__doc__, seconds=20, decisions=100_000, adds=40)
    emit(measured(given.seconds, given.decisions, given.adds), given.json)

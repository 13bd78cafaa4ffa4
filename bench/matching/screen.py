"""What screening costs: one sign-up identifier, and a whole customer base, at t = 2 over HTTP.

    python bench/matching/screen.py                                    # 20,000 customers, 500 sign-ups
    python bench/matching/screen.py --customers 1000000 --tags 100000  # the whole thing

Two evaluators run as processes of their own, with their ledgers; the client is a third process, so
that processor time and memory are each one's. Wall times depend on how many processors there are;
CPU-seconds hardly do. Rows are sealed under a key this script draws: only it could.
"""

import argparse
import json
import resource
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

EPOCH = "bench"
MEMBERS = [f"identity--{n * 8}-0000-4000-8000-000000000000" for n in "abc"]
PUBLISHER = MEMBERS[0]
CLAIM = "intrusion-set--9f1c1c5e-0b5e-4f2e-9d4e-3d1a3b6f0c11"


def mail(number: int) -> str:
    return f"person{number}@mail{number % 997}.stillwatch-bench.org"


def evaluator(folder: Path) -> None:
    """One evaluator, until its input ends; then prints its CPU-seconds."""
    import asyncio
    import threading

    import uvicorn

    from stillwatch.crypto.threshold import KeyShare
    from stillwatch.hub.evaluator.app import Evaluator, Parts
    from stillwatch.hub.evaluator.limits import Limits
    from stillwatch.hub.evaluator.members import Members
    from stillwatch.hub.evaluator.schema import initialise, opened
    from stillwatch.hub.evaluator.shares import Held, Shares
    from stillwatch.hub.protocol import Protocol

    said = json.loads((folder / "share.json").read_text())
    today = datetime.now(UTC).date()
    share = KeyShare(said["index"], bytes.fromhex(said["secret"]))  # type: ignore[arg-type]
    held = Held(
        EPOCH, 0, 2, frozenset((1, 2, 3)), today - timedelta(1), today + timedelta(80), share
    )
    limits = Limits(daily=10**9, requests_per_minute=10**6)
    url = f"sqlite:///{folder}/evaluator.db"
    initialise(url)
    host = f"127.0.0.1:{said['port']}"
    members = Members(folder.parent / "members.json", limits)
    parts = Parts(opened(url), Shares([held]), members, frozenset((host,)), limits)
    config = uvicorn.Config(
        Evaluator(parts), port=said["port"], log_level="critical", lifespan="on", ws="none",
        http=Protocol,
    )  # fmt: skip
    server = uvicorn.Server(config)

    def ends() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=ends, daemon=True).start()
    asyncio.run(server.serve())
    print(json.dumps({"cpu": time.process_time()}))


def world(folder: Path, tags: int, customers: int) -> dict[str, Any]:
    """Keys, shares, settings, a tag set of so many rows; 1 in 1,000 customers is listed."""
    import orjson

    from stillwatch.crypto.epoch import Epoch, Evaluator
    from stillwatch.crypto.keys import SigningKey
    from stillwatch.crypto.oprf import evaluate_input
    from stillwatch.crypto.ristretto import random_scalar
    from stillwatch.crypto.threshold import unsafe_dealer
    from stillwatch.hub.evaluator.members import listed_key, written
    from stillwatch.sharing.matching.pack import build, digest
    from stillwatch.sharing.matching.record import Record, seal
    from stillwatch.sharing.matching.tagset import Source, replace_index
    from stillwatch.sharing.settings import TEMPLATE, load_settings
    from stillwatch.store import inbox
    from stillwatch.store.database import Store
    from stillwatch.store.inbox import Received

    secret, key = random_scalar(), SigningKey.generate()
    with warnings.catch_warnings(action="ignore"):
        dealt = unsafe_dealer(2, 3, secret=secret)
    key.save(folder / "share.key")
    listed = [
        {"identity": MEMBERS[2], "name": "gamma", "state": "active",
         "keys": [listed_key(key.public, "active")]}
    ]  # fmt: skip
    (folder / "members.json").write_bytes(written("bench/log", 1, listed))
    (folder / "members.json").chmod(0o600)
    (folder / "share.toml").write_text(
        TEMPLATE.format(
            url="https://hub.example.com", member="gamma", token_file="token",
            log_key="hub.test/log+e960e29c+Ab1w3SV2xFZsTP7Amyf42CMWgOA/trbl5DogoVa95Dgr",
            identity=MEMBERS[2], key_file="share.key", collection="claims", jurisdiction="DE",
            basis="gdpr-6-1-f", as_of="2026-10-01", store="share.db",
        )
    )  # fmt: skip
    settings = load_settings(folder / "share.toml")
    seats, ports = [], []
    for n, share in enumerate(dealt.shares):
        port = _free_port()
        place = folder / str(share.index)
        place.mkdir()
        said = {"index": share.index, "secret": share.secret.hex(), "port": port}
        (place / "share.json").write_text(json.dumps(said))
        ports.append(port)
        seats.append(
            Evaluator(share.index, MEMBERS[n], SigningKey.generate().id,  # type: ignore[arg-type]
                      f"http://127.0.0.1:{port}", share.public.element)
        )  # fmt: skip
    today = datetime.now(UTC).date()
    epoch = Epoch(
        EPOCH, 2, tuple(seats), dealt.public_key, 0, today - timedelta(1), today + timedelta(80)
    )
    settings.tags.mkdir()
    (settings.tags / "epochs.json").write_bytes(orjson.dumps([epoch.to_json()]))
    record = Record(
        CLAIM,
        "email",
        today - timedelta(9),
        today - timedelta(1),
        60,
        "",
        today + timedelta(60),  # type: ignore[arg-type]
    )
    numbers = list(range(0, customers, 1000))[:tags]
    began = time.process_time()
    rows = [
        seal(
            record,
            evaluate_input(secret, b"v1|email|%s|%s" % (EPOCH.encode(), who)),
            PUBLISHER,
            EPOCH,
        )  # type: ignore[arg-type]
        for who in (
            mail(n).encode() for n in [*numbers, *range(10**9, 10**9 + tags - len(numbers))]
        )
    ]
    sealing = time.process_time() - began
    content = build(rows)
    (settings.tags / f"{digest(content)}.pack").write_bytes(content)
    claim = "indicator--5f01cd1f-195f-46d4-b581-e2a1bd4fdd01"
    replace_index(settings.tags, [Source(digest(content), PUBLISHER, EPOCH, claim, 1)])  # type: ignore[arg-type]
    store = Store(settings.store)
    later = (datetime.now(UTC) + timedelta(60)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    from stillwatch.intel.ids import CLAIM as EXTENSION

    body = {"id": CLAIM, "type": "intrusion-set", "name": "bench", "confidence": 60,
            "extensions": {EXTENSION: {"kind": "actor", "terms": {"valid_until": later}}}}  # fmt: skip
    with store.begin() as connection:
        inbox.keep(
            connection,
            [Received(settings.url, "claims", CLAIM, later, 1, PUBLISHER, "actor", True, body)],
        )
        inbox.follow(connection, settings.url, {}, [])
    store.close()
    return {"sealing": sealing, "listed": len(numbers)}


def signups(folder: Path, count: int) -> dict[str, float]:
    """CPU and wall of one sign-up identifier in this process, with warm connections."""
    from stillwatch.domain.identifier import Kind, RawIdentifier
    from stillwatch.sharing.identifiers import normalise
    from stillwatch.sharing.matching.screening import Screener

    cpu, wall = list[float](), list[float]()
    with Screener.from_config(folder / "share.toml", strict=True) as screener:
        for n in range(count + 50):
            began = (time.process_time(), time.perf_counter())
            outcome = normalise(Kind.EMAIL, RawIdentifier(mail(n + 1)))
            lead = screener.screen(outcome[:1])  # type: ignore[index]
            cpu.append(time.process_time() - began[0])
            wall.append(time.perf_counter() - began[1])
            assert lead.screened
    cpu, wall = sorted(cpu[50:]), sorted(wall[50:])
    at = int(count * 0.99) - 1
    return {
        "cpu_ms_median": 1e3 * cpu[count // 2], "cpu_ms_p99": 1e3 * cpu[at],
        "wall_ms_median": 1e3 * wall[count // 2], "wall_ms_p99": 1e3 * wall[at],
    }  # fmt: skip


def base(folder: Path, customers: int) -> dict[str, Any]:
    """The whole base, one e-mail identifier each; CPU, wall and memory of this process."""
    from stillwatch.domain.identifier import Identifier, Kind, NormalForm
    from stillwatch.sharing.matching import wire
    from stillwatch.sharing.matching.screening import Screener, Subject, chunked

    sent = {"bytes": 0}
    send, receive = wire.Line.send, wire.Line.receive

    def counted_send(self: Any, request: bytes, until: float) -> None:
        sent["bytes"] += len(request)
        send(self, request, until)

    def counted_receive(self: Any, most: int, until: float) -> Any:
        reply, again = receive(self, most, until)
        sent["bytes"] += len(reply.body)
        return reply, again

    wire.Line.send, wire.Line.receive = counted_send, counted_receive  # type: ignore[method-assign]
    subjects = (
        Subject(str(n), [Identifier(Kind.EMAIL, NormalForm(mail(n)))]) for n in range(customers)
    )
    cpu, wall, leads = time.process_time(), time.perf_counter(), 0
    with Screener.from_config(folder / "share.toml") as screener:
        for several in chunked(subjects):
            leads += sum(bool(one.evidence) for one in screener.chunk(several).leads)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "customers": customers, "leads": leads, "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall, "bytes_a_customer": sent["bytes"] / customers,
        "peak_mb": peak,
    }  # fmt: skip


def command(folder: Path, customers: int) -> dict[str, Any]:
    """The same by the command line, from a CSV file: reading and normalising included."""
    table = folder / "customers.csv"
    with table.open("w") as file:
        file.write("id,email\n")
        file.writelines(f"c{n},{mail(n)}\n" for n in range(customers))
    from common import stillwatch

    run = stillwatch(
        "screen", "--customers", table, "--out", folder / "leads.jsonl",
        "--config", folder / "share.toml", "--json",
    )  # fmt: skip
    leads = len((folder / "leads.jsonl").read_bytes().splitlines())
    return {"cpu_s": run.cpu, "wall_s": run.wall, "peak_mb": run.peak * 1000, "leads": leads}


def _free_port() -> int:
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _apart(what: str, folder: Path, number: int) -> dict[str, Any]:
    """Measure in a process of its own."""
    words = [
        sys.executable,
        __file__,
        "--part",
        what,
        "--folder",
        str(folder),
        "--number",
        str(number),
    ]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=20_000)
    options.add_argument("--tags", type=int, default=10_000)
    options.add_argument("--signups", type=int, default=500)
    options.add_argument(
        "--command", action="store_true", help="also by the command line, from CSV"
    )
    options.add_argument("--part", help=argparse.SUPPRESS)
    options.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--number", type=int, default=0, help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.part == "evaluator":
        evaluator(asked.folder)
        return
    if asked.part:
        part = {"signups": signups, "base": base}[asked.part]
        print(json.dumps(part(asked.folder, asked.number)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = world(folder, asked.tags, asked.customers)
        print(json.dumps({"world": made}), flush=True)
        nodes = [
            subprocess.Popen(
                [sys.executable, __file__, "--part", "evaluator", "--folder", str(folder / str(n))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for n in (1, 2)
        ]  # fmt: skip
        try:
            for n in (1, 2):
                _wait(json.loads((folder / str(n) / "share.json").read_text())["port"])
            for what, number in (("signups", asked.signups), ("base", asked.customers)):
                print(json.dumps({what: _apart(what, folder, number)}), flush=True)
            if asked.command:
                print(json.dumps({"command": command(folder, asked.customers)}), flush=True)
        finally:
            told = [node.communicate("")[0] for node in nodes]
        print(json.dumps({"evaluators": [json.loads(one) for one in told]}))


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with closing(socket.socket()) as one:
            if not one.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise SystemExit("an evaluator did not start")


if __name__ == "__main__":
    main()

"""What an evaluator costs: CPU-seconds for a base, single requests a second, and their latency.

    cd bench && python -m matching.evaluator [--elements 100000] [--singles 1000]

The service runs in a process of its own, over real HTTP on loopback, with its ledger on disk. Figures for
1 M elements are scaled from those measured. Nothing else should run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil

from stillwatch.crypto.httpsig import new_nonce, sign_request
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import multiply_base, random_scalar
from stillwatch.hub.evaluator.members import listed_key, written

PASSPHRASE = "five quite random words here"
IDENTITIES = [f"identity--00000000-0000-4000-8000-{place:012x}" for place in range(3)]
BATCH = 5_000


def measure(elements: int, singles: int) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = _prepared(folder)
        process, url = _serving(folder)
        try:
            return {**_base(url, key, process, elements), **_singles(url, key, process, singles)}
        finally:
            process.terminate()
            process.wait()


def _prepared(folder: Path) -> SigningKey:
    keys = [SigningKey.generate() for _ in IDENTITIES]
    words = []
    for place, (identity, key) in enumerate(zip(IDENTITIES, keys, strict=True)):
        key.save(folder / f"{place}.key")
        words += [
            "--evaluator",
            f"{identity}={folder / f'{place}.key'}=http://127.0.0.1:{9000 + place}",
        ]
    _run("unsafe-dealer", "bench", *words, "--out", str(folder / "homes"))
    home = folder / "homes" / "1"
    _run("init", "--home", str(home))
    members = [
        {
            "identity": i,
            "name": f"m{n}",
            "state": "active",
            "keys": [listed_key(k.public, "active")],
        }
        for n, (i, k) in enumerate(zip(IDENTITIES, keys, strict=True))
    ]
    (home / "members.json").write_bytes(written("bench", 1, members))
    (home / "members.json").chmod(0o600)
    return keys[0]


def _run(*words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "stillwatch", "evaluator", *words],
        check=True, capture_output=True, env=_environment(),
    )  # fmt: skip


def _environment() -> dict[str, str]:
    return {**os.environ, "STILLWATCH_EVALUATOR_PASSPHRASE": PASSPHRASE}


def _serving(folder: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "stillwatch", "evaluator", "serve", "--home",
         str(folder / "homes" / "1"), "--port", "0", "--daily", "100000000"],
        stdout=subprocess.PIPE, text=True, env=_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().split()[3].rstrip("/")


def _post(client: httpx.Client, url: str, key: SigningKey, body: bytes, proof: int = 0) -> float:
    query = f"epoch=bench&generation=0&evaluator=1&quorum=1,2&proof={proof}"
    host = url.removeprefix("http://")
    began = time.perf_counter()
    headers = sign_request(
        "POST", host, "/v1/evaluate", query, body, key, int(time.time()), new_nonce()
    )
    answer = client.post(f"{url}/v1/evaluate?{query}", content=body, headers=headers)
    answer.raise_for_status()
    return time.perf_counter() - began


def _cpu(process: subprocess.Popen[str]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return float(times.user + times.system)


def _base(url: str, key: SigningKey, process: Any, elements: int) -> dict[str, Any]:
    body = b"".join(multiply_base(random_scalar()) for _ in range(BATCH))
    with httpx.Client(trust_env=False, timeout=120) as client:
        _post(client, url, key, body)
        before, began = _cpu(process), time.perf_counter()
        for _ in range(elements // BATCH):
            _post(client, url, key, body)
        spent, wall = _cpu(process) - before, time.perf_counter() - began
        before = _cpu(process)
        _post(client, url, key, body, proof=1)
        proven = _cpu(process) - before
    done = elements // BATCH * BATCH
    return {
        "elements measured": done,
        "CPU-s for 1 M elements, scaled": round(spent / done * 1e6, 1),
        "wall s for 1 M elements, scaled": round(wall / done * 1e6, 1),
        "CPU-us an element with proof": round(proven / BATCH * 1e6, 1),
        "memory MB": round(psutil.Process(process.pid).memory_info().rss / 1e6),
    }


def _singles(url: str, key: SigningKey, process: Any, singles: int) -> dict[str, Any]:
    one = multiply_base(random_scalar())
    with httpx.Client(trust_env=False, timeout=120) as client:
        for _ in range(20):
            _post(client, url, key, one)
        before = _cpu(process)
        times = sorted(_post(client, url, key, one) for _ in range(singles))
        cpu = _cpu(process) - before
    began = time.perf_counter()
    with httpx.Client(trust_env=False, timeout=120) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: _post(client, url, key, one), range(singles)))
    rate = singles / (time.perf_counter() - began)
    beside = _beside_a_batch(url, key, one)
    return {
        "single p50 ms": round(statistics.median(times) * 1e3, 2),
        "single p99 ms": round(times[int(len(times) * 0.99)] * 1e3, 2),
        "evaluator CPU-ms a single": round(cpu / singles * 1e3, 2),
        "singles a second, 8 at once": round(rate),
        "single p50 ms beside a big batch": round(statistics.median(beside) * 1e3, 2),
        "single max ms beside a big batch": round(max(beside) * 1e3, 2),
    }


def _beside_a_batch(url: str, key: SigningKey, one: bytes) -> list[float]:
    body = b"".join(multiply_base(random_scalar()) for _ in range(BATCH))
    times = []
    with httpx.Client(trust_env=False, timeout=120) as client, ThreadPoolExecutor(1) as pool:
        for _ in range(5):
            batch = pool.submit(_post, client, url, key, body)
            while not batch.done():
                times.append(_post(client, url, key, one))
    return times


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--elements", type=int, default=100_000)
    parser.add_argument("--singles", type=int, default=1_000)
    options = parser.parse_args()
    print(json.dumps(measure(options.elements, options.singles), indent=2))

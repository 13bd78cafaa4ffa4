"""Loads decisions from a file of blocks and decides, in a process of its own; prints JSON.

    cd bench && python -m gateway.deciding BLOCKS ROUNDS

`verdict` is the table alone, `decide` all of a decision in process, `read` with the decision's id
and reason read from the answer, `fresh` by decisions that the breaker weighs. Of each: p50 and p99
in microseconds, the median over the rounds and the least: other load of the machine only adds.
"""

import gc
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stillwatch.gateway.blocks import decoded, opened
from stillwatch.gateway.breaker import Bounds
from stillwatch.gateway.decider import Decider
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.knowledge import Change, Knowledge
from stillwatch.gateway.table import Request, loaded
from stillwatch.gateway.throttle import Throttles

assert Follower  # what a gateway loads is loaded
SAMPLES = 100_000
SCOPES = ["account"] * 5 + ["key", "organisation", "range"]
UNTIL = 4_000_000_000
NOW = 1_790_000_000.0


def subject(number: int) -> tuple[str, str]:
    """Scope and value of a decision."""
    scope = SCOPES[number % len(SCOPES)]
    if scope == "range":
        high, low = divmod(number, 256)
        return scope, f"{10 + high // 256 % 90}.{high % 256}.{low}.0/24"
    return scope, f"{scope}-{number:010d}"


def resident() -> float:
    """Megabytes."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def decide(path: Path, rounds: int) -> dict[str, Any]:
    """In a process of its own: load, and decide."""

    began, cpu = time.perf_counter(), time.process_time()
    with path.open("rb") as file:
        table = loaded(decoded(line, place) for place, line in enumerate(opened(iter(file)), 1))
    found: dict[str, Any] = {
        "load": time.perf_counter() - began,
        "load_cpu": time.process_time() - cpu,
        "resident": resident(),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }
    count = len(table)
    knowledge = Knowledge()
    knowledge.swap(table, 1)
    decider = Decider(knowledge, Throttles())
    dice = random.Random(8)

    def carrying(n: int, **known: str) -> Request:
        said = {
            "account": f"nobody-{n}",
            "key": f"sk-{n}",
            "organisation": f"org-{n % 1000}",
            "address": f"203.0.{n % 100}.{n % 256}",
        }
        return Request(**(said | known))

    def of_scope(scope: str) -> Iterator[int]:
        while True:
            n = dice.randrange(count)
            if SCOPES[n % len(SCOPES)] == scope:
                yield n

    kinds = {
        "miss": [carrying(n) for n in range(SAMPLES)],
        "hit": [
            carrying(n, account=subject(m)[1])
            for n, m in zip(range(SAMPLES), of_scope("account"), strict=False)
        ],
        "range": [
            carrying(n, address=subject(m)[1].replace(".0/24", ".9"))
            for n, m in zip(range(SAMPLES), of_scope("range"), strict=False)
        ],
    }
    kinds["again"] = kinds["hit"][:1000] * (SAMPLES // 1000)
    weighing = Decider(knowledge, Throttles(), bounds=Bounds(share=1.0, fresh_s=1e9))

    def read(request: Request) -> tuple[str | None, str]:
        answer = decider.decide(request)
        return answer.decision, answer.reason

    def verdict(request: Request) -> object:
        return knowledge.table.verdict(request, NOW)

    gc.collect()
    gc.freeze()
    for name, requests in kinds.items():
        answered = [decider.decide(request) for request in requests[:1000]]
        assert all((answer.decision is None) == (name == "miss") for answer in answered)
        found[name] = percentiles(decider.decide, requests, rounds)
        found[f"{name}, verdict"] = percentiles(verdict, requests, rounds)
        if name != "miss":
            found[f"{name}, read"] = percentiles(read, requests, rounds)
            found[f"{name}, fresh"] = percentiles(weighing.decide, requests, rounds)
    found["probe"] = percentiles(probe(count), kinds["hit"], rounds)
    changes = [
        Change(2 + n, one["id"], one)
        for n, one in enumerate(table.decision(dice.randrange(count)) for _ in range(20_000))
    ]
    began = time.process_time()
    knowledge.apply(changes, 2 + len(changes))
    found["changes"] = len(changes) / (time.process_time() - began)
    return found


def probe(count: int) -> Callable[[Request], object]:
    """The least that a lookup can cost: a dict as large as the table's, whose texts lie apart."""
    values = [value for scope, value in map(subject, range(count)) if scope == "account"]
    known = {value: row for row, value in enumerate(values)}
    return lambda request: known.get(request[0])


def percentiles(what: Callable[[Any], object], given: list[Any], rounds: int) -> list[float]:
    """p50 and p99 in microseconds: their medians over the rounds, then the least of each."""
    clock, halves, tails = time.perf_counter_ns, [], []
    for _ in range(rounds):
        taken = []
        for one in given:
            began = clock()
            what(one)
            taken.append(clock() - began)
        taken.sort()
        halves.append(taken[len(taken) // 2] / 1e3)
        tails.append(taken[len(taken) * 99 // 100] / 1e3)
    return [statistics.median(halves), statistics.median(tails), min(halves), min(tails)]


if __name__ == "__main__":
    print(json.dumps(decide(Path(sys.argv[1]), int(sys.argv[2]))))

"""What an element costs at the client and at each evaluator, in CPU time of one core.

    cd bench && python -m matching.oprf [--json] [--repeat 5]

Batches of 1, 100 and 1,000 inputs of 40 bytes under a 2-of-3 key; process time, medians of the
repeats. The goals are those of one million customers: at most 250 CPU-seconds at the client and 90
at each evaluator.
"""

import statistics
import time
import warnings
from collections.abc import Callable

from common import arguments, emit
from stillwatch.crypto.oprf import blind, evaluate_input, finalize
from stillwatch.crypto.ristretto import random_scalar
from stillwatch.crypto.sodium import sodium
from stillwatch.crypto.threshold import (
    Quorum,
    combine,
    evaluate_share,
    proof_context,
    unsafe_dealer,
    verify_part,
)

BATCHES = (1, 100, 1000)
ELEMENTS = 1000
"""Elements measured in one repeat, whatever the batch."""
GOALS = {"blind": 90, "evaluate": 65, "finalise": 109}
"""Microseconds an element, for one core."""


def microseconds(step: Callable[[], object], batch: int, repeat: int) -> float:
    """CPU time of a step for each of its elements, the median of the repeats."""
    rounds, taken = max(1, ELEMENTS // batch), []
    for _ in range(repeat):
        started = time.process_time()
        for _ in range(rounds):
            step()
        taken.append((time.process_time() - started) / (rounds * batch) * 1e6)
    return statistics.median(taken)


def steps(batch: int) -> dict[str, Callable[[], object]]:
    """The steps of one batch, from identifiers to outputs."""
    secret, quorum = random_scalar(), Quorum((1, 3))
    with warnings.catch_warnings(action="ignore"):
        dealt = unsafe_dealer(2, 3, secret=secret)
    shares = {share.index: share for share in dealt.shares}
    context = proof_context("bench", 0, 1)
    inputs = [f"v1|email|bench|customer{place:08}@example.com".encode() for place in range(batch)]
    blinds, blinded = blind(inputs)
    parts = [evaluate_share(shares[index], quorum, blinded) for index in quorum.indices]
    proven = evaluate_share(shares[1], quorum, blinded, context=context)
    added, public = combine(parts, quorum), shares[1].public
    assert finalize(inputs, blinds, added) == [evaluate_input(secret, data) for data in inputs]
    return {
        "blind": lambda: blind(inputs),
        "evaluate": lambda: evaluate_share(shares[1], quorum, blinded),
        "evaluate and prove": lambda: evaluate_share(shares[1], quorum, blinded, context=context),
        "verify a proof": lambda: verify_part(proven, public, quorum, blinded, context),
        "combine 2": lambda: combine(parts, quorum),
        "finalise": lambda: finalize(inputs, blinds, added),
    }


def measure(repeat: int) -> dict[str, dict[int, float]]:
    """Microseconds an element, by step and batch."""
    found: dict[str, dict[int, float]] = {}
    for batch in BATCHES:
        for name, step in steps(batch).items():
            found.setdefault(name, {})[batch] = microseconds(step, batch, repeat)
    return found


def main() -> None:
    options = arguments(__doc__, repeat=5)
    found = measure(options.repeat)
    rows = [
        [name, *(f"{by_batch[batch]:.1f}" for batch in BATCHES), GOALS.get(name, "")]
        for name, by_batch in found.items()
    ]
    client = sum(found[name][1000] for name in ("blind", "combine 2", "finalise"))
    rows.append(["client, 1 M at t = 2 (s)", "", "", f"{client:.1f}", 250])
    rows.append(["each evaluator, 1 M (s)", "", "", f"{found['evaluate'][1000]:.1f}", 90])
    library = sodium.sodium_version_string().decode()
    head = ["us an element", *(f"batch {batch}" for batch in BATCHES), "goal"]
    emit({"head": head, "rows": rows, "libsodium": library, "us": found}, options.json)


if __name__ == "__main__":
    main()

"""What sharing is worth in the closed loop: exchanges leaked after the ban, with it and without.

Leaked is what was answered and made for the campaign's job; ``all answered`` counts the requests that
only cover its accounts, too.

    cd bench && python -m gateway.closed_loop [--seeds 5] [--reuse 0.9 0.5 0.1] [--accounts 1500]

Each run is ``make demo`` with another seed: three labs, hub, evaluators and gateways as processes, and the
same days without sharing. The campaign's identities reuse something of its stock with the chance
``reuse``. Intervals are of the mean over seeds (Student's t, 95 %).
"""

import argparse
import math
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from scipy.stats import t

from common import DATA, emit
from examples.closed_loop.story import Outcome, tell
from examples.closed_loop.world import Plan
from examples.closed_loop.worlds import BETA, GAMMA

REUSED = (0.9, 0.5, 0.1)
FIRST_SEED = 1


def measured(
    seeds: int = 5, reused: Sequence[float] = REUSED, accounts: int = 1500
) -> dict[str, Any]:
    """A row for each chance of reuse, over seeds."""
    rows = []
    for reuse in reused:
        done = [
            _told(Plan(seed, accounts, reuse=reuse))
            for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        ]
        rows.append(_row(reuse, done))
    return {"head": list(rows[0]), "rows": [list(row.values()) for row in rows]}


def _told(plan: Plan) -> Outcome:
    def say(line: str) -> None:
        print(f"{plan.seed} {plan.reuse:.0%}  {line}", file=sys.stderr, flush=True)

    done = tell(DATA / "closed_loop", plan, say)
    say(f"leaked {done.leaked(done.alone)}, sharing {done.leaked(done.together)}: {done.fall:.0%}")
    return done


def _row(reuse: float, done: Sequence[Outcome]) -> dict[str, Any]:
    figures = [one.together.figures[lab] for one in done for lab in (BETA, GAMMA)]
    asked = [hours for one in figures for hours in one.challenged.values()]
    appeals = [one.together.notes["appeal"]["left_at_gamma"] for one in done]
    return {
        "identities that reuse": f"{reuse:.0%}",
        "worlds": len(done),
        "leaked alone": _mean([one.leaked(one.alone) for one in done]),
        "leaked sharing": _mean([one.leaked(one.together) for one in done]),
        "fall": _mean([100 * one.fall for one in done], " %"),
        "least fall": f"{min(one.fall for one in done):.0%}",
        "fall of all answered": _mean([100 * _of_all(one) for one in done], " %"),
        "innocents": sum(len(one.innocents) for one in figures),
        "blocked": sum(len(one.blocked) for one in figures),
        "asked for proof": len(asked),
        "longest, hours": f"{max(asked, default=0.0):.1f}",
        "appeals undone at gamma": f"{appeals.count(0)} of {len(appeals)}",
        "seconds": _mean([one.seconds for one in done]),
    }


def _of_all(done: Outcome) -> float:
    return 1 - done.answered(done.together) / max(1, done.answered(done.alone))


def _mean(values: Sequence[float], unit: str = "") -> str:
    mean = statistics.fmean(values)
    if len(values) < 2:
        return f"{mean:,.0f}{unit}"
    wide = float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:,.0f}{unit} ± {wide:,.0f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--reuse", type=float, nargs="+", default=list(REUSED))
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    emit(measured(options.seeds, options.reuse, options.accounts), options.json)

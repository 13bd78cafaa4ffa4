"""Groups of accounts with known truth: users of products, and one job among them."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np

from stillwatch.profiles.merge import Profiles
from tests.profiling import profiled
from tests.support import START, event

SUBJECTS = (
    "volcanoes", "contracts", "sourdough", "databases", "poetry", "antibiotics", "football",
    "interest", "compilers", "birds", "opera", "chess", "soil", "engines", "taxes", "kanji",
    "weddings", "knots", "solar", "dogs", "glaciers", "perfume", "bridges", "jazz",
)  # fmt: skip
EVENTS = 12


def spelled(n: int) -> str:
    return "".join(chr(97 + int(d)) for d in str(n))


def product(number: int, members: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Users of one product: its wording, but topics, hours and settings of their own.

    Now and then one asks again, or what another asked.
    """
    scaffold = " ".join(f"{spelled(number)}{chr(97 + w)}x" for w in range(12))
    rows = []
    for member in range(members):
        own = rng.choice(len(SUBJECTS), 3, replace=False)
        hour, creative = int(rng.integers(24)), bool(rng.integers(2))
        for i in range(EVENTS):
            subject = SUBJECTS[int(rng.choice(own))]
            name = f"n{number}-{member}"
            rows.append(
                event(
                    i,
                    event_id=f"{name}-{i}",
                    account_id=name,
                    timestamp=START
                    + timedelta(days=i % 7, hours=hour, minutes=int(rng.integers(90))),
                    prompt=f"{scaffold} {subject} {subject} {spelled(int(rng.integers(12)))}",
                    temperature=1.0 if creative else 0.0,
                    model=f"m{int(rng.integers(2)) if i else member % 2}",
                )
            )
    return rows


def job(members: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """One pool of prompts shared out over accounts."""
    scaffold = "lay out the whole reasoning before the verdict and number each of the steps"
    rows = []
    for n in range(members * EVENTS):
        subject = SUBJECTS[int(rng.integers(len(SUBJECTS)))]
        rows.append(
            event(
                n,
                event_id=f"job-{n}",
                account_id=f"j-{n % members}",
                timestamp=START + timedelta(minutes=int(rng.integers(7 * 24 * 60))),
                prompt=f"{scaffold} {subject} {subject} {spelled(n)}",
                temperature=0.0,
            )
        )
    return rows


class World:
    """Natural groups of several sizes, and one job in the last rows."""

    def __init__(self, seed: int, groups: int = 60, members: int = 12) -> None:
        rng = np.random.default_rng(seed)
        sizes = rng.integers(5, 16, groups)
        rows = [row for g in range(groups) for row in product(g, int(sizes[g]), rng)]
        rows += job(members, rng)
        self.profiles: Profiles = profiled(rows).profiles
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self.natural = [np.arange(a, b) for a, b in pairwise(starts.tolist())]
        self.job = np.arange(starts[-1], starts[-1] + members)

"""Detection on accounts composed from real prompts: extraction sources against organic ones.

No public corpus has account ids, prompts and times together, so accounts are composed:
``stillwatch simulate --corpus`` gives campaigns the prompts of extraction corpora (wrapped in
scaffolds, with cover traffic) and innocent populations those of organic ones, with arrival gaps
and token counts of real traces.

    python bench/real.py [--seeds 5] [--json]        needs STILLWATCH_DATA or ../shared/data
"""

from pathlib import Path
from typing import Any

from common import arguments, data_folder, emit
from quality import HEAD, measure_world, summary


def measure(seeds: int) -> dict[str, Any]:
    """One row per seed and their pooled rates."""
    data = data_folder()
    if data is None:
        return {"skipped": "real prompts absent: set STILLWATCH_DATA to their folder"}
    rows = [measure_world(seed, corpus=Path(data)) for seed in range(1, seeds + 1)]
    return {"head": HEAD, "rows": [*rows, summary(rows)]}


if __name__ == "__main__":
    options = arguments(__doc__, seeds=5)
    emit(measure(options.seeds), options.json)

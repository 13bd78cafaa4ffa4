"""Fit the shipped combiner and write it with its model card.

cd bench && python -m correlation.ship [--dry-run]
"""

import sys

from common import ROOT
from correlation.world import folder_or_none, world
from stillwatch.provenance.combine import save
from stillwatch.provenance.fit import fit

DATA = (
    "AlpacaEval answers (tatsu-lab/alpaca_eval@cd543a149d), 59 models, 398 of 805 prompts, lineage "
    "documented by papers and model cards"
)


def main() -> None:
    folder = folder_or_none()
    if folder is None:
        sys.exit("the answers are absent: set STILLWATCH_DATA to their folder")
    w = world(folder)
    fitted = fit(w.measured, w.panel.pairs, data=DATA, nulls=w.certain_nulls)
    raw = save(fitted)
    if "--dry-run" not in sys.argv:
        (ROOT / "src" / "stillwatch" / "provenance" / "combiner.json").write_bytes(raw)
    print(raw.decode())


if __name__ == "__main__":
    main()

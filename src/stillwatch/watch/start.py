"""Puts a watcher together: state, sources, window, judging."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from stillwatch.config import Config
from stillwatch.logs import Tally
from stillwatch.logs.accounts import read_accounts
from stillwatch.pipeline import Grounds, Summarised, check_writable, summarise
from stillwatch.profiles.phrases import Family, FamilyTable, load_families, shipped_rules
from stillwatch.watch.badrows import BadShare
from stillwatch.watch.days import Days
from stillwatch.watch.figures import Figures
from stillwatch.watch.inputs import open_sources
from stillwatch.watch.interface import Bounds
from stillwatch.watch.judging import Act, Judging
from stillwatch.watch.naming import Names
from stillwatch.watch.service import Pace, Tell, Watcher
from stillwatch.watch.state import State
from stillwatch.watch.window import Window


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be watched, and how."""

    inputs: Sequence[str]
    state: Path
    config: Config
    pace: Pace = field(default_factory=Pace)
    days: int = 14
    """Days that are kept."""
    format: str | None = None
    accounts: Path | None = None
    baseline: Sequence[str] = ()
    out: Path | None = None
    """Result directory that is kept current."""


class Basis:
    """The grounds of judgements; rules and account records are read again when they change."""

    def __init__(self, plan: Plan, families: tuple[Family, ...]) -> None:
        self._plan, self._families = plan, families
        self._known: Summarised | None = None
        if plan.baseline:
            self._known = summarise(plan.baseline, plan.config, format=plan.format)
        self._records: pa.Table | None = None
        self._tally = Tally()
        self._stamp: tuple[int, int, int] | None = None
        self()  # what is wrong with a file is better known now

    def __call__(self) -> Grounds:
        """The grounds as they are now."""
        path = self._plan.accounts
        if path is not None:
            stamp = _stamp(path)
            if stamp is None or stamp != self._stamp:
                tally = Tally()
                self._records, self._tally = read_accounts(path, tally), tally
            self._stamp = stamp
        return Grounds.of(
            self._plan.config, self._families, self._records, self._tally, self._known
        )


def watcher(
    plan: Plan, act: Act | None, figures: Figures, tell: Tell, state: State, bounds: Bounds
) -> Watcher:
    """A watcher that can be run. Raises what reading files and settings raises."""
    if plan.out is not None:
        check_writable(plan.out)
    families = load_families((plan.config.rules or shipped_rules()) / "phrases")
    table = FamilyTable.compile(families)
    basis = Basis(plan, families)
    window = Window(table.names, state)
    positions = state.manifest.sources
    return Watcher(
        open_sources(plan.inputs, plan.config, plan.format, positions, bounds),
        state,
        Days(table, plan.days, state.manifest.newest),
        window,
        Judging(basis, Names(state.folder / "campaigns.json"), act, plan.out),
        BadShare(plan.config.bad_row_limit, bounds, state.quarantine, state.manifest.recent),
        figures,
        plan.pace,
        tell,
        bounds,
    )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns

"""A progress bar on stderr: rate and time left while reading, a spinner while judging."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is in all."""
_WORDS = {"read": "reading and profiling", "judge": "measuring, linking, judging"}


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Report | None]:
    """Yield the callback that drives the bar; None (no bar) when ``quiet`` or not a terminal."""
    rate = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with _bar(quiet, "getting ready (a first run compiles)", *rate) as report:
        yield report and (lambda what, done, total: report(_WORDS[what], done, total))


@contextmanager
def spinner(quiet: bool) -> Iterator[Report | None]:
    """Yield a callback that names the step being done; None when ``quiet`` or not a terminal."""
    with _bar(quiet, "reading") as report:
        yield report


@contextmanager
def _bar(quiet: bool, first: str, *columns: ProgressColumn) -> Iterator[Report | None]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    shown = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), *columns)
    with Progress(*shown, console=console, transient=True) as bar:
        task = bar.add_task(first, total=None)

        def report(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield report

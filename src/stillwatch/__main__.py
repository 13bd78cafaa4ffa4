"""Entry point of ``stillwatch`` and ``python -m stillwatch``.

Rules: nothing of weight is imported before the guard stands, because loading the libraries
takes a second or two and an interrupt in that time must end as cleanly as a later one. Whatever
comes up after an interrupt is its consequence (numba turns one into an error of its own), so it
is never shown as a fault.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

from stillwatch.errors import StillwatchError

INTERRUPTED = 130
"""Exit code of a program that was interrupted: 128 + SIGINT; typer's own sign for it, too."""
_SWITCH = 0.0005
"""Seconds that a thread may keep the interpreter from another (measured: 3 % less time to read)."""


def main() -> None:
    """Run the command that the arguments name."""
    guarded(_command)


def guarded(command: Callable[[], None]) -> None:
    """Run ``command``; our own errors become one line on stderr, an interrupt the code 130."""
    interrupts: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        command()
    except BaseException as error:
        if interrupts or _interrupted(error):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is ending already
            _end("interrupted; nothing half-written was kept", INTERRUPTED)
        if isinstance(error, StillwatchError):
            _end(str(error), error.exit_code)
        raise
    finally:
        if not interrupts:
            signal.signal(signal.SIGINT, before)


def _command() -> None:
    # our own threads use all cores: the waiting ones of a matrix library would only take time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # threads that measure seldom need the interpreter, and then briefly: hand it over at once
    sys.setswitchinterval(_SWITCH)
    gc.disable()  # nothing that is loaded becomes garbage: looking for it took a tenth of the time
    from stillwatch.cli import app  # noqa: PLC0415 - see above

    gc.freeze()
    gc.enable()
    try:
        app()
    finally:
        gc.unfreeze()


def _interrupted(error: BaseException) -> bool:
    stopped = isinstance(error, SystemExit) and error.code == INTERRUPTED
    return stopped or isinstance(error, KeyboardInterrupt)


def _end(message: str, code: int) -> None:
    # a message may quote a log: what it quotes must not drive the terminal
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    print(f"stillwatch: {shown}", file=sys.stderr)  # noqa: T201 - the program's voice
    sys.exit(code)


if __name__ == "__main__":
    main()

"""What a process that holds a share of the key must not leave behind."""

import contextlib
import resource


def no_core_dumps() -> None:
    """Forbid this process to leave its memory, and with it a share, on a disk."""
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

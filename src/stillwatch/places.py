"""Where stillwatch keeps what outlives a run, when no option names another place."""

import os
from pathlib import Path


def data_folder() -> Path:
    """``STILLWATCH_HOME``, or ``stillwatch`` in the user's data folder (XDG Base Directory 0.8)."""
    if home := os.environ.get("STILLWATCH_HOME"):
        return Path(home)
    base = os.environ.get("XDG_DATA_HOME", "")
    # the specification: relative paths are to be ignored
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "stillwatch"

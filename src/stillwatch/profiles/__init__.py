"""The mergeable summary of an account's traffic.

Glossary
    profile     fixed-size summary of an account, a key, an organisation or a whole campaign
    kernel      the one pass over a prompt's text: hashes, shingles, phrases, embedding
    fold        adding measured events to profiles
    merge       adding profiles to profiles; associative and commutative, with an identity
    sketch      a small stand-in for a large set: distinct counters, smallest-key samples
    skeleton    the shingles that recur in an account's different prompts
    signal      one number measured on a profile
"""

import hashlib
import os
import tempfile
import time
from pathlib import Path

from numba.core import config as _numba

_WEEK = 7 * 86_400


def _kernel_cache() -> str:
    """Folder for compiled kernels that belongs to exactly these sources (all rooms with kernels).

    numba looks only at the file of a kernel, not at those it calls or takes constants from, and
    would run an old kernel on a new profile layout. So the folder is named by all sources.
    """
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    rooms = ("profiles", "campaigns", "provenance")
    for source in sorted(file for room in rooms for file in package.glob(f"{room}/**/*.py")):
        stat = source.stat()
        digest.update(f"{source.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    name = f"kernels-{digest.hexdigest()[:16]}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "stillwatch"
    for folder in (package / "__pycache__", home, Path(tempfile.gettempdir()) / "stillwatch"):
        try:
            (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder / name, os.W_OK):
            _forget_others(folder, name)
            return str(folder / name)
    return ""


def _forget_others(folder: Path, name: str) -> None:
    """Remove kernels that no source has had for a week, and nothing but kernels."""
    for old in folder.glob("kernels-*"):
        if old.name != name and time.time() - old.stat().st_mtime > _WEEK:
            for file in old.rglob("*.nb?"):
                file.unlink(missing_ok=True)


if not os.environ.get("NUMBA_CACHE_DIR"):
    _numba.CACHE_DIR = _kernel_cache()  # type: ignore[attr-defined]

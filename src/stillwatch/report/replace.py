"""Replace the files of a directory together, or not at all.

Rules
    - New files are written beside the old ones, in a hidden directory on the same file system.
    - Only when all are complete do they take the old ones' places; an exception on the way,
      an interrupt included, puts every old file back.
    - Files of the directory that are not ours are never touched.
    - A process killed between two renames leaves a mixture. The digests in ``summary.json``
      tell: see ``result.read_result``.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from stillwatch.errors import InputError


@contextmanager
def replacing(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """Yield an empty directory in which to write ``names``; move them into ``out`` at the end.

    Raises ``InputError`` where ``out`` cannot be written; ``FileNotFoundError`` if the body did
    not write one of ``names``.
    """
    created = not out.exists()
    staging = _staging(out)
    try:
        yield staging
        _flush(staging, names)
        _swap(staging, out, names)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if created:
            _remove_empty(out)
        raise
    shutil.rmtree(staging, ignore_errors=True)


def _staging(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=".stillwatch-", dir=out))
    except FileExistsError:
        raise InputError(f"{out} is a file", hint="name a directory for the result") from None
    except OSError as error:
        raise InputError(
            f"cannot write to {out}: {error.strerror}", hint="name a directory you may write to"
        ) from error


def _flush(staging: Path, names: Sequence[str]) -> None:
    """Bring the bytes to the disk first: a rename may reach it before them."""
    for name in names:
        with (staging / name).open("rb") as file:
            os.fsync(file.fileno())


def _swap(staging: Path, out: Path, names: Sequence[str]) -> None:
    old = staging / "old"
    old.mkdir()
    try:
        for name in names:
            if (out / name).exists():
                (out / name).replace(old / name)
            (staging / name).replace(out / name)
    except BaseException:
        _put_back(staging, out, names)
        raise


def _put_back(staging: Path, out: Path, names: Sequence[str]) -> None:
    for name in names:
        placed = not (staging / name).exists()
        if (staging / "old" / name).exists():
            (staging / "old" / name).replace(out / name)
        elif placed:
            (out / name).unlink(missing_ok=True)


def _remove_empty(out: Path) -> None:
    try:
        out.rmdir()
    except OSError:
        return  # something else is in it: not ours to remove

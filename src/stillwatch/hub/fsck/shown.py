"""Checkpoints that somebody else was shown, held against the log that is checked.

A log that was forked holds by itself, each copy of it: only a checkpoint of one of them against the
entries of the other tells. Members keep the last that they believed, and a refused pull writes both
into its file of evidence.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stillwatch.errors import InputError
from stillwatch.hub.fsck.notes import Head, PublicKey, Unsound, read_checkpoint
from stillwatch.hub.fsck.report import Report
from stillwatch.hub.fsck.tree import Tree

_MOST = 1 << 20
"""Bytes of a file."""


@dataclass(frozen=True, slots=True)
class Note:
    """A signed checkpoint as it was kept."""

    where: str
    text: str


class Shown:
    """Checkpoints to compare; each is looked at when the tree has its size."""

    def __init__(self, notes: Iterable[Note], key: PublicKey, report: Report) -> None:
        """Raises ``InputError`` for one that the log's key did not sign: it says nothing of the log."""
        self._left: dict[int, list[tuple[str, Head]]] = {}
        self._report = report
        for note in notes:
            try:
                head = read_checkpoint(note.text, key)
            except Unsound as error:
                raise InputError(
                    f"{note.where} is no checkpoint of {key.name}: {error}",
                    hint="give the note as it came, or the file of evidence of a refused pull",
                ) from error
            self._left.setdefault(head.size, []).append((note.where, head))
            report.looked_at["shown checkpoints"] += 1

    def at(self, tree: Tree) -> None:
        """Hold those of the size reached against the tree."""
        for where, head in self._left.pop(tree.size, ()):
            if tree.root() != head.root:
                message = f"{head.size} entries of another history: the log was forked"
                self._report.fault("fork", where, message, tree.root(), head.root)

    def finish(self, tree: Tree) -> None:
        """Tell of those that are larger than the log."""
        self.at(tree)
        for size, notes in sorted(self._left.items()):
            for where, _ in notes:
                message = "it is of more entries: some were taken away, or it is of another history"
                self._report.fault("fork", where, message, tree.size, size)


def read_notes(path: Path) -> list[Note]:
    """The checkpoints in a file: one signed note, or those of a refused pull's evidence (JSON)."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error})") from error
    if not text.lstrip().startswith("{"):
        return [Note(str(path), text)]
    try:
        found = json.loads(text)
        notes: list[tuple[str, Any]] = [
            ("kept", found["kept"]["checkpoint"]), ("came", found["checkpoint"])
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no evidence of a pull") from error
    return [
        Note(f"{path} ({name})", text) for name, text in notes if isinstance(text, str) and text
    ]

"""Which files are new, known or replaced since they were read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from stillwatch.daily.manifest import Manifest, Run, Stamp
from stillwatch.errors import InputError
from stillwatch.logs.inputs import Found, find_inputs


@dataclass(slots=True)
class Plan:
    """What is to be done with the files that were named."""

    new: list[Stamp] = field(default_factory=list)
    redo: list[tuple[Run, tuple[Stamp, ...]]] = field(default_factory=list)
    """Runs one of whose files was replaced, with their files as they are now."""
    known: int = 0
    """Files that count already."""
    copies: list[str] = field(default_factory=list)
    """Files of new names whose bytes count already."""


def plan(paths: Sequence[str], manifest: Manifest) -> Plan:
    """Look at the files. Raises ``InputError`` where a run cannot be redone."""
    made, counted = Plan(), set(manifest.digests)
    replaced: dict[str, Stamp] = {}
    for found in find_inputs(paths).files:
        before = manifest.known(found.path)
        now = stamp(found, before)
        if before is not None and before.digest == now.digest:
            made.known += 1
        elif before is not None:
            replaced[now.path] = now
        elif now.digest in counted:
            made.copies.append(now.path)
        else:
            made.new.append(now)
            counted.add(now.digest)
    for run in manifest.runs:
        if any(each.path in replaced for each in run.files):
            made.redo.append((run, tuple(_as_now(each, replaced) for each in run.files)))
    return made


def stamp(found: Found, before: Stamp | None) -> Stamp:
    """What the file is now; read for its digest only if size or time differ from ``before``."""
    if found.remote:
        return Stamp(found.path, found.bytes, f"size:{found.path}:{found.bytes}")
    path = Path(found.path)
    changed = path.stat().st_mtime_ns
    if before is not None and (before.bytes, before.changed_ns) == (found.bytes, changed):
        return before
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Stamp(found.path, found.bytes, digest, changed)


def _as_now(before: Stamp, replaced: dict[str, Stamp]) -> Stamp:
    if before.path in replaced:
        return replaced[before.path]
    try:
        [found] = find_inputs([before.path]).files
    except InputError as error:
        raise InputError(
            f"a file was replaced, and {before.path}, which was read together with it, is gone: "
            "its events cannot be told from those of the replaced file",
            hint="bring it back, or begin anew with another --state",
        ) from error
    return replace(stamp(found, before))

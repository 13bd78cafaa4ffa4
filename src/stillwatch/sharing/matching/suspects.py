"""``suspects.json`` in a result: the groups that other labs may know more of.

Rules
    * It stays in the house, like the result: it names accounts. What may leave of it is in
      ``sharing.matching.joined``.
    * It belongs to one run: it holds the digest of that run's findings, and is refused beside others.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.detection.findings import campaign_id
from stillwatch.detection.suspects import Suspect, Suspects, spans_of
from stillwatch.errors import InputError, StoredDataError
from stillwatch.profiles.merge import Profiles

SCHEMA: Final = "stillwatch-suspects/1"
FILE: Final = "suspects.json"
_FINDINGS: Final = "findings.jsonl"
_AGAIN: Final = "run `stillwatch detect` again with this directory as --out"


@dataclass(frozen=True, slots=True)
class Group:
    """A campaign of ours, or a suspected group."""

    name: str
    """The campaign's id, or ``S0001`` and so on."""
    reported: bool
    """Whether it is a campaign that our own evidence found."""
    stands: bool
    """Whether it stands for the groups that it overlaps with: the others are told to nobody."""
    p_value: float
    accounts: tuple[str, ...]
    events: int
    first_seen: datetime
    last_seen: datetime
    bands: tuple[str, ...]
    """Hex, 16 bytes each."""
    prompts: tuple[str, ...]
    """Hashes of rare prompts, hex, 8 bytes each."""


@dataclass(frozen=True, slots=True)
class Suspected:
    """All of one run."""

    groups: tuple[Group, ...]
    fdr: float
    least: int
    """Accounts of a campaign, over all labs."""
    bar: float
    """Largest p-value of a suspected group."""
    tested: int
    beyond: int
    """Groups that passed the bar, but were more than are kept."""
    common_bands: int
    """Bands left out because many unsuspected accounts hold them."""
    common_prompts: int
    thin: int
    """Groups with too short a skeleton to be compared."""


def of_run(
    found: Suspects,
    account_ids: Sequence[str],
    profiles: Profiles,
    fdr: float,
    least: int,
    name: Callable[[int], str] = campaign_id,
) -> Suspected:
    """The suspected groups of a run, with the names of accounts; ``name`` tells a campaign's."""
    groups = tuple(
        _group(
            name(one.campaign) if one.campaign >= 0 else f"S{n + 1:04d}", one, account_ids, profiles
        )
        for n, one in enumerate(found.groups)
    )
    left = found.left
    return Suspected(
        groups, fdr, least, found.bar, found.tested, found.beyond, left.bands, left.prompts, left.thin
    )  # fmt: skip


def write(out: Path, suspected: Suspected) -> None:
    """Write them beside the findings of their run. Raises ``InputError``."""
    try:
        body = {"schema": SCHEMA, "findings": _digest(out), **asdict(suspected)}
        content = orjson.dumps(body, option=orjson.OPT_INDENT_2)
        fresh = out / f".{FILE}.new"
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(out / FILE)
    except OSError as error:
        raise InputError(
            f"cannot write {out / FILE}: {error}", hint="the result beside it is complete"
        ) from error


def read(result: Path) -> Suspected:
    """The suspected groups of a result. Raises ``StoredDataError``."""
    path = result / FILE
    try:
        body = orjson.loads(path.read_bytes())
        digest = _digest(result)
    except (FileNotFoundError, NotADirectoryError):
        raise StoredDataError(
            f"{result} has no suspected groups (no {FILE})", hint=_AGAIN
        ) from None
    except (OSError, ValueError) as error:
        raise StoredDataError(f"{path} cannot be read: {error}", hint=_AGAIN) from error
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise StoredDataError(f"{path} is not {SCHEMA}, which this version reads", hint=_AGAIN)
    if body.get("findings") != digest:
        raise StoredDataError(f"{path} is of another run than the findings beside it", hint=_AGAIN)
    try:
        return _decoded(body)
    except (KeyError, TypeError, ValueError) as error:
        raise StoredDataError(f"{path} is damaged: {error!r}", hint=_AGAIN) from error


def _decoded(body: Mapping[str, Any]) -> Suspected:
    figures = {
        name: int(body[name])
        for name in ("least", "tested", "beyond", "common_bands", "common_prompts", "thin")
    }
    groups = tuple(
        Group(
            str(one["name"]), bool(one["reported"]), bool(one["stands"]), float(one["p_value"]),
            tuple(map(str, one["accounts"])), int(one["events"]),
            datetime.fromisoformat(one["first_seen"]), datetime.fromisoformat(one["last_seen"]),
            _hex(one["bands"], 16), _hex(one["prompts"], 8),
        )
        for one in body["groups"]
    )  # fmt: skip
    return Suspected(groups, fdr=float(body["fdr"]), bar=float(body["bar"]), **figures)


def _hex(values: Sequence[str], size: int) -> tuple[str, ...]:
    for value in values:
        if len(bytes.fromhex(value)) != size:
            raise ValueError(f"a band or prompt of another size than {size}")
    return tuple(values)


def _group(name: str, one: Suspect, account_ids: Sequence[str], profiles: Profiles) -> Group:
    events, first, last = spans_of(profiles, one.accounts)
    return Group(
        name,
        one.campaign >= 0,
        one.stands,
        one.p_value,
        tuple(account_ids[row] for row in one.accounts.tolist()),
        events,
        datetime.fromtimestamp(first / 1e6, tz=UTC),
        datetime.fromtimestamp(last / 1e6, tz=UTC),
        tuple(band.hex() for band in one.marks.bands),
        tuple(prompt.hex() for prompt in one.marks.prompts),
    )


def _digest(result: Path) -> str:
    with (result / _FINDINGS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

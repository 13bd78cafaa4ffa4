"""Key epochs as a lab believes them: fetched from the hub, verified by itself, and pinned.

Rules
    * Every signature of a document is checked with keys from the log as this lab follows it.
    * What was once believed is kept in a file. Another document for the same name and generation,
      another key, an end or holder that a refresh changed, or a generation that is gone again shows
      that the hub or the evaluators tell different labs different things: nothing is used then,
      and the evidence goes to a file, as in a pull.
    * What cannot be believed yet (a key that this lab's log does not know) is told and left out.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.crypto.epoch import Epoch, accepted
from stillwatch.crypto.epoch_document import check, check_refreshed
from stillwatch.crypto.statements import Key
from stillwatch.domain.claim import KeyId
from stillwatch.errors import InputError, NotTrusted, StoredDataError
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.known import Refused
from stillwatch.sharing.pull import write_evidence

PINS: Final = "epochs.json"
_KEPT_DAYS: Final = 180
"""How long after its end an epoch stays pinned."""
_MOST: Final = 64 * 1024 * 1024
_Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Believed:
    """What a fetch came to."""

    epochs: tuple[Epoch, ...]
    """All generations, of all names."""
    left_out: tuple[str, ...] = ()
    """Why a document that came is not used."""

    def on(self, day: date) -> tuple[Epoch, ...]:
        """The epochs that count on a day, the one that began last first."""
        return accepted(self.epochs, day)


def refresh(hub: Hub, keys: Mapping[KeyId, Key], folder: Path, today: date) -> Believed:
    """Fetch the epochs, and believe and pin what holds.

    Raises ``NotTrusted`` naming the file of evidence, ``PeerError``, or ``StoredDataError`` for a
    damaged file of pins; what was pinned stays as it was then.
    """
    pinned = load(folder)
    documents = hub.epochs()
    try:
        merged, left_out = merge(pinned, documents, keys)
    except Refused as error:
        place = write_evidence(folder, error)
        raise NotTrusted(
            f"{error.kind}: {error.message}", hint=f"nothing was used; the evidence is in {place}"
        ) from error
    kept = {
        place: one
        for place, one in merged.items()
        if Epoch.from_json(one).ends >= today - timedelta(days=_KEPT_DAYS)
    }
    if kept != pinned:
        _save(folder, kept)
    return Believed(tuple(Epoch.from_json(kept[place]) for place in sorted(kept)), left_out)


def merge(
    pinned: Mapping[_Place, dict[str, Any]], documents: Iterable[Any], keys: Mapping[KeyId, Key]
) -> tuple[dict[_Place, dict[str, Any]], tuple[str, ...]]:
    """What is believed after documents have come, and why others of them are not.

    Raises ``Refused`` where what came contradicts what was pinned, or itself.
    """
    merged, came, left_out = dict(pinned), dict[_Place, Epoch](), list[str]()
    for document in documents:
        try:
            epoch = check(document, keys)
        except (InputError, NotTrusted) as error:
            left_out.append(error.message)
            continue
        place = (epoch.name, epoch.generation)
        before = merged.get(place)
        if before is not None and Epoch.from_json(before) != epoch:
            raise _split(
                f"two documents of epoch {place[0]}, generation {place[1]}", before, document
            )
        came[place] = epoch
        merged.setdefault(place, document)
    _check_refreshes(merged)
    _check_none_gone(pinned, came)
    return merged, tuple(left_out)


def load(folder: Path) -> dict[_Place, dict[str, Any]]:
    """What was pinned. Raises ``StoredDataError`` for a file that cannot be used."""
    path = folder / PINS
    try:
        data = path.read_bytes() if path.stat().st_size <= _MOST else b""
        documents = orjson.loads(data)
        return {(one["name"], one["generation"]): _sound(one) for one in documents}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, InputError) as error:
        raise StoredDataError(
            f"the epochs pinned in {path} cannot be read",
            hint="restore the file from a backup; without it a split view goes unseen",
        ) from error


def _check_refreshes(merged: Mapping[_Place, dict[str, Any]]) -> None:
    for (name, generation), document in sorted(merged.items()):
        before = merged.get((name, generation - 1))
        if before is None:
            continue
        try:
            check_refreshed(Epoch.from_json(before), Epoch.from_json(document))
        except NotTrusted as error:
            raise _split(error.message, before, document) from error


def _check_none_gone(pinned: Mapping[_Place, dict[str, Any]], came: Mapping[_Place, Epoch]) -> None:
    """A generation that was shown once is shown from then on, as long as its name is."""
    newest = dict(sorted(came))
    for (name, generation), document in sorted(pinned.items()):
        if name in newest and newest[name] < generation:
            shown = Epoch.to_json(came[name, newest[name]])
            raise _split(
                f"generation {generation} of epoch {name} is gone, {newest[name]} is shown",
                document,
                shown,
            )


def _split(message: str, kept: Mapping[str, Any], came: Mapping[str, Any]) -> Refused:
    return Refused("split-view", message, {"kept": dict(kept), "came": dict(came)})


def _sound(document: Any) -> dict[str, Any]:
    Epoch.from_json(document)
    assert isinstance(document, dict)
    return document


def _save(folder: Path, kept: Mapping[_Place, dict[str, Any]]) -> None:
    """Replace the file, durably."""
    data = orjson.dumps([kept[place] for place in sorted(kept)], option=orjson.OPT_INDENT_2)
    fresh = folder / f".{PINS}.new"
    with fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / PINS)

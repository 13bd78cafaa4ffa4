"""Everything that evaluates for a lab: one tagger an epoch, opened as it is needed.

Rules: epochs are those whose documents ``share pull`` believed and pinned (``epochs``); a subject is
looked for under every epoch of today, so in the days that two share it is asked about under both.
Files that a pull replaces are noticed by their time, so that a running service needs no restart.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from stillwatch.crypto.epoch import Epoch, accepted
from stillwatch.errors import NotTrusted, PeerError, StillwatchError
from stillwatch.sharing import known
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.matching import epochs as pins
from stillwatch.sharing.matching.evaluators import Evaluators, Manner
from stillwatch.sharing.matching.leads import Voices
from stillwatch.sharing.matching.tagset import TagSet
from stillwatch.sharing.settings import Settings
from stillwatch.store import inbox
from stillwatch.store.database import Store

_INDEX: Final = "tags.index"


def today() -> date:
    """The day by which epochs are chosen, in UTC."""
    return datetime.now(UTC).date()


class Newest:
    """The newest tag set of a folder, whenever it is called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = None
        self._set: TagSet | None = None
        self._lock = threading.Lock()

    def __call__(self) -> TagSet:
        """Open the set, or give the one that is open. Raises ``StoredDataError``."""
        seen = _mark(self._folder / _INDEX)
        with self._lock:
            if self._set is None or seen != self._seen:
                self._set, self._seen = TagSet.open(self._folder), seen
            return self._set


class Labs:
    """The evaluators of all epochs of today; may be used by several threads, ``close`` it."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        manner: Manner | None = None,
        day: Callable[[], date] = today,
    ) -> None:
        """Raises ``ConfigError`` for a key that cannot be used."""
        said = settings.matching
        self._settings, self._store, self._key, self._day = settings, store, settings.key(), day
        self._manner = manner or Manner(
            preferred=said.evaluators, canary_rate=said.canary_rate, audit_rate=said.audit_rate
        )
        self._taggers: dict[str, Evaluators] = {}
        self._pinned: tuple[Epoch, ...] = ()
        self._seen: tuple[tuple[int, int] | None, date] | None = None
        self._lock = threading.Lock()

    def outputs(
        self, inputs: Sequence[bytes], epoch: str, until: float | None = None
    ) -> list[bytes]:
        """Outputs under an epoch of today (``Evaluators.outputs``)."""
        return self.tagger(epoch).outputs(inputs, until=until)

    def epochs(self) -> list[str]:
        """Names of the epochs of today, the newest first."""
        return [epoch.name for epoch in self._today()]

    def tagger(self, name: str | None = None) -> Evaluators:
        """The tagger of an epoch; of the newest of today if none is named.

        Raises ``PeerError`` if there is no such epoch.
        """
        chosen = next((e for e in self._today() if name in (None, e.name)), None)
        if chosen is None:
            raise PeerError(
                f"no key epoch{f' {name}' if name else ''} is known for today",
                hint="`stillwatch share pull` fetches the documents of epochs",
            )
        with self._lock:
            found = self._taggers.get(chosen.name)
            if found is None:
                found = self._taggers[chosen.name] = Evaluators(
                    chosen, self._key, self._store, self._settings.path.parent, self._manner,
                    self._renewed,
                )  # fmt: skip
            return found

    def voices(self) -> Voices:
        """Whom we know to be members of their own: witnesses, those named, and evaluators."""
        evaluators = {str(e.member) for epoch in self._today() for e in epoch.evaluators}
        own = str(self._settings.identity)
        return Voices(own, (self._settings.matching.members | evaluators) - {own})

    def cost(self, evaluations: int) -> int:
        """Evaluations that one evaluator is asked for so many inputs: canaries, audits and all."""
        extra = 1 + self._manner.canary_rate + self._manner.audit_rate
        return int(evaluations * len(self.epochs()) * extra) + 1

    def settle(self, *, everything: bool = False) -> None:
        """Do the audits that are due, or all."""
        for one in list(self._taggers.values()):
            one.settle(everything=everything)

    def used(self) -> set[str]:
        """Evaluators whose unproven answers were used since this was last asked."""
        return {f"{n}/{i}" for n, one in list(self._taggers.items()) for i in one.used()}

    def liars(self) -> set[str]:
        """Evaluators that were found to answer wrongly, written as ``used`` does."""
        return {f"{n}/{i}" for n, one in list(self._taggers.items()) for i in one.liars()}

    def close(self) -> None:
        """Let go of connections and threads."""
        for one in self._taggers.values():
            one.close()

    def _today(self) -> tuple[Epoch, ...]:
        folder = self._settings.tags
        now = (_mark(folder / pins.PINS), self._day())
        if now != self._seen:
            pinned = (Epoch.from_json(one) for one in pins.load(folder).values())
            self._pinned, self._seen = accepted(pinned, now[1]), now
        return self._pinned

    def _renewed(self, name: str) -> Epoch | None:
        """The newest document of an epoch: from the pins, else from the hub."""
        with self._lock:
            tagger = self._taggers.get(name)
        here = {epoch.name: epoch for epoch in self._today()}.get(name)
        if here is not None and tagger and here.generation > tagger.epoch.generation:
            return here
        try:
            self._fetch()
        except NotTrusted:
            raise
        except StillwatchError:
            return None  # the hub is not there: others stand in
        return {epoch.name: epoch for epoch in self._today()}.get(name)

    def _fetch(self) -> None:
        settings = self._settings
        with self._store.begin() as connection:
            position = inbox.position(connection, settings.url)
        if position is None:
            return
        keys = known.from_json(position[0]).keys.keys
        with closing(Hub(settings.url, settings.member, settings.token())) as hub:
            pins.refresh(hub, keys, settings.tags, self._day())


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return (status.st_mtime_ns, status.st_ino)

"""The settings in force, taken up anew while the gateway runs.

Rules: a file that cannot be used changes nothing: what was in force stays so, the failure is
counted, logged once, and shown until a good file comes. Token files are looked at, too, so that a
new token is good a second after it was written. What takes a restart is named, not half done.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from stillwatch.errors import ConfigError
from stillwatch.gateway.carried import Reader
from stillwatch.gateway.decider import FailRules
from stillwatch.gateway.settings import Settings, load_settings
from stillwatch.gateway.tokens import Door, Tokens

log = logging.getLogger("stillwatch.gateway")
Mark = tuple[tuple[int, int, int] | None, ...]


class Live:
    """What decides on requests and may change."""

    def __init__(self, settings: Settings, doors: Iterable[Door]) -> None:
        """Raises ``ConfigError`` for tokens that cannot be used: a gateway starts whole."""
        self._doors = tuple(doors)
        self._started = load_settings(settings.path) if settings.path else settings
        self._told_decide = settings.tokens.decide != self._started.tokens.decide
        """Whether the command line named the file of those who ask."""
        self.settings = settings
        self.tokens = Tokens.load(settings.tokens, self._doors)
        self.reader = Reader(settings.request)
        self.error = ""
        """Why the newest file is not in force; empty where it is."""
        self.restart: tuple[str, ...] = ()
        """Sections that differ from what runs and take a restart."""
        self._mark = self._marked()

    @property
    def rules(self) -> FailRules:
        """What passes that cannot be judged."""
        return FailRules(self.settings.fail.closed, self.settings.fail.stale_s)

    def changed(self) -> bool:
        """Whether a file is another than when it was last looked at."""
        mark = self._marked()
        if mark == self._mark:
            return False
        self._mark = mark
        return True

    def reload(self, taken: Callable[["Live"], None]) -> bool:
        """Take up the files as they are now; whether that could be. ``taken`` hears of it."""
        try:
            new = load_settings(self.settings.path) if self.settings.path else self.settings
            if self._told_decide:
                kept = replace(new.tokens, decide=self.settings.tokens.decide)
                new = replace(new, tokens=kept)
            tokens = Tokens.load(new.tokens, self._doors)
        except ConfigError as error:
            self.error = str(error)
            log.error("settings not taken, what was in force stays so: %s", error)  # noqa: TRY400
            return False
        self.restart = self._started.moved(new)
        self.settings, self.tokens = self.settings.taking(new), tokens
        self.reader = Reader(self.settings.request)
        self.error = ""
        self._mark = self._marked()
        taken(self)
        log.warning("settings taken up%s", self._told())
        return True

    def _told(self) -> str:
        return f"; restart for [{'], ['.join(self.restart)}]" if self.restart else ""

    def _marked(self) -> Mark:
        tokens = self.settings.tokens
        files = [self.settings.path, *(getattr(tokens, door) for door in self._doors)]
        return tuple(_mark(file) for file in files if file is not None)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

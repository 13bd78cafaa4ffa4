"""Whether a gateway would start with its settings, and what it would know."""

import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from stillwatch.errors import StillwatchError
from stillwatch.gateway.live import Live
from stillwatch.gateway.settings import Settings
from stillwatch.gateway.table import loaded
from stillwatch.gateway.tokens import Door
from stillwatch.gateway.worker import followed


@dataclass(slots=True)
class Checked:
    """What was found."""

    source: str
    """Without secrets."""
    missing_tokens: list[str] = field(default_factory=list)
    """Files that ``serve`` will make."""
    decisions: int = 0
    sequence: int = 0
    seconds: float = 0.0
    """To load everything in force."""
    by_effect: Counter[str] = field(default_factory=Counter)
    skew_s: float = 0.0
    """How far the source's clock is ahead of this machine's."""
    error: str = ""
    """Why the source could not be asked; empty where it could."""

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        return {
            "source": self.source,
            "source_error": self.error or None,
            "decisions": self.decisions,
            "by_effect": dict(self.by_effect),
            "sequence": self.sequence,
            "load_seconds": round(self.seconds, 3),
            "clock_skew_s": round(self.skew_s, 3),
            "missing_tokens": self.missing_tokens,
        }

    def lines(self) -> list[str]:
        """For people."""
        said = [f"the token file {path} will be made" for path in self.missing_tokens]
        if self.error:
            return [*said, f"the source cannot be asked: {self.error}",
                    "a gateway starts without it, and passes what it does not know"]  # fmt: skip
        said += [
            f"{self.source}: {self.decisions:,} decisions in force, loaded in {self.seconds:.1f} s",
            *(f"  {effect}: {count:,}" for effect, count in sorted(self.by_effect.items())),
        ]
        if abs(self.skew_s) > 1:
            said.append(f"its clock differs by {self.skew_s:+.1f} s; decisions end by it")
        return said


def checked(settings: Settings) -> Checked:
    """Ask the source once. Raises ``ConfigError`` for settings or tokens that cannot be used."""
    doors = [door for door in Door if getattr(settings.tokens, door).exists()]
    Live(settings, doors)
    absent = [door for door in Door if door not in doors and door is not Door.SCREEN]
    with closing(followed(settings.source)) as source:
        found = Checked(source.name, [str(getattr(settings.tokens, door)) for door in absent])
        try:
            began = time.monotonic()
            found.sequence, now, blocks = source.startup()
            found.skew_s = now - time.time()
            table = loaded(blocks)
            found.seconds, found.decisions = time.monotonic() - began, len(table)
        except StillwatchError as error:
            found.error = str(error)
            return found
        for columns in table.blocks():
            found.by_effect.update(columns["effect"])
    return found

"""Names of campaigns that last from one judgement to the next.

A judgement numbers its campaigns by significance, so the same campaign may be C0001 now and C0003
in five seconds. Here a campaign keeps the name of the earlier one with which it shares the most
accounts. Names are on the disk before anybody acts on them, so that a decision about a campaign
is found again after a restart, and none is ever used twice.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.detection.findings import campaign_id
from stillwatch.detection.judge import Judgement
from stillwatch.errors import StoredDataError
from stillwatch.watch.disk import Disk

_SHARE: Final = 0.3
"""Of the accounts of the smaller of two campaigns, that both must have to be the same."""
_MOST: Final = 10_000
"""Campaigns remembered, the latest."""


class Names:
    """Gives names, and remembers them in a file."""

    def __init__(self, path: Path, disk: Disk | None = None) -> None:
        """Raises ``StoredDataError`` where the file is damaged."""
        self._path, self._disk = path, disk or Disk()
        self._next, self._members = 0, dict[str, list[str]]()
        try:
            said = orjson.loads(path.read_bytes())
            self._next, self._members = int(said["next"]), dict(said["campaigns"])
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoredDataError(
                f"{path} is damaged: {error}", hint="remove it: campaigns get new names then"
            ) from error

    def __call__(self, judgement: Judgement, account_ids: Sequence[str]) -> list[str]:
        """Names of the campaigns of a judgement, in its order. Raises ``NotWritten``."""
        campaigns = [
            [account_ids[row] for row in members.tolist()]
            for members in judgement.campaigns.members
        ]
        return self.of(campaigns)

    def of(self, campaigns: Sequence[Sequence[str]]) -> list[str]:
        """Names of campaigns given by their accounts. Raises ``NotWritten``."""
        names = self._continued(campaigns)
        following = self._next
        for number, name in enumerate(names):
            if not name:
                names[number] = campaign_id(following)
                following += 1
        now = dict(zip(names, map(list, campaigns), strict=True))
        kept = {name: who for name, who in self._members.items() if name not in now}
        kept = dict([*kept.items(), *now.items()][-_MOST:])
        if kept != self._members or following != self._next:
            said: dict[str, Any] = {"next": following, "campaigns": kept}
            self._disk.replace(self._path, orjson.dumps(said))
            self._next, self._members = following, kept
        return names

    def _continued(self, campaigns: Sequence[Sequence[str]]) -> list[str]:
        """For each campaign the name of the earlier one it goes on, or nothing; each name once."""
        where: dict[str, list[str]] = {}
        for name, members in self._members.items():
            for account in members:
                where.setdefault(account, []).append(name)
        shared = [
            (count, number, name)
            for number, accounts in enumerate(campaigns)
            for name, count in Counter(n for a in accounts for n in where.get(a, ())).items()
            if count >= _SHARE * min(len(accounts), len(self._members[name]))
        ]
        names, used = [""] * len(campaigns), set[str]()
        for _, number, name in sorted(shared, key=lambda one: (-one[0], one[1], one[2])):
            if not names[number] and name not in used:
                names[number] = name
                used.add(name)
        return names

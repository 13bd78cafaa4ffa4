"""A lab and what its people do, each step a command of the program."""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from examples.closed_loop.forum import Services, ran, run
from examples.closed_loop.gateways import Gateway
from examples.closed_loop.world import Site
from stillwatch.store import decisions
from stillwatch.store.database import Store

SHIFT = ("--by", "night-shift")


class Lab:
    """One lab in one of the two worlds: its store of decisions and its gateway."""

    def __init__(
        self, services: Services, site: Site, folder: Path, sharing: Path | None = None
    ) -> None:
        self.site, self.folder, self.sharing = site, folder, sharing
        folder.mkdir(parents=True, exist_ok=True)
        self.store = f"sqlite:///{folder / 'share.db'}"
        if sharing is None:  # so that the gateway has something to follow
            self._decisions("add", "--file", _lines(folder / "none.jsonl", [_OBSERVED]), *SHIFT)
        self.gateway = Gateway(services, folder, self.store, sharing)
        self.rule: Path | None = None
        """A rule that new traffic is tried on."""
        self.claim = ""
        """Under which it came."""
        self.known: set[str] = set()
        """Accounts that a person has decided about."""

    @property
    def name(self) -> str:
        """As in the Forum."""
        return self.site.name

    def apply(self, result: Path | None = None, leads: Path | None = None) -> Any:
        """Let the policy decide; a person looks at what its guards hold back, and lets it go."""
        found = ("--from", result) if result else ("--leads", leads)
        done = self._decisions("apply", *found, "--accounts", self.site.accounts, *SHIFT)
        held = self._decisions("held", "list")
        if held:
            reason = "looked at by a person: one job, as the evidence says"
            self._decisions(
                "held", "release", *(one["id"] for one in held), "--reason", reason, *SHIFT
            )
        self.follow()
        return done | {"released": held}

    def standing(self, **wanted: str) -> list[Any]:
        """Decisions in force."""
        options = [word for name, value in wanted.items() for word in (f"--{name}", value)]
        listed = self._decisions("list", "--limit", 1000, *options)
        return list(listed["decisions"])

    def block(self, accounts: Iterable[str], reason: str, evidence: Sequence[str]) -> list[str]:
        """A person blocks accounts that nobody has decided about."""
        fresh = sorted(set(accounts) - self.known)
        if fresh:
            rows = [
                {"effect": "block", "scope": "account", "value": one, "reason": reason, "for": "30d",
                 "evidence": [f"case:{self.name}-{one}", *evidence]}
                for one in fresh
            ]  # fmt: skip
            self.known.update(fresh)
            self._decisions("add", "--file", _lines(self.folder / "blocks.jsonl", rows), *SHIFT)
            self.follow()
        return fresh

    def lift(self, decision: str, reason: str) -> None:
        """Take a decision back."""
        self._decisions("lift", decision, "--reason", reason, *SHIFT)
        self.follow()

    def uphold(self, decision: str, reason: str) -> Any:
        """Open an appeal for somebody and find it right; what fell, and which claims it was on."""
        self._decisions("appeal", "open", decision, "--reason", reason, *SHIFT)
        done = self._decisions("appeal", "uphold", decision, "--reason", reason, *SHIFT)
        self.follow()
        return done

    def matched(self, log: Path) -> list[str]:
        """Accounts of a log that the rule matches."""
        named = (self.claim, "--from-store", self.sharing) if self.claim else (self.rule,)
        done = ran("rules", "try", *named, "--profiles", log, "--json")
        if not done.stdout:
            raise RuntimeError(done.stderr)
        return list(json.loads(done.stdout)["matching"])

    def follow(self) -> None:
        """Wait until the gateway knows every decision there is."""
        opened = Store(self.store)
        with closing(opened), opened.begin() as connection:
            sequence = decisions.newest(connection)
        self.gateway.has_seen(sequence)

    def _decisions(self, *words: object) -> Any:
        return json.loads(run("decisions", *words, "--store", self.store, "--json"))


_OBSERVED = {
    "effect": "observe", "scope": "account", "value": "nobody", "for": "1d", "reason": "first entry",
}  # fmt: skip


def detect(site: Site, log: Path, out: Path) -> Any:
    """Look for campaigns in a lab's log; the run's summary."""
    return json.loads(run("detect", log, "--accounts", site.accounts, "--out", out, "--json"))


def _lines(path: Path, rows: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path

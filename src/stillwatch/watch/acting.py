"""From a judgement to decisions, through the policy.

Rules
    * Every judgement decides about everything that stands in it: what is decided already stays as it
      is, so nothing is lost by a restart or by a database that was down.
    * A policy file that changes is read again. A broken one is told, and the one before stays in use.
    * A decision says whether a quick judgement made it. What a quick one found and the next full one
      does not find again is counted as unconfirmed.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import ConfigError
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.cases import Run, cases_of_findings
from stillwatch.gateway.policy.enact import Enacted, enact
from stillwatch.gateway.policy.load import Policy, load_policy
from stillwatch.pipeline import Grounds
from stillwatch.store.database import Store
from stillwatch.watch.judging import Acted
from stillwatch.watch.quick import Found

_NEW: Final = ("made", "held", "grown")


class Acting:
    """Makes decisions in a store."""

    def __init__(
        self,
        store: Store,
        policy: Path | None,
        run: str,
        *,
        shadow: bool = False,
        dry_run: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``run`` names the findings of this watcher. Raises ``ConfigError`` for a broken policy."""
        self._store, self._path, self._run = store, policy, run
        self._shadow, self._dry_run, self._clock = shadow, dry_run, clock
        self._provisional = dict[str, float]()
        """Accounts that quick judgements decided on since the last full one, and when."""
        self._policy: Policy = load_policy(policy)
        self._stamp = self._changed()

    def __call__(self, found: Found, grounds: Grounds) -> Acted:
        """Decide about what was found. Raises ``StoredDataError`` where the store is down."""
        told, unusable = self._reloaded(), list[str]()
        cases = self._cases(found, grounds, unusable)
        now = datetime.fromtimestamp(self._clock(), UTC)
        done = enact(
            self._store, self._policy, cases, now=now, shadow=self._shadow, dry_run=self._dry_run
        )
        decided = Counter({str(what): count for what, count in done.decisions.items()})
        if unusable:
            decided["unusable"] = len(unusable)
        if lost := self._unconfirmed(found, cases, done):
            decided["unconfirmed"] = lost
        return Acted(decided, told)

    def _unconfirmed(self, found: Found, cases: Sequence[Case], done: Enacted) -> int:
        """How many accounts quick judgements decided on, that this full one looked at and spares."""
        if found.quick is not None:
            for one in done.outcomes:
                if one.what in _NEW:
                    self._provisional |= dict.fromkeys(one.accounts, found.began)
            return 0
        seen = {account for account, at in self._provisional.items() if at < found.began}
        for account in seen:
            del self._provisional[account]
        return len(seen - {account for case in cases for account in case.touched})

    def _cases(self, found: Found, grounds: Grounds, unusable: list[str]) -> list[Case]:
        names = {str(one.account_id) for one in found.flagged}
        names.update(str(a) for one in found.campaigns for a in one.accounts)
        cases = cases_of_findings(
            found.flagged,
            found.campaigns,
            _records(grounds.records, names),
            self._run,
            found.events,
            of=Run(
                grounds.config.detection.fdr,
                found.accounts,
                "self" if found.self_calibrated else "baseline",
                found.reference_accounts,
            ),
            unusable=unusable,
        )
        if found.quick is None:
            return list(cases)
        said = f"Quick judgement by the statistics of {found.quick:%Y-%m-%d %H:%M:%S} UTC: "
        return [replace(case, sentence=said + case.sentence) for case in cases]

    def _reloaded(self) -> str:
        """Read a policy file that changed; what is wrong with it, or nothing."""
        stamp = self._changed()
        if stamp == self._stamp:
            return ""
        try:
            self._policy = load_policy(self._path)
        except ConfigError as error:
            return f"the policy before stays in use: {error}"
        self._stamp = stamp
        return ""

    def _changed(self) -> tuple[int, int, int] | None:
        if self._path is None:
            return None
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def _records(records: pa.Table | None, names: set[str]) -> Mapping[str, Mapping[str, Any]]:
    """Account records of some accounts, by id."""
    if records is None or not names:
        return {}
    wanted = pc.is_in(records.column("account_id"), value_set=pa.array(sorted(names), pa.string()))
    return {row["account_id"]: row for row in records.filter(wanted).to_pylist()}

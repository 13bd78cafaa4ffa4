"""Putting a policy's decisions into force: one transaction, and the same again changes nothing.

Rules: the stream's turn is taken first, so that two processes cannot both spend what is left of the
blast radius, nor both make the decision that one of them should have renewed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection

from stillwatch.domain.decision import Decision, Effect
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.guards import HOUR, Blast, Spent
from stillwatch.gateway.policy.load import Policy
from stillwatch.gateway.policy.outcome import Outcome, Plan, counted
from stillwatch.gateway.policy.plan import plan
from stillwatch.gateway.policy.standing import Standing
from stillwatch.store import decisions as store_decisions
from stillwatch.store import reach
from stillwatch.store.database import Store
from stillwatch.store.decisions.stream import take_turn
from stillwatch.store.reach import Reach

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is."""
_BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class Enacted:
    """What became of the cases."""

    policy: str
    outcomes: tuple[Outcome, ...]
    shadow: bool
    dry_run: bool

    @property
    def decisions(self) -> Mapping[str, int]:
        """How many decisions were made, renewed, held ...: outcomes by what became of them."""
        named = {(one.what, one.decision or one.case.name) for one in self.outcomes}
        return Counter(what for what, _ in named)

    @property
    def accounts(self) -> Mapping[str, int]:
        """How many accounts (or sign-ups) by what became of them."""
        found = Counter[str]()
        for (_, what, _), count in counted(self.outcomes).items():
            found[what] += count
        return found

    def record(self) -> dict[str, Any]:
        """As JSON shows it."""
        rows = [
            {"population": population, "outcome": what, "effect": effect, "accounts": count}
            for (population, what, effect), count in sorted(counted(self.outcomes).items())
        ]
        return {
            "policy": self.policy,
            "shadow": self.shadow,
            "dry_run": self.dry_run,
            "decisions": dict(self.decisions),
            "accounts": dict(self.accounts),
            "by_population": rows,
        }


def enact(
    store: Store,
    policy: Policy,
    cases: Iterable[Case],
    *,
    now: datetime,
    by: str = "",
    shadow: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Enacted:
    """Decide cases and keep what was decided; all of it or nothing.

    ``shadow``: decisions are only said, never done; ``dry_run``: nothing is kept at all. ``by`` is
    who answers for it, the policy itself where nobody is named. Raises ``StoredDataError``.
    """
    listed = list(cases)
    with store.begin() as connection:
        if not dry_run:
            take_turn(connection)
        found = planned(connection, policy, listed, now, shadow=shadow)
        if not dry_run:
            write(connection, policy, found, by or policy.origin, now, progress)
    return Enacted(policy.name, tuple(found.outcomes), shadow, dry_run)


def planned(
    connection: Connection, policy: Policy, cases: list[Case], now: datetime, *, shadow: bool
) -> Plan:
    """What ``enact`` would do now; writes nothing."""
    standing = Standing.read(connection, policy.origin, cases, now)
    blast = Blast(policy.guards, spent(connection, policy, now))
    return plan(policy, cases, now, standing, blast, shadow=shadow)


def spent(connection: Connection, policy: Policy, now: datetime) -> Spent:
    """What the policy has touched within the last hour, whichever process did it."""
    one = reach.since(connection, policy.origin, now - HOUR)
    return Spent(one.blocked, one.touched, one.traffic, one.accounts)


def write(
    connection: Connection,
    policy: Policy,
    found: Plan,
    by: str,
    now: datetime,
    progress: Progress | None = None,
) -> None:
    """Keep a plan, in the transaction in which it was made."""
    total, done = len(found.put) + len(found.hold), 0
    batches = [(found.put[i : i + _BATCH], "") for i in range(0, len(found.put), _BATCH)]
    for why, held in groupby(sorted(found.hold, key=lambda one: one[1]), key=lambda one: one[1]):
        batches.append(([decision for decision, _ in held], why))
    for batch, why in batches:
        store_decisions.add(connection, batch, by=by, now=now, held=why)
        done += len(batch)
        if progress:
            progress("decide", done, total)
    live = {one.id for one in found.put if not one.shadow}
    every: dict[str, Decision] = {
        one.id: one for one in (*found.put, *(one for one, _ in found.hold))
    }
    reach.keep(
        connection,
        (
            _reach(policy.origin, every[id_], id_ in live, *extent, found.asks.get(id_, ""))
            for id_, extent in found.reaches.items()
        ),
        now,
    )


def _reach(
    origin: str,
    decision: Decision,
    live: bool,
    accounts: int,
    traffic: float,
    share: float,
    hold: str,
) -> Reach:
    blocked = accounts if decision.effect is Effect.BLOCK else 0
    return Reach(origin, decision.id, live, blocked, accounts, traffic, share, hold)

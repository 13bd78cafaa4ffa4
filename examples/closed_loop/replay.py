"""What is asked of one lab after the ban: every request goes to its real gateway, hour by hour.

Rules
    * The campaign adapts. A seat whose account is refused loses it and signs up again 2 to 8 hours later
      with another identity; a sign-up that is asked for proof is given up, and tried anew. None of
      the campaign's identities stands proof, every innocent's does, two hours after it was asked.
    * What the campaign draws depends on the seat and the attempt alone, so that both worlds meet the
      same campaign.
    * Nothing here looks at the truth but to count.
"""

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from examples.closed_loop.labs import Lab
from examples.closed_loop.world import Newcomer, Stock

PROOF_H: Final = 2.0
"""Hours that an innocent needs to prove who it is."""
_AGAIN_H: Final = (2.0, 8.0)
"""Hours until the campaign signs up again."""
_LOOKBACK_H: Final = 24.0


@dataclass(slots=True)
class Seat:
    """One place of the job; without an account while it waits for the next one."""

    name: str
    account: str | None
    sign_up: str | None = None
    attempts: int = 0


@dataclass(slots=True)
class Figures:
    """What was counted at one lab in one world. Lists are by hour from the ban."""

    wanted: list[int]
    """Requests that the campaign would have made, those that only cover it among them."""
    answered: list[int]
    harvested: list[int]
    """Of the answered ones those that extract; the others cover the account and teach nobody."""
    refused: Counter[str] = field(default_factory=Counter)
    """By effect."""
    sign_ups: Counter[str] = field(default_factory=Counter)
    """Of the campaign, by what became of them."""
    innocents: set[str] = field(default_factory=set)
    """That asked anything or signed up."""
    blocked: set[str] = field(default_factory=set)
    """Innocents that were blocked."""
    challenged: dict[str, float] = field(default_factory=dict)
    """Innocents that were asked for proof, and for how many hours."""
    in_force_s: list[float] = field(default_factory=list)
    """Seconds until a decision on a sign-up was in force at the gateway."""

    @property
    def leaked(self) -> int:
        """Exchanges that the campaign harvested."""
        return sum(self.harvested)


class Replay:
    """One lab's time after the ban."""

    def __init__(
        self, lab: Lab, stock: Stock, newcomers: Sequence[Newcomer], seed: int, hours: int
    ) -> None:
        self.lab, self._stock, self._seed = lab, stock, seed
        self.figures = Figures([0] * hours, [0] * hours, [0] * hours)
        site = lab.site
        self._seats = {name: Seat(name, name) for name in sorted(site.hostile)}
        self._rows = _rows(site.later)
        self._place = 0
        self._kept: list[tuple[float, int, str]] = []
        self._due: list[tuple[float, int, Any]] = []
        """Things that happen at an hour: a seat signs up, an innocent signs up, or proves itself."""
        self.signed: dict[str, dict[str, str]] = {}
        """What accounts of after the ban signed up with: every lab keeps that of its customers."""
        self.open: dict[str, tuple[str, float]] = {}
        """Innocents asked for proof: the decision, and since when."""
        for one in newcomers:
            self._at(one.hour, one)

    def until(self, hour: float) -> None:
        """Let time pass."""
        while True:
            event = self._rows[self._place][0] if self._place < len(self._rows) else hour
            due = self._due[0][0] if self._due else hour
            if min(event, due) >= hour:
                return
            if due <= event:
                self._happen(*heapq.heappop(self._due))
            else:
                self._request(self._place)
                self._place += 1

    def answered(self, hour: float, back: float = _LOOKBACK_H) -> pa.Table:
        """The log of what was answered in the hours before, under the accounts that asked."""
        kept = [one for one in self._kept if one[0] >= hour - back]
        table = self.lab.site.later.take(pa.array([row for _, row, _ in kept], pa.int64()))
        names = pa.array([account for _, _, account in kept], pa.string())
        return table.set_column(table.column_names.index("account_id"), "account_id", names)

    def cleared(self, name: str, hour: float) -> None:
        """An innocent is free again."""
        _, since = self.open.pop(name)
        self.figures.challenged[name] = hour - since

    def _request(self, row: int) -> None:
        hour, name, address, ja4, extracts = self._rows[row]
        seat = self._seats.get(name)
        if seat is None:
            self._innocent(hour, row, name, address, ja4)
            return
        self.figures.wanted[int(hour)] += 1
        if seat.account is None:
            return
        answer = self.lab.gateway.decide(
            hour, account=seat.account, sign_up=seat.sign_up, address=address, ja4=ja4
        )
        if answer["allowed"]:
            self.figures.answered[int(hour)] += 1
            self.figures.harvested[int(hour)] += extracts
            self._kept.append((hour, row, seat.account))
            return
        self.figures.refused[str(answer["effect"])] += 1
        self._lost(seat, hour)

    def _innocent(self, hour: float, row: int, name: str, address: str, ja4: str) -> None:
        self.figures.innocents.add(name)
        answer = self.lab.gateway.decide(hour, account=name, sign_up=None, address=address, ja4=ja4)
        if answer["allowed"]:
            self._kept.append((hour, row, name))
        elif answer["effect"] == "block":
            self.figures.blocked.add(name)
        elif name not in self.open:
            self._asked(hour, name, str(answer["decision"]))

    def _happen(self, hour: float, _: int, what: Any) -> None:
        if isinstance(what, Seat):
            self._sign_up_again(hour, what)
        elif isinstance(what, Newcomer):
            self._sign_up(hour, what)
        elif what in self.open:  # a name: an innocent has proved who it is
            self.lab.lift(self.open[what][0], "identity verified")
            self.cleared(what, hour)

    def _sign_up_again(self, hour: float, seat: Seat) -> None:
        seat.attempts += 1
        rng = random.Random(f"{self._seed}/{seat.name}/{seat.attempts}")
        name = f"{seat.name}-{seat.attempts}"
        values = self._stock.identity(rng)
        if self._screened(hour, f"s-{name}", values) is None:
            self.figures.sign_ups["passed"] += 1
            self.signed[name] = values
            seat.account, seat.sign_up = name, f"s-{name}"
        else:
            self.figures.sign_ups["asked for proof"] += 1
            self._lost(seat, hour)

    def _sign_up(self, hour: float, one: Newcomer) -> None:
        self.figures.innocents.add(one.person.id)
        decision = self._screened(hour, one.person.id, one.person.values)
        if decision:
            self._asked(hour, one.person.id, decision)

    def _screened(self, hour: float, name: str, values: dict[str, str]) -> str | None:
        """The decision that keeps a sign-up out, once it is in force; None where it may come in."""
        if self.lab.sharing is None:
            return None
        said = self.lab.gateway.screen({"id": name, **values})
        made = said["policy"] or {}
        if made.get("effect") not in ("challenge", "block"):
            return None
        waited = self.lab.gateway.in_force("sign_up", name)
        if waited is None:
            self.figures.refused["held back by the breaker"] += 1
            return None
        self.figures.in_force_s.append(waited)
        self.lab.gateway.decide(hour, account=None, sign_up=name, address=None, ja4=None)
        return str(made["decision"])

    def _asked(self, hour: float, name: str, decision: str) -> None:
        self.open[name] = (decision, hour)
        if not name.startswith("s-owner"):  # who appeals instead: see the story
            self._at(hour + PROOF_H, name)

    def _lost(self, seat: Seat, hour: float) -> None:
        rng = random.Random(f"{self._seed}/{seat.name}/{seat.attempts}/pause")
        seat.account = seat.sign_up = None
        self._at(hour + rng.uniform(*_AGAIN_H), seat)

    def _at(self, hour: float, what: Any) -> None:
        heapq.heappush(self._due, (hour, len(self._due) + self._place, what))


def _rows(later: pa.Table) -> list[tuple[float, str, str, str, bool]]:
    columns = (
        later["hour"], later["account_id"], pc.fill_null(later["client_ip"], ""),
        pc.fill_null(later["tls_fingerprint"], ""), later["extracts"],
    )  # fmt: skip
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


def by_lab(newcomers: Sequence[Newcomer]) -> dict[str, list[Newcomer]]:
    """Who signs up where."""
    found = defaultdict[str, list[Newcomer]](list)
    for one in newcomers:
        found[one.lab].append(one)
    return found

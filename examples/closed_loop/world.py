"""One world for three labs: their logs until the ban, and what would be asked of them after it.

Rules: requests, prompts and rhythms are ``stillwatch simulate``'s; who signs up with what is drawn
here. The campaign holds a stock of mailboxes, numbers, cards and devices, and a false identity takes
one or two of them, spelt otherwise, with the chance ``reuse``. Half the customers are at the first
lab, where the job is at full strength; the others see its edge.
"""

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from examples.closed_loop.forum import LABS
from examples.closed_loop.identities import (
    STRONG,
    Person,
    fresh,
    neighbour,
    otherwise,
    write,
)
from stillwatch.simulation import SimulationOptions, simulate

_SHARES = (0.5, 0.25, 0.25)
"""Of all customers, by lab."""
_STOCK = 5
"""Mailboxes, and as many numbers, cards and devices."""
_US_PER_HOUR = 3_600_000_000
_BEYOND = frozenset({"hour", "extracts"})


@dataclass(frozen=True, slots=True)
class Plan:
    """What decides a world; equal plans give equal worlds on the same day of the week."""

    seed: int = 1
    accounts: int = 1500
    days: int = 7
    ban_day: int = 4
    reuse: float = 0.9
    """Chance that a false identity takes something from the stock."""
    seats: tuple[int, int, int] = (28, 8, 8)
    """Of the campaign, by lab."""
    newcomers: int = 30
    """Innocents who sign up at each lab after the ban."""
    appealed: int = 10
    """Hour at which an innocent whose card is in the stock signs up."""

    @property
    def hours(self) -> int:
        """From the ban to the end."""
        return 24 * (self.days - self.ban_day)

    @property
    def ban(self) -> datetime:
        """This midnight."""
        return datetime.combine(datetime.now(UTC).date(), time(), UTC)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An innocent who signs up."""

    lab: str
    hour: float
    person: Person


class Stock:
    """What a campaign signs up with."""

    def __init__(self, reuse: float, rng: random.Random) -> None:
        self._reuse = reuse
        self._held = [fresh(rng) for _ in range(_STOCK)]

    @property
    def card(self) -> str:
        """The one that was stolen."""
        return self._held[0]["payment"]

    def identity(self, rng: random.Random) -> dict[str, str]:
        """A false identity."""
        values = fresh(rng)
        if rng.random() < self._reuse:
            for name in rng.sample(STRONG, rng.choice((1, 1, 2))):
                values |= otherwise(rng.choice(self._held), [name], rng)
        return values


@dataclass(slots=True)
class Site:
    """What one lab has."""

    name: str
    log: Path
    """Events until the ban."""
    accounts: Path
    customers: list[Person]
    hostile: frozenset[str]
    """The truth; nothing but the figures looks at it."""
    later: pa.Table
    """Events after the ban, in order of time. Beyond what a log has: ``hour``, counted from the ban,
    and the truth of each, ``extracts``."""


def write_log(path: Path, events: pa.Table) -> Path:
    """A log as a lab has it: without what only the figures know."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = [name for name in events.column_names if name not in _BEYOND]
    pq.write_table(events.select(known), path)
    return path


@dataclass(frozen=True, slots=True)
class World:
    """All of it."""

    plan: Plan
    sites: dict[str, Site]
    newcomers: list[Newcomer]
    stolen: Person
    """An innocent: the campaign has that card, too."""
    stock: Stock


def compose(folder: Path, plan: Plan) -> World:
    """Draw the world, and write each lab's log, accounts and customers into a folder of its own."""
    whole = folder / "world"
    simulate(
        SimulationOptions(
            whole, seed=plan.seed, accounts=plan.accounts, days=plan.days,
            start=plan.ban.date() - timedelta(days=plan.ban_day),
            attack_share=sum(plan.seats) / plan.accounts, campaigns=1,
            tactics=("hydra_low_and_slow",), cover=0.4, noise=0.1,
        )
    )  # fmt: skip
    rng = random.Random(plan.seed)
    stock = Stock(plan.reuse, rng)
    labels = pq.read_table(whole / "labels.parquet", columns=["account_id", "label"]).to_pylist()
    hostile = [row["account_id"] for row in labels if row["label"] == "distillation"]
    innocent = [row["account_id"] for row in labels if row["label"] != "distillation"]
    parts = zip(LABS, _cut(hostile, plan.seats, rng), _cut(innocent, _SHARES, rng), strict=True)
    events = pq.read_table(whole / "events")
    extracting = pq.read_table(whole / "attacks.parquet", columns=["event_id"])["event_id"]
    events = events.append_column("extracts", pc.is_in(events["event_id"], extracting))
    accounts = pq.read_table(whole / "accounts.parquet")
    sites = {
        lab: _site(folder / lab, theirs, crowd, events, accounts, plan, stock, rng)
        for lab, theirs, crowd in parts
    }
    stolen = Person("s-owner-of-a-card", fresh(rng) | {"payment": stock.card})
    near = [
        person for site in sites.values() for person in site.customers if person.id in site.hostile
    ]
    return World(plan, sites, _newcomers(plan, near, rng), stolen, stock)


def _cut(names: list[str], shares: Iterable[float], rng: random.Random) -> list[list[str]]:
    """In parts: of so many each, or of such a share."""
    left, parts = rng.sample(names, len(names)), []
    for share in shares:
        size = round(share * len(names)) if share < 1 else int(share)
        parts.append(left[:size])
        left = left[size:]
    return parts


def _site(
    folder: Path,
    hostile: list[str],
    innocent: list[str],
    events: pa.Table,
    accounts: pa.Table,
    plan: Plan,
    stock: Stock,
    rng: random.Random,
) -> Site:
    customers = [Person(name, stock.identity(rng)) for name in sorted(hostile)]
    if len(hostile) == plan.seats[0]:  # one account of the first lab surely paid with that card
        customers[0].values["payment"] = stock.card
    customers += [Person(name, fresh(rng)) for name in sorted(innocent)]
    mine = events.filter(pc.is_in(events["account_id"], pa.array([*hostile, *innocent])))
    hour = pc.divide(
        pc.subtract(mine["timestamp"].cast(pa.int64()), int(plan.ban.timestamp() * 1e6)).cast(
            pa.float64()
        ),
        float(_US_PER_HOUR),
    )
    log = folder / "log"
    write_log(log / "until-the-ban.parquet", mine.filter(pc.less(hour, 0)))
    write(folder / "customers.csv", customers, "customer_id")
    known = folder / "accounts.parquet"
    pq.write_table(_records(accounts, customers), known)
    later = mine.append_column("hour", hour).filter(pc.greater_equal(hour, 0)).sort_by("hour")
    return Site(folder.name, log, known, customers, frozenset(hostile), later)


def _records(accounts: pa.Table, customers: list[Person]) -> pa.Table:
    """The account records of a lab, with what its customers signed up with."""
    names = {
        "email": "email", "phone": "phone", "payment_fingerprint": "payment",
        "signup_ip": "ip", "device_fingerprint": "device",
    }  # fmt: skip
    found = accounts.filter(pc.is_in(accounts["account_id"], pa.array([p.id for p in customers])))
    values = {person.id: person.values for person in customers}
    for column, name in names.items():
        texts = [values[one][name].strip() for one in found["account_id"].to_pylist()]
        found = found.set_column(found.column_names.index(column), column, pa.array(texts))
    return found


def _newcomers(plan: Plan, near: list[Person], rng: random.Random) -> list[Newcomer]:
    """Innocents, of whom one in five has an address or a TLS client in common with the campaign."""
    made, numbers = [], defaultdict[str, int](int)
    for lab in LABS:
        for _ in range(plan.newcomers):
            values, other = fresh(rng), rng.choice(near).values
            what = rng.random()
            if what < 0.1:
                values["ip"] = neighbour(other["ip"], rng)
            elif what < 0.2:
                values |= {"ja4": other["ja4"], "asn": other["asn"]}
            numbers[lab] += 1
            person = Person(f"s-{lab}-{numbers[lab]:03}", values)
            made.append(Newcomer(lab, rng.uniform(0, plan.hours - 4), person))
    return sorted(made, key=lambda one: one.hour)

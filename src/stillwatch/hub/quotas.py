"""Reciprocity: what a member may use in a day, by what it contributed.

Rules: tiers and figures are data (``quotas.yaml``). Use is kept in the database and reserved
before it is granted, so workers and restarts do not add up to more. A day only ever follows a
later one: a clock that is set back refills nothing. Writes, appeals and pseudonyms are counted
in the transaction that makes them; pages read are charged to a *lease* of the worker, which
takes a slice of the day's quota at a time, so that reading does not wait for the database.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import jsonschema
import yaml
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stillwatch.errors import ConfigError, InputError
from stillwatch.hub.refusals import QuotaSpent
from stillwatch.hub.schema import identities, overrides, standing, usage, voices

Kind = Literal["reads", "writes", "pseudonyms", "appeals"]
KINDS: Final[tuple[Kind, ...]] = ("reads", "writes", "pseudonyms", "appeals")
_UNITS: Final = {
    "reads": "claims read a day",
    "writes": "claims stored a day",
    "pseudonyms": "pseudonyms held",
    "appeals": "appeals opened a day",
}
_SECOND: Final = 1_000_000
_DAY: Final = 86_400 * _SECOND
_SLICE: Final = 200
"""A lease takes this part of the day's quota at a time."""

_PAUSE: Final = 5 * _SECOND
"""After a refusal the database is left in peace for so long."""

_COUNT = {"type": "integer", "minimum": 0}
_QUOTAS = {
    "type": "object",
    "properties": dict.fromkeys(KINDS, _COUNT),
    "required": list(KINDS),
    "additionalProperties": False,
}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "window_days": {"type": "integer", "minimum": 1, "maximum": 3660},
        "appeal_days": {"type": "integer", "minimum": 1, "maximum": 365},
        "tiers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,31}$"},
                    "needs": {
                        "type": "object",
                        "properties": {"claims": _COUNT, "opinions": _COUNT},
                        "required": ["claims", "opinions"],
                        "additionalProperties": False,
                    },
                    "quotas": _QUOTAS,
                },
                "required": ["name", "needs", "quotas"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["window_days", "appeal_days", "tiers"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a member gave within the window."""

    claims: int
    """Claims of its own that stand."""
    opinions: int
    """Opinions and sightings on claims of others."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A step of reciprocity."""

    name: str
    needs: Contribution
    quotas: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Scheme:
    """All tiers, the lowest first."""

    window_days: int
    appeal_days: int
    """Days a publisher has to answer an appeal."""
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class Allowance:
    """One quota of a member as it stands."""

    kind: str
    unit: str
    limit: int
    used: int
    """For ``reads``: used or reserved by a worker."""
    resets: int | None
    """Microseconds since 1970; None for what does not refill."""


@dataclass(frozen=True, slots=True)
class Account:
    """Tier and quotas of a member, and how it would rise."""

    tier: str
    set_by_operator: bool
    contribution: Contribution
    allowances: tuple[Allowance, ...]
    next_tier: str | None
    missing: Contribution | None
    """What it would still have to contribute for that."""


def parse(text: str, source: str = "quotas") -> Scheme:
    """Read a scheme. Raises ``ConfigError`` naming the field."""
    try:
        data = yaml.safe_load(text)
        jsonschema.Draft202012Validator(SCHEMA).validate(data)
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is no YAML: {error}") from error
    except jsonschema.ValidationError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        raise ConfigError(f"{source}, at {where}: {error.message}") from error
    tiers = tuple(Tier(t["name"], Contribution(**t["needs"]), t["quotas"]) for t in data["tiers"])
    if tiers[0].needs != Contribution(0, 0):
        raise ConfigError(f"{source}: the first tier is where members start and may need nothing")
    if len({tier.name for tier in tiers}) < len(tiers):
        raise ConfigError(f"{source}: two tiers have one name")
    return Scheme(data["window_days"], data["appeal_days"], tiers)


@cache
def scheme() -> Scheme:
    """The scheme that ships."""
    path = files("stillwatch.hub") / "quotas.yaml"
    return parse(path.read_text(encoding="utf-8"), "quotas.yaml")


def contribution(connection: Connection, member: int, *, now: int) -> Contribution:
    """What a member gave within the window, under all its names."""
    since = now - scheme().window_days * _DAY
    claims = select(func.count()).where(
        standing.c.member == member,
        standing.c.state == "current",
        standing.c.stated >= since,
        ~standing.c.stix_id.startswith("opinion--"),
        ~standing.c.stix_id.startswith("sighting--"),
    )
    opinions = select(func.count(voices.c.claim.distinct())).where(
        voices.c.member == member,
        voices.c.live,
        voices.c.says != "nothing",
        voices.c.added >= since,
    )
    return Contribution(connection.scalar(claims) or 0, connection.scalar(opinions) or 0)


def tier(connection: Connection, member: int, *, now: int) -> Tier:
    """Tier of a member: what the operator set, else what it earned."""
    fixed = _overrides(connection, member).get("tier")
    return _tier(fixed, contribution(connection, member, now=now))


def limit(connection: Connection, member: int, kind: Kind, *, now: int) -> int:
    """A member's quota: what the operator set, else its tier's."""
    fixed = _overrides(connection, member).get(kind)
    if fixed is not None:
        return int(fixed)
    return tier(connection, member, now=now).quotas[kind]


def spend(connection: Connection, member: int, kind: Kind, amount: int, *, now: int) -> None:
    """Count a use in the caller's transaction. Raises ``QuotaSpent`` if it does not fit."""
    most = limit(connection, member, kind, now=now)
    day, used = _locked(connection, member, kind, now)
    if used + amount > most:
        raise spent(kind, most, used, (day + 1) * _DAY - now)
    _set(connection, member, kind, day, used + amount)


def spent(kind: Kind, most: int, used: int, wait: int) -> QuotaSpent:
    """The refusal of a use that does not fit; ``wait`` in microseconds."""
    return QuotaSpent(
        f"the quota of {most:,} {_UNITS[kind]} is spent ({used:,} used)",
        kind=kind,
        retry_after=max(1, -(-wait // _SECOND)),
        hint="GET /v1/members/me says when it refills and what would raise it",
    )


def account(connection: Connection, member: int, *, now: int) -> Account:
    """What a member may use, has used, and would have to do for more."""
    fixed = _overrides(connection, member)
    gave = contribution(connection, member, now=now)
    mine = _tier(fixed.get("tier"), gave)
    tiers = scheme().tiers
    above = None if "tier" in fixed else next(iter(tiers[tiers.index(mine) + 1 :]), None)
    missing = None if above is None else _missing(above.needs, gave)
    allowances = tuple(
        _allowance(connection, member, kind, int(fixed.get(kind, mine.quotas[kind])), now)
        for kind in KINDS
    )
    name = above.name if above else None
    return Account(mine.name, "tier" in fixed, gave, allowances, name, missing)


def override(connection: Connection, member: int, name: str, value: str | None) -> None:
    """Set a member's tier or one of its quotas, or, with None, leave it to the scheme again.

    Raises ``InputError`` for an unknown name or value.
    """
    if name not in (*KINDS, "tier"):
        raise InputError(f"there is no quota {name!r}", hint=f"choose tier, {', '.join(KINDS)}")
    names = [tier.name for tier in scheme().tiers]
    if value is not None and name == "tier" and value not in names:
        raise InputError(f"there is no tier {value!r}", hint=f"choose one of {', '.join(names)}")
    if value is not None and name != "tier" and not (value.isdecimal() and len(value) < 16):
        raise InputError(f"{value!r} is no number", hint="give a whole number, 0 for nothing")
    both = (overrides.c.member == member) & (overrides.c.name == name)
    connection.execute(delete(overrides).where(both))
    if value is not None:
        connection.execute(insert(overrides).values(member=member, name=name, value=value))


def reset(connection: Connection, member: int) -> None:
    """Forget what a member used, e.g. after the hub's clock ran ahead."""
    connection.execute(delete(usage).where(usage.c.member == member))


class Leases:
    """What one worker may still let members read without asking the database."""

    def __init__(
        self,
        begin: Callable[[], AbstractContextManager[Connection]],
        clock: Callable[[], int],
    ) -> None:
        self._begin, self._clock = begin, clock
        self._left: dict[int, tuple[int, int]] = {}  # member: day, claims left
        self._refused: dict[int, tuple[int, QuotaSpent]] = {}  # member: until when, with what

    def check(self, member: int) -> None:
        """Raise ``QuotaSpent`` unless the member may read on; takes a slice if need be.

        What is read on one page beyond the slice is owed to the next.
        """
        until, refusal = self._refused.get(member, (0, None))
        if refusal is not None and until - _PAUSE <= self._clock() < until:
            raise refusal
        day, left = self._left.get(member, (0, 0))
        if left <= 0 or day < self._clock() // _DAY:
            self._left[member] = self._take(member, -left if day >= self._clock() // _DAY else 0)

    def charge(self, member: int, amount: int) -> None:
        """Count what was read."""
        day, left = self._left.get(member, (0, 0))
        self._left[member] = (day, left - amount)

    def _take(self, member: int, debt: int) -> tuple[int, int]:
        now = self._clock()
        with self._begin() as connection:
            most = limit(connection, member, "reads", now=now)
            day, used = _locked(connection, member, "reads", now)
            free = most - used - debt
            if free > 0:
                slice_ = min(free, max(1, most // _SLICE))
                _set(connection, member, "reads", day, used + debt + slice_)
                return day, slice_
            _set(connection, member, "reads", day, used + debt)
        self._left[member] = (day, 0)
        refusal = spent("reads", most, used + debt, (day + 1) * _DAY - now)
        self._refused[member] = (now + _PAUSE, refusal)
        raise refusal


def _tier(fixed: str | None, gave: Contribution) -> Tier:
    tiers = scheme().tiers
    earned = [
        tier
        for tier in tiers
        if gave.claims >= tier.needs.claims and gave.opinions >= tier.needs.opinions
    ]
    return next((tier for tier in tiers if tier.name == fixed), earned[-1])


def _missing(needs: Contribution, gave: Contribution) -> Contribution:
    return Contribution(max(0, needs.claims - gave.claims), max(0, needs.opinions - gave.opinions))


def _overrides(connection: Connection, member: int) -> dict[str, str]:
    statement = select(overrides.c.name, overrides.c.value).where(overrides.c.member == member)
    return {row.name: row.value for row in connection.execute(statement)}


def _row(member: int, kind: Kind) -> Any:
    return (usage.c.member == member) & (usage.c.kind == kind)


def _locked(connection: Connection, member: int, kind: Kind, now: int) -> tuple[int, int]:
    """The day that counts and what it has used; nobody else changes it before we end."""
    row = {"member": member, "kind": kind, "day": now // _DAY, "used": 0}
    if connection.dialect.name == "postgresql":
        connection.execute(postgresql.insert(usage).values(row).on_conflict_do_nothing())
    else:
        connection.execute(sqlite.insert(usage).values(row).on_conflict_do_nothing())
    statement = select(usage.c.day, usage.c.used).where(_row(member, kind)).with_for_update()
    day, used = connection.execute(statement).one()
    return _current(day, used, now)


def _current(day: int, used: int, now: int) -> tuple[int, int]:
    today = now // _DAY
    return (today, 0) if today > day else (day, used)


def _set(connection: Connection, member: int, kind: Kind, day: int, used: int) -> None:
    connection.execute(update(usage).where(_row(member, kind)).values(day=day, used=used))


def _allowance(connection: Connection, member: int, kind: Kind, most: int, now: int) -> Allowance:
    if kind == "pseudonyms":
        return Allowance(kind, _UNITS[kind], most, pseudonyms(connection, member), None)
    row = connection.execute(select(usage.c.day, usage.c.used).where(_row(member, kind))).first()
    day, used = _current(row.day, row.used, now) if row else (now // _DAY, 0)
    return Allowance(kind, _UNITS[kind], most, used, (day + 1) * _DAY)


def pseudonyms(connection: Connection, member: int) -> int:
    """How many pseudonyms a member holds that did not end."""
    held = (identities.c.member == member) & ~identities.c.open & (identities.c.state != "ended")
    return connection.scalar(select(func.count()).select_from(identities).where(held)) or 0

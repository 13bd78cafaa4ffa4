"""Guards: bounds above all rules. No policy file lifts them; it only sets where they lie.

1. What is on the policy's ``never`` list is not touched.
2. Allowlists win: a case or member of which anything is covered by a standing allow is spared.
3. Another lab's word alone challenges at most.
4. Blast radius: what one policy newly touches within an hour is bounded in accounts and in its
   share of traffic and of accounts; what is over a bound is held for a person. ``challenge`` refuses
   requests as well, so it counts; only ``observe`` touches nobody.
5. Everything ends.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Self

from stillwatch.domain.decision import Decision, DecisionId, Effect, Scope, Subject
from stillwatch.gateway.policy.case import Case

OWN_ONLY: Final = frozenset({Effect.THROTTLE, Effect.DEGRADE, Effect.BLOCK})
"""Need evidence of the lab's own."""
HOUR: Final = timedelta(hours=1)
_ROUNDING: Final = 1e-9
"""Sums of shares are not exact."""


@dataclass(frozen=True)
class Covers:
    """Subjects, and what they cover: the same subject, and smaller networks within theirs."""

    exact: dict[Subject, str] = field(default_factory=dict)
    """Whatever is listed, with the name under which it stands."""
    networks: dict[tuple[int, int], dict[int, str]] = field(default_factory=dict)
    """By IP version and prefix length: the network's number, and the name under which it stands."""

    def add(self, subject: Subject, name: str) -> None:
        """List a subject."""
        if subject.scope is Scope.RANGE:
            network = ip_network(subject.value)
            place = (network.version, network.prefixlen)
            self.networks.setdefault(place, {})[int(network.network_address)] = name
        else:
            self.exact[subject] = name

    def covering(self, subject: Subject) -> str | None:
        """The name under which the subject, or a network around it, is listed."""
        if subject.scope is not Scope.RANGE:
            return self.exact.get(subject)
        return self._around(ip_network(subject.value))

    def _around(self, network: IPv4Network | IPv6Network) -> str | None:
        number, bits = int(network.network_address), network.max_prefixlen
        for (version, length), listed in self.networks.items():
            if version == network.version and length <= network.prefixlen:
                found = listed.get(number >> (bits - length) << (bits - length))
                if found is not None:
                    return found
        return None


@dataclass(frozen=True)
class Allows:
    """The allows that stand at one instant."""

    covers: Covers

    @classmethod
    def of(cls, decisions: Iterable[Decision], now: datetime) -> Self:
        """Those in force; a campaign's allow covers its members as well."""
        covers = Covers()
        for one in decisions:
            if one.effect is not Effect.ALLOW or one.shadow or one.until <= now:
                continue
            covers.add(one.subject, one.id)
            for member in one.members:
                covers.add(Subject(Scope.ACCOUNT, member), one.id)
        return cls(covers)

    def covering(self, subjects: Iterable[Subject]) -> DecisionId | None:
        """The allow that covers any of them."""
        for subject in subjects:
            if (found := self.covers.covering(subject)) is not None:
                return DecisionId(found)
        return None


@dataclass(frozen=True)
class Never:
    """What a policy touches never, by its own word."""

    access_path: frozenset[str] = frozenset()
    spend_tier: frozenset[str] = frozenset()
    listed: Covers = field(default_factory=Covers)

    @classmethod
    def of(cls, said: Mapping[str, Iterable[str]]) -> Self:
        """From the file. Raises ``ValueError``."""
        covers = Covers()
        for scope in Scope:
            for value in said.get(scope.value, ()):
                covers.add(Subject.of(scope, value), f"{scope} {value}")
        return cls(
            frozenset(said.get("access_path", ())), frozenset(said.get("spend_tier", ())), covers
        )

    def covering(self, case: Case) -> str:
        """What of the list the whole case is under; empty for nothing."""
        if case.access_path in self.access_path:
            return f"access path {case.access_path}"
        if case.spend_tier in self.spend_tier:
            return f"spend tier {case.spend_tier}"
        return self.listing(subjects_of(case)) or ""

    def listing(self, subjects: Iterable[Subject]) -> str | None:
        """What is listed of some subjects."""
        return next(
            (found for one in subjects if (found := self.listed.covering(one)) is not None), None
        )


def subjects_of(case: Case) -> Iterator[Subject]:
    """All that is known to be the case's as a whole; of a single account its member's as well."""
    yield from (case.subject, *case.carries)
    if case.subject.scope is not Scope.CAMPAIGN:
        for member in case.members:
            yield Subject(Scope.ACCOUNT, member.account)
            yield from member.carries


@dataclass(frozen=True)
class Guards:
    """Where the bounds of a policy lie."""

    new_blocks_per_hour: int
    """Accounts newly blocked."""
    new_touched_per_hour: int
    """Accounts newly challenged, throttled, degraded or blocked."""
    traffic_share: float
    """Of all requests that the cases know of."""
    account_share: float
    """Of all accounts that the cases know of."""
    never: Never = field(default_factory=Never)
    longest: Mapping[Effect, timedelta] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a policy newly touched within the last hour."""

    blocks: int = 0
    touched: int = 0
    traffic: float = 0.0
    """Sum of shares, 0-1."""
    accounts: float = 0.0


@dataclass
class Blast:
    """The blast radius: what is still free of it."""

    guards: Guards
    spent: Spent = field(default_factory=Spent)

    def admit(self, effect: Effect, accounts: int, traffic: float, share: float) -> str:
        """Count so many newly touched accounts, or say which bound they would break.

        ``traffic`` and ``share`` are their parts of all requests and of all accounts, 0-1.
        """
        if effect is Effect.OBSERVE or not accounts:
            return ""
        now, bounds = self.spent, self.guards
        then = Spent(
            now.blocks + (accounts if effect is Effect.BLOCK else 0),
            now.touched + accounts,
            now.traffic + traffic,
            now.accounts + share,
        )
        if effect is Effect.BLOCK and then.blocks > bounds.new_blocks_per_hour:
            return f"blast radius, blocks: {then.blocks:,} accounts blocked within an hour, at most {bounds.new_blocks_per_hour:,}"
        if then.touched > bounds.new_touched_per_hour:
            return f"blast radius, accounts touched: {then.touched:,} accounts touched within an hour, at most {bounds.new_touched_per_hour:,}"
        if then.traffic > bounds.traffic_share + _ROUNDING:
            return f"blast radius, share of traffic: {then.traffic:.1%} of the traffic touched within an hour, at most {bounds.traffic_share:.1%}"
        if then.accounts > bounds.account_share + _ROUNDING:
            return f"blast radius, share of accounts: {then.accounts:.1%} of the accounts touched within an hour, at most {bounds.account_share:.1%}"
        self.spent = then
        return ""

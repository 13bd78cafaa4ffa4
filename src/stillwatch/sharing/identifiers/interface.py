"""What normalisation takes and gives: reasons, refusals, counts, bounds.

A value that cannot be matched is refused with a ``Reason``, never dropped in silence and never
quoted: raw identifiers belong in no log and no error.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from stillwatch.domain.identifier import Identifier, Kind

MAX_RAW: Final = 1024
"""Longest raw value that is read, in characters; anything longer is refused unread."""


class Reason(StrEnum):
    """Why a value is not asked about; closed, so that counts of two labs can be compared."""

    EMPTY = "empty"
    """Nothing, or nothing visible."""
    TOO_LONG = "too-long"
    """Longer than a value of its kind is."""
    TOO_SHORT = "too-short"
    """So short that strangers share it."""
    MALFORMED = "malformed"
    """Does not have the shape of its kind."""
    SEVERAL = "several"
    """More than one value in one cell."""
    PLACEHOLDER = "placeholder"
    """Typed to fill a field: n/a, test@test.com, 0000."""
    DOCUMENTATION = "documentation"
    """Set aside for examples and typed by strangers: the domain example.com, 555-01xx."""
    FREE_MAIL = "free-mail"
    """The domain of a mail provider: strangers share it."""
    DISPOSABLE = "disposable"
    """The domain of a throw-away mail service."""
    SHARED_DOMAIN = "shared-domain"
    """A domain under which strangers live: a platform, a host, a university."""
    PUBLIC_SUFFIX = "public-suffix"
    """Not a registrable domain but what registries and hosts hand out names under."""
    UNKNOWN_SUFFIX = "unknown-suffix"
    """Ends in no suffix of the public list, e.g. the name of an intranet."""
    PRIVATE_ADDRESS = "private-address"
    """Loopback, link-local, RFC 1918, carrier NAT, unique local; a private AS."""
    RESERVED_ADDRESS = "reserved-address"
    """Unspecified, multicast, benchmarking or otherwise of no host on the internet."""
    TUNNELLED = "tunnelled"
    """6to4 or Teredo: the sender claims the address and nothing verifies it."""
    NO_REGION = "no-region"
    """A national phone number, and no region to read it in."""
    INVALID_NUMBER = "invalid-number"
    """No country has numbers of this code and length."""
    SERVICE_NUMBER = "service-number"
    """Toll-free, premium, shared-cost, emergency, voicemail: not one customer's."""
    CARD_NUMBER = "card-number"
    """THE NUMBER OF A PAYMENT CARD where a fingerprint belongs: it must not be stored or sent."""
    GENERIC = "generic"
    """A name that says nothing: Company Ltd, Freelance."""

    __hash__ = str.__hash__  # as of ``Kind``


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that is not asked about; it does not hold the value."""

    kind: Kind
    """As what it was read."""
    reason: Reason


Outcome: TypeAlias = tuple[Identifier, ...] | Refused


@dataclass(frozen=True, slots=True)
class Context:
    """What a value is read with."""

    kind: Kind
    region: str | None = None
    """ISO 3166-1 alpha-2 of a phone number without a country code."""
    documentation: bool = False
    """Whether the domains and phone numbers of examples are taken: for rehearsals only, since
    strangers type them to fill a field."""

    def refused(self, reason: Reason) -> Refused:
        """A refusal of this value."""
        return Refused(self.kind, reason)


Family: TypeAlias = Callable[[str, Context], Outcome]
"""Reads one cleaned text (``text.clean``) as a kind of its family; never raises."""


_ADDRESSES: Final = frozenset({Kind.IP4_24, Kind.IP6_64, Kind.IP6_48})


def mostly_refused(
    taken: Mapping[Kind, int], refused: Mapping[tuple[Kind, Reason], int]
) -> list[str]:
    """A line for each kind of which more than half of the values were refused."""
    said = list[str]()
    for kind in Kind:
        lost = {why: n for (of, why), n in refused.items() if of is kind and why != Reason.EMPTY}
        count, given = sum(lost.values()), sum(lost.values()) + taken.get(kind, 0)
        if 2 * count > given:
            most = max(lost, key=lambda why: (lost[why], why))
            said.append(
                f"{count:,} of {given:,} values of {kind} cannot be matched, most of them: {most}"
            )
    return said


@dataclass(slots=True)
class Tally:
    """What became of the values read; holds counts only."""

    identifiers: Counter[Kind] = field(default_factory=Counter)
    """Identifiers made, by kind."""
    refused: Counter[tuple[Kind, Reason]] = field(default_factory=Counter)
    """Values refused, by kind and reason."""
    taken: Counter[Kind] = field(default_factory=Counter)
    """Values that gave identifiers, by the kind as which they were read, an address as ``ip4``."""

    def add(self, outcome: Outcome) -> Outcome:
        """Count what one value gave, and hand it on."""
        if isinstance(outcome, Refused):
            self.refused[outcome.kind, outcome.reason] += 1
        else:
            first = outcome[0].kind
            self.taken[Kind.IP4 if first in _ADDRESSES else first] += 1
            for one in outcome:
                self.identifiers[one.kind] += 1
        return outcome

    def merge(self, others: Iterable["Tally"]) -> "Tally":
        """This tally with the counts of ``others`` added."""
        for other in others:
            self.identifiers.update(other.identifiers)
            self.taken.update(other.taken)
            self.refused.update(other.refused)
        return self

    def warnings(self) -> list[str]:
        """A line for each kind of which more than half of the values were refused.

        Empty cells are no values: a column may be filled for few customers.
        """
        return mostly_refused(self.taken, self.refused)

    def rows(self) -> Iterator[tuple[str, str, int]]:
        """Kind, ``made`` or the reason of refusal, and how many; in the order of the kinds."""
        order = list(Kind)
        for kind in order:
            if self.identifiers[kind]:
                yield kind.value, "made", self.identifiers[kind]
            for (of, reason), count in sorted(self.refused.items()):
                if of is kind:
                    yield kind.value, reason.value, count

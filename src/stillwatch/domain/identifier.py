"""What is matched between labs: one kind of identifier and one normal form, as exact bytes.

An identifier enters the OPRF as bytes, so two labs recognise the same actor only if they write
the same bytes. Rules: what came from outside is a ``RawIdentifier``, what the rules of
``stillwatch.sharing.identifiers`` made of it is a ``NormalForm``, and mixing the two fails the
type check; a normal form is never shown by ``repr``; the epoch of the key is part of the input,
so tags of two epochs have nothing in common.

>>> oprf_input(Identifier(Kind.EMAIL, NormalForm("alice@example.com")), "2026q4")
b'v1|email|2026q4|alice@example.com'
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NewType

RawIdentifier = NewType("RawIdentifier", str)
"""As a customer, a log or a form wrote it; never leaves the house and is never logged."""
NormalForm = NewType("NormalForm", str)
"""What normalisation made of it; the same at every lab for the same thing."""

VERSION: Final = "v1"
"""Version of the rules of normalisation; any change of a normal form needs another."""
MAX_NORMAL_BYTES: Final = 1024
"""Longest normal form, in UTF-8 bytes."""
MAX_EPOCH_BYTES: Final = 64
"""Longest name of a key epoch, in UTF-8 bytes."""


class Kind(StrEnum):
    """Kinds of identifier; the value is part of the OPRF's input and never changes."""

    EMAIL = "email"
    """A mailbox as given: lower case, IDNA."""
    EMAIL_LOOSE = "email-loose"
    """The mailbox that aliases lead to: tags, Gmail's dots, a provider's other domains."""
    PHONE = "phone"
    """E.164."""
    PAYMENT = "payment"
    """``processor:fingerprint``."""
    DOMAIN = "domain"
    """A registrable domain that one organisation holds."""
    ORGANISATION = "organisation"
    """A legal name without its legal form."""
    DEVICE = "device"
    """An opaque id of a device."""
    IP4 = "ip4"
    """One IPv4 address."""
    IP4_24 = "ip4-24"
    """The /24 around an IPv4 address."""
    IP6_64 = "ip6-64"
    """The /64 around an IPv6 address: one subnet of a customer."""
    IP6_48 = "ip6-48"
    """The /48 around an IPv6 address: one site."""
    JA4_ASN = "ja4-asn"
    """A TLS client fingerprint and the network it came from."""
    RESELLER = "reseller"
    """The id of a reseller of access."""
    SKELETON_BAND = "skeleton-band"
    """One band of the sketch of an account's prompt skeletons."""
    PROMPT = "prompt"
    """The digest of one long, rare prompt."""

    __hash__ = str.__hash__  # as equality is; the enum's own is a call in Python, felt by millions


class Strength(StrEnum):
    """What a match of this kind alone may mean."""

    STRONG = "strong"
    """Strangers do not share it: may make a lead alone."""
    WEAK = "weak"
    """Strangers share it: never matches alone, only adds to a strong match."""
    PATTERN = "pattern"
    """Says what was done, not who did it: counts in numbers and at several labs."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What holds for every identifier of a kind."""

    strength: Strength
    life_days: int
    """Days after the last sighting for which a tag of this kind may be matched."""

    @property
    def alone(self) -> bool:
        """Whether one match of this kind may make a lead."""
        return self.strength is Strength.STRONG


_STRONG, _WEAK, _PATTERN = Strength.STRONG, Strength.WEAK, Strength.PATTERN

TRAITS: Final[Mapping[Kind, Traits]] = MappingProxyType(
    {
        Kind.EMAIL: Traits(_STRONG, 365),
        Kind.EMAIL_LOOSE: Traits(_STRONG, 365),
        Kind.PHONE: Traits(_STRONG, 180),  # numbers are given to others after months
        Kind.PAYMENT: Traits(_STRONG, 365),
        Kind.DOMAIN: Traits(_STRONG, 365),
        Kind.ORGANISATION: Traits(_WEAK, 365),  # unrelated firms share names, and anyone types one
        Kind.DEVICE: Traits(_STRONG, 180),
        Kind.IP4: Traits(_WEAK, 14),  # carriers put thousands behind one address
        Kind.IP4_24: Traits(_WEAK, 14),
        Kind.IP6_64: Traits(_WEAK, 30),
        Kind.IP6_48: Traits(_WEAK, 30),
        Kind.JA4_ASN: Traits(_WEAK, 30),  # every copy of a browser at a provider has it
        Kind.RESELLER: Traits(_WEAK, 180),  # names the shop, not its customer
        Kind.SKELETON_BAND: Traits(_PATTERN, 90),
        Kind.PROMPT: Traits(_PATTERN, 180),
    }
)


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing by which an actor may be recognised, in normal form."""

    kind: Kind
    value: NormalForm = field(repr=False)
    """Secret of the house: not in a log, an error or a ``repr``."""


def oprf_input(identifier: Identifier, epoch: str) -> bytes:
    """The bytes that enter the OPRF: ``v1|kind|epoch|normal form`` in UTF-8.

    The normal form comes last and may hold ``|``; an epoch may not, so no two inputs give the
    same bytes. Raises ``ValueError`` for an epoch that is empty, longer than
    ``MAX_EPOCH_BYTES`` or holds ``|``, and for a normal form that is empty, longer than
    ``MAX_NORMAL_BYTES`` or not Unicode text; never quotes the value.
    """
    if not epoch or "|" in epoch:
        raise ValueError("an epoch is named by a text without '|'")
    value = _utf8(identifier.value, "a normal form")
    name = _utf8(epoch, "an epoch")
    if not 0 < len(value) <= MAX_NORMAL_BYTES:
        raise ValueError(f"a normal form has 1 to {MAX_NORMAL_BYTES} bytes, this has {len(value)}")
    if len(name) > MAX_EPOCH_BYTES:
        raise ValueError(f"an epoch's name has at most {MAX_EPOCH_BYTES} bytes")
    return b"|".join((VERSION.encode(), identifier.kind.value.encode(), name, value))


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{what} is not Unicode text") from None

"""Normalisation: from what a customer wrote to the bytes that two labs agree on.

One differing byte is a silent miss, so every rule is written down (docs/reference/identifiers.md)
and shown by published test vectors (``vectors.json``) that any other implementation can use.

Rules: ``normalise`` never raises, for any text; it takes time linear in the text's length; what
cannot be matched is refused with a ``Reason``; a normal form normalises to itself; no network,
no cache on disk, no clock, no locale; no raw value in an error, a log or a ``repr``.

Glossary
    family      one file's worth of kinds that are read alike: e-mail, phone, address ...
    raw         as given; the normal form is what all labs make of it
    refused     cannot be asked about; counted by kind and reason in a ``Tally``

>>> [str(one.kind) for one in normalise(Kind.EMAIL, RawIdentifier(" Al.Ice+x@GoogleMail.com "))]
['email', 'email-loose']
"""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from stillwatch.domain.identifier import Kind, RawIdentifier
from stillwatch.sharing.identifiers.address import address
from stillwatch.sharing.identifiers.domain import domain
from stillwatch.sharing.identifiers.interface import (
    Context,
    Family,
    Outcome,
    Reason,
    Refused,
    Tally,
)
from stillwatch.sharing.identifiers.mailbox import email
from stillwatch.sharing.identifiers.opaque import band, device, payment, prompt, reseller
from stillwatch.sharing.identifiers.organisation import organisation
from stillwatch.sharing.identifiers.phone import phone
from stillwatch.sharing.identifiers.text import clean, is_placeholder
from stillwatch.sharing.identifiers.tls import ja4_asn

__all__ = ["FAMILIES", "Outcome", "Reason", "Refused", "Tally", "normalise"]

FAMILIES: Final[Mapping[Kind, Family]] = MappingProxyType(
    {
        Kind.EMAIL: email,
        Kind.EMAIL_LOOSE: email,
        Kind.PHONE: phone,
        Kind.PAYMENT: payment,
        Kind.DOMAIN: domain,
        Kind.ORGANISATION: organisation,
        Kind.DEVICE: device,
        Kind.IP4: address,
        Kind.IP4_24: address,
        Kind.IP6_64: address,
        Kind.IP6_48: address,
        Kind.JA4_ASN: ja4_asn,
        Kind.RESELLER: reseller,
        Kind.SKELETON_BAND: band,
        Kind.PROMPT: prompt,
    }
)
"""Who reads which kind."""

_JOINERS: Final = frozenset({Kind.EMAIL, Kind.EMAIL_LOOSE, Kind.DOMAIN})
"""Kinds with a domain, where IDNA judges U+200C and U+200D."""

_context: Final = lru_cache(1024)(Context)


def normalise(
    kind: Kind,
    raw: RawIdentifier,
    *,
    region: str | None = None,
    documentation: bool = False,
) -> Outcome:
    """Every identifier that a raw value gives, the first of its own kind, or why there is none.

    An ``email`` gives also its ``email-loose`` and, unless strangers share it, its ``domain``; an
    address, given as any of the four address kinds, gives its networks. ``region`` (ISO 3166-1
    alpha-2) reads national phone numbers. ``documentation`` takes the domains and phone numbers
    of examples, which strangers type to fill a field: for rehearsals only.

    Never raises; the time is linear in the length, which is bounded (``MAX_RAW``).
    """
    context = _context(kind, region, documentation)
    text = clean(raw, joiners=kind in _JOINERS)
    if isinstance(text, Reason):
        return context.refused(text)
    if is_placeholder(text):
        return context.refused(Reason.PLACEHOLDER)
    return FAMILIES[kind](text, context)

"""Domains: the registrable domain, if one organisation holds it.

Read: a bare name, a URL, an e-mail address. Refused: what strangers share, since a match would
say nothing of the actor: domains of mail providers (free and disposable), public suffixes and
their private section (``github.io``), platforms and universities, names of intranets; and
``example.com``, ``.net`` and ``.org``, which strangers type. Names under ``.example``, ``.test`` and
``.invalid`` are taken: nobody has one, and labs rehearse with them.
"""

from functools import lru_cache
from typing import Final

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.hostname import (
    REHEARSAL_TLDS,
    a_labels,
    is_documentation,
    registrable,
)
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason
from stillwatch.sharing.identifiers.lists import domains

_ACADEMIC: Final = ("edu", "ac")
"""Suffixes ``edu``, ``ac.uk``, ``edu.au`` ...: one domain for tens of thousands of people."""
_PUBLIC: Final = ("gov", "mil", "k12", "sch")


def domain(text: str, context: Context) -> Outcome:
    """The registrable domain of a name, URL or e-mail address."""
    host = a_labels(_host(text))
    if host is None or host.rsplit(".", 1)[-1].isdecimal():
        return context.refused(Reason.MALFORMED)
    found = domain_of(host, context.documentation)
    if isinstance(found, Reason):
        return context.refused(found)
    return (Identifier(Kind.DOMAIN, found),)


@lru_cache(1 << 16)
def domain_of(host: str, documentation: bool) -> NormalForm | Reason:
    """The domain by which a host in A-labels is matched, or why it is not."""
    if is_documentation(host) and not documentation:
        return Reason.DOCUMENTATION
    if host.rpartition(".")[2] in REHEARSAL_TLDS:
        return _example(host)
    name, suffix = registrable(host)
    if not suffix:
        return Reason.UNKNOWN_SUFFIX
    if not name:
        return Reason.SHARED_DOMAIN if _listed(host, "shared") else Reason.PUBLIC_SUFFIX
    if "_" in name:
        return Reason.MALFORMED
    if _listed(host, "free-mail"):
        return Reason.FREE_MAIL
    if _listed(host, "disposable"):
        return Reason.DISPOSABLE
    if _listed(host, "shared") or _institution(suffix):
        return Reason.SHARED_DOMAIN
    return NormalForm(name)


def is_free_mail(host: str) -> bool:
    """Whether a host in A-labels is that of a provider where anybody gets a mailbox."""
    return _listed(host, "free-mail") or _listed(host, "disposable")


def _host(text: str) -> str:
    """The host of a URL, an address or a bare name; no percent-decoding, no look-up."""
    rest = text
    if "://" in rest:
        rest = rest.split("://", 1)[1]
    elif rest.startswith("//"):
        rest = rest[2:]
    for mark in "/?#\\":
        rest = rest.split(mark, 1)[0]
    rest = rest.rsplit("@", 1)[-1].strip("<> ")
    name, colon, port = rest.rpartition(":")
    return name if colon and (not port or port.isdecimal()) else rest


def _example(host: str) -> NormalForm | Reason:
    labels = host.split(".")
    return NormalForm(".".join(labels[-2:])) if len(labels) > 1 else Reason.PUBLIC_SUFFIX


def _institution(suffix: str) -> bool:
    return any(label in _ACADEMIC or label in _PUBLIC for label in suffix.split("."))


def _listed(host: str, name: str) -> bool:
    """Whether the host or a domain above it is on the list of that name."""
    listed = domains(name)
    labels = host.split(".")
    return any(".".join(labels[at:]) in listed for at in range(len(labels) - 1))

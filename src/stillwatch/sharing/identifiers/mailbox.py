"""E-mail addresses, strict and loose.

Strict (``email``): the mailbox as given. RFC 5321 makes the local part case-sensitive; no
provider is, so the whole address is lower case. Domain in A-labels. Display names
(``Name <a@b>``), ``mailto:``, comments at the end and needless quotes go.

Loose (``email-loose``): the mailbox that aliases lead to. ``+tag`` goes everywhere, and what
``providers.yaml`` says of the provider: tags after ``-``, dots that do not count, other domains
of the same mailboxes, a mailbox's own subdomain. A quoted local part keeps its tag: it is text.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.domain import domain_of
from stillwatch.sharing.identifiers.hostname import a_labels
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason
from stillwatch.sharing.identifiers.lists import table, words
from stillwatch.sharing.identifiers.text import clean, lower, visible

_MAILTO: Final = "mailto:"
_ANY_HOST: Final = "example.com"
_ATOMS: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
"""A dot-atom of RFC 5322, which needs no further look; one way to match, so linear."""
_LONGEST: Final = 254
"""Octets of an address (RFC 5321, erratum 1690)."""
_LONGEST_LOCAL: Final = 64
_INNER_TLDS: Final = frozenset({"localhost", "local", "arpa", "onion", "internal"})


@dataclass(frozen=True, slots=True)
class Provider:
    """What two addresses of one mailbox may differ by."""

    domain: str
    """The domain that stands for all of them."""
    ignored: str = ""
    """Characters of the local part that do not count."""
    tags: str = ""
    """Characters that begin a tag, besides ``+``."""
    subdomains: bool = False
    """Whether ``tag@user.domain`` is ``user@domain``."""


def email(text: str, context: Context) -> Outcome:
    """``email``, ``email-loose`` and the address's domain unless strangers share it.

    As ``email-loose`` it gives that alone.
    """
    parts = _parts(text)
    if isinstance(parts, Reason):
        return context.refused(parts)
    local, host = parts
    if _fills(local, host):
        return context.refused(Reason.PLACEHOLDER)
    loose = Identifier(Kind.EMAIL_LOOSE, _loose(local, host))
    if context.kind is Kind.EMAIL_LOOSE:
        return (loose,)
    strict = Identifier(Kind.EMAIL, NormalForm(f"{local}@{host}"))
    found = domain_of(host, context.documentation)
    if isinstance(found, Reason):
        return strict, loose
    return strict, loose, Identifier(Kind.DOMAIN, found)


def _parts(text: str) -> tuple[str, str] | Reason:
    """The local part in lower case and the host in A-labels."""
    address = _bare(text)
    if isinstance(address, Reason):
        return address
    local, at, name = address.rpartition("@")
    host = a_labels(name) if at else None
    if host is None or not _receives(host):
        return Reason.MALFORMED
    local = local.lower() if local.isascii() else lower(visible(local))
    if len(local.encode()) > _LONGEST_LOCAL:
        return Reason.TOO_LONG
    if "@" in local and not local.startswith('"'):
        return Reason.SEVERAL if any(mark in local for mark in ",; ") else Reason.MALFORMED
    if _ATOMS.fullmatch(local):
        return _bounded(local, host)
    try:  # the host was checked above: the validator knows IDNA's joiners not, and is slower
        found = validate_email(
            f"{local}@{_ANY_HOST}", allow_quoted_local=True, check_deliverability=False
        )
    except (EmailNotValidError, UnicodeError, ValueError):
        return Reason.MALFORMED
    return _bounded(found.local_part, host)


def _bounded(local: str, host: str) -> tuple[str, str] | Reason:
    total = len(local.encode()) + 1 + len(host)
    return Reason.TOO_LONG if total > _LONGEST else (local, host)


@lru_cache(1 << 16)
def _receives(host: str) -> bool:
    """Whether mail from outside can be addressed to the host: dots, and no network's own name."""
    last = host.rpartition(".")[2]
    inner = last.isdecimal() or last in _INNER_TLDS
    return "." in host and "_" not in host and not inner


def _bare(text: str) -> str | Reason:
    """The address without display name, scheme, comment and trailing list marks."""
    address = text.rstrip(",; ")
    if address.endswith(")") and "(" in address:
        address = address[: address.rindex("(")].rstrip()
    if address.endswith(">") and "<" in address:
        address = address[address.rindex("<") + 1 : -1].strip()
    if address[: len(_MAILTO)].lower() == _MAILTO:
        return clean(unquote(address[len(_MAILTO) :].partition("?")[0]), joiners=True)
    return address


def _fills(local: str, host: str) -> bool:
    name = local.partition("+")[0]
    if name in _words("nobody"):
        return True
    filled = name in _words("filled") or name in _words("words") or name == host
    return filled and host in _words("fillers")


def _words(key: str) -> frozenset[str]:
    return words("placeholders", key)


def _loose(local: str, host: str) -> NormalForm:
    provider = providers().get(host)
    if provider is None:
        user, _, above = host.partition(".")
        provider = providers().get(above)
        if provider and provider.subdomains:
            local, host = user, above
    if not local.startswith('"'):
        local = _untagged(local, provider)
    return NormalForm(f"{local}@{provider.domain if provider else host}")


def _untagged(local: str, provider: Provider | None) -> str:
    """The local part without tag; one that would be empty stays as it is."""
    name = local
    for mark in "+" + (provider.tags if provider else ""):
        name = name.partition(mark)[0]
    for char in provider.ignored if provider else "":
        name = name.replace(char, "")
    return name or local


@cache
def providers() -> dict[str, Provider]:
    """The providers whose addresses have aliases, by each of their domains."""
    return {
        name: Provider(
            entry["domains"][0] if entry.get("one_mailbox") else name,
            entry.get("ignored", ""),
            entry.get("tags", ""),
            entry.get("subdomains", False),
        )
        for entry in table("providers")["providers"]
        for name in entry["domains"]
    }

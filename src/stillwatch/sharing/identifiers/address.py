"""Network addresses: an address and the networks that siblings share.

IPv4 gives ``ip4`` and ``ip4-24``; IPv6 gives ``ip6-64`` and ``ip6-48`` (a customer gets a whole
/64 or more, so the single address says nothing). A prefix gives what it still determines. All
four kinds read all four forms. IPv4-mapped (``::ffff:0:0/96``) and NAT64 (``64:ff9b::/96``) are
the IPv4 address within: so a dual-stack socket or a translator writes it. 6to4 and Teredo are
refused: the address within is claimed by the sender, and relays are shared.

The ranges are a literal table of the IANA special-purpose registries (RFC 6890 and its
updates), not ``ipaddress.is_global``: that one changed between releases of Python. Addresses set
aside for examples (RFC 5737, RFC 3849, RFC 9637) are taken: no customer comes from them, so taking
them harms nobody and lets labs rehearse.
"""

from bisect import bisect_right
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.sharing.identifiers.interface import Context, Outcome, Reason

_PRIVATE, _RESERVED = Reason.PRIVATE_ADDRESS, Reason.RESERVED_ADDRESS
_TUNNEL: Final = Reason.TUNNELLED
_RANGES: Final = {
    "0.0.0.0/8": _RESERVED,
    "10.0.0.0/8": _PRIVATE,
    "100.64.0.0/10": _PRIVATE,  # carrier NAT
    "127.0.0.0/8": _PRIVATE,
    "169.254.0.0/16": _PRIVATE,
    "172.16.0.0/12": _PRIVATE,
    "192.0.0.0/24": _RESERVED,
    "192.88.99.0/24": _TUNNEL,  # 6to4 relays
    "192.168.0.0/16": _PRIVATE,
    "198.18.0.0/15": _RESERVED,  # benchmarking
    "224.0.0.0/4": _RESERVED,  # multicast
    "240.0.0.0/4": _RESERVED,
    "2001::/32": _TUNNEL,  # Teredo
    "2001:2::/48": _RESERVED,  # benchmarking
    "2001:10::/28": _RESERVED,  # ORCHID
    "2001:20::/28": _RESERVED,
    "2002::/16": _TUNNEL,  # 6to4
    "64:ff9b:1::/48": _PRIVATE,  # local NAT64
    "fc00::/7": _PRIVATE,
    "fe80::/10": _PRIVATE,
    "fec0::/10": _PRIVATE,  # site-local
    "::1/128": _PRIVATE,
}
"""Addresses of no host on the internet. Of IPv6 only ``2000::/3`` is in use at all."""

_Table: TypeAlias = tuple[list[int], list[tuple[int, Reason]]]
_Parsed: TypeAlias = tuple[IPv4Address | IPv6Address, int]


def _table(networks: Sequence[IPv4Network] | Sequence[IPv6Network]) -> _Table:
    rows = sorted((int(net[0]), int(net[-1]), _RANGES[str(net)]) for net in networks)
    return [row[0] for row in rows], [(row[1], row[2]) for row in rows]


_V4: Final = _table([IPv4Network(net) for net in _RANGES if ":" not in net])
_V6: Final = _table([IPv6Network(net) for net in _RANGES if ":" in net])
_GLOBAL: Final = range(0x2000 << 112, 0x4000 << 112)
_MAPPED, _NAT64 = 0xFFFF, 0x64FF9B << 64


def address(text: str, context: Context) -> Outcome:
    """The address or prefix as each kind of network it determines."""
    if "," in text or ";" in text or " " in text:
        return context.refused(Reason.SEVERAL)
    parsed = _parsed(text)
    if parsed is None:
        return context.refused(Reason.MALFORMED)
    found, length = parsed
    reason = _reason(found)
    if reason:
        return context.refused(reason)
    kinds = _kinds(found, length)
    return kinds or context.refused(Reason.MALFORMED)


def _parsed(text: str) -> _Parsed | None:
    """Address and prefix length; mapped and NAT64 addresses as the IPv4 within."""
    bare, slash, given = text.partition("/")
    host = _without_port(bare)
    try:
        found = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    widest = found.max_prefixlen
    if slash and not (given.isascii() and given.isdecimal() and len(given) <= 3):
        return None
    length = int(given) if slash else widest
    if length > widest:
        return None
    if isinstance(found, IPv6Address) and int(found) >> 32 in (_MAPPED, _NAT64):
        return IPv4Address(int(found) & 0xFFFFFFFF), length - 96
    return found, length


def _without_port(text: str) -> str:
    """``1.2.3.4:443`` and ``[2001:db8::1]:443`` without brackets and port."""
    if text.startswith("["):
        inside, bracket, port = text[1:].partition("]")
        good = bracket and (not port or (port[0] == ":" and _is_port(port[1:])))
        return inside if good else ""
    name, colon, port = text.partition(":")
    return name if colon and "." in name and _is_port(port) else text


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) < 1 << 16


def _reason(found: IPv4Address | IPv6Address) -> Reason | None:
    number = int(found)
    starts, rows = _V4 if isinstance(found, IPv4Address) else _V6
    at = bisect_right(starts, number) - 1
    if at >= 0 and number <= rows[at][0]:
        return rows[at][1]
    if isinstance(found, IPv6Address) and number not in _GLOBAL:
        return Reason.RESERVED_ADDRESS
    return None


def _kinds(found: IPv4Address | IPv6Address, length: int) -> tuple[Identifier, ...]:
    if isinstance(found, IPv4Address):
        block = IPv4Address(int(found) & 0xFFFFFF00)
        network = Identifier(Kind.IP4_24, NormalForm(f"{block}/24"))
        if length == 32:
            return Identifier(Kind.IP4, NormalForm(str(found))), network
        return (network,) if length >= 24 else ()
    number = int(found)
    site = IPv6Address(number >> 80 << 80)
    wide = Identifier(Kind.IP6_48, NormalForm(f"{site}/48"))
    if length >= 64:
        subnet = IPv6Address(number >> 64 << 64)
        return Identifier(Kind.IP6_64, NormalForm(f"{subnet}/64")), wide
    return (wide,) if length >= 48 else ()

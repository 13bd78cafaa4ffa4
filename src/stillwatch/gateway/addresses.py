"""Addresses and networks as numbers: what a lookup by prefix needs.

Rules: IPv4 inside IPv6 (``::ffff:192.0.2.1``, RFC 4291 section 2.5.5.2) is IPv4, in requests and in
decisions, so that nobody steps around a range by writing the other form; a zone id (RFC 4007) says
nothing about who somebody is and is left out. An IPv6 network touches no IPv4 address.

>>> number("192.0.2.1") == number("::ffff:192.0.2.1")
True
>>> network("192.0.2.77/24")
(4, 24, 12582914)
"""

import socket
from typing import Final

_MAPPED: Final = b"\0" * 10 + b"\xff\xff"
_WIDTH: Final = {4: 32, 6: 128}
_inet_pton = socket.inet_pton
_INET, _INET6 = socket.AF_INET, socket.AF_INET6
_from_bytes = int.from_bytes


def number(address: str) -> tuple[int, int] | None:
    """Version and number of an address; None for what is none."""
    try:
        if ":" not in address:
            return 4, _from_bytes(_inet_pton(_INET, address), "big")
        packed = _inet_pton(_INET6, address.partition("%")[0])
    except (OSError, ValueError):
        return None
    if packed.startswith(_MAPPED):
        return 4, _from_bytes(packed[12:], "big")
    return 6, _from_bytes(packed, "big")


def network(value: str) -> tuple[int, int, int] | None:
    """Version, prefix length and prefix of a network, its host bits cut; None for what is none."""
    address, slash, said = value.partition("/")
    found = number(address)
    if found is None or "%" in value:
        return None
    version, whole = found
    width = _WIDTH[6 if ":" in address else 4]
    if not slash:
        length = width
    elif said.isascii() and said.isdigit() and len(said) <= 3:
        length = int(said)
    else:
        return None
    if length > width:
        return None
    if version == 4 and width == 128:
        if length < 96:  # wider than all of IPv4 in IPv6: a network of IPv6
            whole = _from_bytes(_inet_pton(_INET6, address), "big")
            return 6, length, whole >> (128 - length)
        length -= 96
    return version, length, whole >> (_WIDTH[version] - length)

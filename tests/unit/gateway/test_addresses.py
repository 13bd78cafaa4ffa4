from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway.addresses import network, number


@given(st.ip_addresses())
def test_numbers_are_those_of_the_standard_library(address: IPv4Address | IPv6Address) -> None:
    expected = getattr(address, "ipv4_mapped", None) or address
    assert number(str(address)) == (expected.version, int(expected))


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_ipv4_within_ipv6_is_ipv4(address: IPv4Address, length: int) -> None:
    mapped = f"::ffff:{address}"
    assert number(mapped) == number(str(address)) == number(f"{mapped}%eth0")
    assert network(f"{mapped}/{96 + length}") == network(f"{address}/{length}")
    assert network(mapped) == network(str(address))


@given(st.ip_addresses(), st.integers(0, 128))
def test_networks_are_those_of_the_standard_library(
    address: IPv4Address | IPv6Address, length: int
) -> None:
    length = min(length, address.max_prefixlen)
    if getattr(address, "ipv4_mapped", None):
        return
    expected = ip_network(f"{address}/{length}", strict=False)
    prefix = int(expected.network_address) >> (address.max_prefixlen - length)
    assert network(f"{address}/{length}") == (address.version, length, prefix)


def test_what_is_wider_than_all_of_ipv4_is_of_ipv6() -> None:
    assert network("::ffff:0:0/95") == (6, 95, 0xFFFF >> 1)
    assert network("::ffff:0:0/96") == (4, 0, 0)


@pytest.mark.parametrize("value", ["", "/", "192.0.2.0/", "192.0.2.0/33", "192.0.2.0/-1", "2001:db8::/129",
                                   "192.0.2.0/255.255.255.0", "192.0.2.0/٣", "fe80::1%eth0/64", "a/8",
                                   "192.0.2.0/8/8", "192.0.2.0/0008"])  # fmt: skip
def test_what_is_no_network_is_none(value: str) -> None:
    assert network(value) is None

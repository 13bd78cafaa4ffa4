"""Address blocks against the ``ipaddress`` module, in every way an address can be written."""

import ipaddress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.hashing import hash_strings
from stillwatch.profiles.network import hash_networks


def hashes(*addresses: str | None) -> list[int]:
    return [int(h) for h in hash_networks(pa.array(addresses, pa.string()))]


group = st.sampled_from([0, 0, 0, 1, 0xAB, 0xFFFF]) | st.integers(0, 0xFFFF)
numbers = st.lists(group, min_size=8, max_size=8)


def text_of(groups: list[int], gap: tuple[int, int] | None, upper: bool, padded: bool) -> str:
    """The address with the zeros of ``gap`` written ``::``, whatever RFC 5952 would prefer."""
    written = [f"{g:04x}" if padded else f"{g:x}" for g in groups]
    text = ":".join(written)
    if gap is not None:
        first, last = gap
        text = ":".join(written[:first]) + "::" + ":".join(written[last:])
    return text.upper() if upper else text


@st.composite
def spelled(draw: st.DrawFn, groups: list[int]) -> str:
    gaps = [(a, b) for a in range(8) for b in range(a + 1, 9) if not any(groups[a:b])]
    gap = draw(st.sampled_from([None, *gaps]))
    return text_of(groups, gap, draw(st.booleans()), draw(st.booleans()))


def block(groups: list[int]) -> ipaddress.IPv6Network:
    number = sum(g << 16 * (7 - i) for i, g in enumerate(groups))
    return ipaddress.ip_network((number, 48), strict=False)  # type: ignore[return-value]


@given(numbers, st.data())
def test_all_spellings_of_an_address_agree(groups: list[int], data: st.DataObject) -> None:
    written = data.draw(spelled(groups))
    number = sum(g << 16 * (7 - i) for i, g in enumerate(groups))
    address = ipaddress.IPv6Address(number)
    assert ipaddress.IPv6Address(written) == address
    assert len(set(hashes(written, address.exploded, address.exploded.upper()))) == 1


@given(numbers, numbers, st.integers(0, 8), st.data())
def test_equal_blocks_of_ipv6_and_only_they_have_equal_hashes(
    first: list[int], second: list[int], shared: int, data: st.DataObject
) -> None:
    second = first[:shared] + second[shared:]
    a, b = hashes(data.draw(spelled(first)), data.draw(spelled(second)))
    assert (a == b) == (block(first) == block(second))


octets = st.tuples(*[st.integers(0, 255)] * 4)


@given(octets, octets, st.integers(0, 4))
def test_equal_blocks_of_ipv4_and_only_they_have_equal_hashes(
    first: tuple[int, ...], second: tuple[int, ...], shared: int
) -> None:
    second = first[:shared] + second[shared:]
    a, b = hashes(*(".".join(map(str, o)) for o in (first, second)))
    assert (a == b) == (first[:3] == second[:3])


@given(octets)
def test_an_ipv4_address_in_ipv6_clothes_is_the_same_block(given_: tuple[int, ...]) -> None:
    plain = ".".join(map(str, given_))
    assert len(set(hashes(plain, f"::ffff:{plain}", f"::FFFF:{plain}"))) == 1


def test_a_zone_says_nothing_of_the_network() -> None:
    assert len(set(hashes("fe80::1%eth0", "fe80::2%3", "fe80::1"))) == 1


def test_null_and_empty_have_no_network() -> None:
    assert hashes(None, "") == [0, 0]


JUNK = (
    "unknown", "localhost", "host.example.net", "host.example.org", "1.2.3", "1.2.3.4.5",
    "1.2.3.256", "1.2..4", ".1.2.3", "1.2.3.", "1:2", ":", ":::", "::1::2", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "12345::", "g::", "1:2:3:4:5:6:7",
    "::ffff:1.2.3", "192.0.2.1:443", "2001:db8::/32", "-", " ", "é",
)  # fmt: skip


def test_what_is_no_address_links_equal_text_and_nothing_else() -> None:
    got = hashes(*JUNK)
    assert len(set(got)) == len(JUNK)
    assert got == hash_strings(pa.array(JUNK)).tolist()
    for text in JUNK:
        with pytest.raises(ValueError, match="address"):
            ipaddress.ip_address(text)


@given(st.text(st.sampled_from("0123456789abcdefABCDEF:.%g"), max_size=20))
def test_it_reads_an_address_where_the_standard_library_does(text: str) -> None:
    own = hashes(text)[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        assert own == int(hash_strings(pa.array([text]))[0]) or _lenient(text)
        return
    if isinstance(address, ipaddress.IPv6Address) and "." not in text:
        assert own == hashes(ipaddress.IPv6Address(int(address)).exploded)[0]


def _lenient(text: str) -> bool:
    """Forms that are read although the standard library refuses them: zones, leading zeros."""
    plain = text.split("%", maxsplit=1)[0]
    if plain != text and plain.count(":") >= 2:
        return True
    parts = plain.removeprefix("::ffff:").removeprefix("::FFFF:").split(".")
    return len(parts) == 4 and all(p.isdigit() and int(p) < 256 for p in parts)


def test_large_batches_and_slices() -> None:
    addresses = pa.array([f"10.{i % 7}.{i % 11}.{i % 13}" for i in range(1000)])
    whole = hash_networks(addresses)
    assert np.unique(whole).size == 77
    assert (hash_networks(addresses.slice(100, 50)) == whole[100:150]).all()

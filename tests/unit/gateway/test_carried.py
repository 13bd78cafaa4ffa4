"""Who asks, by what a request carries."""

import hashlib
from collections import Counter
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import InputError
from stillwatch.gateway.addresses import number
from stillwatch.gateway.carried import Reader, client_address, key_digest, plain_address
from stillwatch.gateway.settings import Carriers

TEN = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("line", "hops", "networks", "said"),
    [
        ("203.0.113.1", 1, (), "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1", 1, (), "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1, 198.51.100.1", 2, (), "203.0.113.1"),
        ("203.0.113.1", 3, (), "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1, 10.0.0.1, 10.0.0.2", 1, TEN, "203.0.113.1"),
        ("6.6.6.6, 203.0.113.1, ::ffff:10.0.0.1", 1, TEN, "203.0.113.1"),
        ("10.0.0.9, 10.0.0.1", 1, TEN, "10.0.0.9"),
        ("10.0.0.9, unknown, 10.0.0.1", 1, TEN, "unknown"),
        ("203.0.113.1:443", 1, (), "203.0.113.1"),
        ("[2001:db8::1]:443", 1, (), "2001:db8::1"),
        ('"[2001:db8::1]"', 1, (), "2001:db8::1"),
        ("2001:db8::1", 1, (), "2001:db8::1"),
        ("203.0.113.1,", 1, (), "unknown"),
        ("203.0.113.1, _hidden", 1, (), "_hidden"),
    ],
)
def test_the_last_hop_that_is_not_ours_counts(line, hops, networks, said):
    assert client_address(line.split(","), hops, networks) == said


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)


@given(spoofed=st.lists(st.text(max_size=20), max_size=4), real=ADDRESSES, hops=st.integers(1, 4))
def test_what_a_client_writes_never_counts(spoofed, real, hops):
    appended = [real] + ["198.51.100.7"] * (hops - 1)
    entries = [one.replace(",", "") for one in spoofed] + appended
    assert client_address(entries, hops, ()) == real


@given(address=ADDRESSES, port=st.integers(1, 65535))
def test_a_port_is_no_part_of_an_address(address, port):
    shown = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    assert ip_address(plain_address(shown)) == ip_address(address)
    assert plain_address(address) == address


def read(carriers: Carriers, *headers: tuple[bytes, bytes], **said):
    counted = Counter[str]()
    request = Reader(carriers).request(headers, lambda name: counted.update([name]), **said)
    return request, counted


def test_an_address_that_is_none_is_kept_to_be_judged_as_unknown():
    found, counted = read(Carriers(), (b"x-forwarded-for", b"nonsense"))
    assert found.address == "nonsense"
    assert counted == {"address": 1}


def test_without_trusted_hops_the_header_is_not_read():
    found, _ = read(Carriers(trusted_hops=0), (b"x-forwarded-for", b"192.0.2.1"), peer="192.0.2.9")
    assert found.address == "192.0.2.9"
    found, _ = read(Carriers(), (b"x-forwarded-for", b"192.0.2.1"), peer="192.0.2.9")
    assert found.address == "192.0.2.1"


def test_a_list_may_come_in_several_lines():
    found, _ = read(
        Carriers(),
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-for", b"192.0.2.2, 192.0.2.3"),
    )
    assert found.address == "192.0.2.3"


def test_an_api_key_is_known_by_its_digest_alone():
    carriers = Carriers(key="authorization", key_form="sha256")
    digest = hashlib.sha256(b"sk-secret").hexdigest()
    for value in (b"Bearer sk-secret", b"bearer  sk-secret "):
        found, _ = read(carriers, (b"authorization", value))
        assert found.key == digest
    assert key_digest(b"sk-secret", bearer=False) == digest


def test_what_the_proxy_says_itself_stands_above_headers():
    found, _ = read(Carriers(), (b"x-account-id", b"client"), given={"account": "proxy"})
    assert found.account == "proxy"


def test_a_longer_value_than_any_decisions_is_counted_and_left_out():
    found, counted = read(Carriers(), (b"x-account-id", b"x" * 513))
    assert (found.account, counted) == (None, {"account": 1})


@pytest.mark.parametrize("value", [b"", b"  "])
def test_an_empty_header_is_none(value):
    found, counted = read(Carriers(), (b"x-account-id", value))
    assert (found.account, counted) == (None, {})


def test_a_header_with_two_values_names_two_askers():
    with pytest.raises(InputError, match="twice"):
        read(Carriers(), (b"x-account-id", b"a"), (b"x-account-id", b"b"))
    found, _ = read(Carriers(), (b"x-account-id", b"a"), (b"x-account-id", b"a"))
    assert found.account == "a"


@given(st.dictionaries(st.sampled_from([b"x-account-id", b"x-forwarded-for", b"x-o"]), st.binary()))
def test_no_header_breaks_the_reader(headers):
    found, _ = read(Carriers(organisation="x-o"), *headers.items())
    assert all(value is None or 0 < len(value) <= 512 for value in found)


@pytest.mark.parametrize("zone", ["", "%eth0", "%" + "z" * 600])
def test_an_address_in_the_settings_or_of_the_connection_keeps_with_any_zone(zone):
    for said in ({"peer": f"2001:db8::1{zone}"}, {"given": {"address": f"2001:db8::1{zone}"}}):
        found, counted = read(Carriers(), **said)
        assert number(found.address) == number("2001:db8::1")
        assert not counted


@pytest.mark.parametrize("word", ["nonsense", "z" * 600])
def test_no_address_stays_before_a_closed_door_however_long_it_is(word):
    for said in ({"peer": word}, {"given": {"address": word}}):
        found, counted = read(Carriers(), **said)
        assert found.address == word[:512]
        assert counted == {"address": 1}

"""Who a request is from: the connection, the headers of our proxies, and nobody else's word."""

import hashlib

import pytest

from stillwatch.gateway.adapters.caller import AmbiguousCallerError, Headers
from stillwatch.gateway.table import Request

PEER = "198.51.100.1"


def scope(
    *headers: tuple[str, str], client: tuple[str, int] | None = (PEER, 5)
) -> dict[str, object]:
    """As servers write it: names in lower case (ASGI, HTTP connection scope)."""
    return {"client": client, "headers": [(n.lower().encode(), v.encode()) for n, v in headers]}


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, ["203.0.113.66"], PEER),  # nobody of ours wrote it
        (1, ["192.0.2.7"], "192.0.2.7"),
        (1, ["203.0.113.66, 192.0.2.7"], "192.0.2.7"),  # the client's own word stands left
        (1, ["203.0.113.66", "192.0.2.7"], "192.0.2.7"),  # two headers are one list (RFC 9110 5.3)
        (2, ["203.0.113.66, 192.0.2.7, 10.0.0.1"], "192.0.2.7"),
        (2, ["192.0.2.7"], "192.0.2.7"),
        (1, [], PEER),
        (1, ["192.0.2.7:51234"], "192.0.2.7"),
        (1, ["[2001:db8::7]:51234"], "2001:db8::7"),
        (1, ["2001:db8::7"], "2001:db8::7"),
        (1, ["192.0.2.7, unknown"], "unknown"),  # told as it is: it cannot be read, and is counted
    ],
)
def test_the_address(proxies, forwarded, address):
    found = Headers(trusted_hops=proxies)(scope(*(("X-Forwarded-For", one) for one in forwarded)))
    assert found == Request(address=address)


def test_a_server_without_a_client_has_no_address():
    assert Headers()(scope(client=None)) == Request()


ACCOUNT = Headers(account="x-account-id", key="authorization", key_form="sha256")


@pytest.mark.parametrize("value", ["a", "  a ", "konto-ü-東京", "🦉" * 100])
def test_names_are_texts_in_utf8_whatever_the_case_of_the_header(value):
    assert ACCOUNT(scope(("X-Account-ID", value))).account == value.strip()


def test_bytes_that_are_no_utf8_break_nothing():
    assert ACCOUNT({"headers": [(b"x-account-id", b"\xfc")]}).account == "\ufffd"


def test_a_value_that_no_decision_is_about_is_left_out_and_counted():
    caller = Headers(account="x-account-id", trusted_hops=1)
    found = caller(scope(("x-account-id", "x" * 100_000), ("x-forwarded-for", "y" * 100_000)))
    assert found.account is None
    assert caller.unusable == {"account": 1, "address": 1}


@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_header_names_nobody(value):
    assert ACCOUNT(scope(("x-account-id", value))).account is None


@pytest.mark.parametrize("second", ["X-Account-Id", "x-account-id", "X-ACCOUNT-ID"])
@pytest.mark.parametrize("value", ["b", "A", ""])
def test_a_caller_named_twice_is_nobody(second, value):
    with pytest.raises(AmbiguousCallerError, match="x-account-id"):
        ACCOUNT(scope(("x-account-id", "a"), (second, value)))


@pytest.mark.parametrize("sent", ["Bearer sk-1", "bearer  sk-1 ", "sk-1"])
def test_a_key_is_known_by_its_digest(sent):
    digest = hashlib.sha256(b"sk-1").hexdigest()
    assert ACCOUNT(scope(("Authorization", sent))).key == digest

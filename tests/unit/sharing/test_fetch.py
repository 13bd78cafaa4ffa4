"""One answer of a machine that may be hostile: bounded, never followed elsewhere, never quoted."""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from stillwatch.errors import ConfigError, PeerError
from stillwatch.sharing.fetch import Bounds, Fetcher, origin_of, shown
from tests.scripted import Asked, Reply, Server, serving

JSON = "application/json"
SECRET = "kx7-very-secret"


@contextmanager
def asking(reply: Reply, bounds: Bounds = Bounds()) -> Iterator[tuple[Fetcher, Server]]:  # noqa: B008
    with serving(lambda _: reply) as server:
        fetcher = Fetcher(server.url, httpx.BasicAuth("alpha", SECRET), bounds)
        try:
            yield fetcher, server
        finally:
            fetcher.close()


def test_an_answer_is_parsed_with_its_headers() -> None:
    with asking(Reply(b'{"a": 1}', headers={"X-Thing": "2"})) as (fetcher, server):
        answer = fetcher.get(f"{server.url}/x", JSON, {"q": "a b"})
        assert (answer.body, answer.headers["x-thing"]) == ({"a": 1}, "2")
        (asked,) = server.asked
        assert (asked.path, asked.query, asked.headers["Accept"]) == ("/x", {"q": "a b"}, JSON)


@pytest.mark.parametrize(
    ("reply", "match"),
    [
        (Reply(b"x" * 2000), "more than"),
        (Reply(gzip.compress(b" " * 100_000), headers={"Content-Encoding": "gzip"}), "more than"),
        (Reply(b"no gzip", headers={"Content-Encoding": "gzip"}), "did not answer"),
        (Reply(b"<html>"), "no JSON"),
        (Reply(b"[" * 900), "no JSON"),
        (Reply(b'{"a": 1} x'), "no JSON"),
        (Reply(b'{"a": "\xff"}'), "no JSON"),
        (Reply(b"{}", 302, {"Location": "http://127.0.0.1:1/"}), "answered 302"),
        (Reply(b'{"title": "\\u001b[2Jboo"}', 500), r"answered 500 \(\?\[2Jboo\)"),
        (Reply(b'{"title": {"a": 1}}', 401), "does not know this user"),
        (Reply(b"{}", 200, {"Content-Length": "10"}), "did not answer"),
    ],
)  # fmt: skip
def test_what_is_no_sound_answer_is_a_peer_error(reply: Reply, match: str) -> None:
    with asking(reply, Bounds(answer_bytes=1000, silence_seconds=2)) as (fetcher, server):
        with pytest.raises(PeerError, match=match) as caught:
            fetcher.get(server.url, JSON)
        assert SECRET not in str(caught.value)


def test_nobody_there_is_a_peer_error() -> None:
    with serving(lambda _: Reply(b"{}")) as server:
        url = server.url
    fetcher = Fetcher(url)
    with pytest.raises(PeerError, match="did not answer"):
        fetcher.get(url, JSON)
    fetcher.close()


def test_credentials_go_to_no_other_server() -> None:
    with asking(Reply(b"{}")) as (fetcher, _), serving(lambda _: Reply(b"{}")) as other:
        with pytest.raises(PeerError, match="sends us on"):
            fetcher.get(f"{other.url}/api/", JSON)
        assert other.asked == []


def test_credentials_do_not_go_over_plain_http_to_another_machine() -> None:
    with pytest.raises(ConfigError, match="unprotected"):
        Fetcher("http://feed.example/api/", httpx.BasicAuth("alpha", SECRET))
    Fetcher("http://feed.example/api/").close()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://feed.example/api/", "https://feed.example:443"),
        ("http://FEED.example:8080", "http://feed.example:8080"),
        ("https://[::1]:9/x", "https://[::1]:9"),
    ],
)
def test_an_origin_is_scheme_host_and_port(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["feed.example", "ftp://feed.example", "https://", "https://a:b@feed.example", "http://[",
            "http://feed.example:99999"]
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        origin_of(url)
    assert "a:b" not in str(caught.value)


def test_what_is_shown_is_one_printable_line() -> None:
    assert shown("a\x1b[31m\nb\u202e") == "a?[31m?b?"
    assert len(shown("x" * 1000)) == 201


def test_a_slow_answer_ends() -> None:
    def reply(_: Asked) -> Reply:
        return Reply(b" " * 500_000 + b"{}")

    with serving(reply) as server:
        fetcher = Fetcher(server.url, bounds=Bounds(answer_seconds=0.0))
        with pytest.raises(PeerError, match="took more than"):
            fetcher.get(server.url, JSON)
        fetcher.close()


def test_a_page_mark_that_makes_no_address_is_the_servers_fault() -> None:
    fetcher = Fetcher("http://127.0.0.1:1/")
    with pytest.raises(PeerError, match="did not answer"):
        fetcher.get("http://127.0.0.1:1/", "*/*", {"next": "n" * 70_000})
    fetcher.close()

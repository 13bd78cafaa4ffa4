"""Sections 1.6, 3.1, 3.6 and 4: negotiation, credentials, errors, discovery."""

import base64
import gzip
import json
import re
import socket
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.taxii.conftest import LIMITS
from tests.hubs import TAXII, World, indicator


def test_discovery(alpha: httpx.Client) -> None:
    found = alpha.get("/taxii2/")
    assert found.status_code == 200
    body = found.json()
    assert body["title"]
    assert body["default"] in body["api_roots"]
    assert all(re.match(r"/(?!/)[^?]*/$", root) for root in body["api_roots"])


def test_api_root(alpha: httpx.Client) -> None:
    body = alpha.get("/api/").json()
    assert body["title"]
    assert TAXII in body["versions"]
    assert body["max_content_length"] == LIMITS.content_length


@pytest.mark.parametrize(
    "accept",
    [
        TAXII,
        "application/taxii+json; version=2.1",
        "application/taxii+json ;version=2.1",
        "APPLICATION/TAXII+JSON;VERSION=2.1",
        'application/taxii+json;version="2.1"',
        "application/taxii+json;charset=utf-8;version=2.1",
        "application/taxii+json",
        "application/*",
        "*/*",
        "text/html, application/taxii+json;version=2.1;q=0.1",
        "application/taxii+json;version=2.0;q=1, */*;q=0.1",
        "application/taxii+json;version=2.1,application/stix+json;version=2.1",
        'text/html;note="a, b;c", application/taxii+json',
    ],
)
def test_accept_is_served(alpha: httpx.Client, accept: str) -> None:
    found = alpha.get("/api/", headers={"Accept": accept})
    assert found.status_code == 200
    assert found.headers["content-type"] == TAXII


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "text/html",
        "application/taxii+json;version=2.0",
        "application/taxii+json;version=3",
        "application/vnd.oasis.taxii+json;version=2.0",
        "application/stix+json;version=2.1",
        "application/taxii+json;version=2.1;q=0",
        "application/taxii+json;q=0, */*;q=0.0",
        "*/*, application/taxii+json;version=2.1;q=0",
        "nonsense",
    ],
)
def test_accept_is_not_acceptable(alpha: httpx.Client, box: str, accept: str) -> None:
    for path in (
        "/taxii2/",
        "/api/",
        "/api/collections/",
        box,
        box + "objects/",
        box + "manifest/",
    ):
        problem(alpha.get(path, headers={"Accept": accept}), 406)


def test_no_accept_is_served(hub: World) -> None:
    with httpx.Client(base_url=hub.base, trust_env=False) as raw:
        del raw.headers["Accept"]
        found = raw.get("/api/", auth=("alpha", hub.tokens["alpha"]))
    assert found.status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/taxii+json;version=2.0",
        "text/plain",
        "",
        "*/*",
        "application/vnd.oasis.taxii+json;version=2.1",
    ],
)
def test_content_type_is_unsupported(alpha: httpx.Client, box: str, kind: str) -> None:
    sent = alpha.post(box + "objects/", json=envelope(1), headers={"Content-Type": kind})
    problem(sent, 415)


@pytest.mark.parametrize(
    "kind", [TAXII, "application/taxii+json", "Application/TAXII+json ; Version=2.1"]
)
def test_content_type_is_taken(alpha: httpx.Client, box: str, kind: str) -> None:
    sent = alpha.post(box + "objects/", json=envelope(1), headers={"Content-Type": kind})
    assert sent.status_code == 202


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "gzip, identity"])
def test_a_coded_body_is_unsupported(alpha: httpx.Client, box: str, coding: str) -> None:
    body = gzip.compress(json.dumps(envelope(1)).encode())
    sent = alpha.post(box + "objects/", content=body, headers={"Content-Encoding": coding})
    assert problem(sent, 415).headers["accept-encoding"] == "identity"
    assert alpha.get(box + "objects/").json() == {}


def test_a_body_as_it_is_may_say_so(alpha: httpx.Client, box: str) -> None:
    headers = {"Content-Encoding": "Identity"}
    assert alpha.post(box + "objects/", json=envelope(1), headers=headers).status_code == 202


def test_a_body_beyond_the_maximum(alpha: httpx.Client, box: str) -> None:
    problem(alpha.post(box + "objects/", content=b"x" * (LIMITS.content_length + 1)), 413)


def test_a_chunked_body_beyond_the_maximum(alpha: httpx.Client, box: str) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * (LIMITS.content_length // 10)

    problem(alpha.post(box + "objects/", content=chunks()), 413)


def test_a_body_of_the_maximum_is_read(alpha: httpx.Client, box: str) -> None:
    problem(alpha.post(box + "objects/", content=b" " * LIMITS.content_length), 400)


def test_no_credentials(nobody: httpx.Client, box: str) -> None:
    for path in ("/taxii2/", "/api/", "/api/collections/", box, box + "objects/", "/none/"):
        found = problem(nobody.get(path), 401)
        assert "Basic" in found.headers["www-authenticate"]
        assert "Bearer" in found.headers["www-authenticate"]
    problem(nobody.post(box + "objects/", json=envelope(1)), 401)


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !", "Basic YWxwaGE=", "Bearer", "Bearer x", "Digest x", "", "é"],
)
def test_wrong_credentials(nobody: httpx.Client, header: str) -> None:
    problem(nobody.get("/api/", headers={"Authorization": header.encode()}), 401)  # type: ignore[dict-item]


def test_credentials_of_both_schemes(nobody: httpx.Client, hub: World) -> None:
    token = hub.tokens["alpha"]
    basic = base64.b64encode(f"alpha:{token}".encode()).decode()
    for header, status in (
        (f"Basic {basic}", 200),
        (f"basic {basic}", 200),
        (f"Bearer {token}", 200),
        (f"Bearer {token}x", 401),
        ("Basic " + base64.b64encode(f"beta:{token}".encode()).decode(), 401),
        ("Basic " + base64.b64encode(b"alpha:wrong").decode(), 401),
    ):
        assert nobody.get("/api/", headers={"Authorization": header}).status_code == status


def test_unknown_paths(alpha: httpx.Client, box: str) -> None:
    for path in (
        "/", "/none/", "/api/none/", "/api/collections/none/", f"/api/status/{uuid.uuid4()}/",
        "/api/status/none/", f"/api/collections/{uuid.uuid4()}/objects/", box + "none/",
        box + f"objects/indicator--{uuid.uuid4()}/", box + "objects/%00/", box + "objects/x/versions/",
    ):  # fmt: skip
        problem(alpha.get(path), 404)


def test_paths_end_with_a_slash(alpha: httpx.Client, box: str) -> None:
    for path in ("/taxii2", "/api", "/api/collections", box[:-1], box + "objects"):
        problem(alpha.get(path), 404)


def test_wrong_methods(alpha: httpx.Client, box: str) -> None:
    for method, path, allowed in (
        ("POST", "/taxii2/", {"GET", "HEAD"}),
        ("DELETE", "/api/", {"GET", "HEAD"}),
        ("PUT", box + "objects/", {"GET", "HEAD", "POST"}),
        ("PATCH", box + "manifest/", {"GET", "HEAD"}),
        ("POST", box + f"objects/indicator--{uuid.uuid4()}/", {"GET", "HEAD", "DELETE"}),
    ):
        found = problem(alpha.request(method, path), 405)
        assert {name.strip() for name in found.headers["allow"].split(",")} == allowed


def test_head_has_the_headers_and_no_body(alpha: httpx.Client, box: str) -> None:
    alpha.post(box + "objects/", json=envelope(1))
    full, bare = alpha.get(box + "objects/"), alpha.head(box + "objects/")
    assert bare.content == b""
    assert bare.headers["x-taxii-date-added-last"] == full.headers["x-taxii-date-added-last"]


def test_an_error_has_an_id_of_its_own(alpha: httpx.Client) -> None:
    ids = {problem(alpha.get("/none/"), 404).json()["error_id"] for _ in range(3)}
    assert len(ids) == 3


def test_too_long_a_query(alpha: httpx.Client, box: str) -> None:
    problem(alpha.get(box + "objects/?x=" + "y" * LIMITS.query_length), 414)


def test_nul_is_in_no_name(alpha: httpx.Client, box: str) -> None:
    for path in ("/api/collections/a%00/", box + "objects/a%00b/", "/v1/appeals/%00", "/%00"):
        problem(alpha.get(path), 404)
    for query in ("?x=%00", "?match[id]=%00", "?next=%00"):
        problem(alpha.get(box + "objects/" + query), 400)


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"GET /api/ HTTP/1.1\r\n", 400),
        (b"GET /api/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n", 400),
        (b"NONE /api/ HTTP/1.1\r\nHost: a\r\n", 400),
        (b"GET /api/ HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70_000 + b"\r\n", 431),
        (b"GET /api/ HTTP/1.0\r\n", 401),
        (b"GET /api/ HTTP/1.1\r\nHost: a\r\n", 401),
    ],
)
def test_what_is_wrong_as_http_is_a_taxii_error(hub: World, lines: bytes, status: int) -> None:
    place = urlsplit(hub.base)
    with socket.create_connection((place.hostname, place.port), 60) as connection:
        connection.sendall(lines + b"Connection: close\r\n\r\n")
        with connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"content-type: {TAXII}".encode() in head
    assert json.loads(body)["http_status"] == str(status)


def problem(found: httpx.Response, status: int) -> httpx.Response:
    """The answer is that error, as a TAXII error message (section 3.6.1)."""
    assert found.status_code == status, found.text
    assert found.headers["content-type"] == TAXII
    body: dict[str, Any] = found.json()
    assert body["title"]
    assert body["http_status"] == str(status)
    assert all(isinstance(body[name], str) for name in ("description", "error_id", "error_code"))
    return found


def envelope(many: int) -> dict[str, Any]:
    return {"objects": [indicator(number) for number in range(many)]}

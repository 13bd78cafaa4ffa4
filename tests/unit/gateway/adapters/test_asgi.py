"""The middleware in a real server, asked by real clients that behave well, badly, or hang up."""

import asyncio
import socket
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from stillwatch.gateway.adapters.asgi import Headers, StillwatchMiddleware, degraded
from stillwatch.gateway.adapters.client import Gateway
from tests.guarding import Known, record
from tests.servers import eventually, serving

CALLER = Headers(account="x-account-id", trusted_hops=1)
LEASED = record("throttle", "much", rate={"concurrency": 5})


class Model:
    """An application that answers as its clients wish."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.go = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ended = 0
        self.seen: list[dict[str, Any]] = []
        self.app.post("/v1/chat/completions")(self.chat)
        self.app.get("/wait")(self.wait)
        self.app.get("/fail")(self.fail)
        self.app.get("/stream")(self.stream)
        self.app.get("/health")(self.health)

    def let_go(self) -> None:
        """End all waiting, from another thread."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.go.set)

    async def chat(self, request: Request) -> dict[str, Any]:
        body = await request.json()
        answer = request.state.stillwatch
        if answer.effect == "degrade":
            body = degraded(body)
        headers = {n: v for n, v in request.headers.items() if n.startswith("x-stillwatch-")}
        self.seen.append({"body": body, "headers": headers})
        return {"effect": answer.effect}

    async def wait(self) -> str:
        self.loop = asyncio.get_running_loop()
        await self.go.wait()
        return "done"

    async def fail(self) -> str:
        raise RuntimeError("on purpose")

    async def stream(self) -> StreamingResponse:
        self.loop = asyncio.get_running_loop()

        async def pieces():
            try:
                yield b"one"
                await self.go.wait()
                yield b"two"
            finally:
                self.ended += 1

        return StreamingResponse(pieces())

    async def health(self, request: Request) -> dict[str, str]:
        return dict(request.headers)


@contextmanager
def guarded(*records, caller=CALLER, **options):
    """A client, the application, and the way that the middleware asks."""
    model, known = Model(), Known(*records)
    gateway = Gateway(known)
    app = StillwatchMiddleware(model.app, gateway, caller, passing=["/health"], **options)
    limits = httpx.Limits(max_connections=None)
    with (
        serving(app, backlog=2048) as url,
        httpx.Client(base_url=url, timeout=60, trust_env=False, limits=limits) as client,
    ):
        yield client, model, known, gateway
    known.close()


def post(client, account, body=None, **headers):
    sent = {"x-account-id": account, **headers} if account else headers
    return client.post("/v1/chat/completions", json=body or {"model": "m"}, headers=sent)


def test_who_is_allowed_passes():
    with guarded(record("block", "bad")) as (client, _, _, gateway):
        assert post(client, "good").json() == {"effect": "allow"}
        assert post(client, None).json() == {"effect": "allow"}
        assert gateway.counts == {"answered": 2, "refused": 0}


@pytest.mark.parametrize(
    ("effect", "status", "code", "kind"),
    [
        ("block", 403, "access_denied", "permission_error"),
        ("challenge", 403, "identity_verification_required", "permission_error"),
        ("throttle", 429, "rate_limit_exceeded", "rate_limit_error"),
    ],
)
def test_a_refusal_is_an_error_both_apis_know_and_tells_no_reason(effect, status, code, kind):
    made = record(effect, "bad", **({"rate": {"per_minute": 1}} if effect == "throttle" else {}))
    with guarded(made, appeal="https://example.com/appeal") as (client, model, _, _):
        refused = next(r for _ in range(20) if (r := post(client, "bad")).status_code != 200)
        seen = len(model.seen)
        assert refused.status_code == status
        assert (refused.json()["type"], refused.json()["error"]["type"]) == ("error", kind)
        assert refused.json()["error"]["code"] == code
        assert made["id"] in refused.json()["error"]["message"]
        assert refused.headers["x-stillwatch-decision"] == made["id"]
        assert "THE REASON" not in refused.text + str(refused.headers)
        assert ("https://example.com/appeal" in refused.text) == (status == 403)
        assert ("retry-after" in refused.headers) == (status == 429)
        if status == 429:
            assert int(refused.headers["retry-after"]) >= 1
        assert post(client, "bad").status_code == status
        assert len(model.seen) == seen
        assert post(client, "good").status_code == 200


def test_allow_wins_over_a_range():
    records = record("block", "192.0.2.0/24", "range"), record("allow", "good")
    with guarded(*records) as (client, _, _, _):
        assert post(client, "other", **{"x-forwarded-for": "192.0.2.7"}).status_code == 403
        assert post(client, "good", **{"x-forwarded-for": "192.0.2.7"}).status_code == 200


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("192.0.2.7", 403),
        ("198.51.100.1, 192.0.2.7", 403),  # what the client says of itself stands left
        ("192.0.2.7, 198.51.100.1", 200),  # and harms nobody
        ("::ffff:192.0.2.7", 403),
    ],
)
def test_a_forged_address_neither_frees_nor_harms(forwarded, status):
    with guarded(record("block", "192.0.2.0/24", "range")) as (client, _, _, _):
        assert post(client, "a", **{"x-forwarded-for": forwarded}).status_code == status


def test_degrade_is_told_to_the_application_and_a_clients_own_words_are_not():
    made = record("degrade", "odd", cohort="cohort-7")
    spoof = {"X-Stillwatch-Effect": "allow", "x-stillwatch-cohort": "mine"}
    with guarded(made) as (client, model, _, _):
        body = {"model": "m", "logprobs": True, "reasoning_effort": "high", "seed": 1}
        assert post(client, "odd", body, **spoof).json() == {"effect": "degrade"}
        assert post(client, "even", body, **spoof).json() == {"effect": "allow"}
        assert (
            client.get("/health", headers=spoof).json().keys().isdisjoint(k.lower() for k in spoof)
        )
    odd, even = model.seen
    assert odd["body"] == {"model": "m", "seed": 1}
    assert odd["headers"] == {
        "x-stillwatch-effect": "degrade",
        "x-stillwatch-decision": made["id"],
        "x-stillwatch-cohort": "cohort-7",
    }
    assert even == {"body": body, "headers": {}}


def test_a_decision_made_or_lifted_is_in_force_at_once():
    made = record("block", "late")
    with guarded() as (client, _, known, _):
        assert post(client, "late").status_code == 200
        known.knowledge.table.put(made)
        assert post(client, "late").status_code == 403
        known.knowledge.table.remove(made["id"])
        assert post(client, "late").status_code == 200


def test_a_lease_ends_with_the_response_and_with_a_failure():
    with guarded(LEASED) as (client, _, known, _):
        who = {"x-account-id": "much"}
        for _ in range(12):
            assert post(client, "much").status_code == 200
            failed = client.get("/fail", headers={**who, "connection": "close"})
            assert failed.status_code == 500
            assert client.get("/nowhere", headers=who).status_code == 404
        eventually(lambda: not known.out)
        assert known.most_out == 1


def test_a_lease_lasts_as_long_as_the_stream():
    with guarded(LEASED) as (client, model, known, _):
        with client.stream("GET", "/stream", headers={"x-account-id": "much"}) as response:
            pieces = response.iter_raw()
            assert next(pieces) == b"one"
            assert len(known.out) == 1
            model.let_go()
            assert list(pieces) == [b"two"]
        eventually(lambda: not known.out)


def hang_up(client: httpx.Client, path: str, until: bytes | None) -> None:
    """Ask, read until something has come, and close the connection."""
    with socket.create_connection((client.base_url.host, client.base_url.port), 10) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\nx-account-id: much\r\n\r\n".encode())
        said = b""
        while until is not None and until not in said:
            said += connection.recv(1000)


def test_a_client_that_hangs_up_within_a_stream_keeps_no_lease():
    with guarded(LEASED) as (client, model, known, _):
        for number in range(1, 12):  # more than there are leases
            hang_up(client, "/stream", b"one")
            eventually(lambda number=number: model.ended == number and not known.out)
        assert post(client, "much").status_code == 200


def test_a_lease_stays_while_the_application_works_for_a_client_that_is_gone():
    with guarded(LEASED) as (client, model, known, _):
        for _ in range(5):
            hang_up(client, "/wait", None)
        eventually(lambda: len(known.out) == 5)
        assert post(client, "much").status_code == 429  # or hanging up would buy more
        model.let_go()
        eventually(lambda: not known.out)
        assert post(client, "much").status_code == 200


def test_of_a_thousand_at_once_five_pass():
    with guarded(LEASED) as (client, model, known, _):
        place, statuses = (client.base_url.host, client.base_url.port), []

        async def one() -> None:
            reader, writer = await asyncio.open_connection(*place)
            writer.write(b"GET /wait HTTP/1.1\r\nhost: a\r\nx-account-id: much\r\n\r\n")
            statuses.append((await reader.readline()).split()[1])
            if len(statuses) == 995:  # all that are refused
                model.let_go()
            writer.close()
            await writer.wait_closed()

        async def run() -> None:
            await asyncio.gather(*(one() for _ in range(1000)))

        asyncio.run(run())
        assert (statuses.count(b"200"), statuses.count(b"429")) == (5, 995)
        assert known.most_out == 5
        eventually(lambda: not known.out)


@pytest.mark.parametrize("second", ["x-account-id", "X-Account-Id"])
def test_a_caller_named_twice_is_refused_as_nobody(second):
    with guarded(record("block", "bad")) as (client, model, _, gateway):
        for first, other in (("bad", "good"), ("good", "bad"), ("bad", "")):
            headers = [("x-account-id", first), (second, other)]
            response = client.post("/v1/chat/completions", json={}, headers=headers)
            assert response.status_code == 400
            assert response.json()["error"]["code"] == "ambiguous_identity"
        assert gateway.counts["ambiguous"] == 3
        assert model.seen == []


@pytest.mark.parametrize("name", ["konto-ü-東京", "🦉", "a" * 512])
def test_names_in_any_script_are_met(name):
    with guarded(record("block", name)) as (client, _, _, _):
        headers = {b"x-account-id": name.encode()}
        assert client.post("/v1/chat/completions", json={}, headers=headers).status_code == 403


def test_a_name_of_30_kb_meets_nothing_and_breaks_nothing():
    caller = Headers(account="x-account-id")
    with guarded(record("block", "bad"), caller=caller) as (client, _, _, _):
        assert post(client, "x" * 30_000).status_code == 200
        assert post(client, "bad").status_code == 403
        assert caller.unusable == {"account": 1}


def test_a_function_that_cannot_name_the_caller_is_no_reason_to_refuse(caplog):
    def caller(_: Any) -> Any:
        raise KeyError("secret-of-a-customer")

    with guarded(record("block", "127.0.0.1/32", "range"), caller=caller) as (
        client,
        _,
        _,
        gateway,
    ):
        assert post(client, "a").status_code == 403  # the address still counts
        assert post(client, "a").status_code == 403
        assert gateway.counts["nameless"] == 2
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


def test_a_caller_may_be_looked_up_asynchronously():
    async def caller(scope: Any) -> Any:
        await asyncio.sleep(0)
        return CALLER(scope)

    with guarded(record("block", "bad"), caller=caller) as (client, _, _, _):
        assert post(client, "bad").status_code == 403


def test_other_connections_pass_as_they_are():
    seen: list[Any] = []

    async def app(scope, receive, send):
        seen.append((scope, receive, send))

    middleware = StillwatchMiddleware(app, Gateway(Known(record("block", "127.0.0.1/32", "range"))))

    async def receive() -> dict[str, Any]:
        return {}

    async def send(_: Any) -> None:
        return

    for kind in ("lifespan", "websocket"):
        scope = {"type": kind, "client": ("127.0.0.1", 1)}
        asyncio.run(middleware(scope, receive, send))
        assert seen[-1] == ({"type": kind, "client": ("127.0.0.1", 1)}, receive, send)

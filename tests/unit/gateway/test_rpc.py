"""Envoy's ext_authz over gRPC, asked by a real client of grpcio."""

import asyncio
import threading
from contextlib import contextmanager

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2 as messages
from envoy.service.auth.v3 import external_auth_pb2_grpc as stubs

from stillwatch.gateway import rpc
from stillwatch.gateway.service import Parts, Service
from tests.gateways import gateway
from tests.unit.gateway.made import id_of, knowing, record

RECORDS = (
    record(1),
    record(3, effect="throttle", rate={"per_minute": 1}),
    record(4, effect="degrade", cohort="c7"),
    record(9, scope="range", value="192.0.2.0/24"),
)


@contextmanager
def served_rpc(up):
    """The same gateway over gRPC: its address."""
    ready, found, loops = threading.Event(), [], []

    async def serve():
        service = Service(Parts(up.decider, up.live, up.figures, up.streams, lambda: (True, {})))
        stop = asyncio.Event()
        port = free_port()
        server = await rpc.start(service, up.live, up.figures, f"127.0.0.1:{port}")
        found.append(f"127.0.0.1:{port}")
        loops.append((asyncio.get_running_loop(), stop))
        ready.set()
        await stop.wait()
        await rpc.stop(server)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


def free_port():
    from stillwatch.gateway.serve import bound

    with bound("127.0.0.1", 0) as held:
        return held.getsockname()[1]


@pytest.fixture(scope="module")
def check(tmp_path_factory):
    with (
        gateway(tmp_path_factory.mktemp("gw"), knowing(*RECORDS), appeal="ask@example.com") as up,
        served_rpc(up) as address,
        grpc.insecure_channel(address) as channel,
    ):
        stub = stubs.AuthorizationStub(channel)

        def ask(headers=(), address="198.51.100.1", token="", raw=(), **extensions):
            request = messages.CheckRequest()
            request.attributes.source.address.socket_address.address = address
            request.attributes.request.http.headers.update(dict(headers))
            for key, value in raw:
                one = request.attributes.request.http.header_map.headers.add()
                one.key, one.raw_value = key, value
            request.attributes.context_extensions.update(extensions)
            return stub.Check(
                request, timeout=10, metadata=[("authorization", f"Bearer {token or up.token()}")]
            )

        yield ask


def said(options):
    return {one.header.key: one.header.value for one in options}


def test_what_passes_carries_headers_and_loses_made_up_ones(check):
    answer = check({"x-account-id": "somebody"})
    assert answer.status.code == 0
    assert said(answer.ok_response.headers) == {"x-stillwatch-effect": "allow"}
    assert "x-stillwatch-degrade" in answer.ok_response.headers_to_remove


def test_a_degraded_answer_says_so_upstream(check):
    answer = check({"x-account-id": "account-4"})
    headers = said(answer.ok_response.headers)
    assert headers["x-stillwatch-degrade"] == "no-reasoning, no-logprobs, cohort=c7"
    assert "x-stillwatch-degrade" not in answer.ok_response.headers_to_remove


def test_a_refusal_carries_status_headers_and_body(check):
    answer = check({"x-account-id": "account-1"})
    assert answer.status.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
    assert answer.denied_response.status.code == 403
    headers = said(answer.denied_response.headers)
    assert headers["x-stillwatch-decision"] == id_of(1)
    assert "ask@example.com" in answer.denied_response.body
    assert "reason 1" not in str(answer)
    beyond = check({"x-account-id": "account-3"})
    assert beyond.denied_response.status.code == 429
    assert said(beyond.denied_response.headers)["retry-after"] == "8"


def test_the_address_is_the_headers_else_the_connections(check):
    assert check(address="192.0.2.9").denied_response.status.code == 403
    passed = check({"x-forwarded-for": "203.0.113.1"}, address="192.0.2.9")
    assert passed.status.code == 0


def test_envoys_own_settings_stand_above_headers(check):
    answer = check({"x-account-id": "somebody"}, account="account-1")
    assert answer.denied_response.status.code == 403


def test_raw_headers_show_what_came_twice(check):
    twice = [("x-account-id", b"a"), ("x-account-id", b"account-1")]
    assert check(raw=twice).denied_response.status.code == 403
    assert check(raw=twice[1:]).denied_response.status.code == 403
    assert check(raw=twice[:1]).status.code == 0


def test_a_wrong_token_is_not_answered(check):
    with pytest.raises(grpc.RpcError) as found:
        check(token="w" * 32)
    assert found.value.code() is grpc.StatusCode.UNAUTHENTICATED

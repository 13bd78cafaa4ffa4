"""Envoy's ext_authz over gRPC, asked by a real client of grpcio."""

import asyncio
import threading
from contextlib import contextmanager

import grpc
import pytest
from envoy.service.accesslog.v3 import als_pb2 as logs
from envoy.service.accesslog.v3 import als_pb2_grpc as als_stubs
from envoy.service.auth.v3 import external_auth_pb2 as messages
from envoy.service.auth.v3 import external_auth_pb2_grpc as stubs

from examples.closed_loop.forum import free_port
from stillwatch.gateway import rpc
from stillwatch.gateway.service import Parts, Service
from tests.gateways import gateway
from tests.servers import eventually
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


@pytest.mark.parametrize("name", ["x-account-id", "X-Account-Id"])
def test_names_of_headers_have_no_case(check, name):
    assert check({name: "account-1"}).denied_response.status.code == 403


@pytest.mark.parametrize("value", [b"", b"\xff\xfe", b"account-1\0", b"a" * 30_000])
def test_a_strange_value_is_nobodys_and_the_rest_is_judged(check, value):
    assert check(raw=[("x-account-id", value)]).status.code == 0
    assert check(raw=[("x-account-id", value)], address="192.0.2.9").status.code != 0


@pytest.mark.parametrize("address", ["::ffff:192.0.2.9%1", "::ffff:192.0.2.9%" + "z" * 600])
def test_a_zone_hides_no_address(check, address):
    assert check(address=address).denied_response.status.code == 403
    assert check({"x-forwarded-for": address}).denied_response.status.code == 403


@pytest.mark.parametrize("address", ["", "/run/envoy.sock", "fe80::1%eth0"])
def test_a_connection_without_an_address_is_judged_by_the_rest(check, address):
    assert check(address=address).status.code == 0
    assert check({"x-account-id": "account-1"}, address=address).status.code != 0


def entry(lease, namespace="envoy.filters.http.ext_authz"):
    """What Envoy's access log says of a request that is over."""
    message = logs.StreamAccessLogsMessage()
    message.identifier.log_name = "stillwatch"
    one = message.http_logs.log_entry.add()
    one.common_properties.metadata.filter_metadata[namespace].update({"lease": lease})
    one.common_properties.metadata.filter_metadata["other"].update({"lease": "not ours"})
    return message


@pytest.fixture(params=["envoy.filters.http.ext_authz", "stillwatch"])
def namespace(request):
    return request.param


@pytest.fixture(scope="module")
def bounded(tmp_path_factory):
    """A gateway with one account under a bounded concurrency; asks and tells over gRPC."""
    bound = record(8, effect="throttle", rate={"concurrency": 2})
    with (
        gateway(tmp_path_factory.mktemp("gw"), knowing(bound)) as up,
        served_rpc(up) as address,
        grpc.insecure_channel(address) as channel,
    ):
        yield up, channel


def identified(up, token=""):
    return [("authorization", f"Bearer {token or up.token()}")]


def of_account_8():
    request = messages.CheckRequest()
    request.attributes.request.http.headers["x-account-id"] = "account-8"
    return request


def test_a_request_that_is_over_gives_its_place_back_however_it_ended(bounded, namespace):
    up, channel = bounded
    answer = stubs.AuthorizationStub(channel).Check(
        of_account_8(), timeout=10, metadata=identified(up)
    )
    lease = answer.dynamic_metadata["lease"]
    assert lease == said(answer.ok_response.headers)["x-stillwatch-lease"]
    before = len(up.throttles.released)
    told = als_stubs.AccessLogServiceStub(channel).StreamAccessLogs(
        iter([entry(lease, namespace), logs.StreamAccessLogsMessage(), entry(7), entry(None)]),
        timeout=10, metadata=identified(up),
    )  # fmt: skip
    assert told == logs.StreamAccessLogsResponse()
    assert up.throttles.released[before:] == [lease]


def test_the_access_log_of_a_stranger_frees_nothing(bounded):
    up, channel = bounded
    before = len(up.throttles.released)
    with pytest.raises(grpc.RpcError) as found:
        als_stubs.AccessLogServiceStub(channel).StreamAccessLogs(
            iter([entry("a")]), timeout=10, metadata=identified(up, "w" * 32)
        )
    assert found.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert len(up.throttles.released) == before


def test_a_stranger_holds_no_stream_open(bounded):
    up, channel = bounded
    with pytest.raises(grpc.RpcError) as found:
        als_stubs.AccessLogServiceStub(channel).StreamAccessLogs(
            iter([]), timeout=10, metadata=identified(up, "w" * 32)
        )
    assert found.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_an_error_of_ours_is_counted_and_says_nothing_of_the_request(bounded, monkeypatch):
    up, channel = bounded

    def broken(*said):
        raise RuntimeError(f"cannot take {said}")

    monkeypatch.setattr(up.throttles, "take", broken)
    with pytest.raises(grpc.RpcError) as found:
        stubs.AuthorizationStub(channel).Check(of_account_8(), timeout=10, metadata=identified(up))
    assert (found.value.code(), found.value.details()) == (
        grpc.StatusCode.INTERNAL, "RuntimeError",
    )  # fmt: skip
    assert up.figures.total("requests_total", "grpc", "500") == 1


def test_what_is_no_message_or_too_long_a_one_ends_that_call_alone(bounded):
    up, channel = bounded
    ask = channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")
    for sent in (b"\xff\xff\xff", b"\0" * 200_000):
        with pytest.raises(grpc.RpcError):
            ask(sent, timeout=10, metadata=identified(up))
    answer = messages.CheckResponse.FromString(ask(b"", timeout=10, metadata=identified(up)))
    assert answer.status.code == 0


def test_who_hangs_up_before_the_answer_keeps_no_place(bounded):
    up, channel = bounded
    begun, go_on, take = threading.Event(), threading.Event(), up.throttles.take

    def slowly(*said):
        begun.set()
        assert go_on.wait(10)
        return take(*said)

    up.throttles.take, before = slowly, len(up.throttles.released)
    try:
        call = stubs.AuthorizationStub(channel).Check.future(
            of_account_8(), metadata=identified(up)
        )
        assert begun.wait(10)
        call.cancel()
        assert call.cancelled()
        # the cancellation is on its way: a later call on the same connection comes behind it
        later = als_stubs.AccessLogServiceStub(channel).StreamAccessLogs.future(
            iter([]), timeout=10, metadata=identified(up)
        )
        go_on.set()
        later.result()
        eventually(lambda: len(up.throttles.released) == before + 1)
    finally:
        up.throttles.take = take
    assert up.figures.total("undelivered_total") == 1

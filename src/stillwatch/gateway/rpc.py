"""Envoy's ``ext_authz`` over gRPC: ``envoy.service.auth.v3.Authorization/Check``.

Rules: the same decider, the same names of headers as over HTTP. What Envoy's own settings say of a
request (context extensions) stands above its headers, which a client may have sent; the address of
the connection stands below the address header. A refusal carries status, headers and body for the
client; headers of ours that a client made up are taken away from what passes. An error of ours is
counted and logged; Envoy is told its type alone: its words may hold what a request carried.

A place under a bounded concurrency is given back when Envoy hangs up before it has the answer, and
when Envoy's access log (``envoy.service.accesslog.v3``) says that the request is over, however it
ended: the lease stands in the stream's dynamic metadata, where the answer has put it.

The extra ``envoy`` brings grpcio and Envoy's messages; nothing here is imported without it.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc
import grpc.aio
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.accesslog.v3 import als_pb2 as logs
from envoy.service.accesslog.v3 import als_pb2_grpc as als_stubs
from envoy.service.auth.v3 import external_auth_pb2 as messages
from envoy.service.auth.v3 import external_auth_pb2_grpc as stubs
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.rpc.status_pb2 import Status

from stillwatch.errors import InputError
from stillwatch.gateway.decider import Answer
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.live import Live
from stillwatch.gateway.metrics import Figures
from stillwatch.gateway.service import Service
from stillwatch.gateway.table import Request
from stillwatch.gateway.tokens import HEADER, Door, given_token
from stillwatch.gateway.wording import (
    DECISION,
    DEGRADE,
    EFFECT,
    LEASE,
    RETRY,
    SHADOW,
    answer_fields,
    refusal,
)

log = logging.getLogger("stillwatch.gateway")
_OK: Final = grpc.StatusCode.OK.value[0]
_DENIED: Final = grpc.StatusCode.PERMISSION_DENIED.value[0]
_UPSTREAM: Final = (DECISION, DEGRADE, LEASE, SHADOW)
_CLIENT: Final = frozenset({EFFECT, DECISION, RETRY})
_OVERWRITE: Final = HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
_FIELDS: Final = frozenset(Request._fields)
_GRACE_S: Final = 5.0
_UNKNOWN: Final = "send the token as initial metadata authorization or x-stillwatch-token"
_TURNS: Final = 4
"""Of the event loop, after which what grpc has heard meanwhile has been told."""
_LEASE_KEY: Final = "lease"
_NAMESPACES: Final = ("envoy.filters.http.ext_authz", "stillwatch")
"""Of dynamic metadata: where Envoy puts an answer's, and where the example's script does."""


class Authorization(stubs.AuthorizationServicer):  # type: ignore[misc]  # without types
    """Answers Envoy."""

    def __init__(self, service: Service, live: Live, figures: Figures) -> None:
        self._service, self._live, self._figures = service, live, figures

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """One request of a client of Envoy's."""
        began = time.perf_counter()
        if not self._live.tokens.opens(Door.DECIDE, _token(context.invocation_metadata())):
            self._figures.add("requests_total", "grpc", "401")
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, _UNKNOWN)
        try:
            said, lease = self._checked(request.attributes)
        except Exception as error:
            log.exception("an error of the service: %s", type(error).__name__)
            self._figures.add("requests_total", "grpc", "500")
            await context.abort(grpc.StatusCode.INTERNAL, type(error).__name__)
        if lease:
            await self._heard(lease)
        status = said.denied_response.status.code or 200
        self._figures.add("requests_total", "grpc", str(status))
        self._figures.observe(time.perf_counter() - began, "answer_seconds", "grpc")
        return said

    async def _heard(self, lease: str) -> None:
        """Hear of a hang-up that came while this worker was busy: a late answer reaches nobody."""
        try:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._service.undelivered(lease)
            raise

    def _checked(self, attributes: Any) -> tuple[Any, str | None]:
        """The answer, and the lease in it."""
        http = attributes.request.http
        try:
            request = self._live.reader.request(
                _headers(http),
                self._service.unusable,
                peer=attributes.source.address.socket_address.address or None,
                given=_given(attributes.context_extensions),
            )
        except InputError as error:
            return _refused(403, (), str(error).encode()), None
        answer = self._service.decided(request)
        return _passed(answer) if answer.allowed else self._denied(answer), answer.lease

    def _denied(self, answer: Answer) -> Any:
        shown = [pair for pair in answer_fields(answer) if pair[0] in _CLIENT]
        body = refusal(answer, self._live.settings.appeal)
        return _refused(answer.status, [*shown, (b"content-type", b"application/json")], body)


class AccessLog(als_stubs.AccessLogServiceServicer):  # type: ignore[misc]  # without types
    """Hears from Envoy which requests are over."""

    def __init__(self, service: Service, live: Live, figures: Figures) -> None:
        self._service, self._live, self._figures = service, live, figures

    async def StreamAccessLogs(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Give back what requests held that are over; nothing else of the log is looked at."""
        token = _token(context.invocation_metadata())
        await self._admit(token, context)  # a stranger holds no stream open by sending nothing
        async for message in request_iterator:
            await self._admit(token, context)  # a token may go while its stream goes on
            for entry in message.http_logs.log_entry:
                for lease in _leases(entry.common_properties.metadata.filter_metadata):
                    self._service.over(lease)
        return logs.StreamAccessLogsResponse()

    async def _admit(self, token: bytes | None, context: Any) -> None:
        if not self._live.tokens.opens(Door.DECIDE, token):
            self._figures.add("requests_total", "grpc", "401")
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, _UNKNOWN)


async def start(service: Service, live: Live, figures: Figures, address: str) -> grpc.aio.Server:
    """Serve at an address that several workers may share. Raises ``RuntimeError``, ``OSError``."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", 4 * Limits().head_bytes),
            ("grpc.max_metadata_size", Limits().head_bytes),
        ]
    )
    stubs.add_AuthorizationServicer_to_server(Authorization(service, live, figures), server)
    als_stubs.add_AccessLogServiceServicer_to_server(AccessLog(service, live, figures), server)
    if not server.add_insecure_port(address):
        raise OSError(f"{address} cannot be listened on")
    await server.start()
    return server


async def stop(server: grpc.aio.Server) -> None:
    """Take no more, and let what runs end."""
    await server.stop(_GRACE_S)


def _token(metadata: Iterable[tuple[str, str | bytes]] | None) -> bytes | None:
    pairs = [(k.encode(), v.encode() if isinstance(v, str) else v) for k, v in metadata or ()]
    assert HEADER.islower()
    return given_token(pairs)


def _headers(http: Any) -> list[tuple[bytes, bytes]]:
    """All headers; raw ones, where Envoy is told to send them, show what came twice."""
    raw = http.header_map.headers
    if raw:
        return [(one.key.lower().encode(), one.raw_value or one.value.encode()) for one in raw]
    return [(name.lower().encode(), value.encode()) for name, value in http.headers.items()]


def _given(extensions: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in extensions.items() if name in _FIELDS and value}


def _leases(said: Mapping[str, Any]) -> set[str]:
    """Leases in the metadata of a request, which its answer has put there."""
    found = (said[name].fields.get(_LEASE_KEY) for name in _NAMESPACES if name in said)
    most = Limits().lease_chars
    return {one.string_value for one in found if one and 0 < len(one.string_value) <= most}


def _passed(answer: Answer) -> Any:
    fields = [pair for pair in answer_fields(answer) if pair[0] != RETRY]
    named = {name for name, _ in fields}
    said = messages.CheckResponse(
        status=Status(code=_OK),
        ok_response=messages.OkHttpResponse(
            headers=_options(fields),
            headers_to_remove=[name.decode() for name in _UPSTREAM if name not in named],
        ),
    )
    if answer.lease:
        said.dynamic_metadata.update({_LEASE_KEY: answer.lease})
    return said


def _refused(status: int, fields: Iterable[tuple[bytes, bytes]], body: bytes) -> Any:
    return messages.CheckResponse(
        status=Status(code=_DENIED),
        denied_response=messages.DeniedHttpResponse(
            status=HttpStatus(code=status), headers=_options(fields), body=body.decode()
        ),
    )


def _options(fields: Iterable[tuple[bytes, bytes]]) -> list[Any]:
    return [
        HeaderValueOption(
            header=HeaderValue(key=name.decode(), value=value.decode()), append_action=_OVERWRITE
        )
        for name, value in fields
    ]

"""What a head must be before its body is read, and what of it is passed over."""

from collections.abc import Iterable
from typing import Final

from stillwatch.gateway.http import Reply, problem
from stillwatch.gateway.limits import Limits

Headers = list[tuple[bytes, bytes]]
_PERSISTENCE: Final = (b"close", b"keep-alive")


class Refused(Exception):
    """Raised inside the parser's calls, which end with it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def waits_to_go_on(url: bytes, headers: Headers, limits: Limits, *, modern: bool) -> bool:
    """Check a head; whether its sender waits for 100 (RFC 9110, 10.1.1). Raises ``Refused``.

    ``modern``: HTTP/1.1, which names one host and may expect something.
    """
    if len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > limits.head_bytes:
        raise Refused(too_long(limits))
    hosts, expected = 0, False
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length" and int(value) > limits.body_bytes:
            raise Refused(too_large(limits))
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise Refused(problem(417, "only 100-continue can be expected"))
            expected = True
    if hosts > 1 or (modern and hosts == 0):
        raise Refused(problem(400, "a request names one Host (RFC 9112, 3.2)"))
    return expected and modern


def without_offer(
    method: bytes, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """A head anew, without the offer of another protocol, which need not be taken (RFC 9110, 7.8).

    Raises ``Refused`` for a tunnel.
    """
    if method == b"CONNECT":
        raise Refused(problem(405, "this is no proxy", ((b"allow", b"GET, POST"),)))
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    for name, value in headers:
        if name == b"connection":
            words = [word.strip() for word in value.lower().split(b",")]
            lines.append(b"connection: " + b", ".join(w for w in words if w in _PERSISTENCE))
        elif name != b"upgrade":
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])


def origin_form(target: bytes) -> bytes:
    """Path of a target in absolute form (RFC 9112, 3.2.2); others have none of ours."""
    if not target.lower().startswith((b"http://", b"https://")):
        return target
    _, slash, path = target.split(b"://", 1)[1].partition(b"/")
    return slash + path or b"/"


def too_long(limits: Limits) -> Reply:
    """Of a head, a trailer, or a chunk's extension."""
    return problem(431, f"the head is longer than {limits.head_bytes} bytes")


def too_large(limits: Limits) -> Reply:
    """Of a body."""
    return problem(413, f"the body is longer than {limits.body_bytes} bytes")


def target_of(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target, in whichever form it was sent."""
    target, _, query = url.partition(b"?")
    return target if target.startswith(b"/") else origin_form(target), query

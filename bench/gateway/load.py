"""An open loop of requests at a fixed rate: latency counts from when a request was due.

Who waits for an answer before the next request asks less while the server is slow, and never sees
what real callers would (coordinated omission). Here the times are set beforehand; one that is sent
late, because all connections were busy, has waited since it was due. The loop spins on a core of
its own: a timer of a millisecond would be most of what is measured.
"""

import select
import socket
import time
from collections import deque
from dataclasses import dataclass

_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Latencies:
    """Of all requests, in seconds, and what was wrong."""

    seconds: list[float]
    errors: int

    def at(self, share: float) -> float:
        """Quantile in milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def post(path: str, body: bytes, token: str = "", **headers: str) -> bytes:
    """A request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if token:
        lines.append(f"authorization: Bearer {token}")
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def open_loop(
    port: int, requests: list[bytes], rate: float, seconds: float, connections: int = 16
) -> Latencies:
    """Send requests in turn, so many a second, to this machine."""
    pool = [_Connection(port) for _ in range(connections)]
    poll = select.epoll()
    by_fd = {one.socket.fileno(): one for one in pool}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    free, due, found, errors = deque(pool), deque[float](), list[float](), 0
    began, sent, total = time.perf_counter(), 0, int(rate * seconds)
    scheduled = 0
    try:
        while len(found) + errors < total:
            now = time.perf_counter()
            while scheduled < total and began + scheduled / rate <= now:
                due.append(began + scheduled / rate)
                scheduled += 1
            while due and free:
                one = free.popleft()
                one.send(requests[sent % len(requests)], due.popleft())
                sent += 1
            for fd, _ in poll.poll(0):
                one = by_fd[fd]
                status = one.receive()
                if status is not None:
                    found.append(time.perf_counter() - one.due)
                    errors += status != 200
                    free.append(one)
            if now - began > 4 * seconds + 10:
                break
    finally:
        poll.close()
        for one in pool:
            one.socket.close()
    return Latencies(found, errors)


class _Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def send(self, request: bytes, due: float) -> None:
        self.due, self._got = due, b""
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status, once the answer is whole."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self._got += piece
        head, end, body = self._got.partition(_END)
        if not end:
            return None
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            whole = body.endswith(b"0\r\n\r\n")
        else:
            whole = len(body) >= int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head[9:12]) if whole else None

"""Where decisions come from: the lab's store, or the stream of another gateway.

Rules
    * A source is asked for everything in force (``startup``), then for what came since. It says
      each time what number that is good for and what time it has.
    * What another machine sends is untrusted: bounded in lines, rows and time, checked in full,
      and nothing of a body is used before its digest was right.
    * Redirects are not followed, and a token goes to no other machine over plain HTTP.
    * Whatever fails is a ``PeerError`` in words for people; ``Behind`` is no failure.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from stillwatch.errors import ConfigError, InputError, PeerError, StillwatchError
from stillwatch.gateway.blocks import FIELDS, LIMITS, Block, decoded_usable, opened, usable
from stillwatch.gateway.knowledge import Behind, Change
from stillwatch.gateway.stream import Head, change_of, head_of
from stillwatch.store import decisions
from stillwatch.store.database import Store

Startup = tuple[int, float, Generator[Block, None, None]]
"""Number of the newest change in it, seconds since 1970, everything in force."""
Since = tuple[int, float, list[Change]]
"""Number of the newest change in it, seconds since 1970, what came since."""
MOST_CHANGES: Final = 10_000
"""In one answer; the next brings more."""
_ENDED_S: Final = 86_400
"""What ended within a day is taken along: whether it has is for the gateway's own clock to say."""
_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_SHOWN: Final = 200
_PATIENCE: Final = {
    "connect_timeout": "5",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}
"""libpq would wait for minutes for a server whose network is gone."""


class Source(Protocol):
    """What a follower asks."""

    name: str
    """For people, without secrets; a snapshot names where it is from by it."""
    pushes: bool
    """Whether ``changes`` waits until there are some."""
    age_s: float
    """How old what it said last was: 0 for a store, and for a gateway that hears from its own."""

    def startup(self) -> Startup:
        """Everything in force. Raises ``PeerError``; the blocks may raise it too."""

    def changes(self, since: int, wait_s: float) -> Since:
        """What came after a number. Raises ``PeerError`` or ``Behind``."""

    def close(self) -> None:
        """Let go of connections."""


class StoreSource:
    """The lab's store itself."""

    pushes = False
    age_s = 0.0

    def __init__(self, url: str, *, wall: Callable[[], float] = time.time) -> None:
        """``url`` as for ``Store``. Raises ``ConfigError`` for one that is none."""
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise ConfigError(
                "the URL of the store cannot be read", hint="e.g. sqlite:///share.db"
            ) from error
        self.name = URL.create(
            parsed.drivername, host=parsed.host, port=parsed.port, database=parsed.database
        ).render_as_string()
        self._sqlite = parsed.get_backend_name() == "sqlite"
        self._path = parsed.database
        if not self._sqlite:
            kept = {name: value for name, value in _PATIENCE.items() if name not in parsed.query}
            url = parsed.update_query_dict(kept).render_as_string(hide_password=False)
        self._url, self._wall = url, wall
        self._store: Store | None = None
        self._file: tuple[int, int] | None = None
        """Which file was opened: device and inode."""

    def startup(self) -> Startup:
        """Everything in force."""
        blocks = self._standing()
        head = next(blocks)
        assert isinstance(head, tuple)
        return head[0], head[1], blocks  # type: ignore[return-value]  # blocks from here on

    def changes(self, since: int, wait_s: float) -> Since:  # noqa: ARG002  answers at once
        """What came after a number."""
        with self._asked() as connection:
            try:
                made = decisions.changes(connection, since, MOST_CHANGES)
            except decisions.Behind as error:
                raise Behind from error
            seq = made[-1].seq if made else since
            return seq, self._time(connection), [Change(*change) for change in made]

    def close(self) -> None:
        """Let go of connections."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _standing(self) -> Generator[tuple[int, float] | Block, None, None]:
        with self._asked() as connection:
            seq, now = decisions.newest(connection), self._time(connection)
            yield seq, now
            since = datetime.fromtimestamp(now - _ENDED_S, UTC)
            for columns in decisions.standing(connection, since):
                said = {name: list(getattr(columns, name)) for name in FIELDS}
                yield usable(said)

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        """A transaction; the store is opened when it is first there."""
        try:
            with self._opened().begin() as connection:
                yield connection
        except PeerError:
            raise
        except StillwatchError as error:
            raise PeerError(error.message, hint=error.hint) from error

    def _opened(self) -> Store:
        """Never made here: an empty store in place of a disk that is gone would free everybody.

        Raises ``Behind`` where another file lies in the place of the one that was followed, e.g. a
        backup that was restored: the open one is still there to read, and nobody writes to it.
        """
        if self._sqlite and self._path:
            file = _file(self._path)
            if file is None:
                self.close()
                raise PeerError(
                    f"there is no store {self._path}", hint="stillwatch decisions add makes one"
                )
            if file != self._file:
                known, self._file = self._file, file
                self.close()
                if known is not None:
                    raise Behind
        if self._store is None:
            self._store = Store(self._url)
        return self._store

    def _time(self, connection: Connection) -> float:
        """The database's, which is one for all gateways; a file has the machine's."""
        if self._sqlite:
            return self._wall()
        said = connection.scalar(text("select extract(epoch from clock_timestamp())"))
        return float(said or 0)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What another gateway may cost."""

    connect_s: float = 5.0
    silence_s: float = 10.0
    """Longest wait for the next bytes, beside what it was asked to wait."""
    answer_s: float = 300.0
    """A whole answer."""
    line: int = LIMITS.line
    changes: int = 1_000_000


class HttpSource:
    """The stream of another gateway, over HTTP."""

    pushes = True

    def __init__(self, url: str, token: str = "", bounds: Bounds | None = None) -> None:
        """``url`` of the gateway, e.g. https://gateway.example.com. Raises ``ConfigError``."""
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.hostname or split.username:
            raise ConfigError(
                "the address of a gateway cannot be used",
                hint="e.g. https://gateway.example.com, without user or password",
            )
        if token and split.scheme == "http" and split.hostname not in _LOOPBACK:
            raise ConfigError(f"{url} would send the token unprotected", hint="use https://")
        self.name = f"{split.scheme}://{split.netloc}{split.path.rstrip('/')}"
        self._url = f"{self.name}/v1/decisions/stream"
        self.age_s = 0.0
        self._bounds = bounds or Bounds()
        headers = {"accept": "application/x-ndjson", "accept-encoding": "identity"}
        if token:
            headers["authorization"] = f"Bearer {token}"
        silence, connect = self._bounds.silence_s, self._bounds.connect_s
        self._client = httpx.Client(
            headers=headers,
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(silence, connect=connect),
        )

    def startup(self) -> Startup:
        """Everything in force."""
        lines = self._asked({}, 0.0)
        seq, now, whole, self.age_s = _head(next(lines, b""), self.name)
        if not whole:
            raise PeerError(f"{self.name} sent changes where everything was asked for")
        return seq, now, _blocks(lines)

    def changes(self, since: int, wait_s: float) -> Since:
        """What came after a number; waits so many seconds for the first."""
        lines = self._asked({"since": str(since), "wait": f"{wait_s:g}"}, wait_s)
        seq, now, whole, self.age_s = _head(next(lines, b""), self.name)
        if whole or seq < since:
            raise PeerError(f"{self.name} answered something else than what came after {since}")
        return seq, now, list(self._changes(lines, seq))

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _changes(self, lines: Iterator[bytes], seq: int) -> Iterator[Change]:
        for place, line in enumerate(lines, 2):
            if place - 1 > self._bounds.changes:
                raise PeerError(f"{self.name} sent more than {self._bounds.changes:,} changes")
            try:
                yield change_of(line, seq)
            except ValueError as error:
                words = f"line {place} of the answer of {self.name} cannot be used: {error}"
                raise PeerError(words) from error

    def _asked(self, params: dict[str, str], wait_s: float) -> Generator[bytes, None, None]:
        """Lines of an answer; the digest is checked when they end."""
        silence, connect = self._bounds.silence_s, self._bounds.connect_s
        timeout = httpx.Timeout(silence + wait_s, connect=connect)
        try:
            with self._client.stream("GET", self._url, params=params, timeout=timeout) as answer:
                self._check(answer)
                yield from opened(self._lines(answer))
        except httpx.HTTPError as error:
            reason = str(error)[:_SHOWN] or type(error).__name__
            raise PeerError(
                f"{self.name} did not answer: {reason}", hint="it is asked again"
            ) from error
        except InputError as error:
            raise PeerError(f"the answer of {self.name} was refused: {error.message}") from error

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status == 410:
            raise Behind
        if status == 200:
            return
        hints = {
            401: "it does not know the token: see the token file",
            403: "the token may not read decisions there",
            404: "is it a gateway? its address is without /v1",
        }
        moved = "redirects are not followed: name that address itself if you trust it"
        hint = moved if 300 <= status < 400 else hints.get(status, "it is asked again")
        raise PeerError(f"{self.name} answered {status}", hint=hint)

    def _lines(self, answer: httpx.Response) -> Iterator[bytes]:
        """Whole lines. A last one without its end is handed on, and fails there."""
        until, rest, size = time.monotonic() + self._bounds.answer_s, list[bytes](), 0
        for part in answer.iter_bytes(256 * 1024):
            if time.monotonic() > until:
                raise PeerError(f"{self.name} took longer than {self._bounds.answer_s:g} s")
            first, *more = part.split(b"\n")
            rest.append(first)
            size += len(first)
            if max(size, *map(len, more), 0) > self._bounds.line:
                raise PeerError(f"{self.name} sent a line of more than {self._bounds.line:,} bytes")
            if more:
                yield b"".join(rest)
                yield from more[:-1]
                rest, size = [more[-1]], len(more[-1])
        if size:
            yield b"".join(rest)


def _file(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def source_of(url: str, token: str = "") -> Source:
    """A source by its URL: ``http(s)`` is another gateway, anything else a store."""
    return HttpSource(url, token) if url.startswith(("http://", "https://")) else StoreSource(url)


def identity(source: Source) -> str:
    """Of a source, for its snapshots."""
    return sha256(source.name.encode()).hexdigest()[:32]


def _blocks(lines: Iterator[bytes]) -> Generator[Block, None, None]:
    try:
        for place, line in enumerate(lines, 2):
            yield decoded_usable(line, place)
    except InputError as error:
        raise PeerError(f"the answer was refused: {error.message}") from error


def _head(line: bytes, name: str) -> Head:
    try:
        return head_of(line)
    except ValueError as error:
        raise PeerError(
            f"{name} does not begin with seq, now and startup", hint="is it a gateway?"
        ) from error

"""The audit: who did what, to what, and how many; rows are added and never changed.

Rules: a row names a collection, a claim, a member or a token's label, never a secret or a body.
Each row carries SHA-256 over the chain value before it and its own columns, and the hub keeps
number and value of the last (``meta.audit``), so an altered, inserted or deleted row is seen.
Who can write the whole database could forge the chain from there on; against that stands the
value that the operator kept elsewhere (``verify(..., kept=...)``, printed by every backup).
An operator's acts and refusals of governance are written in the transaction that does them;
pages read and objects stored are gathered for a moment and written together (``Recorder``).
"""

import hashlib
import ipaddress
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, insert, select

from stillwatch.crypto.canonical import canonical
from stillwatch.errors import InputError, StoredDataError
from stillwatch.hub.meta import fact, locked, put
from stillwatch.hub.schema import audit, members

_HEAD: Final = "audit"
_START: Final = bytes(32)
_PAGE: Final = 10_000
_PLACES: Final = 64
_ELSEWHERE: Final = "from elsewhere"
_Kind = tuple[int | None, str, str]
"""Who was refused what, where."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a transaction that may write."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that was done."""

    at: int
    """Microseconds since 1970."""
    member: int | None
    """Who did it; None for the operator at the command line, or for nobody known."""
    action: str
    """E.g. ``read``, ``write``, ``refused``, ``member.suspend``."""
    subject: str
    """Collection, claim, member or token label."""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """An act as it stands in the audit."""

    seq: int
    at: int
    member: str | None
    """Name of the member."""
    action: str
    subject: str
    count: int


@dataclass(frozen=True, slots=True)
class Head:
    """The last row and its chain value: to be kept elsewhere."""

    seq: int
    chain: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.chain}"


def place(peer: str) -> str:
    """Where somebody unknown calls from: the network (IPv4 /24, IPv6 /48) of an address.

    >>> place("192.0.2.77")
    'from 192.0.2.0/24'
    """
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return _ELSEWHERE
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    bits = 24 if address.version == 4 else 48
    return f"from {ipaddress.ip_network((address, bits), strict=False)}"


def append(connection: Connection, acts: Sequence[Act]) -> None:
    """Add rows in the caller's transaction; until it ends, others wait."""
    if not acts:
        return
    head = _parse(locked(connection, _HEAD, str(Head(0, _START.hex()))))
    seq, chain = head.seq, bytes.fromhex(head.chain)
    rows = []
    for act in acts:
        seq += 1
        chain = _link(chain, seq, act)
        rows.append(
            {
                "seq": seq,
                "at": act.at,
                "member": act.member,
                "action": act.action,
                "subject": act.subject,
                "count": act.count,
                "chain": chain,
            }
        )
    connection.execute(insert(audit), rows)
    put(connection, _HEAD, str(Head(seq, chain.hex())))


def verify(connection: Connection, kept: str | None = None) -> Head:
    """Recompute the chain from the first row to the last.

    ``kept`` is a head that was written down before. Raises ``StoredDataError`` with the number
    of the first row that does not hold.
    """
    head = _parse(fact(connection, _HEAD) or str(Head(0, _START.hex())))
    wanted = None if kept is None else _parse(kept)
    seq, chain = 0, _START
    for row in _all(connection):
        if row.seq != seq + 1:
            raise _broken(seq + 1, "is missing")
        seq, chain = row.seq, _link(chain, row.seq, _act(row))
        if chain != row.chain:
            raise _broken(seq, "was altered, or one before it was")
        if wanted is not None and seq == wanted.seq and chain.hex() != wanted.chain:
            raise _broken(seq, "does not lead to the value that was kept")
    if (seq, chain.hex()) != (head.seq, head.chain):
        raise _broken(seq + 1, f"is missing: {head.seq} rows were written")
    if wanted is not None and wanted.seq > seq:
        raise _broken(seq + 1, f"is missing: row {wanted.seq} existed once")
    return head


def rows(
    connection: Connection,
    *,
    member: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = 1000,
) -> list[Row]:
    """The newest rows that fit, oldest first; ``action`` may be a prefix ending in a dot."""
    statement = select(
        audit.c.seq,
        audit.c.at,
        members.c.name.label("member"),
        audit.c.action,
        audit.c.subject,
        audit.c.count,
    ).join(members, members.c.id == audit.c.member, isouter=True)
    if member is not None:
        statement = statement.where(members.c.name == member)
    if action is not None and action.endswith("."):
        statement = statement.where(audit.c.action.startswith(action, autoescape=True))
    elif action is not None:
        statement = statement.where(audit.c.action == action)
    if subject is not None:
        statement = statement.where(audit.c.subject == subject)
    if since is not None:
        statement = statement.where(audit.c.at >= since)
    if until is not None:
        statement = statement.where(audit.c.at < until)
    found = connection.execute(statement.order_by(audit.c.seq.desc()).limit(limit)).mappings()
    return [Row(**row) for row in found][::-1]


class Recorder:
    """Gathers acts of one worker and writes them together.

    At most ``every`` seconds of reading are lost if the process is killed. Where the database
    does not take them and ``most`` have gathered, the request that comes next fails: nothing is
    read unrecorded. Refusals of a kind within one moment are one row with their number; those of
    nobody known are counted for ``minute`` seconds by where they came from, from 64 places at
    most, so that who guesses fills no disk.
    """

    def __init__(
        self, begin: Begin, *, every: float = 1.0, most: int = 5000, minute: float = 60.0
    ) -> None:
        self._begin, self._every, self._most, self._minute = begin, every, most, minute
        self._acts: list[Act] = []
        self._refusals: dict[_Kind, Act] = {}
        self._guesses: dict[_Kind, Act] = {}
        self._guessed = 0.0
        """When the first of these came, by the monotonic clock."""
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def record(self, act: Act) -> None:
        """Note an act; costs nothing but memory while the database keeps up."""
        with self._lock:
            self._add(act)
            full = len(self._acts) + len(self._refusals) >= self._most
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
        if full:
            self.flush()

    def _add(self, act: Act) -> None:
        if not act.action.startswith("refused"):
            self._acts.append(act)
            return
        kept = self._refusals
        if act.member is None:
            kept = self._guesses
            if not kept:
                self._guessed = time.monotonic()
            if len(kept) >= _PLACES and (None, act.action, act.subject) not in kept:
                act = replace(act, subject=_ELSEWHERE)
        kind = (act.member, act.action, act.subject)
        before = kept.get(kind)
        kept[kind] = act if before is None else replace(before, count=before.count + act.count)

    def flush(self) -> None:
        """Write what has gathered; keeps it if that fails."""
        with self._writing:
            with self._lock:
                acts, self._acts = [*self._acts, *self._refusals.values()], []
                self._refusals = {}
                if self._ended.is_set() or time.monotonic() - self._guessed >= self._minute:
                    acts += self._guesses.values()
                    self._guesses = {}
            try:
                if acts:
                    with self._begin() as connection:
                        append(connection, acts)
            except BaseException:
                with self._lock:
                    self._acts = acts + self._acts
                raise

    def close(self) -> None:
        """Write the rest and stop."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.flush()
            except Exception:  # noqa: S112 - kept and tried again; ``record`` fails when full
                continue


def _link(chain: bytes, seq: int, act: Act) -> bytes:
    # texts, because canonical JSON has no integers beyond 2^53 - 1
    columns = [str(seq), str(act.at), str(act.member), act.action, act.subject, str(act.count)]
    return hashlib.sha256(chain + canonical(columns)).digest()


@dataclass(frozen=True, slots=True)
class _Stored(Act):
    seq: int = 0
    chain: bytes = b""


def _act(row: _Stored) -> Act:
    return Act(row.at, row.member, row.action, row.subject, row.count)


def _all(connection: Connection) -> Iterator[_Stored]:
    last = 0
    while True:
        statement = select(audit).where(audit.c.seq > last).order_by(audit.c.seq).limit(_PAGE)
        found = [_Stored(**row) for row in connection.execute(statement).mappings()]
        yield from found
        if len(found) < _PAGE:
            return
        last = found[-1].seq


def _parse(text: str) -> Head:
    seq, _, chain = text.partition(":")
    if not seq.isdecimal() or len(chain) != 64 or not set(chain) <= set("0123456789abcdef"):
        raise InputError(
            f"{text[:80]!r} is no head of an audit", hint="give it as it was printed, NUMBER:HASH"
        )
    return Head(int(seq), chain)


def _broken(seq: int, how: str) -> StoredDataError:
    return StoredDataError(
        f"audit: row {seq} {how}",
        hint="keep the database as evidence and compare with the last backup",
    )

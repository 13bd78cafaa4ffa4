"""Whom decisions are about: from what a request carries to the first row about it.

Rules: rows about the same subject are a chain, the newest first. A chain leads to a row only when
that is written whole; a reader that is on its way goes on with what it holds. One thread writes.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from stillwatch.domain.decision import Scope
from stillwatch.gateway.addresses import network
from stillwatch.gateway.blocks import SCOPES
from stillwatch.gateway.rows import NONE, Rows

_SCOPE_CODES: Final = {scope: code for code, scope in enumerate(SCOPES)}
_RANGE: Final = _SCOPE_CODES[Scope.RANGE]
_WIDTHS: Final = {4: 32, 6: 128}

Lookups = tuple[tuple[int, Callable[[int], int | None]], ...]
"""By how much to shift an address, and where to look for what is left."""


class Request(NamedTuple):
    """What a gateway knows of a request; None where it does not."""

    account: str | None = None
    key: str | None = None
    organisation: str | None = None
    ja4: str | None = None
    campaign: str | None = None
    sign_up: str | None = None
    address: str | None = None


REQUEST_SCOPES: Final = (
    Scope.ACCOUNT,
    Scope.KEY,
    Scope.ORGANISATION,
    Scope.JA4,
    Scope.CAMPAIGN,
    Scope.SIGN_UP,
    Scope.RANGE,
)
"""By which scope each field of a request is judged."""


class Subjects:
    """First rows by subject."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._heads: tuple[dict[Any, int], ...] = tuple({None: NONE} for _ in SCOPES)
        """By scope: value to the first row about it. The one of ranges stays empty.

        A dict of nothing but texts keeps no hashes in its table (CPython, ``dict_unicode_entry``):
        each key that is met on the way to the right one is then a read from far memory. One key
        that is no text makes it keep them, and takes a third off the slowest lookups of a million.
        """
        self._prefixes: dict[tuple[int, int], dict[int, int]] = {}
        """By version and prefix length: prefix to first row."""
        self.gets: Final = tuple(self._heads[_SCOPE_CODES[s]].get for s in REQUEST_SCOPES[:-1])
        """First row about a value, for each field of a request but the address."""
        self.v4: Lookups = ()
        self.v6: Lookups = ()
        """Of the prefixes. Replaced whole."""

    def __bool__(self) -> bool:
        return any(len(heads) > 1 for heads in self._heads) or bool(self._prefixes)

    def link(self, rows: Iterable[int], scope: int, values: list[str]) -> None:
        """Lead to rows of one scope."""
        heads = self._heads[scope]
        plain = (
            scope != _RANGE and len(set(values)) == len(values) and heads.keys().isdisjoint(values)
        )
        if plain:
            heads.update(zip(values, rows, strict=True))
            return
        for row in rows:
            self.chain(row)

    def chain(self, row: int) -> None:
        """Lead to a row that is written whole."""
        heads, key = self._head(row)
        before = heads.get(key, NONE)
        if before != NONE:
            self._rows.follow(row, before)
        heads[key] = row

    def unchain(self, row: int) -> None:
        """Lead to a row no more."""
        heads, key = self._head(row)
        following = self._rows.following
        before, at = NONE, heads[key]
        while at != row:
            before, at = at, following[at]
        if before != NONE:
            self._rows.follow(before, following[row])
        elif following[row] != NONE:
            heads[key] = following[row]
        else:
            del heads[key]
            if not heads and self._rows.scope(row) == _RANGE:
                self._forget(heads)

    def _head(self, row: int) -> tuple[dict[Any, int], Any]:
        """Where the chain of a row's subject begins, and its key there."""
        scope, value = self._rows.scope(row), self._rows.values[row]
        if scope != _RANGE:
            return self._heads[scope], value
        found = network(value)
        assert found is not None, value  # checked where it came in
        version, length, prefix = found
        networks = self._prefixes.get((version, length))
        if networks is None:
            networks = self._prefixes[version, length] = {}
            self._look()
        return networks, prefix

    def _forget(self, networks: dict[int, int]) -> None:
        """A prefix length that no network has any more costs lookups nothing."""
        self._prefixes = {at: one for at, one in self._prefixes.items() if one is not networks}
        self._look()

    def _look(self) -> None:
        """Replaced whole: a reader that is on its way goes on with the old ones."""
        of = {
            version: tuple(
                (_WIDTHS[version] - length, networks.get)
                for (its, length), networks in sorted(self._prefixes.items(), key=lambda i: i[0])
                if its == version
            )
            for version in _WIDTHS
        }
        self.v4, self.v6 = of[4], of[6]

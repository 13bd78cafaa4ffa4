"""All decisions in force, in memory, and the verdict on one request in a few microseconds.

Rules
    * ``allow`` wins over everything that stands, whatever the scopes; then the strongest effect.
      Where that is ``throttle``, all throttles that stand bind.
    * What has ended by the clock of the caller does not count, whether it was removed or not.
    * Shadow decisions are reported beside the verdict and change nothing.
    * One thread writes while any number look up. A row is written whole before anything leads to
      it, and its place is never used again: whoever still holds it finds it ended. What replaces a
      decision stands before the old one falls.
    * What a lookup needs stands in columns, what decisions have in common is kept once, and ids are
      found through small sorted arrays: a million decisions take a few hundred megabytes.

>>> from stillwatch.gateway.blocks import checked, record_columns
>>> table = Table()
>>> table.put({"id": "decision--c0ffee00-0000-4000-8000-000000000001", "effect": "block",
...     "scope": "account", "value": "a", "reason": "hydra", "evidence": [],
...     "origin": "person:ann", "made": 1_790_000_000, "until": 1_790_600_000})
>>> table.verdict(Request(account="a"), now=1_790_000_001).effect
<Effect.BLOCK: 'block'>
>>> table.verdict(Request(account="a"), now=1_790_600_000).effect
<Effect.ALLOW: 'allow'>
"""

import mmap
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate, compress
from typing import Any, Final, NamedTuple

import orjson

from stillwatch.domain.decision import SEVERITY, Decision, DecisionId, Effect, Scope
from stillwatch.errors import InputError
from stillwatch.gateway.addresses import network, number
from stillwatch.gateway.blocks import EFFECTS, LIMITS, SCOPES, SHADOW, Block, rest_of

_NONE: Final = -1
_THROTTLE: Final = EFFECTS.index(Effect.THROTTLE)
_EFFECT_CODES: Final = {effect: code for code, effect in enumerate(EFFECTS)}
_SCOPE_CODES: Final = {scope: code for code, scope in enumerate(SCOPES)}
_RANGE: Final = _SCOPE_CODES[Scope.RANGE]
_ACCOUNT: Final = _SCOPE_CODES[Scope.ACCOUNT]
_CAMPAIGN: Final = _SCOPE_CODES[Scope.CAMPAIGN]
_LOW: Final = 0xFFFF
"""Of a key of the sorted ids: the place in its segment; above it, bits of the id."""
_MOST_SHARED: Final = 65_536
_SLACK: Final = 1024
_LARGE: Final = 65_536
_HEAD, _FINDING = b'{"reason":"', b'","evidence":["finding:'
_STANDARD, _ORIGIN = b'"],"origin":"policy:standard","made":', b'"],"origin":"'
"""What nearly all decisions say: kept as a byte each that no JSON text holds."""
_WIDTHS: Final = {4: 32, 6: 128}


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


class Verdict(NamedTuple):
    """What stands on a request."""

    effect: Effect
    row: int = _NONE
    """Of the decision that says so, for ``Table.decision``; -1 where nothing stands."""
    more: tuple[int, ...] = ()
    """Rows of further throttles, where the effect is one."""
    shadow: tuple[int, ...] = ()
    """Rows of decisions that are only said."""
    unread: bool = False
    """The address given is none."""


_made = tuple.__new__
"""Without the detour that a named tuple's own constructor takes."""
PASS: Final = Verdict(Effect.ALLOW)
UNREAD: Final = Verdict(Effect.ALLOW, unread=True)


class Table:
    """Decisions by subject; see the rules above for who may do what at a time."""

    def __init__(self) -> None:
        self._heads: tuple[dict[Any, int], ...] = tuple({} for _ in SCOPES)
        """By scope: value to the first row about it. The one of ranges stays empty."""
        self._gets = tuple(self._heads[_SCOPE_CODES[s]].get for s in REQUEST_SCOPES[:-1])
        self._prefixes: dict[tuple[int, int], dict[int, int]] = {}
        """By version and prefix length: prefix to first row."""
        self._v4: tuple[tuple[int, Any], ...] = ()
        self._v6: tuple[tuple[int, Any], ...] = ()
        """Of the prefixes: by how much to shift, and where to look. Replaced whole."""
        self._ids = bytearray()
        self._values: list[str] = []
        self._scopes = array("B")
        self._effects = array("B")
        self._untils = array("q")
        """0: gone."""
        self._next = array("i")
        """Next row about the same subject, or -1."""
        self._blobs: list[bytes | mmap.mmap] = []
        self._rests = array("Q")
        """Blob, and place in it, of what a decision says besides."""
        self._shared: dict[str, int] = {}
        self._segments: list[tuple[int, array[int]]] = []
        """First row, and sorted ids, of each block."""
        self._recent: dict[bytes, int] = {}
        """Id to row of what is in no segment."""
        self._aliases: dict[int, range] = {}
        """Row of a campaign to the rows of its members."""
        self._owners: dict[int, int] = {}
        """The inverse."""
        self._live = 0
        self._swept = 0

    def __len__(self) -> int:
        """Decisions that were put and not removed."""
        return self._live

    # -- looking up: any thread ------------------------------------------------------------------

    def verdict(self, request: Request, now: float) -> Verdict:
        """What stands on a request at an instant (seconds since 1970)."""
        # unrolled: a loop over the fields costs half as much again
        account, key, organisation, ja4, campaign, sign_up, address = request
        of_account, of_key, of_organisation, of_ja4, of_campaign, of_sign_up = self._gets
        rows = []
        if account is not None and (row := of_account(account)) is not None:
            rows.append(row)
        if key is not None and (row := of_key(key)) is not None:
            rows.append(row)
        if organisation is not None and (row := of_organisation(organisation)) is not None:
            rows.append(row)
        if ja4 is not None and (row := of_ja4(ja4)) is not None:
            rows.append(row)
        if campaign is not None and (row := of_campaign(campaign)) is not None:
            rows.append(row)
        if sign_up is not None and (row := of_sign_up(sign_up)) is not None:
            rows.append(row)
        if address is not None:
            found = number(address)
            if found is None:
                return self._judge(rows, now, True) if rows else UNREAD
            version, whole = found
            for shift, get in self._v4 if version == 4 else self._v6:
                row = get(whole >> shift)
                if row is not None:
                    rows.append(row)
        return self._judge(rows, now, False) if rows else PASS

    def decision(self, row: int) -> dict[str, Any]:
        """A decision in full, as it was put."""
        row = self._owners.get(row, row)
        code = self._effects[row]
        said = {
            "id": self.id(row),
            "effect": EFFECTS[code % SHADOW].value,
            "scope": SCOPES[self._scopes[row]].value,
            "value": self._values[row],
            **self.rest(row),
            "until": self._untils[row],
        }
        if code >= SHADOW:
            said["shadow"] = True
        return said

    def said(self, row: int) -> tuple[DecisionId, Effect, dict[str, Any]]:
        """What an answer needs of a decision: id, effect (shadow or not), and ``rest``."""
        if self._owners:
            row = self._owners.get(row, row)
        rest = orjson.loads(self._text(row))
        return _id(self._ids[row * 16 : row * 16 + 16]), EFFECTS[self._effects[row] % SHADOW], rest

    def scope(self, row: int) -> Scope:
        """What a row's decision is about."""
        return SCOPES[self._scopes[self._owners.get(row, row)]]

    def id(self, row: int) -> DecisionId:
        """Id of a row's decision."""
        return _id(self.name(row))

    def name(self, row: int) -> bytes:
        """The same as 16 bytes."""
        row = self._owners.get(row, row)
        return bytes(self._ids[row * 16 : row * 16 + 16])

    def rest(self, row: int) -> dict[str, Any]:
        """What a row's decision says besides its columns: reason, evidence, origin, made, rate ..."""
        said: dict[str, Any] = orjson.loads(self._text(row))
        return said

    def blocks(self, most: int = LIMITS.rows) -> Iterator[dict[str, list[Any]]]:
        """All decisions in columns, for ``encoded``.

        What is changed meanwhile is there in its old or its new form, or missing: a reader goes on
        with the changes since the number the table had before.
        """
        end = len(self._rests)
        for start in range(0, end, most):
            rows = self._standing(start, min(end, start + most))
            if rows:
                yield self._columns(rows)

    # -- writing: one thread ---------------------------------------------------------------------

    def add(self, block: Block) -> None:
        """Take in a block. An id that stands already stands twice then, and falls as one."""
        start, count = len(self._rests), len(block)
        self._ids += block.ids
        self._values += block.values
        self._scopes += block.scopes
        self._effects += block.effects
        self._untils += block.untils
        self._next += array("i", [_NONE]) * count
        self._rests += self._kept(block.rests)
        self._live += count
        self._index(start, block)
        for code in set(block.scopes):
            if count == block.scopes.count(code):
                self._link(code, block.values, range(start, start + count))
            else:
                chosen = [one == code for one in block.scopes]
                rows = list(compress(range(start, start + count), chosen))
                self._link(code, list(compress(block.values, chosen)), rows)
        if _CAMPAIGN in block.scopes:
            for place, code in enumerate(block.scopes):
                if code == _CAMPAIGN:
                    self._enrol(start + place)

    def put(self, said: Mapping[str, Any]) -> None:
        """Add a decision, or replace the one of the same id. Raises ``InputError``."""
        try:
            decision = Decision.of(said)
        except ValueError as error:
            raise InputError(f"decision {str(said.get('id'))[:60]!r}: {error}") from error
        name = _name(decision.id)
        before = self._find(name)
        code = _EFFECT_CODES[decision.effect] + SHADOW * decision.shadow
        row = self._append(
            name,
            _SCOPE_CODES[decision.subject.scope],
            decision.subject.value,
            code,
            int(decision.until.timestamp()),
            self._kept([rest_of(said)])[0],
        )
        self._live += 1
        self._recent[name] = row
        self._chain(row)
        if decision.members:
            self._enrol(row)
        for old in before:
            self._kill(old)

    def remove(self, id_: str) -> bool:
        """Take a decision out; whether it was there."""
        try:
            name = _name(id_)
        except ValueError:
            return False
        rows = self._find(name)
        for row in rows:
            self._kill(row)
        self._recent.pop(name, None)
        return bool(rows)

    def sweep(self, now: float, most: int = 50_000) -> int:
        """Take out what has ended, looking at so many rows from where it stopped; how many."""
        start = self._swept if self._swept < len(self._rests) else 0
        self._swept = start + most
        over = [
            row
            for row, until in enumerate(self._untils[start : start + most], start)
            if 0 < until <= now and row not in self._owners
        ]
        for row in over:
            name = self.name(row)
            self._kill(row)
            if self._recent.get(name) == row:
                del self._recent[name]
        return len(over)

    def wasteful(self) -> bool:
        """Whether it has come to hold more that is gone than stands."""
        rows = len(self._rests) - len(self._owners)
        return rows > 2 * self._live + _SLACK or len(self._recent) > max(_SLACK, self._live) * 4

    def compacted(self) -> "Table":
        """Another table of what stands in this one. This one is not changed."""
        left = Table()
        end = len(self._rests)
        for start in range(0, end, LIMITS.rows):
            rows = self._standing(start, min(end, start + LIMITS.rows))
            left.add(
                Block(
                    b"".join(map(self.name, rows)),
                    array("B", [self._effects[row] for row in rows]),
                    array("B", [self._scopes[row] for row in rows]),
                    [self._values[row] for row in rows],
                    array("q", [self._untils[row] for row in rows]),
                    [self._text(row).decode() for row in rows],
                )
            )
        return left

    # -- within ----------------------------------------------------------------------------------

    def _judge(self, rows: list[int], now: float, unread: bool) -> Verdict:
        """Verdict of the chains that begin at these rows."""
        untils, effects, following = self._untils, self._effects, self._next
        best, strongest, allowed = _NONE, 0, _NONE
        more: tuple[int, ...] = ()
        shadow: tuple[int, ...] = ()
        for first in rows:
            row = first
            while row != _NONE:
                if untils[row] > now:
                    code = effects[row]
                    if code >= SHADOW:
                        shadow = self._joined(shadow, row)
                    elif code == 0:
                        allowed = row
                    elif code > strongest:
                        best, strongest, more = row, code, ()
                    elif code == strongest == _THROTTLE and not self._same(row, best):
                        more = self._joined(more, row)
                row = following[row]
        if allowed != _NONE:
            return Verdict(Effect.ALLOW, allowed, (), shadow, unread)
        return _made(Verdict, (EFFECTS[strongest], best, more, shadow, unread))

    def _joined(self, rows: tuple[int, ...], row: int) -> tuple[int, ...]:
        """With one more, each decision once."""
        owner = self._owners.get(row, row)
        return rows if owner in rows else (*rows, owner)

    def _same(self, one: int, other: int) -> bool:
        """Whether two rows are of one decision."""
        return self._owners.get(one, one) == self._owners.get(other, other)

    def _standing(self, start: int, end: int) -> list[int]:
        untils, owners = self._untils, self._owners
        return [row for row in range(start, end) if untils[row] and row not in owners]

    def _columns(self, rows: list[int]) -> dict[str, list[Any]]:
        codes = [self._effects[row] for row in rows]
        return {
            "id": [self.id(row) for row in rows],
            "effect": [EFFECTS[code % SHADOW].value for code in codes],
            "scope": [SCOPES[self._scopes[row]].value for row in rows],
            "value": [self._values[row] for row in rows],
            "until": [self._untils[row] or 1 for row in rows],  # removed a moment ago: long ended
            "shadow": [code >= SHADOW for code in codes],
            "rest": [self._text(row).decode() for row in rows],
        }

    def _text(self, row: int) -> bytes:
        at = self._rests[row]
        blob, start = self._blobs[at >> 32], at & 0xFFFFFFFF
        return _long(blob[start : blob.find(b"\n", start)])

    def _kept(self, rests: list[str]) -> "array[int]":
        """Where each text is kept; what few share is kept once."""
        distinct = dict.fromkeys(rests)
        few = 2 * len(distinct) <= len(rests) or len(distinct) == 1
        fresh = [one for one in distinct if one not in self._shared] if few else list(distinct)
        base = len(self._blobs) << 32
        text = _short("\n".join([*fresh, ""]).encode())
        if fresh:
            self._blobs.append(_apart(text) if len(text) >= _LARGE else text)
        ends = text.split(b"\n")
        ends.pop()
        places = accumulate((len(one) + 1 for one in ends), initial=base)
        if not few:
            if len(fresh) == len(rests):
                return array("Q", list(places)[:-1])
            at = dict(zip(fresh, places, strict=False))
            return array("Q", map(at.__getitem__, rests))
        if len(self._shared) + len(fresh) > _MOST_SHARED:
            self._shared = {one: self._shared[one] for one in distinct if one in self._shared}
        self._shared.update(zip(fresh, places, strict=False))
        return array("Q", map(self._shared.__getitem__, rests))

    def _index(self, start: int, block: Block) -> None:
        """Make a block's ids findable."""
        if len(block) < 256:
            for place in range(len(block)):
                self._recent[block.ids[place * 16 : place * 16 + 16]] = start + place
            return
        words = array("Q", block.ids)
        if sys.byteorder == "little":
            words.byteswap()
        keys = sorted([(key & ~_LOW) | place for place, key in enumerate(words[::2])])
        self._segments.append((start, array("Q", keys)))

    def _find(self, name: bytes) -> list[int]:
        """Rows of a decision that stand: usually one."""
        rows = []
        recent = self._recent.get(name)
        if recent is not None and self._untils[recent]:
            rows.append(recent)
        low = int.from_bytes(name[:8], "big") & ~_LOW
        for start, keys in self._segments:
            at = bisect_left(keys, low)
            while at < len(keys) and keys[at] & ~_LOW == low:
                row = start + (keys[at] & _LOW)
                if self._untils[row] and self._ids[row * 16 : row * 16 + 16] == name:
                    rows.append(row)
                at += 1
        return rows

    def _append(self, name: bytes, scope: int, value: str, code: int, until: int, rest: int) -> int:
        """A row that nothing leads to yet."""
        row = len(self._rests)
        self._ids += name
        self._values.append(value)
        self._scopes.append(scope)
        self._effects.append(code)
        self._untils.append(until)
        self._next.append(_NONE)
        self._rests.append(rest)
        return row

    def _enrol(self, row: int) -> None:
        """Lead from each member of a campaign to it."""
        members = self.rest(row).get("members", ())
        if not members:
            return
        first = len(self._rests)
        code, until, rest = self._effects[row], self._untils[row], self._rests[row]
        rows = range(first, first + len(members))
        self._aliases[row] = rows
        for alias, account in zip(rows, members, strict=True):
            self._owners[alias] = row
            self._append(self.name(row), _ACCOUNT, account, code, until, rest)
            self._chain(alias)

    def _link(self, scope: int, values: list[str], rows: range | list[int]) -> None:
        """Lead to rows of one scope."""
        heads = self._heads[scope]
        plain = (
            scope != _RANGE and len(set(values)) == len(values) and heads.keys().isdisjoint(values)
        )
        if plain:
            heads.update(zip(values, rows, strict=True))
            return
        for row in rows:
            self._chain(row)

    def _chain(self, row: int) -> None:
        """Lead to a row that is written whole."""
        heads, key = self._head(row)
        self._next[row] = heads.get(key, _NONE)
        heads[key] = row

    def _kill(self, row: int) -> None:
        """End a decision at once, then take it out of its chains."""
        aliases = self._aliases.pop(row, ())
        for one in (row, *aliases):
            self._untils[one] = 0
        for one in (row, *aliases):
            self._unchain(one)
        self._live -= 1

    def _unchain(self, row: int) -> None:
        heads, key = self._head(row)
        before, at = _NONE, heads[key]
        while at != row:
            before, at = at, self._next[at]
        if before != _NONE:
            self._next[before] = self._next[row]
        elif self._next[row] != _NONE:
            heads[key] = self._next[row]
        else:
            del heads[key]
            if not heads and self._scopes[row] == _RANGE:
                self._forget(heads)

    def _head(self, row: int) -> tuple[dict[Any, int], Any]:
        """Where the chain of a row's subject begins, and its key there."""
        scope, value = self._scopes[row], self._values[row]
        if scope != _RANGE:
            return self._heads[scope], value
        found = network(value)
        assert found is not None, value  # checked where it came in
        version, length, prefix = found
        networks = self._prefixes.get((version, length))
        if networks is None:
            networks = self._prefixes[version, length] = {}
            self._lookups()
        return networks, prefix

    def _forget(self, networks: dict[int, int]) -> None:
        """A prefix length that no network has any more costs lookups nothing."""
        self._prefixes = {at: one for at, one in self._prefixes.items() if one is not networks}
        self._lookups()

    def _lookups(self) -> None:
        """Replaced whole: a reader that is on its way goes on with the old ones."""
        of = {
            version: tuple(
                (_WIDTHS[version] - length, networks.get)
                for (its, length), networks in sorted(self._prefixes.items(), key=lambda i: i[0])
                if its == version
            )
            for version in _WIDTHS
        }
        self._v4, self._v6 = of[4], of[6]


def loaded(blocks: Iterable[Block]) -> Table:
    """A table of blocks. Raises ``InputError`` where there are more decisions than the bound."""
    table = Table()
    for block in blocks:
        if len(table) + len(block) > LIMITS.total:
            raise InputError(f"more than {LIMITS.total:,} decisions")
        table.add(block)
    return table


def _short(text: bytes) -> bytes:
    text = text.replace(_HEAD, b"\x01").replace(_FINDING, b"\x02")
    return text.replace(_STANDARD, b"\x03").replace(_ORIGIN, b"\x04")


def _long(text: bytes) -> bytes:
    """The inverse."""
    text = text.replace(b"\x01", _HEAD).replace(b"\x02", _FINDING)
    return text.replace(b"\x03", _STANDARD).replace(b"\x04", _ORIGIN)


def _apart(text: bytes) -> mmap.mmap:
    """In pages of its own: in between what comes and goes while loading, it would leave holes."""
    pages = mmap.mmap(-1, len(text))
    pages.write(text)
    return pages


def _id(name: bytes | bytearray) -> DecisionId:
    text = name.hex()
    return f"decision--{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"  # type: ignore[return-value]  # a call less


def _name(id_: str) -> bytes:
    """The 16 bytes of an id. Raises ``ValueError``."""
    name = bytes.fromhex(id_.removeprefix("decision--").replace("-", ""))
    if len(name) != 16:
        raise ValueError(id_)
    return name


assert [SEVERITY[effect] for effect in EFFECTS[1:]] == list(range(1, len(EFFECTS)))

"""All decisions in force, in memory, and the verdict on one request in a few microseconds.

Rules
    * ``allow`` wins over everything that stands, whatever the scopes; then the strongest effect.
      Where that is ``throttle``, all throttles that stand bind.
    * What has ended by the clock of the caller does not count, whether it was removed or not.
    * Shadow decisions are reported beside the verdict and change nothing.
    * One thread writes while any number look up. A row is written whole before anything leads to
      it, and its place is never used again: whoever still holds it finds it ended. What replaces a
      decision stands before the old one falls.

What is held of each decision is in ``rows``, the way to it from a request in ``subjects``, from its
id in ``ids``; where more than one stands, ``verdict`` weighs them.

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

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import compress
from typing import Any, Final

import orjson

from stillwatch.domain.decision import SEVERITY, Decision, DecisionId, Effect, Scope
from stillwatch.errors import InputError
from stillwatch.gateway.addresses import number
from stillwatch.gateway.blocks import EFFECTS, LIMITS, POLICY, SCOPES, SHADOW, Block, rest_of
from stillwatch.gateway.ids import Ids, id_of_name, name_of_id
from stillwatch.gateway.rows import CODE, FOLLOWED, UNTIL, WORDS, Rows
from stillwatch.gateway.subjects import REQUEST_SCOPES, Request, Subjects
from stillwatch.gateway.verdict import PASS, UNREAD, Verdict, judged

__all__ = ["PASS", "REQUEST_SCOPES", "UNREAD", "Request", "Table", "Verdict", "loaded"]

_EFFECT_CODES: Final = {effect: code for code, effect in enumerate(EFFECTS)}
_SCOPE_CODES: Final = {scope: code for code, scope in enumerate(SCOPES)}
_ACCOUNT: Final = _SCOPE_CODES[Scope.ACCOUNT]
_CAMPAIGN: Final = _SCOPE_CODES[Scope.CAMPAIGN]
_UNUSUAL: Final = FOLLOWED | SHADOW
"""In the first word of a row: its decision is not all there is to say."""
_SLACK: Final = 1024
_made = tuple.__new__
"""Without the detour that a named tuple's own constructor takes."""


class Table:
    """Decisions by subject; see the rules above for who may do what at a time."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._words = self._rows.words
        self._subjects = Subjects(self._rows)
        self._gets = self._subjects.gets
        self._ids = Ids()
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
                return judged(rows, self._rows, self._owners, now, True) if rows else UNREAD
            version, whole = found
            for shift, get in self._subjects.v4 if version == 4 else self._subjects.v6:
                row = get(whole >> shift)
                if row is not None:
                    rows.append(row)
        if not rows:
            return PASS
        row = rows[0]
        word = self._words[row * WORDS]
        if len(rows) == 1 and not word & _UNUSUAL and word >> UNTIL > now:
            return _made(Verdict, (EFFECTS[word & CODE], row, (), (), False))
        return judged(rows, self._rows, self._owners, now)

    def decision(self, row: int) -> dict[str, Any]:
        """A decision in full, as it was put."""
        row = self._owners.get(row, row)
        code = self._rows.code(row)
        said = {
            "id": self.id(row),
            "effect": EFFECTS[code % SHADOW].value,
            "scope": self.scope(row).value,
            "value": self._rows.values[row],
            **self.rest(row),
            "until": self._rows.until(row),
        }
        if code >= SHADOW:
            said["shadow"] = True
        return said

    def effect(self, row: int) -> Effect:
        """What a row's decision does, or would do."""
        return EFFECTS[self._rows.code(row) % SHADOW]

    def made(self, row: int) -> int:
        """When a policy made a row's decision, seconds since 1970; 0 where a person did."""
        return self._words[row * WORDS + 1]

    def scope(self, row: int) -> Scope:
        """What a row's decision is about."""
        return SCOPES[self._rows.scope(self._owners.get(row, row))]

    def id(self, row: int) -> DecisionId:
        """Id of a row's decision."""
        return id_of_name(self.name(row))

    def name(self, row: int) -> bytes:
        """The same as 16 bytes."""
        return self._rows.name(row)

    def rest(self, row: int) -> dict[str, Any]:
        """What a row's decision says besides its columns: reason, evidence, origin, made, rate ..."""
        said: dict[str, Any] = orjson.loads(self._rows.text(row))
        return said

    def blocks(self, most: int = LIMITS.rows) -> Iterator[dict[str, list[Any]]]:
        """All decisions in columns, for ``encoded``.

        What is changed meanwhile is there in its old or its new form, or missing: a reader goes on
        with the changes since the number the table had before.
        """
        end = len(self._rows)
        for start in range(0, end, most):
            rows = self._standing(start, min(end, start + most))
            if rows:
                yield self._rows.columns(rows)

    # -- writing: one thread ---------------------------------------------------------------------

    def add(self, block: Block) -> None:
        """Take in a block. An id that stands already stands twice then, and falls as one."""
        rows = self._rows.extend(block)
        self._live += len(block)
        self._ids.add(rows.start, block.ids)
        for code in set(block.scopes):
            if len(block) == block.scopes.count(code):
                self._subjects.link(rows, code, block.values)
            else:
                chosen = [one == code for one in block.scopes]
                values = list(compress(block.values, chosen))
                self._subjects.link(list(compress(rows, chosen)), code, values)
        if _CAMPAIGN in block.scopes:
            for row, code in zip(rows, block.scopes, strict=True):
                if code == _CAMPAIGN:
                    self._enrol(row)

    def put(self, said: Mapping[str, Any]) -> None:
        """Add a decision, or replace the one of the same id. Raises ``InputError``."""
        try:
            decision = Decision.of(said)
        except ValueError as error:
            raise InputError(f"decision {str(said.get('id'))[:60]!r}: {error}") from error
        name = name_of_id(decision.id)
        before = self._find(name)
        [row] = self._rows.extend(_alone(name, decision, rest_of(said)))
        self._live += 1
        self._ids.put(name, row)
        self._subjects.chain(row)
        if decision.members:
            self._enrol(row)
        for old in before:
            self._kill(old)

    def remove(self, id_: str) -> bool:
        """Take a decision out; whether it was there."""
        try:
            name = name_of_id(id_)
        except ValueError:
            return False
        rows = self._find(name)
        for row in rows:
            self._kill(row)
        self._ids.forget(name)
        return bool(rows)

    def sweep(self, now: float, most: int = 50_000) -> int:
        """Take out what has ended, looking at so many rows from where it stopped; how many."""
        start = self._swept if self._swept < len(self._rows) else 0
        self._swept = start + most
        firsts = self._words[start * WORDS : (start + most) * WORDS : WORDS]
        over = [
            row
            for row, word in enumerate(firsts, start)
            if 0 < word >> UNTIL <= now and row not in self._owners
        ]
        for row in over:
            self._kill(row)
            self._ids.forget(self.name(row), row)
        return len(over)

    def wasteful(self) -> bool:
        """Whether it has come to hold more that is gone than stands."""
        rows = len(self._rows) - len(self._owners)
        return rows > 2 * self._live + _SLACK or len(self._ids) > max(_SLACK, self._live) * 4

    def compacted(self) -> "Table":
        """Another table of what stands in this one. This one is not changed."""
        left, end = Table(), len(self._rows)
        for start in range(0, end, LIMITS.rows):
            rows = self._standing(start, min(end, start + LIMITS.rows))
            left.add(self._rows.block(rows))
        return left

    # -- within ----------------------------------------------------------------------------------

    def _standing(self, start: int, end: int) -> list[int]:
        until, owners = self._rows.until, self._owners
        return [row for row in range(start, end) if until(row) and row not in owners]

    def _find(self, name: bytes) -> list[int]:
        """Rows of a decision that stand: usually one."""
        rows = self._rows
        return [row for row in self._ids.rows(name) if rows.until(row) and rows.name(row) == name]

    def _enrol(self, row: int) -> None:
        """Lead from each member of a campaign to it."""
        members = self.rest(row).get("members", ())
        if not members:
            return
        first = len(self._rows)
        rows = range(first, first + len(members))
        self._aliases[row] = rows
        for alias, account in zip(rows, members, strict=True):
            self._owners[alias] = row
            self._rows.another(row, _ACCOUNT, account)
            self._subjects.chain(alias)

    def _kill(self, row: int) -> None:
        """End a decision at once, then take it out of its chains."""
        rows = (row, *self._aliases.pop(row, ()))
        for one in rows:
            self._rows.end(one)
        for one in rows:
            self._subjects.unchain(one)
        self._live -= 1


def loaded(blocks: Iterable[Block]) -> Table:
    """A table of blocks. Raises ``InputError`` where there are more decisions than the bound."""
    table = Table()
    for block in blocks:
        if len(table) + len(block) > LIMITS.total:
            raise InputError(f"more than {LIMITS.total:,} decisions")
        table.add(block)
    return table


def _alone(name: bytes, decision: Decision, rest: str) -> Block:
    """One decision as a block."""
    return Block(
        name,
        array("B", [_EFFECT_CODES[decision.effect] + SHADOW * decision.shadow]),
        array("B", [_SCOPE_CODES[decision.subject.scope]]),
        [decision.subject.value],
        array("q", [int(decision.until.timestamp())]),
        [rest],
        array("Q", [int(decision.made.timestamp()) * decision.origin.startswith(POLICY)]),
    )


assert [SEVERITY[effect] for effect in EFFECTS[1:]] == list(range(1, len(EFFECTS)))

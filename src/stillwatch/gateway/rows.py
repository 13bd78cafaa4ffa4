"""What the table holds of each decision, by row.

Rules
    * What a verdict needs of a decision lies together, 40 bytes a row: one that nobody has asked
      for in a while then costs one or two reads from memory, not one for each column.
    * Rows are only added; a row is whole once it is counted, and its place is never used again.
    * One thread writes, any may read.

    word 0      until << 16 | followed << 15 | scope << 8 | effect; until is 0 where it is gone
    word 1      when a policy made it; 0 where a person did
    word 2      where ``texts`` keeps what else it says
    words 3, 4  the 16 bytes of its id
"""

from array import array
from typing import Any, Final

from stillwatch.gateway.blocks import EFFECTS, SCOPES, SHADOW, Block
from stillwatch.gateway.ids import id_of_name
from stillwatch.gateway.texts import Texts

NONE: Final = -1
WORDS: Final = 5
"""A row."""
UNTIL: Final = 16
"""Bits below the end of a decision in its first word."""
CODE: Final = 0xFF
FOLLOWED: Final = 1 << 15
"""Another row is about the same subject: see ``following``."""
_SCOPE, _SCOPES = 8, 0x7F
_BELOW: Final = (1 << UNTIL) - 1


class Rows:
    """Decisions by row, from 0."""

    def __init__(self) -> None:
        self.words = array("Q")
        self.values: list[str] = []
        self.following = array("i")
        """Next row about the same subject, or -1."""
        self._texts = Texts()

    def __len__(self) -> int:
        return len(self.words) // WORDS

    # -- reading: any thread ---------------------------------------------------------------------

    def until(self, row: int) -> int:
        """Seconds since 1970; 0: gone."""
        return self.words[row * WORDS] >> UNTIL

    def code(self, row: int) -> int:
        """Of the effect; plus ``SHADOW``."""
        return self.words[row * WORDS] & CODE

    def scope(self, row: int) -> int:
        """Place in ``SCOPES``."""
        return self.words[row * WORDS] >> _SCOPE & _SCOPES

    def made(self, row: int) -> int:
        """When a policy made it, seconds since 1970; 0 where a person did."""
        return self.words[row * WORDS + 1]

    def name(self, row: int) -> bytes:
        """The 16 bytes of the id."""
        return self.words[row * WORDS + 3 : row * WORDS + 5].tobytes()

    def text(self, row: int) -> bytes:
        """What it says besides, as JSON."""
        return self._texts.at(self.words[row * WORDS + 2])

    def columns(self, rows: list[int]) -> dict[str, list[Any]]:
        """As they travel and rest, for ``encoded``."""
        codes = list(map(self.code, rows))
        return {
            "id": [id_of_name(self.name(row)) for row in rows],
            "effect": [EFFECTS[code % SHADOW].value for code in codes],
            "scope": [SCOPES[self.scope(row)].value for row in rows],
            "value": [self.values[row] for row in rows],
            "until": [self.until(row) or 1 for row in rows],  # gone a moment ago: long ended
            "shadow": [code >= SHADOW for code in codes],
            "rest": [self.text(row).decode() for row in rows],
        }

    def block(self, rows: list[int]) -> Block:
        """As they come in, for ``extend``."""
        return Block(
            b"".join(map(self.name, rows)),
            array("B", map(self.code, rows)),
            array("B", map(self.scope, rows)),
            [self.values[row] for row in rows],
            array("q", map(self.until, rows)),
            [self.text(row).decode() for row in rows],
            array("Q", map(self.made, rows)),
        )

    # -- writing: one thread ---------------------------------------------------------------------

    def extend(self, block: Block) -> range:
        """A row for each decision of a block, that nothing leads to yet."""
        start, count = len(self), len(block)
        columns = zip(block.untils, block.scopes, block.effects, strict=True)
        ids = array("Q", block.ids)
        words = array("Q", bytes(8 * WORDS * count))
        words[0::WORDS] = array(
            "Q", [until << UNTIL | scope << _SCOPE | code for until, scope, code in columns]
        )
        words[1::WORDS] = block.mades
        words[2::WORDS] = self._texts.kept(block.rests)
        words[3::WORDS], words[4::WORDS] = ids[0::2], ids[1::2]
        self.values += block.values
        self.following += array("i", [NONE]) * count
        self.words += words  # the last: now they count
        return range(start, start + count)

    def another(self, row: int, scope: int, value: str) -> int:
        """One more that says what a row says, about somebody else."""
        words = self.words[row * WORDS : row * WORDS + WORDS]
        words[0] = (words[0] >> UNTIL << UNTIL) | scope << _SCOPE | (words[0] & CODE)
        self.values.append(value)
        self.following.append(NONE)
        self.words += words
        return len(self) - 1

    def follow(self, row: int, other: int) -> None:
        """Another row, or none, comes after this one."""
        self.following[row] = other
        word = self.words[row * WORDS] & ~FOLLOWED
        self.words[row * WORDS] = word if other == NONE else word | FOLLOWED

    def end(self, row: int) -> None:
        """It is gone. What follows it still does, for whoever is on the way."""
        self.words[row * WORDS] &= _BELOW

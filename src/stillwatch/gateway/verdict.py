"""What stands on a request: the verdict of all rows that are about it.

Rules: ``allow`` wins; then the strongest effect; where that is ``throttle``, all of them bind. What
has ended counts nothing, what is only said is told beside. A campaign's members lead to rows of
their own: each decision counts once.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from stillwatch.domain.decision import Effect
from stillwatch.gateway.blocks import EFFECTS, SHADOW
from stillwatch.gateway.rows import CODE, FOLLOWED, NONE, UNTIL, WORDS, Rows

_THROTTLE: Final = EFFECTS.index(Effect.THROTTLE)


class Verdict(NamedTuple):
    """What stands on a request."""

    effect: Effect
    row: int = NONE
    """Of the decision that says so, for ``Table.decision``; -1 where nothing stands."""
    more: tuple[int, ...] = ()
    """Rows of further throttles, where the effect is one."""
    shadow: tuple[int, ...] = ()
    """Rows of decisions that are only said."""
    unread: bool = False
    """The address given is none."""


PASS: Final = Verdict(Effect.ALLOW)
UNREAD: Final = Verdict(Effect.ALLOW, unread=True)


def judged(
    firsts: Iterable[int], of: Rows, owners: Mapping[int, int], now: float, unread: bool = False
) -> Verdict:
    """Verdict of the chains that begin at these rows; ``owners`` of rows of members."""
    words, following = of.words, of.following
    best, strongest, allowed = NONE, 0, NONE
    more: tuple[int, ...] = ()
    shadow: tuple[int, ...] = ()
    for first in firsts:
        row = first
        while row != NONE:
            word = words[row * WORDS]
            if word >> UNTIL > now:
                code = word & CODE
                if code >= SHADOW:
                    shadow = _joined(shadow, owners.get(row, row))
                elif code == 0:
                    allowed = row
                elif code > strongest:
                    best, strongest, more = row, code, ()
                elif code == strongest == _THROTTLE and owners.get(row, row) != owners.get(
                    best, best
                ):
                    more = _joined(more, owners.get(row, row))
            row = following[row] if word & FOLLOWED else NONE
    if allowed != NONE:
        return Verdict(Effect.ALLOW, allowed, (), shadow, unread)
    return Verdict(EFFECTS[strongest], best, more, shadow, unread)


def _joined(rows: tuple[int, ...], row: int) -> tuple[int, ...]:
    """With one more, each decision once."""
    return rows if row in rows else (*rows, row)

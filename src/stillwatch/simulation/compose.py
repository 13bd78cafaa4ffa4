"""Small tools for writing prompts column by column."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.simulation.interface import Draft, Ints
from stillwatch.simulation.keys import fresh, mix, unit

Mask = np.ndarray


def join(*columns: pa.StringArray | str) -> pa.StringArray:
    """Put columns (or constants) one after another."""
    return pc.binary_join_element_wise(*columns, "")


def where(mask: Mask, yes: pa.StringArray, no: pa.StringArray) -> pa.StringArray:
    """Choose row by row."""
    return pc.if_else(pa.array(mask), yes, no)


def by_choice(
    choice: Ints, rules: Sequence[str], write: Callable[[str], pa.StringArray]
) -> pa.StringArray:
    """Write column ``rules[choice]`` for each row."""
    result = write(rules[0])
    for number, rule in enumerate(rules[1:], start=1):
        if (choice == number).any():
            result = where(choice == number, write(rule), result)
    return result


def casual(draft: Draft, texts: pa.StringArray, share: float = 0.3) -> pa.StringArray:
    """Write as some people type: no capitals. The habit belongs to the account."""
    habit = unit(mix(draft.account, 51)) < share
    return where(habit, pc.utf8_lower(texts), texts)


def with_follow_ups(draft: Draft, texts: pa.StringArray, rule: str = "follow_up") -> pa.StringArray:
    """Replace the later turns of conversations by follow-ups."""
    if not (draft.turn > 0).any():
        return texts
    return where(draft.turn > 0, draft.text(rule), texts)


def pasted(
    draft: Draft, texts: pa.StringArray, share: float, rule: str = "passage", most: int = 5
) -> pa.StringArray:
    """Append pasted material to a share of the prompts: mostly one piece, sometimes ``most``.

    What people paste makes lengths heavy-tailed; how much they paste is a habit of the account.
    """
    habit = draft.library.pasted * share * 2 * unit(mix(draft.account, 52))
    pieces = np.minimum(draft.rng.geometric(0.45, len(draft)), most)
    pieces = np.where(draft.rng.random(len(draft)) < habit, pieces, 0)
    for piece in range(int(pieces.max(initial=0))):
        index = np.flatnonzero(pieces > piece)
        extra = draft.library.text(rule, fresh(draft.rng, len(index)))
        longer = pa.nulls(len(draft), pa.string())
        longer = pc.replace_with_mask(longer, pa.array(pieces > piece), extra)
        texts = pc.coalesce(join(texts, "\n\n", longer), texts)
    return texts

"""Exemplars: the few prompts that profiles keep as text, chosen for what a finding is about."""

import numpy as np
import numpy.typing as npt

from stillwatch.profiles.fields import EXEMPLARS
from stillwatch.profiles.merge import Profiles


def exemplars(profile: np.void) -> tuple[str, ...]:
    """The prompts a profile kept, cut to what is stored."""
    kept = [text for slot in range(EXEMPLARS) if (text := _text(profile, slot))]
    return tuple(dict.fromkeys(kept))


def scaffolded(
    profiles: Profiles,
    owner: npt.NDArray[np.int64],
    slot: npt.NDArray[np.int64],
    row: int | None = None,
) -> tuple[str, ...]:
    """Kept prompts among the scaffolded events of a campaign, of one account or one of each.

    ``owner`` and ``slot`` say where the events are. Empty where none of them was kept as text.
    """
    kept = slot < EXEMPLARS
    if row is not None:
        kept &= owner == row
    owner, slot = owner[kept], slot[kept]
    if row is None:
        _, first = np.unique(owner, return_index=True)
        owner, slot = owner[first], slot[first]
    texts = (_text(profiles[a], int(b)) for a, b in zip(owner, slot, strict=True))
    return tuple(dict.fromkeys(text for text in texts if text))[:EXEMPLARS]


def _text(profile: np.void, slot: int) -> str:
    size = int(profile["exemplar_size"][slot])
    return bytes(profile["exemplar_text"][slot][:size]).decode("utf-8", "replace")

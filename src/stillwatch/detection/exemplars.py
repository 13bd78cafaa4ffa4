"""Exemplars: the few prompts that profiles keep as text, chosen for what a finding is about."""

import numpy as np
import numpy.typing as npt

from stillwatch.profiles.fields import EXEMPLARS
from stillwatch.profiles.merge import Profiles

Ints = npt.NDArray[np.int64]


def exemplars(profile: np.void) -> tuple[str, ...]:
    """The prompts a profile kept, cut to what is stored."""
    kept = [text for slot in range(EXEMPLARS) if (text := _text(profile, slot))]
    return tuple(dict.fromkeys(kept))


def by_account(profiles: Profiles, owner: Ints, slot: Ints) -> dict[int, tuple[str, ...]]:
    """Kept prompts among the scaffolded events of each account of a campaign.

    ``owner`` and ``slot`` say where the events are. Accounts without one are left out.
    """
    kept = slot < EXEMPLARS
    found: dict[int, dict[str, None]] = {}
    for row, place in zip(owner[kept].tolist(), slot[kept].tolist(), strict=True):
        if text := _text(profiles[row], place):
            found.setdefault(row, {})[text] = None
    return {row: tuple(texts) for row, texts in found.items()}


def of_campaign(profiles: Profiles, owner: Ints, slot: Ints) -> tuple[str, ...]:
    """Kept prompts among the scaffolded events of a campaign, of different accounts."""
    kept = slot < EXEMPLARS
    owner, slot = owner[kept], slot[kept]
    _, first = np.unique(owner, return_index=True)
    texts: dict[str, None] = {}
    for at in first.tolist():
        if len(texts) == EXEMPLARS:
            break
        if text := _text(profiles[owner[at]], int(slot[at])):
            texts[text] = None
    return tuple(texts)


def _text(profile: np.void, slot: int) -> str:
    size = int(profile["exemplar_size"][slot])
    return bytes(profile["exemplar_text"][slot][:size]).decode("utf-8", "replace")

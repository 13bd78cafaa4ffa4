"""Exemplars: the kept prompts, and those of a campaign that carry its scaffold."""

import numpy as np

from stillwatch.detection.exemplars import exemplars, scaffolded
from stillwatch.profiles.fields import EXEMPLARS
from tests.profiling import profiled
from tests.support import event


def test_exemplars_are_prompts_each_once() -> None:
    rows = [event(i, prompt="the same 你好") for i in range(9)]
    assert exemplars(profiled(rows).profiles[0]) == ("the same 你好",)
    assert exemplars(profiled([event(1, prompt="")]).profiles[0]) == ()


def test_a_campaign_shows_scaffolded_prompts_of_different_accounts() -> None:
    rows = [event(i, account_id=f"a{i % 5}", prompt=f"prompt {i} of {i % 5}") for i in range(60)]
    profiles = profiled(rows).profiles
    owner = np.repeat(np.arange(5), 2)
    slot = np.tile([1, 40], 5)
    texts = scaffolded(profiles, owner, slot)
    assert len(texts) == EXEMPLARS
    assert [text[-1] for text in texts] == ["0", "1", "2"]
    assert scaffolded(profiles, owner, slot, 3) == (exemplars(profiles[3])[1],)
    assert scaffolded(profiles, owner[1::2], slot[1::2]) == ()

"""Exemplars: the kept prompts, and those of a campaign that carry its scaffold."""

import numpy as np

from stillwatch.detection.exemplars import by_account, exemplars, of_campaign
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
    texts = of_campaign(profiles, owner, slot)
    assert len(texts) == EXEMPLARS
    assert [text[-1] for text in texts] == ["0", "1", "2"]
    assert of_campaign(profiles, owner[1::2], slot[1::2]) == ()


def test_each_account_shows_its_own_scaffolded_prompts() -> None:
    rows = [event(i, account_id=f"a{i % 5}", prompt=f"prompt {i} of {i % 5}") for i in range(60)]
    profiles = profiled(rows).profiles
    found = by_account(profiles, np.array([3, 1, 3, 2]), np.array([1, 40, 0, 2]))
    kept = [exemplars(profile) for profile in profiles]
    assert found == {3: (kept[3][1], kept[3][0]), 2: (kept[2][2],)}

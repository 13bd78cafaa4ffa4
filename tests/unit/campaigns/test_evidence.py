"""Evidence between accounts: rarity decides, further keys of a kind count less, kinds are capped."""

import numpy as np
import pytest

from stillwatch.campaigns.evidence import evidence
from stillwatch.campaigns.keys import KINDS, collect
from stillwatch.campaigns.streams import Streams
from stillwatch.profiles.merge import empty
from tests.streams import made

SKELETON = [k.name for k in KINDS].index("skeleton")
ADDRESS = [k.name for k in KINDS].index("address")
NAMES = {kind.name: number for number, kind in enumerate(KINDS)}


def between(streams: Streams, a: int, b: int, addresses: list[int]) -> np.ndarray:
    profiles = empty(len(streams))
    profiles["addresses_key"][:, 0] = addresses
    keys = collect(profiles, None, 0.5, streams, np.array([a, b]))
    return evidence(keys, np.array([a]), np.array([b]))[0]


def test_evidence_is_rarity_halved_per_further_key_and_capped() -> None:
    skeletons = [[1, 2, 3, 4, 5, 6]] * 2 + [[1000 * i + k for k in range(6)] for i in range(1, 99)]
    got = between(made(skeletons), 0, 1, [5, 5, *range(100, 198)])
    rare = np.log(100 / 2)
    assert got[ADDRESS] == pytest.approx(rare)
    assert got[SKELETON] == pytest.approx(min(KINDS[SKELETON].most, rare * (2 - 0.5**5)))


def test_strangers_have_none() -> None:
    skeletons = [[1000 * i + k for k in range(6)] for i in range(1, 40)]
    assert not between(made(skeletons), 0, 1, list(range(39))).any()


def test_what_most_hold_says_nothing() -> None:
    got = between(made([[1, 2, 3]] * 60), 0, 1, [7] * 60)
    assert not got.any()

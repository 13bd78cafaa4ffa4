"""Links and clusters: rarity decides, chains are cut, the order of accounts does not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.campaigns.cluster import cluster
from stillwatch.campaigns.compare import Links, evidence, link
from stillwatch.campaigns.keys import KINDS, collect
from stillwatch.profiles.fields import SKETCH
from stillwatch.profiles.merge import Profiles, empty

SKELETON = [k.name for k in KINDS].index("skeleton")
ADDRESS = [k.name for k in KINDS].index("address")


def accounts(n: int, *, seed: int = 0) -> Profiles:
    """Accounts with nothing in common: ten different prompts each, an address of their own."""
    rng = np.random.default_rng(seed)
    profiles = empty(n)
    profiles["events"] = 10
    profiles["sample_key"][:, :10] = np.arange(10)
    profiles["sample_prompt"][:, :10] = rng.integers(1, 2**32, (n, 10))
    shingles = rng.integers(1, 2**31, (n, 10, SKETCH)).astype(np.uint32)
    profiles["sample_shingles"][:, :10] = np.sort(shingles, axis=2)
    profiles["addresses_key"][:, 0] = rng.integers(1, 2**62, n).astype(np.uint64)
    return profiles


def share_scaffold(profiles: Profiles, rows: np.ndarray, seed: int) -> None:
    scaffold = np.random.default_rng(seed).integers(1, 2**31, 6).astype(np.uint32)
    profiles["sample_shingles"][rows[:, None], np.arange(10), :6] = scaffold
    profiles["sample_shingles"][rows] = np.sort(profiles["sample_shingles"][rows], axis=2)


def test_a_scaffold_joins_its_accounts_and_nobody_else() -> None:
    profiles = accounts(500)
    rows = np.arange(40, 60)
    share_scaffold(profiles, rows, 9)
    keys = collect(profiles, None, 0.1)
    labels = cluster(500, link(keys, 6.0, np.ones(500, bool)), least=3, gamma=0.3)
    assert set(np.flatnonzero(labels >= 0).tolist()) == set(rows.tolist())
    assert np.unique(labels[rows]).size == 1


def test_infrastructure_alone_links_nobody() -> None:
    profiles = accounts(500)
    profiles["addresses_key"][:20, 0] = 77
    profiles["networks_key"][:20, 0] = 78
    profiles["tls_key"][:20, 0] = 79
    keys = collect(profiles, None, 0.1)
    assert link(keys, 2.0, np.ones(500, bool)).left.size == 0


def test_hubs_say_nothing() -> None:
    profiles = accounts(500)
    share_scaffold(profiles, np.arange(100), 9)
    assert collect(profiles, None, 0.1).keys.size == 0
    assert collect(profiles, None, 0.3).keys.size > 0


def test_evidence_is_rarity_halved_per_further_key_and_capped() -> None:
    profiles = accounts(100)
    rows = np.array([1, 2])
    share_scaffold(profiles, rows, 3)
    profiles["addresses_key"][rows, 0] = 5
    keys = collect(profiles, None, 0.5)
    got = evidence(keys, np.array([1]), np.array([2]))[0]
    rare = np.log(100 / 2)
    assert got[ADDRESS] == pytest.approx(rare)
    assert got[SKELETON] == pytest.approx(min(KINDS[SKELETON].most, rare * (2 - 0.5**5)))


def test_links_are_linear_in_the_holders_of_a_key() -> None:
    profiles = accounts(2000)
    profiles["prompts_key"][:, 0] = 5
    profiles["prompts_key"][:, 1] = 6
    links = link(collect(profiles, None, 1.0), 0.0, np.ones(2000, bool))
    assert links.left.size <= 2 * 6 * 2000
    assert (links.left < links.right).all()
    assert np.unique(np.r_[links.left, links.right]).size == 2000


@given(st.permutations(range(60)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_accounts_does_not_change_the_clusters(order: list[int]) -> None:
    profiles = accounts(60)
    share_scaffold(profiles, np.arange(6), 1)
    share_scaffold(profiles, np.arange(10, 15), 2)
    labels = cluster(
        60, link(collect(profiles, None, 0.5), 5.0, np.ones(60, bool)), least=3, gamma=0.3
    )
    moved = cluster(
        60, link(collect(profiles[order], None, 0.5), 5.0, np.ones(60, bool)), least=3, gamma=0.3
    )
    back = np.empty(60, dtype=np.int64)
    back[order] = moved
    groups = {frozenset(np.flatnonzero(labels == c).tolist()) for c in set(labels.tolist()) - {-1}}
    again = {frozenset(np.flatnonzero(back == c).tolist()) for c in set(back.tolist()) - {-1}}
    assert groups == again


def test_leiden_cuts_a_thin_bridge_between_two_groups() -> None:
    pairs = [(a, b) for a in range(12) for b in range(a)]
    pairs += [(a + 12, b + 12) for a, b in pairs]
    left, right = np.array([*pairs, (0, 12)]).T
    links = Links(left, right, np.full(left.size, 8.0))
    labels = cluster(24, links, least=3, gamma=0.3)
    assert np.unique(labels[:12]).size == np.unique(labels[12:]).size == 1
    assert labels[0] != labels[23]


def test_small_clusters_are_left_out() -> None:
    links = Links(np.array([0, 2, 3]), np.array([1, 3, 4]), np.ones(3))
    assert cluster(6, links, least=3, gamma=0.3).tolist() == [-1, -1, 0, 0, 0, -1]

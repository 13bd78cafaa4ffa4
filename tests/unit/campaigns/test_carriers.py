"""Carriers: two phrases make a request, two different prompts an account; the rest is cover."""

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.carriers import carried
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.fields import NO_SHINGLE, SKETCH
from stillwatch.profiles.merge import Profiles, empty

KEYS = np.array([10, 20, 30, 40], dtype=np.uint32)
ONE = np.array([[0, 0, 0, 1]])


def profiles_of(*accounts: list[tuple[int, list[int]]]) -> Profiles:
    """Each account's requests: number of the prompt, and its shingles."""
    out = empty(len(accounts))
    out["sample_shingles"] = NO_SHINGLE
    for row, requests in enumerate(accounts):
        out["events"][row] = len(requests)
        for slot, (prompt, shingles) in enumerate(requests):
            out["sample_key"][row, slot] = slot
            out["sample_prompt"][row, slot] = prompt
            out["sample_shingles"][row, slot, : len(shingles)] = shingles
    assert out["sample_shingles"].shape[2] == SKETCH
    return out


def found(profiles: Profiles, labels: Ints = ONE) -> tuple[Streams, Ints]:
    usable: npt.NDArray[np.bool_] = np.ones(profiles.size, dtype=np.bool_)
    return carried(profiles, KEYS, labels, usable)


def test_requests_of_the_scaffold_and_no_others() -> None:
    streams, scaffold = found(profiles_of([(1, [10, 20, 5]), (2, [40, 6]), (3, [20, 30])]))
    assert streams.owner.tolist() == scaffold.tolist() == [0]
    assert streams.slots.tolist() == [0, 2]
    assert streams.keys.tolist() == [10, 20, 30]
    assert streams.shares.tolist() == [0.5, 1.0, 0.5]


def test_one_prompt_again_and_again_is_no_carrier() -> None:
    assert not len(found(profiles_of([(1, [10, 20])] * 5))[0])


def test_one_phrase_is_an_accident_and_so_are_two_of_different_scaffolds() -> None:
    assert not len(found(profiles_of([(1, [10]), (2, [20]), (3, [30, 40]), (4, [10, 40])]))[0])


def test_holders_are_all_accounts_that_say_it_anywhere() -> None:
    carrier = [(1, [10, 20]), (2, [10, 20])]
    streams, _ = found(profiles_of(carrier, [(3, [20])], [(4, [7])]))
    assert streams.holders.tolist() == [1, 2]


def test_levels_give_an_account_a_stream_for_each_of_its_scaffolds() -> None:
    labels = np.array([[0, 0, -1, -1], [1, 1, 1, 1]])
    streams, scaffold = found(profiles_of([(1, [10, 20]), (2, [10, 20, 30])]), labels)
    assert scaffold.tolist() == [0, 1]
    assert streams.keys.tolist() == [10, 20, 10, 20, 30]


def test_accounts_that_may_not_be_used_carry_nothing() -> None:
    profiles = profiles_of([(1, [10, 20]), (2, [10, 20])])
    streams, scaffold = carried(profiles, KEYS, ONE, np.zeros(1, dtype=np.bool_))
    assert not len(streams)
    assert not scaffold.size


def test_more_accounts_than_a_block_and_none_at_all() -> None:
    carrier = [(1, [10, 20]), (2, [10, 20])]
    one = profiles_of(carrier)
    streams, _ = found(np.repeat(one, 5000))
    assert streams.owner.tolist() == list(range(5000))
    assert (streams.holders == 5000).all()
    assert not len(found(one[:0])[0])

"""Bands and rare prompts: wording alone decides them, and guards alone look at others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaigns.skeletons import (
    BANDS,
    FEWEST,
    PROMPTS,
    Marks,
    bands_of,
    marks_of,
    rare_prompts,
    skeletons,
    skeletons_of,
)
from stillwatch.campaigns.streams import Streams, streams_of
from stillwatch.profiles.fields import EMPTY, NO_SHINGLE, SKETCH
from stillwatch.profiles.merge import Profiles, empty
from tests.profiling import kernel, profiled
from tests.support import batch, event

SCAFFOLD = "lay out the whole reasoning before the verdict and number each of the steps about"


def spelled(n: int) -> str:
    return "".join(chr(97 + int(d)) for d in str(n))


def asked(account: str, wording: str, first: int, count: int = 8) -> list[dict[str, object]]:
    """Different prompts of one account in one wording."""
    return [
        event(
            n,
            event_id=f"{account}-{n}",
            account_id=account,
            prompt=f"{wording} {spelled(n)} {spelled(7 * n)} and {spelled(n + 5)}",
        )
        for n in range(first, first + count)
    ]


def seen(rows: list[dict[str, object]]) -> tuple[Profiles, Streams, list[str]]:
    table = profiled(rows)
    return table.profiles, streams_of(table.profiles), list(table.account_ids)


def group_of(streams: Streams, ids: list[str], members: set[str]) -> np.ndarray:
    return np.array([s for s in range(len(streams)) if ids[streams.owner[s]] in members])


def marks(rows: list[dict[str, object]], members: set[str]) -> Marks:
    profiles, streams, ids = seen(rows)
    (found,), _ = marks_of(profiles, streams, [group_of(streams, ids, members)])
    return found


def test_labs_that_see_the_same_prompts_get_the_same_marks_in_any_order():
    job = [row for a in range(3) for row in asked(f"j{a}", SCAFFOLD, 10 * a)]
    members = {"j0", "j1", "j2"}
    here = marks(job, members)
    assert len(here.bands) == 2 * BANDS
    assert here.prompts
    assert marks(job[::-1], members) == here


def test_labs_that_see_different_prompts_in_one_wording_share_bands_and_no_prompt():
    here = marks(
        [r for a in range(3) for r in asked(f"j{a}", SCAFFOLD, 10 * a)], {"j0", "j1", "j2"}
    )
    there = marks(
        [r for a in range(3) for r in asked(f"k{a}", SCAFFOLD, 900 + 10 * a)], {"k0", "k1", "k2"}
    )
    assert len(set(here.bands) & set(there.bands)) >= 3
    assert not set(here.prompts) & set(there.prompts)


def test_who_else_is_there_changes_nothing():
    job = [row for a in range(3) for row in asked(f"j{a}", SCAFFOLD, 10 * a)]
    members = {"j0", "j1", "j2"}
    other = asked("x", "please translate this letter of my aunt into plain english for me", 500)
    assert marks(job + other, members) == marks(job, members)


def test_a_band_that_many_others_hold_is_left_out_and_counted():
    job = [row for a in range(3) for row in asked(f"j{a}", SCAFFOLD, 10 * a)]
    crowd = [row for a in range(9) for row in asked(f"x{a}", SCAFFOLD, 500 + 10 * a)]
    profiles, streams, ids = seen(job + crowd)
    (found,), left = marks_of(profiles, streams, [group_of(streams, ids, {"j0", "j1", "j2"})])
    assert found.bands == ()
    assert left.bands == 2 * BANDS


def test_a_few_who_tried_the_scaffold_hide_no_band():
    job = [row for a in range(3) for row in asked(f"j{a}", SCAFFOLD, 10 * a)]
    few = [row for a in range(4) for row in asked(f"x{a}", SCAFFOLD, 500 + 10 * a)]
    assert len(marks(job + few, {"j0", "j1", "j2"}).bands) == 2 * BANDS


def test_a_framework_around_a_job_leaves_the_bands_that_hold_the_job():
    framework = "you are an assistant with tools answer in steps and call a tool when needed now"
    own = f"{framework} {SCAFFOLD}"
    job = [row for a in range(3) for row in asked(f"j{a}", own, 10 * a)]
    crowd = [row for a in range(9) for row in asked(f"x{a}", framework, 500 + 10 * a)]
    alone, among = marks(job, {"j0", "j1", "j2"}), marks(job + crowd, {"j0", "j1", "j2"})
    assert among.bands
    assert set(among.bands) <= set(alone.bands)


def test_prompts_that_several_others_sent_are_left_out():
    job = [row for a in range(3) for row in asked(f"j{a}", SCAFFOLD, 10 * a)]
    sent = [row for a in range(2) for row in asked(f"x{a}", SCAFFOLD, 0, 4)]  # four of j0's
    found = marks(job + sent, {"j0", "j1", "j2"})
    whole = marks(job, {"j0", "j1", "j2"})
    assert len(whole.prompts) - len(found.prompts) == 4
    assert set(found.prompts) < set(whole.prompts)


def test_rare_prompts_are_the_smallest_hashes_so_that_samples_coincide():
    rng = np.random.default_rng(3)
    common = rng.integers(1, 1 << 40, 60).astype(np.uint64)  # small: in every sample
    here, there = empty(4), empty(4)
    for profiles in (here, there):
        own = rng.integers(1 << 50, 1 << 63, 68).astype(np.uint64)
        keys = np.concatenate([common, own])
        profiles["prompts_key"] = np.sort(keys.reshape(4, 32), axis=1)
    rows = np.arange(4)
    assert len(rare_prompts(here, rows)) == PROMPTS
    assert len(set(rare_prompts(here, rows)) & set(rare_prompts(there, rows))) == 60


def test_without_long_prompts_there_are_none():
    profiles = empty(2)
    profiles["prompts_key"] = EMPTY
    assert rare_prompts(profiles, np.arange(2)) == ()


def test_a_thin_skeleton_has_no_bands_and_is_counted():
    profiles, streams, _ = seen(asked("a", SCAFFOLD, 0))
    profiles = profiles.copy()
    profiles["sample_shingles"] = NO_SHINGLE
    (found,), left = marks_of(profiles, streams, [np.arange(len(streams))])
    assert found.bands == ()
    assert left.thin == 1


def test_no_groups_no_marks():
    profiles, streams, _ = seen(asked("a", SCAFFOLD, 0))
    assert marks_of(profiles, streams, [])[0] == []


def test_a_repeated_prompt_counts_once():
    profiles, streams, _ = seen(asked("a", SCAFFOLD, 0) * 1)
    row, slot = streams.events(np.arange(len(streams)))
    prompts, sketches = profiles["sample_prompt"][row, slot], profiles["sample_shingles"][row, slot]
    twice = skeletons_of(np.tile(prompts, 2), np.tile(sketches, (2, 1)))
    for once, again in zip(
        skeletons(profiles, streams, np.arange(len(streams))), twice, strict=True
    ):
        assert np.array_equal(once, again)


@given(st.sets(st.integers(0, 2**32 - 2), min_size=FEWEST, max_size=40), st.randoms())
def test_bands_depend_on_the_set_only(shingles, random):
    ordered = np.array(sorted(shingles), dtype=np.uint32)
    mixed = list(shingles)
    random.shuffle(mixed)
    bands = bands_of([np.array(mixed * 2, dtype=np.uint32)])
    assert bands == bands_of([ordered])
    assert len(set(bands)) == BANDS
    assert all(len(band) == 16 for band in bands)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_bands_agree_as_often_as_minhash_says(share: float):
    """J^8 a band: the mean over many pairs of sets of likeness J."""
    rng = np.random.default_rng(1)
    equal = []
    for _ in range(200):
        every = rng.choice(2**31, 100, replace=False).astype(np.uint32)
        both = round(share * 100)
        cut = both + (100 - both) // 2
        one, other = every[:cut], np.concatenate([every[:both], every[cut:]])
        equal.append(len(set(bands_of([one])) & set(bands_of([other]))) / BANDS)
    assert abs(np.mean(equal) - share**8) < 0.03


def test_other_implementations_can_check_a_band():
    """Fixed, since labs of different versions must agree; a change needs another version of input."""
    assert (
        bands_of([np.arange(1, 9, dtype=np.uint32)])[0].hex() == "8d3f4c0f9d02cda6344feb529c98eb1f"
    )


def test_the_sketch_of_a_prompt_is_the_kernel_s():
    told = kernel().features(batch(asked("a", SCAFFOLD, 0)).column("prompt"))
    assert told.shingles.shape[1] == SKETCH
    wide, firm = skeletons_of(told.prompt, told.shingles)
    assert set(firm.tolist()) <= set(wide.tolist())
    assert wide.size >= FEWEST

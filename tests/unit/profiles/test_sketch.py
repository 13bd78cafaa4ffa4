from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.scan import BLOCK
from stillwatch.profiles.sketch import (
    HEAD,
    PADDING,
    ROOM,
    SHINGLES,
    SLOTS,
    TAIL,
    add_masked,
    add_words,
    closing_hash,
    finish_sketch,
)

Words = npt.NDArray[np.uint64]
U32 = npt.NDArray[np.uint32]


def sketch(words: Words, cuts: tuple[int, ...] = ()) -> U32:
    """Sketch of a prompt that arrives in blocks, cut at ``cuts``."""
    slots = np.zeros(SLOTS, dtype=np.uint64)
    smallest = np.full(SHINGLES, PADDING, dtype=np.uint32)
    head, tail = np.zeros(HEAD, dtype=np.uint32), np.zeros(TAIL, dtype=np.uint32)
    fresh = np.zeros((3, ROOM), dtype=np.uint32)
    out = np.zeros(SHINGLES, dtype=np.uint32)
    edges = sorted(
        {0, words.size, *range(0, words.size, BLOCK), *(c % (words.size + 1) for c in cuts)}
    )
    for start, stop in pairwise(edges):
        add_words(words[start:stop], stop - start, start, slots, smallest, head, tail, fresh)
    finish_sketch(words.size, slots, smallest, head, tail, fresh, out)
    return out


def shingle(three: Words) -> int:
    return int(sketch(three)[0])


def random_words(n: int, seed: int) -> Words:
    return np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)


def expected(words: Words) -> list[int]:
    """The rule, written plainly."""
    all_ = [shingle(words[k : k + 3]) for k in range(words.size - 2)]
    if len(all_) <= SHINGLES:
        return sorted(set(all_))
    chosen = sorted(set(all_[:24]))[:6]
    chosen += [s for s in sorted(set(all_[-16:]))[:4] if s not in chosen]
    rest = [s for s in sorted(set(all_)) if s not in chosen]
    return sorted(chosen + rest[: SHINGLES - len(chosen)])


@given(st.integers(3, 300), st.integers(0, 99), st.integers(1, 300))
def test_the_sketch_follows_the_rule(n: int, seed: int, vocabulary: int) -> None:
    words = random_words(vocabulary, seed)[np.random.default_rng(seed).integers(0, vocabulary, n)]
    found = [int(s) for s in sketch(words) if s != PADDING]
    assert found == expected(words)


@given(st.integers(0, 2600), st.lists(st.integers(0, 2600), max_size=6))
def test_blocks_do_not_matter(n: int, cuts: list[int]) -> None:
    words = random_words(n, 5)
    assert sketch(words).tolist() == sketch(words, tuple(cuts)).tolist()


def test_few_words_give_few_places() -> None:
    assert (sketch(random_words(0, 1)) == PADDING).all()
    for n, places in ((1, 1), (2, 1), (3, 1), (4, 2), (18, 16), (200, 16)):
        assert (sketch(random_words(n, 1)) != PADDING).sum() == places


def test_a_shared_scaffold_shows_around_long_slots() -> None:
    # 26 words make the 24 shingles of the head, 18 the 16 of the tail.
    head, tail = random_words(26, 1), random_words(18, 2)
    prompts = [np.concatenate([head, random_words(2000, s), tail]) for s in range(3, 13)]
    first = set(sketch(prompts[0]).tolist())
    common = [len(first & set(sketch(p).tolist())) for p in prompts[1:]]
    assert min(common) >= 10
    strangers = [sketch(random_words(2040, s)) for s in range(20, 30)]
    assert max(len(first & set(s.tolist())) for s in strangers) <= 1


def test_overlap_grows_with_shared_text() -> None:
    shared, means = random_words(4000, 1), []
    for part in (0.0, 0.5, 0.9, 1.0):
        overlaps = []
        for seed in range(40):
            generator = np.random.default_rng(seed)
            at = generator.integers(0, 3000)
            base = shared[at : at + 400]
            other = base.copy()
            other[int(part * 400) :] = random_words(400 - int(part * 400), seed + 1000)
            overlaps.append(len(set(sketch(base).tolist()) & set(sketch(other).tolist())) / 16)
        means.append(np.mean(overlaps))
    assert means == sorted(means)
    assert means[0] < 0.02
    assert 0.25 < means[1] < 0.75
    assert means[3] == 1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_opening_and_closing_hold_six_words(n: int, cut: int) -> None:
    words = random_words(n, 9)

    def ends(parts: list[Words]) -> tuple[int, int]:
        slots, before = np.zeros(SLOTS, dtype=np.uint64), 0
        for part in parts:
            add_masked(part, part.size, before, slots)
            before += part.size
        return int(slots[3]), int(closing_hash(slots, before))

    opening, closing = ends([words])
    assert ends([words[:cut], words[cut:]]) == (opening, closing)
    if n > 6:
        assert ends([words[:6]])[0] == opening
        assert ends([words[-6:]])[1] == closing
        assert ends([words[1:]])[0] != opening

"""The window test: a job stands out of mixed traffic, and benign windows keep the promise."""

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.detection.window import Traffic, WindowTest
from stillwatch.profiles.text import TextFeatures
from tests.profiling import kernel

TOPICS = [
    "tax law",
    "goat cheese",
    "sea ports",
    "old maps",
    "rain coats",
    "jazz piano",
    "moon dust",
    "bee hives",
]
ASKS = [
    "what is known about {}",
    "who wrote on {} in {}",
    "tell me of {} near {}",
    "is {} dear in {}",
    "draw {}",
    "my notes say {} and {}, why",
    "compare {} with {}",
    "{} or {}, which came first",
]


def features(texts: list[str]) -> TextFeatures:
    return kernel().features(pa.array(texts, pa.string()))


def ordinary(rng: np.random.Generator, n: int) -> list[str]:
    """Short questions of many forms about pairs of things."""
    chosen = rng.integers(0, len(ASKS), n)
    names = rng.integers(0, len(TOPICS), (n, 2))
    number = rng.integers(0, 10_000, n)
    return [
        ASKS[c].format(f"{TOPICS[a]} {TOPICS[b]}", f"place{i}")
        for c, (a, b), i in zip(chosen, names, number, strict=True)
    ]


def scaffolded(rng: np.random.Generator, n: int) -> list[str]:
    return [
        f"Solve the exercise and lay out each inference you draw.\n{text}\nClose with a verdict."
        for text in ordinary(rng, n)
    ]


@pytest.fixture(scope="module")
def test() -> WindowTest:
    rng = np.random.default_rng(5)
    traffic = Traffic.learn(features(ordinary(rng, 2000)))
    return WindowTest.learn(traffic, [features(ordinary(rng, 100)) for _ in range(99)])


def test_a_tenth_of_scaffolded_prompts_is_seen(test: WindowTest) -> None:
    rng = np.random.default_rng(6)
    mixed = features(ordinary(rng, 90) + scaffolded(rng, 10))
    assert test.p_value(mixed) == 0.01  # the smallest that 99 windows allow
    assert test.traffic.statistics(mixed)[1] > 3 * test.spread[1]


def test_benign_windows_keep_the_promise(test: WindowTest) -> None:
    rng = np.random.default_rng(7)
    p_values = np.array([test.p_value(features(ordinary(rng, 100))) for _ in range(100)])
    assert 0.02 < (p_values <= 0.1).mean() < 0.25
    assert (p_values > 0).all()


def test_one_prompt_many_times_is_no_scaffold(test: WindowTest) -> None:
    rng = np.random.default_rng(8)
    viral = features(ordinary(rng, 90) + scaffolded(rng, 1) * 10)
    assert test.traffic.statistics(viral)[1] < test.middle[1] + test.spread[1]


def test_wording_of_benign_traffic_is_no_scaffold() -> None:
    rng = np.random.default_rng(9)
    known = Traffic.learn(features(ordinary(rng, 900) + scaffolded(rng, 100)))
    strange = Traffic.learn(features(ordinary(rng, 1000)))
    mixed = features(ordinary(rng, 50) + scaffolded(rng, 50))
    assert known.statistics(mixed)[1] < 0.2 * strange.statistics(mixed)[1]


def test_other_topics_are_at_a_distance(test: WindowTest) -> None:
    code = features([f"fix the segfault in parser{i}.c, line {i}" for i in range(100)])
    assert test.traffic.statistics(code)[0] > test.middle[0] + test.spread[0]


def test_empty_prompts_say_nothing(test: WindowTest) -> None:
    assert np.isfinite(test.traffic.statistics(features(["", "", ""]))).all()

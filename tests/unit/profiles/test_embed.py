from itertools import pairwise

import numpy as np

from stillwatch.profiles.embed import (
    BANDWIDTH,
    DIM,
    FEATURES,
    FOURIER_UNIT,
    project_rows,
    unit_vector,
)

Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


def projected_rows(totals: np.ndarray, sizes: np.ndarray | None = None) -> Rows:
    n = len(totals)
    units = np.zeros((n, DIM), dtype=np.float32)
    for total, unit in zip(totals, units, strict=True):
        unit_vector(total, unit)
    topics = np.zeros(n, dtype=np.uint16)
    fourier = np.zeros((n, FEATURES), dtype=np.int16)
    sizes = np.ones(n, dtype=np.int32) if sizes is None else sizes
    project_rows(units, sizes, topics, fourier)
    return units, fourier, topics


def projected(total: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    units, fourier, topics = projected_rows(total[None])
    return units[0], fourier[0] / FOURIER_UNIT, int(topics[0])


def sums(n: int, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(-9000, 9000, (n, DIM))


def test_vectors_have_length_one_and_keep_direction() -> None:
    for total in sums(50):
        unit, _, _ = projected(total)
        assert np.abs(unit - total / np.linalg.norm(total)).max() < 1e-6


def test_huge_sums_do_not_overflow() -> None:
    unit, _, _ = projected(np.full(DIM, 2**50, dtype=np.int64))
    assert np.allclose(unit, 1 / 8)


def test_no_text_has_no_topic_and_the_features_of_zero() -> None:
    unit, fourier, topic = projected(np.zeros(DIM, dtype=np.int64))
    assert not unit.any()
    assert topic == 0
    assert np.abs(fourier - np.repeat([1, 0], FEATURES // 2)).max() < 1e-3


def test_cosine_and_sine_are_right_to_their_last_stored_digit() -> None:
    for total in sums(200):
        _, fourier, _ = projected(total)
        cosine, sine = fourier[: FEATURES // 2], fourier[FEATURES // 2 :]
        assert np.abs(cosine**2 + sine**2 - 1).max() < 4 / FOURIER_UNIT


def test_inner_products_are_the_gaussian_kernel() -> None:
    results = [projected(total) for total in sums(150)]
    units = np.array([unit for unit, _, _ in results])
    features = np.array([fourier for _, fourier, _ in results])
    exact = np.exp(-((units[:, None] - units[None]) ** 2).sum(axis=2) / (2 * BANDWIDTH**2))
    error = features @ features.T / (FEATURES / 2) - exact
    assert np.abs(error).mean() < 0.05
    assert abs(error.mean()) < 0.01  # unbiased


def test_topics_are_shared_by_near_prompts_only() -> None:
    totals = sums(300)
    codes = [projected(total)[2] for total in totals]
    near = [projected(t + sums(1, i)[0] // 50)[2] for i, t in enumerate(totals)]
    distance = [(a ^ b).bit_count() for a, b in zip(codes, near, strict=True)]
    strangers = [(a ^ b).bit_count() for a, b in pairwise(codes)]
    assert np.mean(distance) < 0.5
    assert 7 < np.mean(strangers) < 9
    assert 48 < len({code & 63 for code in codes}) <= 64


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    totals = sums(11)
    together = projected_rows(totals)
    for i, total in enumerate(totals):
        for column, alone in zip(together, projected_rows(total[None]), strict=True):
            assert np.array_equal(column[i], alone[0])


def test_rows_without_text_are_zero() -> None:
    _, fourier, topics = projected_rows(sums(6), np.array([3, 0, 1, 0, 0, 9]))
    assert [bool(row.any()) for row in fourier] == [True, False, True, False, False, True]
    assert (topics[[1, 3, 4]] == 0).all()

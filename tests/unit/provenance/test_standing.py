import numpy as np
import pytest

from stillwatch.provenance.standing import Field, control_z, did, softened

RNG = np.random.default_rng(3)


def field(clusters, null):
    return Field(tuple(clusters), np.array(null, np.bool_), ("v", "w"))


def test_clusters_weigh_equally_and_the_own_is_left_out():
    made = field(["s", "a", "a", "a", "b"], [[0, 0], [1, 1], [1, 1], [1, 1], [1, 0]])
    weights = made.weights("s")
    assert weights[:, 0] == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert weights[:, 1] == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert made.weights("b")[4].tolist() == [0, 0]
    assert (made.clusters(0), made.clusters(0, "a"), made.clusters(1)) == (2, 1, 1)


def test_a_standing_does_not_change_with_units():
    affinity = RNG.normal(size=(2, 30, 2))
    made = field([str(i) for i in range(30)], [[1, 1]] * 29 + [[0, 0]])
    one = control_z(affinity, made)
    assert one == pytest.approx(control_z(affinity * 7 + 3, made))


def test_what_stands_out_stands_out():
    affinity = RNG.normal(size=(1, 30, 2))
    affinity[0, 29, 0] = 8
    z = control_z(affinity, field([str(i) for i in range(30)], [[1, 1]] * 29 + [[0, 0]]), [29])
    assert z[0, 0, 0] > 4 > abs(z[0, 0, 1])


def test_without_controls_there_is_no_standing():
    z = control_z(RNG.normal(size=(1, 4, 2)), field("abcd", [[1, 0]] * 4))
    assert np.isfinite(z[..., 0]).all()
    assert np.isnan(z[..., 1]).all()


def test_differences_forget_how_alike_a_model_is_to_everyone():
    affinity = RNG.normal(size=(1, 5, 3))
    raised = affinity + RNG.normal(size=(1, 5, 1))
    vendors = ("v", "v", "w")
    assert did(affinity, vendors) == pytest.approx(did(raised, vendors))


def test_far_out_values_are_bounded():
    assert softened(np.array([0.0, 1e9])).tolist() == pytest.approx([0, 4.712], abs=1e-3)

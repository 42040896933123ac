"""The steps of an attack, against losses whose best points are known and against steps by hand."""

import keras
import numpy as np
import pytest

from kgan.attacks import ascent
from kgan.attacks.ascent import Ascent

SLOPES = np.array([[3.0, -4.0], [0.5, 0.0]], "float32")
X = np.array([[0.5, 0.5], [0.2, 0.9]], "float32")


def linear(slopes):
    return lambda x: keras.ops.sum(x * slopes, axis=1)


def climb(loss, x, epsilon, **arguments):
    normals = arguments.pop("normals", None)
    attacked, still = Ascent(**arguments)(loss, keras.ops.convert_to_tensor(x), epsilon, normals)
    return np.array(attacked), np.array(still)


@pytest.mark.parametrize(("norm", "direction"), [("linf", [[1, -1], [1, 0]]), ("l2", [[0.6, -0.8], [1, 0]])])
@pytest.mark.parametrize("settings", [{}, {"steps": 7}, {"steps": 3, "step_size": 5.0}])
def test_a_linear_loss_is_highest_at_the_edge_of_the_ball(norm, direction, settings):
    attacked, still = climb(linear(SLOPES), X, 0.1, norm=norm, **settings)
    np.testing.assert_allclose(attacked, X + 0.1 * np.array(direction), atol=1e-6)
    assert not still.any()


def test_short_steps_of_a_curved_loss_are_those_by_hand():
    def loss(x):
        return keras.ops.sum(keras.ops.sin(5 * x), axis=1)

    expected = X.astype("float64")
    for _ in range(6):
        gradient = 5 * np.cos(5 * expected)
        expected += 0.03 * gradient / np.linalg.norm(gradient, axis=1, keepdims=True)
        offset = expected - X
        expected = X + offset * np.minimum(1, 0.12 / np.linalg.norm(offset, axis=1, keepdims=True))
    attacked, _ = climb(loss, X, 0.12, norm="l2", steps=6, step_size=0.03, bounds=(-9, 9))
    np.testing.assert_allclose(attacked, expected, atol=1e-5)
    assert np.linalg.norm(attacked - X, axis=1).max() <= 0.12 + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_range_of_the_data_comes_last_and_no_radius_moves_nothing(norm):
    x = np.array([[0.0, 1.0]], "float32")
    attacked, _ = climb(linear(np.array([[-1.0, 1.0]], "float32")), x, 0.3, norm=norm)
    np.testing.assert_array_equal(attacked, x)
    attacked, _ = climb(linear(SLOPES), X, 0.0, norm=norm)
    np.testing.assert_array_equal(attacked, X)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_inputs_without_a_gradient_stay_and_are_told(norm):
    slopes = np.array([[0.0, 0.0], [1e-30, 0.0]], "float32")  # whose square is zero in float32
    attacked, still = climb(linear(slopes), X, 0.1, norm=norm, steps=2)
    assert still.tolist() == [True, False]
    np.testing.assert_allclose(attacked, X + [[0, 0], [0.1, 0]], atol=1e-6)


def test_who_has_climbed_onto_a_plateau_is_not_called_still():
    attacked, still = climb(lambda x: keras.ops.sum(keras.ops.minimum(x, 0.55), axis=1), X[:1], 0.1, steps=4)
    assert attacked.min() >= 0.55 and still.tolist() == [False]


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_one_broken_number_does_not_carry_the_others_away(norm):
    def loss(x):  # the slope of the first number is 0 / 0 at 0
        return keras.ops.sqrt(x[:, 0] ** 2) + x[:, 1]

    attacked, _ = climb(loss, np.array([[0.0, 0.5]], "float32"), 0.1, norm=norm)
    np.testing.assert_allclose(attacked, [[0.0, 0.6]], atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_random_starts_are_uniform_in_the_ball(norm):
    n, size = 20_000, 3
    x = np.full((n, size), 0.5, "float32")
    normals = np.random.default_rng(0).normal(size=(n, ascent.noise_size(x.shape))).astype("float32")
    flat = linear(np.zeros((1, size), "float32"))
    points, _ = climb(flat, x, 0.4, norm=norm, steps=1, random_start=True, normals=normals)
    offsets = (points - x) / 0.4
    radius = np.abs(offsets).max(axis=1) if norm == "linf" else np.linalg.norm(offsets, axis=1)
    # The share of the ball's volume within r is r^3, whatever its norm.
    for r in (0.3, 0.6, 0.9):
        assert np.mean(radius <= r) == pytest.approx(r**size, abs=0.015)
    assert radius.max() <= 1 + 1e-5 and np.abs(offsets.mean(axis=0)).max() < 0.015
    if norm == "linf":
        assert np.abs(np.cov(offsets.T) - np.eye(size) / 3).max() < 0.01


def test_the_named_attacks():
    fgsm, pgd = (Ascent.named(name, default_steps=9, bounds=(0, 2)) for name in ascent.ATTACKS)
    assert (fgsm.steps, fgsm.random_start, fgsm.step_size, fgsm.bounds) == (1, False, None, (0.0, 2.0))
    assert (pgd.steps, pgd.random_start, pgd.step_size) == (9, True, None)
    own = Ascent.named("pgd", steps=2, step_size=0.5, random_start=False, default_steps=9)
    assert (own.steps, own.step_size, own.random_start) == (2, 0.5, False)
    with pytest.raises(ValueError, match="steps, random_start belong to attack='pgd', and fgsm is a single step"):
        Ascent.named("fgsm", steps=2, random_start=False, default_steps=9)
    with pytest.raises(ValueError, match="attack must be one of 'fgsm', 'pgd', got 'cw'"):
        Ascent.named("cw", default_steps=9)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2', got 'l1'"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"step_size": 0}, "step_size must be a finite number above 0, got 0"),
        ({"bounds": (1, 0)}, r"bounds must be the range of the data as \(low, high\), got \(1, 0\)"),
        ({"bounds": (0, float("nan"))}, "bounds must be"),
        ({"bounds": 3}, "bounds must be"),
        ({"bounds": (0, "1")}, "bounds must be"),
    ],
)
def test_wrong_arguments_are_refused(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        Ascent(**arguments)


def test_what_a_range_may_be():
    for bounds in ([0, 1], np.array([0, 1]), (np.float32(0), 1)):
        assert Ascent(bounds=bounds).bounds == (0.0, 1.0)
    assert Ascent(bounds=(-np.inf, np.inf)).bounds == (-np.inf, np.inf)
    ascent.check_range(X, (0.2, 1))
    with pytest.raises(
        ValueError, match=r"x ranges from 0.2 to 0.9, outside bounds=\(0.3, 1\): scale x, or give bound"
    ):
        ascent.check_range(X, (0.3, 1))


def test_classes_and_radius():
    ascent.check_classes(np.array([0, 2]), 3)
    for wrong in ([-1, 2], [0, 3]):
        with pytest.raises(ValueError, match=f"class ids from 0 to 2, got {min(wrong)} to {max(wrong)}"):
            ascent.check_classes(np.array(wrong), 3)
    assert ascent.as_epsilon(0) == 0
    with pytest.raises(
        ValueError, match="epsilon, in the units of the data, must be a finite number of at least 0, got -1"
    ):
        ascent.as_epsilon(-1)

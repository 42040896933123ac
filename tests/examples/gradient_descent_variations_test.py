"""The example of gradient descent variations, in its quick mode, against recursions and formulas of its own."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts

ETA = 0.1  # of the players


@pytest.fixture(scope="module")
def results(run_example):
    return run_example("gradient_descent_variations")


def descend(data, batch_size, rate):
    """Gradient descent on (theta - x)^2 / 2, written out."""
    guesses = [np.full(data.shape[1], 3.0)]
    for k in range(len(data) // batch_size):
        batch = data[k * batch_size : (k + 1) * batch_size]
        guesses.append(guesses[-1] - rate(k) * (guesses[-1] - batch.mean(axis=0)))
    return np.array(guesses)


@pytest.mark.parametrize("batch_size", [1, 8, 64])
def test_batch_sizes(results, batch_size):
    seen, guesses, expected = results["batch sizes"][f"batches of {batch_size}"]
    np.testing.assert_allclose(guesses, descend(results["data"], batch_size, lambda k: 0.2), atol=1e-4)
    np.testing.assert_array_equal(seen, np.arange(0, len(results["data"]) + 1, batch_size))
    left = 0.8 ** (2 * np.arange(len(seen)))  # of the first error; the rest is noise
    np.testing.assert_allclose(expected, 9 * left + (1 - left) * 0.2 / 1.8 / batch_size, rtol=1e-9)
    # The mean square of 500 normal variables has a relative standard deviation of sqrt(2 / 500), or 0.063.
    np.testing.assert_allclose(np.mean(guesses**2, axis=1), expected, rtol=0.3)


def test_schedules(results):
    data, rates = results["data"], results["rates"]
    mean = np.cumsum(data, axis=0, dtype="float64") / np.arange(1, len(data) + 1)[:, None]
    _, guesses, expected = rates["1 / k in update k"]
    np.testing.assert_allclose(guesses[1:], mean, atol=1e-4)
    np.testing.assert_allclose(expected[1:], 1 / np.arange(1, len(data) + 1), rtol=1e-5)
    _, guesses, expected = rates["0.2, then 0.02, then 0.002"]
    steps = len(data) // 32, len(data) // 4  # the updates after which the rate falls

    def rate(k):
        return 0.2 if k <= steps[0] else 0.02 if k <= steps[1] else 0.002

    np.testing.assert_allclose(guesses, descend(data, 1, rate), atol=1e-4)
    np.testing.assert_allclose(np.mean(guesses**2, axis=1), expected, rtol=0.3)


def test_groups(results):
    new, old = {}, {}
    for name, accuracies in results["groups"].items():
        new[name], old[name] = accuracies.mean(axis=0)
    assert min(old["frozen base"], old["slow base,\nfast head"]) > 0.95
    assert old["one fast rate"] < 0.8  # forgotten
    assert new["slow base,\nfast head"] > new["frozen base"] + 0.02


def test_simultaneous_players_spiral_outwards(results):
    radius = np.linalg.norm(results["paths"]["simultaneous"], axis=1)
    np.testing.assert_allclose(radius[1:] / radius[:-1], np.sqrt(1 + ETA**2), rtol=1e-5)


def test_alternating_players_go_round(results):
    x, y = results["paths"]["alternating"].T
    np.testing.assert_allclose(x**2 + y**2 - ETA * x * y, 1.0, atol=1e-5)
    turns = np.unwrap(np.arctan2(y, x))[-1] / (2 * np.pi)
    assert turns == pytest.approx(60 * ETA / (2 * np.pi), rel=0.05)


def test_the_mean_of_alternating_players_arrives(results):
    means, points = results["paths"]["mean of alternating"], results["paths"]["alternating"]
    number = np.arange(1, len(points))
    # Each x moves by -eta y, and each y by eta times the next x, so the sums of both telescope.
    np.testing.assert_allclose(means[:-1, 1], (points[0, 0] - points[1:, 0]) / (ETA * number), atol=1e-5)
    x_after_first = (means[1:, 0] * (number + 1) - points[0, 0]) / number
    np.testing.assert_allclose(x_after_first, (points[1:, 1] - points[0, 1]) / (ETA * number), atol=1e-5)


def test_optimistic_players_spiral_inwards(results):
    path = results["paths"]["optimistic"]
    z, last, expected = 1.0 + 0.0j, 0.0, [1.0]
    for _ in path[1:]:
        gradient = 1j * z  # of both players, in the direction in which they move
        z, last = z + ETA * (2 * gradient - last), gradient
        expected.append(z)
    np.testing.assert_allclose(path[:, 0] + 1j * path[:, 1], expected, atol=1e-5)
    radius = np.linalg.norm(path, axis=1)
    np.testing.assert_allclose(radius[11:] / radius[10:-1], np.sqrt((1 + np.sqrt(1 - 4 * ETA**2)) / 2), rtol=1e-4)

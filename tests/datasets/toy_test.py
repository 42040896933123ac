import numpy as np
import pytest
from scipy import stats

from kgan.datasets import GaussianMixture, grid, ring


def test_ring_is_the_one_of_pacgan():
    target = ring()
    angles = 2 * np.pi * np.arange(8) / 8
    np.testing.assert_allclose(target.means, np.c_[np.cos(angles), np.sin(angles)], atol=1e-15)
    np.testing.assert_array_equal(target.scales, np.full((8, 2), 0.01))


def test_grid_is_the_one_of_pacgan():
    target = grid()
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(mean) for mean in target.means} == expected
    np.testing.assert_array_equal(target.scales, np.full((25, 2), 0.05))


def test_ring_and_grid_take_their_sizes():
    np.testing.assert_allclose(np.linalg.norm(ring(modes=5, radius=3).means, axis=1), 3)
    assert sorted({*grid(side=2, spacing=3).means[:, 0]}) == [-1.5, 1.5]


def test_samples_have_the_means_scales_and_weights_of_the_mixture():
    target = GaussianMixture([[0, 0], [10, -10]], [[1.0, 2.0], [0.5, 0.1]], weights=[1, 3])
    samples = target.sample(40000, seed=0)
    assert samples.shape == (40000, 2) and samples.dtype == np.float32
    second = samples[:, 0] > 5
    assert second.mean() == pytest.approx(0.75, abs=0.01)
    np.testing.assert_allclose(samples[second].mean(axis=0), [10, -10], atol=0.02)
    np.testing.assert_allclose(samples[second].std(axis=0), [0.5, 0.1], rtol=0.03)
    np.testing.assert_allclose(samples[~second].std(axis=0), [1, 2], rtol=0.03)


def test_one_dimensional_samples_follow_the_density():
    target = GaussianMixture([-1.0, 2.0], [0.3, 0.5], weights=[0.7, 0.3])
    samples = target.sample(5000, seed=1)
    assert samples.shape == (5000, 1)

    def distribution(x):
        return 0.7 * stats.norm.cdf(x, -1, 0.3) + 0.3 * stats.norm.cdf(x, 2, 0.5)

    assert stats.kstest(samples[:, 0], distribution).pvalue > 0.01


def test_the_same_seed_gives_the_same_samples():
    np.testing.assert_array_equal(ring().sample(100, seed=3), ring().sample(100, seed=3))
    assert not np.array_equal(ring().sample(100, seed=3), ring().sample(100, seed=4))


def test_density_equals_scipys():
    means, scales, weights = [[0.0, 1.0, 2.0], [-1.0, 0.5, 0.0]], [[1.0, 0.2, 3.0], [0.7, 0.7, 0.7]], [0.2, 0.8]
    x = np.random.default_rng(0).normal(size=(50, 3))
    expected = sum(
        w * stats.multivariate_normal.pdf(x, m, np.diag(np.square(s)))
        for m, s, w in zip(means, scales, weights, strict=True)
    )
    target = GaussianMixture(means, scales, weights)
    np.testing.assert_allclose(target.density(x), expected, rtol=1e-12)
    np.testing.assert_allclose(target.log_density(x), np.log(expected), rtol=1e-10)


def test_density_integrates_to_one():
    target = GaussianMixture([-1.0, 2.0], 0.4, weights=[5, 1])
    x = np.linspace(-10, 10, 20001)
    assert np.trapezoid(target.density(x), x) == pytest.approx(1, abs=1e-9)
    np.testing.assert_array_equal(target.density(x), target.density(x[:, None]))


def test_log_density_is_finite_far_away():
    value = ring().log_density([[100.0, 0.0]])
    assert value[0] == pytest.approx(-0.5 * (99 / 0.01) ** 2, rel=1e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([[[0.0]]], 1.0), "means must have shape"),
        (([], 1.0), "means must have shape"),
        (([0.0, 1.0], [1.0, 1.0, 1.0]), "scales must have shape"),
        (([0.0, 1.0], 0.0), "positive"),
        (([0.0, 1.0], 1.0, [0.5]), "weights must have shape"),
        (([0.0, 1.0], 1.0, [0.5, 0.0]), "positive"),
    ],
)
def test_impossible_mixtures_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianMixture(*arguments)


def test_points_of_the_wrong_dimension_are_refused():
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\)"):
        ring().density([0.0, 1.0])

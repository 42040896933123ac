import tracemalloc

import numpy as np
import pytest
import scipy.linalg

from kgan.metrics import Moments, frechet_distance


def samples(n, d, seed=0, mean=0.0):
    """Correlated features with a spread of scales."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + mean


def by_definition(x, y):
    s1, s2 = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = scipy.linalg.sqrtm(s1 @ s2).real
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(s1 + s2 - 2 * root)


SIZES = [(2, 5), (12, 40), (39, 40), (40, 40), (41, 40), (600, 12), (50, 1)]


@pytest.mark.parametrize("n, d", SIZES)
def test_scaled_and_shifted_copy_has_the_closed_form(n, d):
    x = samples(n, d)
    a, b = 1.7, 0.4
    expected = np.sum(((a - 1) * x.mean(0) + b) ** 2) + (a - 1) ** 2 * x.var(axis=0, ddof=1).sum()
    assert frechet_distance(x, a * x + b) == pytest.approx(expected, rel=1e-12)


def test_scaled_copy_is_exact_where_variances_span_fourteen_orders():
    # eigvalsh of a product of covariances is off by 1e-7 here, sqrtm by more.
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.normal(size=(64, 64)))[0]
    x = rng.normal(size=(5000, 64)) * np.logspace(0, -7, 64) @ rotation
    expected = np.sum((0.7 * x.mean(0) + 0.3) ** 2) + 0.49 * x.var(axis=0, ddof=1).sum()
    assert frechet_distance(x, 1.7 * x + 0.3) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("n, d", SIZES)
def test_mean_shift_alone_is_its_squared_length(n, d):
    x, shift = samples(n, d), np.linspace(-1, 2, d)
    assert frechet_distance(x, x + shift) == pytest.approx(np.sum(shift**2), rel=1e-11)


@pytest.mark.parametrize("n, d", SIZES)
def test_identical_sets_have_distance_zero(n, d):
    x = samples(n, d, mean=3.0)
    assert 0 <= frechet_distance(x, x) < 1e-12
    assert 0 <= frechet_distance(x, x[::-1].copy()) < 1e-12


def test_constant_features_leave_only_the_means():
    assert frechet_distance(np.full((5, 3), 2.0), np.full((9, 3), 4.0)) == pytest.approx(12.0)


def test_isotropic_gaussians_have_the_closed_form():
    d, m, s = 6, 0.5, 1.8
    rng = np.random.default_rng(3)
    # Whitened, so that both sample moments are exactly those of N(0, I) and N(m, s^2 I).
    x = rng.normal(size=(400, d))
    x -= x.mean(0)
    x = x @ np.linalg.inv(np.linalg.cholesky(np.cov(x, rowvar=False))).T
    y = s * x @ np.linalg.qr(rng.normal(size=(d, d)))[0] + m
    assert frechet_distance(x, y) == pytest.approx(d * (m**2 + (s - 1) ** 2), rel=1e-12)


def test_random_draws_from_gaussians_approach_the_closed_form():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(60_000, 4)), rng.normal(0.5, 1.8, size=(50_000, 4))
    assert frechet_distance(x, y) == pytest.approx(4 * (0.5**2 + 0.8**2), rel=0.02)


@pytest.mark.parametrize("n1, n2, d", [(30, 20, 50), (30, 200, 50), (300, 200, 50)])
def test_rotation_permutation_and_swap_change_nothing(n1, n2, d):
    x, y = samples(n1, d, 5), samples(n2, d, 6, mean=0.1)
    rng = np.random.default_rng(7)
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    value = frechet_distance(x, y)
    assert value > 1
    assert frechet_distance(x @ rotation, y @ rotation) == pytest.approx(value, rel=1e-11)
    assert frechet_distance(x[rng.permutation(n1)], y[rng.permutation(n2)]) == pytest.approx(value, rel=1e-11)
    assert frechet_distance(y, x) == pytest.approx(value, rel=1e-11)


@pytest.mark.parametrize("n1, n2, d", [(300, 400, 2), (300, 200, 20), (2000, 900, 64)])
def test_agrees_with_the_definition_through_sqrtm(n1, n2, d):
    x, y = samples(n1, d, 8), samples(n2, d, 9, mean=0.2)
    assert frechet_distance(x, y) == pytest.approx(by_definition(x, y), rel=1e-7)


def test_fewer_samples_than_features_agrees_with_more_samples_than_features():
    # Columns of zeros add nothing to the distance, but turn 40 > 30 into 40 < 50; a rotation then hides them.
    x, y = samples(40, 30, 10), samples(40, 30, 11, mean=0.3)
    rotation = np.linalg.qr(np.random.default_rng(12).normal(size=(50, 50)))[0]
    wide_x, wide_y = (np.pad(z, ((0, 0), (0, 20))) @ rotation for z in (x, y))
    assert frechet_distance(wide_x, wide_y) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    assert frechet_distance(wide_x, np.pad(y, ((0, 0), (0, 20))) @ rotation) == pytest.approx(by_definition(x, y))


def test_fewer_samples_than_features_agrees_with_the_path_through_covariances():
    x, y = samples(15, 60, 13), samples(25, 60, 14, mean=0.1)
    first, second = Moments(np.zeros(60)), Moments(np.zeros(60))
    first.update(x)
    second.update(y)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(x, y), rel=1e-10)
    assert frechet_distance(x, second) == pytest.approx(frechet_distance(x, y), rel=1e-10)


def test_fewer_samples_than_features_needs_no_matrix_of_features_by_features():
    x, y = samples(10, 1000, 18), samples(20, 1000, 19)
    tracemalloc.start()
    try:
        frechet_distance(x, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1000 * 1000 * 8 / 4


@pytest.mark.parametrize("seed", range(20))
def test_is_never_negative_or_nan(seed):
    rng = np.random.default_rng(seed)
    n, d = rng.integers(2, 40), rng.integers(1, 40)
    x = np.maximum(samples(n, d, seed), 0) * 10.0 ** rng.integers(-8, 8)  # features after a relu: many constant zeros
    for y in (x, x * (1 + 1e-12), x[:2], np.zeros((3, d))):
        assert frechet_distance(x, y) >= 0


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8", "int64"])
def test_every_real_dtype_is_computed_in_float64(dtype):
    rng = np.random.default_rng(15)
    x, y = rng.integers(0, 256, (2, 50, 6)).astype(dtype)
    assert frechet_distance(x, y) == frechet_distance(x.astype("float64"), y.astype("float64"))
    assert isinstance(frechet_distance(x.tolist(), y), float)


@pytest.mark.parametrize("batch_size", [1, 7, 100, 500])
@pytest.mark.parametrize("replicas", [1, 3])
def test_batches_and_replicas_change_nothing(batch_size, replicas):
    # A mean a million times the deviation: raw float64 sums of squares would lose all but four digits.
    x, y = samples(500, 8, 16, mean=1e6), samples(400, 8, 17, mean=1e6 + 0.1)
    shift = np.round(x[:10].mean(0))
    parts = [Moments(shift) for _ in range(replicas)]
    for i, start in enumerate(range(0, len(x), batch_size)):
        parts[i % replicas].update(x[start : start + batch_size])
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    assert total.count == 500
    np.testing.assert_allclose(total.mean, x.mean(0), rtol=1e-14)
    np.testing.assert_allclose(total.covariance, np.cov(x, rowvar=False), rtol=0, atol=1e-9)
    assert frechet_distance(total, y) == pytest.approx(frechet_distance(x, y), rel=1e-8)


GOOD = np.ones((4, 3))


@pytest.mark.parametrize(
    "bad, message",
    [
        (np.ones(4), "matrix of shape"),
        (np.ones((4, 2, 3)), "matrix of shape"),
        (np.ones((0, 3)), "not empty"),
        (np.ones((4, 0)), "not empty"),
        (np.ones((1, 3)), "at least 2 samples"),
        (np.array([[1.0, 2, np.nan], [1, 2, 3]]), "finite"),
        (np.array([[1.0, 2, -np.inf], [1, 2, 3]]), "finite"),
        (np.full((4, 3), 1e200), "finite"),
        ([["a", "b", "c"], ["d", "e", "f"]], "real numbers"),
        ([["1", "2", "3"], ["4", "5", "6"]], "real numbers"),
        (np.ones((4, 3), complex), "real numbers"),
        ([[1.0, 2.0, 3.0], [1.0]], "real numbers"),
        (None, "real numbers"),
        (np.ones((4, 5)), "same number of features"),
    ],
)
def test_bad_features_are_refused_in_one_sentence(bad, message):
    with pytest.raises(ValueError, match=message) as error:
        frechet_distance(GOOD, bad)
    text = str(error.value)
    assert "fake_features" in text and text.endswith(".") and text.count(". ") == 0 and "\n" not in text
    with pytest.raises(ValueError, match="real_features"):
        frechet_distance(bad, GOOD)


def test_bad_moments_are_refused():
    moments = Moments(np.zeros(3))
    with pytest.raises(ValueError, match="at least 1"):
        _ = moments.mean
    moments.update(np.ones((1, 3)))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(moments, GOOD)
    with pytest.raises(ValueError, match="3 columns"):
        moments.update(np.ones((4, 2)))
    with pytest.raises(ValueError, match="same shift"):
        moments + Moments(np.ones(3))
    with pytest.raises(ValueError, match="vector"):
        Moments(np.zeros((3, 3)))
    with pytest.raises(TypeError):
        moments + 1

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import r2_score, roc_auc_score

from kgan.metrics import Estimate, intervals


@pytest.mark.parametrize("right, total", [(0, 1), (1, 1), (3, 7), (0, 40), (199, 200), (50, 100)])
@pytest.mark.parametrize("miss", [0.05, 0.001])
def test_wilsons_interval_is_scipys(right, total, miss):
    expected = scipy.stats.binomtest(right, total).proportion_ci(1 - miss, method="wilson")
    assert intervals.wilson_interval(right, total, miss=miss) == pytest.approx((expected.low, expected.high), abs=1e-9)


@pytest.mark.parametrize(
    "a, m, b, n, low, high",
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (10, 10, 0, 20, 0.6791, 1.0),
        (10, 10, 0, 10, 0.6075, 1.0),
    ],
)
def test_the_interval_of_one_difference_is_the_one_that_newcombe_prints(a, m, b, n, low, high):
    """Newcombe 1998, table II, method 10."""
    for counts in ([[a, m - a], [b, n - b]], [[b, n - b], [a, m - a]], [[m - a, a], [n - b, b]]):
        found = intervals.largest_difference(np.array([counts]))
        assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)
        assert found.value == pytest.approx(a / m - b / n)


@pytest.mark.parametrize(
    "rates, sizes",
    [
        ([0.2, 0.2], [400, 200]),
        ([0.3, 0.2], [400, 200]),
        ([0.1, 0.4], [50, 20]),
        ([0.2] * 5, [1000, 500, 200, 30, 10]),
        ([0.3, 0.25, 0.2, 0.1, 0.1], [1000, 500, 200, 100, 50]),
    ],
)
def test_the_interval_holds_the_true_largest_difference_95_times_of_100(rates, sizes):
    rng = np.random.default_rng(0)
    truth, draws, held = max(rates) - min(rates), 500, 0
    for _ in range(draws):
        right = rng.binomial(sizes, rates)
        found = intervals.largest_difference(np.stack([right, sizes - right], axis=1)[None])
        held += found.low <= truth + 1e-12 and truth <= found.high
    # 3.3 standard deviations of 500 draws at 95 %
    assert held / draws > 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / draws)


def test_a_clear_difference_has_the_interval_of_a_row_bootstrap():
    rng = np.random.default_rng(0)
    group = rng.random(3000) < 0.4
    predicted = rng.random(3000) < np.where(group, 0.5, 0.3)
    counts = np.array([[[np.sum(predicted[group == g] == p) for p in (0, 1)] for g in (0, 1)]])
    draws = []
    for _ in range(2000):
        rows = rng.integers(3000, size=3000)
        draws.append(abs(predicted[rows][group[rows]].mean() - predicted[rows][~group[rows]].mean()))
    found = intervals.largest_difference(counts)
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.005)


def _scores(classes, n=400):
    rng = np.random.default_rng(classes)
    labels = np.r_[np.arange(classes), rng.integers(classes, size=n - classes)]
    logits = rng.normal(size=(n, classes)) + np.eye(classes)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, scores


@pytest.mark.slow
@pytest.mark.parametrize("decimals", [1, 9])  # with ties and without
@pytest.mark.parametrize("classes", [2, 3, 5])
def test_auc_is_scikit_learns_and_its_interval_that_of_a_row_bootstrap(classes, decimals):
    labels, scores = _scores(classes)
    if classes == 2:
        scores = scores[:, 1].round(decimals)
    else:
        # scikit-learn wants rows that add up to 1.
        scores = scores.round(decimals) + 1e-9
        scores /= scores.sum(axis=1, keepdims=True)
    found = intervals.macro_auc(labels, scores)
    assert found.value == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-12)
    rng, draws = np.random.default_rng(1), []
    for _ in range(400):
        rows = rng.integers(len(labels), size=len(labels))
        draws.append(roc_auc_score(labels[rows], scores[rows], multi_class="ovr"))
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.012)


def test_r_squared_is_scikit_learns_and_its_interval_that_of_a_row_bootstrap():
    rng = np.random.default_rng(0)
    y = rng.normal(size=500) * 3 + 5
    predicted = y + rng.normal(size=500) * 2
    found = intervals.r_squared(y, predicted, seed=0)
    assert found.value == pytest.approx(r2_score(y, predicted))
    draws = [r2_score(y[rows], predicted[rows]) for rows in rng.integers(500, size=(1000, 500))]
    assert (found.low, found.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.02)


@pytest.mark.parametrize("apart, rows", [(0, 20), (1, 20), (1, 120), (2, 20), (3, 20), (3, 100)])
def test_auc_intervals_hold_the_truth_95_times_of_100(apart, rows):
    rng, draws = np.random.default_rng(0), 500
    truth = scipy.stats.norm.cdf(apart / np.sqrt(2))  # of two unit normals
    labels = (np.arange(rows) % 3 == 0).astype(int)
    found = [intervals.macro_auc(labels, rng.normal(size=rows) + apart * labels) for _ in range(draws)]
    assert np.mean([one.low <= truth <= one.high for one in found]) > 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / draws)
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in found)


def test_a_perfect_probe_on_few_rows_is_not_certain():
    few, many = (intervals.macro_auc(np.arange(n) % 2, np.arange(n) % 2 + 0.0) for n in (10, 1000))
    assert (few.value, few.high, many.value, many.high) == (1, 1, 1, 1)
    assert few.low < 0.85 < 0.99 < many.low < 1


def test_estimates_print_without_a_minus_before_zero():
    assert str(Estimate(-0.0001, -0.12345, 0.5)) == "0.000 (-0.123 to 0.500)"

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from kgan.metrics import linear_probe


@pytest.fixture(scope="module")
def digits():
    """Training and test features and labels: 8x8 digits, of which three pixels are always zero."""
    x, y = load_digits(return_X_y=True)
    return x[:1000], y[:1000], x[1000:], y[1000:]


@pytest.mark.slow
def test_with_all_labels_it_is_scikit_learns_logistic_regression(digits):
    x, y, test_x, test_y = digits
    varying = (x.std(axis=0) > 0).sum()
    pipeline = make_pipeline(
        StandardScaler(),
        FunctionTransformer(lambda z: z / np.sqrt(varying)),
        LogisticRegression(C=10, max_iter=10_000),
    )
    result = linear_probe(*digits)
    assert result.accuracies.tolist() == [pipeline.fit(x, y).score(test_x, test_y)]
    assert result.mean > 0.9
    assert result.std == 0


def test_a_few_labels_are_drawn_from_every_class_and_the_rest_unused(digits):
    x, y, test_x, test_y = digits
    seen = []

    class Spy(LogisticRegression):
        def fit(self, x, y):
            seen.append((x, y))
            return super().fit(x, y)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kgan.metrics.probes.LogisticRegression", Spy)
        result = linear_probe(*digits, labels_per_class=3, repeats=4)
    assert result.accuracies.shape == (4,)
    for rows, labels in seen:
        assert np.bincount(labels).tolist() == [3] * 10
        assert len(np.unique(rows, axis=0)) == 30
    assert len({rows.tobytes() for rows, _ in seen}) == 4
    # The scale is that of all rows, labelled or not.
    scaled = (x - x.mean(axis=0)) / np.where(x.std(axis=0) == 0, 1, x.std(axis=0)) / np.sqrt((x.std(axis=0) > 0).sum())
    lengths = np.linalg.norm(scaled, axis=1)
    np.testing.assert_allclose(np.mean(lengths**2), 1)
    assert np.isclose(np.linalg.norm(seen[0][0], axis=1)[:, None], lengths).any(axis=1).all()


@pytest.mark.slow
def test_more_labels_are_better_and_the_summary_is_that_of_the_repeats(digits):
    few, more = (linear_probe(*digits, labels_per_class=k, repeats=5) for k in (1, 20))
    assert 0.3 < few.mean < more.mean - 0.1
    assert few.std > more.std > 0
    assert few.mean == pytest.approx(sum(few.accuracies) / 5)
    assert few.std == pytest.approx(np.sqrt(np.sum((few.accuracies - few.mean) ** 2) / 4))
    assert str(few) == f"{few.mean:.3f} ± {few.std:.3f} (5 repeats)"
    assert str(linear_probe(*digits)).count("±") == 0


def test_the_seed_decides_and_more_repeats_keep_the_first_ones(digits):
    first = linear_probe(*digits, labels_per_class=2, repeats=3, seed=5)
    assert (
        first.accuracies.tolist()
        == linear_probe(*digits, labels_per_class=2, repeats=4, seed=5).accuracies.tolist()[:3]
    )
    assert first.accuracies.tolist() != linear_probe(*digits, labels_per_class=2, repeats=3, seed=6).accuracies.tolist()


def test_units_copies_and_constants_of_features_do_not_matter(digits):
    x, y, test_x, test_y = digits
    factors = np.linspace(0.01, 100, 64)

    def changed(x):
        return np.hstack([x * factors + 3, x * factors, np.full((len(x), 5), 7.0)]).reshape(len(x), 7, -1)

    plain, other = (
        linear_probe(f(x), y, f(test_x), test_y, labels_per_class=5, repeats=3) for f in (lambda x: x, changed)
    )
    # The optimum is the same, and lbfgs stops near it.
    np.testing.assert_allclose(other.accuracies, plain.accuracies, atol=0.004)


def test_names_of_classes_are_as_good_as_numbers(digits):
    x, y, test_x, test_y = digits
    names = np.array(list("abcdefghij"))
    numbers, strings = (
        linear_probe(x, of(y), test_x, of(test_y), labels_per_class=4, repeats=2)
        for of in (lambda y: y, lambda y: names[y])
    )
    assert numbers.accuracies.tolist() == strings.accuracies.tolist()


def test_labels_that_the_features_do_not_know_are_guessed():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2000, 5)), rng.integers(0, 2, 2000)
    assert abs(linear_probe(x[:1000], y[:1000], x[1000:], y[1000:]).mean - 0.5) < 0.06


X, Y = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12) % 3


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((X, Y[:11], X, Y), {}, "train_labels must be .* each of the 12 rows"),
        ((X, Y, X, Y / 2), {}, "test_labels must be a whole number"),
        ((X, Y, X[:, :2], Y), {}, "same number of features"),
        ((X, Y, X, Y + 1), {}, "test_labels hold .*3.*, which is no class"),
        ((X, Y * 0, X, Y * 0), {}, "at least 2 classes"),
        ((X * np.nan, Y, X, Y), {}, "train_features must be finite"),
        ((X[:, 0], Y, X, Y), {}, "train_features must be of shape"),
        ((X * 0 + 1, Y, X, Y), {}, "same in every row"),
        ((X, Y, X, Y), {"labels_per_class": 5}, "class .*0.* has only 4 training rows"),
        ((X, Y, X, Y), {"labels_per_class": 0}, "labels_per_class must be"),
        ((X, Y, X, Y), {"labels_per_class": 2, "repeats": 1.5}, "repeats must be"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        linear_probe(*arguments, **options)

import fairlearn.metrics
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression

from kgan.metrics import demographic_parity_difference, equalized_odds_difference


def _random(seed, n=300, classes=2, groups=3):
    rng = np.random.default_rng(seed)
    return rng.integers(classes, size=n), rng.integers(classes, size=n), rng.integers(groups, size=n)


@pytest.fixture(scope="module")
def patients():
    """Target, predicted class and sensitive columns of 442 diabetes patients."""
    data = load_diabetes(as_frame=True, scaled=False)
    target = (data.target > data.target.median()).astype(int)
    predicted = LogisticRegression(max_iter=5000).fit(data.data, target).predict(data.data)
    return target, predicted, data.data[["sex", "age"]]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("groups", [2, 3, 7])
def test_of_two_classes_both_are_fairlearns(seed, groups):
    target, predicted, group = _random(seed, groups=groups)
    parity = fairlearn.metrics.demographic_parity_difference(target, predicted, sensitive_features=group)
    odds = fairlearn.metrics.equalized_odds_difference(target, predicted, sensitive_features=group)
    for found, expected in (
        (demographic_parity_difference(predicted, group), parity),
        (equalized_odds_difference(target, predicted, group), odds),
    ):
        assert found.value == pytest.approx(expected, abs=1e-12)
        assert 0 <= found.low < found.value < found.high <= 1


@pytest.mark.parametrize("form", ["frame", "dict", "array"])
def test_of_several_columns_the_intersections_count_as_in_fairlearn(form):
    target, predicted, a = _random(0)
    b = _random(1)[2]
    b[a == 2] = 0  # some combinations do not occur
    given = {"frame": pd.DataFrame({"a": a, "b": b}), "dict": {"a": a, "b": b}, "array": np.stack([a, b], axis=1)}
    frame = given["frame"]
    assert demographic_parity_difference(predicted, given[form]).value == pytest.approx(
        fairlearn.metrics.demographic_parity_difference(target, predicted, sensitive_features=frame)
    )
    assert equalized_odds_difference(target, predicted, given[form]).value == pytest.approx(
        fairlearn.metrics.equalized_odds_difference(target, predicted, sensitive_features=frame)
    )


def test_real_patients_as_fairlearn_has_them(patients):
    target, predicted, sensitive = patients
    # Age is continuous: up to its median against above it.
    groups = sensitive.assign(age=sensitive.age > sensitive.age.median())
    for mine, theirs in ((sensitive["sex"], groups["sex"]), (sensitive["age"], groups["age"]), (sensitive, groups)):
        assert demographic_parity_difference(predicted, mine).value == pytest.approx(
            fairlearn.metrics.demographic_parity_difference(target, predicted, sensitive_features=theirs)
        )
        assert equalized_odds_difference(target, predicted, mine).value == pytest.approx(
            fairlearn.metrics.equalized_odds_difference(target, predicted, sensitive_features=theirs)
        )


def test_of_more_classes_it_is_the_largest_of_each_class_against_the_rest():
    target, predicted, group = _random(3, classes=4)

    def rates(rows, p):
        return fairlearn.metrics.MetricFrame(
            metrics=fairlearn.metrics.selection_rate,
            y_true=target[rows],
            y_pred=predicted[rows] == p,
            sensitive_features=group[rows],
        ).difference()

    everywhere = np.ones(len(target), bool)
    expected = max(rates(everywhere, p) for p in range(4))
    assert demographic_parity_difference(predicted, group).value == pytest.approx(expected)
    expected = max(rates(target == t, p) for t in range(4) for p in range(4))
    assert equalized_odds_difference(target, predicted, group).value == pytest.approx(expected)


def test_the_interval_of_odds_holds_a_known_truth():
    rng, held, draws = np.random.default_rng(0), {"parity": 0, "odds": 0}, 200
    # P(predicted = 1 | target, group), rows for targets; both groups have both targets equally often.
    rates = np.array([[0.2, 0.3], [0.8, 0.6]])
    for _ in range(draws):
        target, group = rng.integers(2, size=(2, 600))
        predicted = (rng.random(600) < rates[target, group]).astype(int)
        parity, odds = (
            demographic_parity_difference(predicted, group),
            equalized_odds_difference(target, predicted, group),
        )
        held["parity"] += parity.low <= 0.05 <= parity.high
        held["odds"] += odds.low <= 0.2 <= odds.high
    assert min(held.values()) / draws > 0.95 - 3.3 * np.sqrt(0.95 * 0.05 / draws)


def test_extremes():
    group = np.repeat(["a", "b"], 50)
    apart = demographic_parity_difference(group, group)
    assert (apart.value, apart.high) == (1, 1)
    alike = demographic_parity_difference(np.tile([0, 1], 50), group)
    assert (alike.value, alike.low) == (0, 0) and 0 < alike.high < 0.3
    constant = demographic_parity_difference(np.zeros(100, int), group)
    assert (constant.value, constant.low) == (0, 0) and 0 < constant.high < 0.2
    target = np.tile([0, 1], 50)
    assert equalized_odds_difference(target, target, group).value == 0


def test_names_and_order_do_not_matter():
    target, predicted, group = _random(4, classes=3)
    order = np.random.default_rng(0).permutation(len(target))
    names, people = np.array(["z", "b", "k"]), np.array(["y", "x", "a"])
    expected = (
        demographic_parity_difference(predicted, group),
        equalized_odds_difference(target, predicted, group),
    )
    renamed = names[predicted][order], people[group][order]
    assert demographic_parity_difference(*renamed) == expected[0]
    assert equalized_odds_difference(names[target][order], *renamed) == expected[1]


def test_a_group_without_a_true_class_is_left_out_for_this_class():
    target, predicted, group = _random(5)
    lacking = (group == 2) & (target == 1)
    target, predicted, group = target[~lacking], predicted[~lacking], group[~lacking]

    def spread(t):
        found = [(group == g) & (target == t) for g in range(3)]
        rates = [predicted[rows].mean() for rows in found if rows.any()]
        return max(rates) - min(rates)

    expected = max(spread(0), spread(1))
    assert equalized_odds_difference(target, predicted, group).value == pytest.approx(expected)
    # fairlearn takes the rate that does not exist for 0.
    assert fairlearn.metrics.equalized_odds_difference(target, predicted, sensitive_features=group) > expected + 0.1


def test_small_groups_make_the_value_large_and_the_interval_says_so():
    rng = np.random.default_rng(0)
    predicted, group = rng.integers(2, size=1000), np.r_[np.arange(995) % 2, [2] * 5]
    predicted[-5:] = 1
    found = demographic_parity_difference(predicted, group)
    assert found.value > 0.4
    without = demographic_parity_difference(predicted[:995], group[:995])
    assert without.value < 0.1 and found.high - found.low > 2 * (without.high - without.low)


@pytest.mark.parametrize(
    "values, lower", [([0.0, 1, 2, 2, 2, 2], 2), ([0.0, 0, 0, 0, 1, 2], 4), ([0.0, 1, 2, 3, 4, 5], 3)]
)
def test_a_continuous_column_makes_two_groups_wherever_its_median_is(values, lower):
    below = np.arange(6) < lower
    assert demographic_parity_difference(np.tile(below, 20), np.tile(values, 20)).value == 1


def test_floats_of_two_values_and_categories_are_groups():
    _, predicted, group = _random(6)
    expected = demographic_parity_difference(predicted, group)
    assert demographic_parity_difference(predicted, pd.Series(group.astype(float)).astype("category")) == expected
    two = group > 0
    assert demographic_parity_difference(predicted, two * 2.5) == demographic_parity_difference(predicted, two)


Y, S = np.tile([0, 1], 10), np.repeat([0, 1], 10)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((Y, Y[:19], S), "target has 20 rows, but predicted has 19"),
        ((Y, Y, S[:19]), "'sensitive' has 19 rows, but the other data has 20"),
        ((Y, Y, S * 0), "'sensitive' has the value 0 in every row"),
        ((Y, Y, np.where(S, np.nan, 1.0)), "'sensitive' has 10 missing"),
        ((Y, np.where(S, np.nan, 1.0), S), "predicted has 10 missing"),
        ((Y, Y / 2 + 0.1, S), "predicted must hold classes, but 0.1 is not one"),
        ((Y, np.eye(2)[Y], S), "predicted must hold one class per row.*argmax"),
        ((Y, Y.astype(str), S), "same kind of classes"),
        ((S, Y, S), "no two groups have rows of the same class"),
        ((Y, Y, np.arange(20).reshape(20, 1, 1)), "sensitive columns must be"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        equalized_odds_difference(*arguments)

import json

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from kgan.metrics import demographic_parity_difference, equalized_odds_difference, fairness_report, leakage

RNG = np.random.default_rng(0)
N = 400
TARGET = RNG.choice(["<=50K", ">50K"], p=[0.7, 0.3], size=N)
PREDICTED = np.where(RNG.random(N) < 0.8, TARGET, "<=50K")
SENSITIVE = pd.DataFrame(
    {"sex": RNG.choice(["f", "m"], size=N), "race": RNG.choice(list("abc"), size=N), "age": RNG.normal(size=N)}
)
REPRESENTATIONS = {"representation": RNG.normal(size=(N, 3)), "prediction": RNG.random(N)}


@pytest.fixture(scope="module")
def report():
    return fairness_report(TARGET, PREDICTED, SENSITIVE, REPRESENTATIONS, seed=3)


def test_it_holds_what_each_function_says(report):
    right = int((TARGET == PREDICTED).sum())
    interval = scipy.stats.binomtest(right, N).proportion_ci(method="wilson")
    found = report.accuracy
    assert (found.value, found.low, found.high) == pytest.approx((right / N, interval.low, interval.high))
    assert (report.rows, report.largest_class, report.majority) == (N, "<=50K", np.mean(TARGET == "<=50K"))
    assert list(report.differences) == ["sex", "race", "age", "sex x race x age"]
    for name, found in report.differences.items():
        columns = SENSITIVE[name] if name in SENSITIVE else SENSITIVE
        assert found.demographic_parity == demographic_parity_difference(PREDICTED, columns)
        assert found.equalized_odds == equalized_odds_difference(TARGET, PREDICTED, columns)
    assert report.leakage == [
        found for name, z in REPRESENTATIONS.items() for found in leakage(z, SENSITIVE, seed=3, name=name)
    ]


def test_sizes_of_groups_are_those_that_pandas_counts(report):
    groups = SENSITIVE.assign(age=SENSITIVE.age > SENSITIVE.age.median(), target=TARGET)
    for name, found in report.differences.items():
        by = name.split(" x ")
        assert (found.groups, found.smallest) == (groups.groupby(by).ngroups, groups.groupby(by).size().min())
        assert found.smallest_of_a_class == groups.groupby([*by, "target"]).size().unstack(fill_value=0).min().min()
    assert report.differences["age"].cut == SENSITIVE.age[~groups.age].max()
    assert report.differences["sex"].cut is None


def test_it_prints_every_number_on_a_narrow_page(report):
    page = str(report)
    assert max(map(len, page.splitlines())) < 100
    assert all(line == line.rstrip() for line in page.splitlines())
    for found in report.differences.values():
        assert str(found.demographic_parity) in page and str(found.equalized_odds) in page
        assert f"{found.smallest} rows" in page
    for found in report.leakage:
        for estimate in (found.accuracy, found.auc, found.r2):
            assert estimate is None or str(estimate) in page
    assert f"always answering '<=50K', the most frequent class: {report.majority:.3f}" in page
    assert "age is cut at its median" in page


def test_its_columns_are_aligned(report):
    lines = str(report).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("  read from"))
    for title in ("column", "probe", "AUC", "accuracy", "majority"):
        at = lines[start].index(title)
        assert all(line[at] != " " and line[at - 1] == " " for line in lines[start : start + 9])


def test_it_survives_json(report):
    told = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    assert told["differences"]["race"]["equalized_odds"]["high"] == report.differences["race"].equalized_odds.high
    assert told["leakage"][-1]["r2"]["value"] == report.leakage[-1].r2.value
    assert told["largest_class"] == "<=50K" and told["accuracy"]["value"] == report.accuracy.value
    numbers = fairness_report((TARGET == ">50K").astype(int), (PREDICTED == ">50K").astype(int), SENSITIVE["sex"])
    assert json.loads(json.dumps(numbers.as_dict()))["largest_class"] == 0


def test_without_representations_and_with_one_column_it_is_short():
    page = str(fairness_report(TARGET, PREDICTED, SENSITIVE["sex"]))
    assert "LEAKAGE" not in page and " x " not in page and "median" not in page and "leave out" not in page


def test_long_names_are_cut_and_missing_groups_told():
    target = np.where(SENSITIVE.race == "a", "<=50K", TARGET)
    name = "what people said of themselves when asked"
    page = str(
        fairness_report(target, PREDICTED, {name: SENSITIVE.race}, {"a representation of it": RNG.normal(size=N)})
    )
    assert max(map(len, page.splitlines())) < 100
    assert "what people said of t..." in page and "Equalized odds leave out" in page


def test_the_true_target_shows_what_a_perfect_prediction_gives_away():
    sex = np.where(RNG.random(N) < 0.9, TARGET == ">50K", RNG.random(N) < 0.5)
    found = fairness_report(TARGET, PREDICTED, {"sex": sex}, {"target": TARGET == ">50K"}).leakage[0]
    assert found.auc.low > 0.85


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((TARGET, PREDICTED[:-1], SENSITIVE), "target has 400 rows, but predicted has 399"),
        ((TARGET, PREDICTED, SENSITIVE[:-1]), "'sex' has 399 rows"),
        ((TARGET, PREDICTED, SENSITIVE, {"z": np.zeros((N - 1, 2))}), "z has 399 rows, but target has 400"),
        ((TARGET, PREDICTED, SENSITIVE, {"z": np.full(N, np.nan)}), "z must be finite"),
        ((TARGET, PREDICTED, {}), "no sensitive columns"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        fairness_report(*arguments)

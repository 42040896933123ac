"""The Adult benchmark: its quick mode, its data, and what it says of curves with known answers."""

import csv

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture(scope="module")
def benchmark(load_script):
    return load_script("benchmarks/adult.py")


def test_quick_mode_measures_every_method_and_writes_table_and_figure(benchmark, assert_is_figure, tmp_path, capsys):
    rows = benchmark.main(quick=True, out=tmp_path / "figure.png")
    expected = {
        (h, *m) for h in benchmark.HIDDEN for m in (("logistic", 0), ("kgan", 0), ("kgan", 1), ("fairlearn", 1))
    }
    assert {(row["hidden"], row["method"], row["alpha"]) for row in rows} == expected and len(rows) == len(expected)
    assert_is_figure(tmp_path / "figure.png")
    with open(tmp_path / "figure.csv") as file:
        for row, of_file in zip(rows, csv.DictReader(file), strict=True):
            assert float(of_file["accuracy"]) == round(row["accuracy"], 4)
    # Made-up people: hours give income away at about 0.8, and sex through them.
    logistic = next(row for row in rows if row["method"] == "logistic")
    assert logistic["accuracy"] > 0.75 and logistic["parity_sex"] > 0.1
    assert "ratio of times" in capsys.readouterr().out


def test_inputs_are_standardised_by_the_training_rows_and_leave_out_what_is_hidden(benchmark):
    table = benchmark.people(quick=True)
    (x, target, train), (x_test, _, test) = benchmark.halves(table, ["race", "sex"])
    assert x.shape[1] == 1 + 2 and len(x) + len(x_test) == 400 and len(test) == 134
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
    hours = table["hours"]
    np.testing.assert_allclose(
        x_test[:, 0], (test["hours"] - hours[train.index].mean()) / hours[train.index].std(), 1e-4
    )


def test_a_table_with_a_split_of_its_own_keeps_it(benchmark, tmp_path):
    lines = ["age,fnlwgt,sex,race,income,split", "30,1, Male,A, >50K.,train", "40,2, Female,B, <=50K.,test"]
    (tmp_path / "adult.csv").write_text("\n".join(lines))
    table = benchmark.people(tmp_path / "adult.csv")
    assert table["income"].tolist() == [1, 0] and table["sex"].tolist() == ["Male", "Female"]
    assert table["split"].tolist() == ["train", "test"] and "fnlwgt" not in table
    with pytest.raises(SystemExit, match="--data"):
        benchmark.people()


@pytest.mark.parametrize(
    ("points", "accuracy"),
    [
        ([(0, 0.2, 0.9), (1, 0.0, 0.8)], 0.8 + 0.1 * 0.01 / 0.2),
        ([(0, 0.2, 0.9), (1, 0.0, 0.8), (2, 0.005, 0.7)], 0.8 + 0.1 * 0.01 / 0.2),  # worse in both is left out
        ([(0, 0.2, 0.9), (1, 0.02, 0.8)], None),
        ([(0, 0.004, 0.8)], 0.8),
    ],
)
def test_accuracy_at_a_parity_is_on_the_line_between_the_nearest_of_the_best(benchmark, points, accuracy):
    assert benchmark.accuracy_at(points) == (None if accuracy is None else pytest.approx(accuracy))

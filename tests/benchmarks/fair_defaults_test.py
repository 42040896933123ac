"""The benchmark of the fair classifier's defaults: its quick mode, and that it goes on where it was interrupted."""

import csv

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture
def benchmark(load_script, monkeypatch):
    module = load_script("benchmarks/fair_defaults.py")
    few = ("nothing hidden", "representation, defaults", "the model itself")
    monkeypatch.setattr(module, "SETTINGS", {name: module.SETTINGS[name] for name in few})
    return module


def test_quick_mode_measures_every_setting_and_writes_a_table(benchmark, tmp_path, capsys):
    rows = benchmark.main(quick=True, out=tmp_path / "fair.csv")
    assert [row["setting"] for row in rows] == list(benchmark.SETTINGS)
    with open(tmp_path / "fair.csv", newline="") as file:
        for row, of_file in zip(rows, csv.DictReader(file), strict=True):
            assert float(of_file["gap"]) == round(row["gap"], 4) and 0 <= row["accuracy"] <= 1
    printed = capsys.readouterr().out
    assert "| made up | 300 | nothing hidden | " in printed and "| 0 of 1 |" in printed


def test_what_was_measured_is_not_measured_again(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "SIZES", (500,))
    monkeypatch.setattr(benchmark, "EVERYWHERE", ("nothing hidden",))
    measured = []

    def measure(setting, train, test, seed, quick):
        measured.append((setting, len(train[0]), seed))
        return dict(gap=0.1, accuracy=0.8, auc=0.6, warned=0, seconds=1.0)

    monkeypatch.setattr(benchmark, "measure", measure)
    benchmark.main(seeds=1, out=tmp_path / "fair.csv")
    rows = benchmark.main(seeds=3, out=tmp_path / "fair.csv")
    assert measured == [("nothing hidden", 500, seed) for seed in range(3)] and len(rows) == 3
    assert benchmark.table_of(rows).endswith("0.100, 0.100, 0.100 | 0.800 | 0.60 | 0 of 3 | 1 |")


def test_made_up_people_are_as_the_docstring_says(benchmark):
    x, y, sex = benchmark.made_up(200_000, 0)
    assert y[sex == 1].mean() - y[sex == 0].mean() == pytest.approx(0.28, abs=0.01)
    assert abs(np.corrcoef(x[:, 1], sex)[0, 1]) < 0.01

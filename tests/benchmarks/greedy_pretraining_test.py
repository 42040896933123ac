import csv

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture
def benchmark(load_script):
    return load_script("benchmarks/greedy_pretraining.py")


def test_quick_mode_measures_every_cell_and_writes_table_and_figure(benchmark, assert_is_figure, tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark, "DEPTHS", (1, 2))
    monkeypatch.setattr(benchmark, "OPTIMIZERS", {"SGD 0.1": benchmark.OPTIMIZERS["SGD 0.1"]})
    results = benchmark.main(quick=True, out=tmp_path / "figure.png")
    assert len(results) == 2 * 2 * 2 and all(len(errors) == 1 for errors in results.values())
    assert_is_figure(tmp_path / "figure.png", width=400, height=400)
    with open(tmp_path / "figure.csv") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        key = int(row["labels"]), row["optimizer"], int(row["depth"]), row["pretrained"] == "True"
        assert float(row["test_error_percent"]) == round(results[key][0], 2)


def test_the_parts_of_a_run_are_what_they_should_be(benchmark):
    x, y, x_test, y_test = benchmark.digits(1)
    assert x.shape == (4000, 784) and x_test.shape == (1000, 784) and x.min() == 0 and x.max() == 1
    assert not {row.tobytes() for row in x} & {row.tobytes() for row in x_test}
    assert np.bincount(y[benchmark.few(y, 100, 0)]).tolist() == [10] * 10
    made = benchmark.stacks(x[:200], 0, 8, 1)
    without, with_pretraining = (benchmark.classifier(made[way], 2, 0) for way in (False, True))
    assert [layer.units for layer in without.layers[1:]] == [8, 8, 10]
    np.testing.assert_array_equal(without.get_weights()[-2], with_pretraining.get_weights()[-2])
    assert np.abs(without.get_weights()[0] - with_pretraining.get_weights()[0]).max() > 0


def test_the_table_gives_mean_and_spread(benchmark):
    results = {(100, "SGD 0.1", 1, False): [8.0, 10.0], (100, "SGD 0.1", 1, True): [5.0, 5.0]}
    assert "| 100 | SGD 0.1 | 1 | 9.0 ± 1.4 | 5.0 ± 0.0 |" in benchmark.table(results)


def test_the_explained_variance_is_one_minus_the_share_of_the_error(benchmark):
    x = benchmark.digits(0)[0][:50]
    stack = benchmark.stacks(x, 0, 8, 1)[False]
    for layer in stack.decoder.layers[1:]:
        layer.kernel.assign(0 * layer.kernel)
    # The lowest decoder gives 1/2 everywhere, and the others 1/2 too, whatever the codes are.
    shares = benchmark.explained(stack, x)
    assert len(shares) == 5
    np.testing.assert_allclose(shares[0], 1 - np.mean((0.5 - x) ** 2) / np.mean(x.var(axis=0)), rtol=1e-4)

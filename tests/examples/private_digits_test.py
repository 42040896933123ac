"""The example of private features: its thickness against known shapes, its claims, its figure."""

import numpy as np
import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture(scope="module")
def example(load_script):
    return load_script("examples/private_digits.py")


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_thickness_is_that_of_a_long_bar_whatever_its_grey_edges(example, width):
    bar = np.zeros((1, 28, 28, 1))
    bar[0, 2:26, 10 : 10 + width] = 1
    # A bar of length 24 has an outline of 2 * (24 + width).
    assert example.stroke_thickness(bar)[0] == pytest.approx(width * 24 / (24 + width))
    blurred = (bar + np.roll(bar, 1, axis=2)) / 2  # as much ink, and a grey pixel at either long edge
    if width > 1:  # some of it is black still
        assert example.stroke_thickness(blurred)[0] == pytest.approx(width * 24 / (24 + width))


def test_an_empty_image_has_no_thickness(example):
    assert example.stroke_thickness(np.zeros((1, 28, 28, 1)))[0] == 0


def test_quick_mode_reports_both_models_and_draws_them(run_example):
    results, by_digit = run_example("private_digits")
    assert list(results) == ["nothing hidden", "thickness hidden"]
    for report in results.values():
        assert report.rows == 120 and 0.4 < report.leakage[0].majority < 0.65
        assert {(found.name, found.probe) for found in report.leakage} == {
            (name, probe) for name in ("representation", "prediction") for probe in ("linear", "trees")
        }
    assert by_digit[0].column == "thick"

"""The example of private features: its thickness against known shapes, its claims, its figure."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole scripts

EXAMPLE = Path(__file__).parents[2] / "examples" / "private_digits.py"


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("private_digits", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


def test_quick_mode_reports_both_models_and_draws_them(example, tmp_path):
    out = tmp_path / "new folder" / "private_digits.png"
    results, by_digit = example.main(quick=True, out=out)
    assert list(results) == ["nothing hidden", "thickness hidden"]
    for report in results.values():
        assert report.rows == 120 and 0.4 < report.leakage[0].majority < 0.65
        assert {(found.name, found.probe) for found in report.leakage} == {
            (name, probe) for name in ("representation", "prediction") for probe in ("linear", "trees")
        }
    assert by_digit[0].column == "thick"
    with Image.open(out) as figure:
        assert figure.format == "PNG" and figure.width >= 600 and np.asarray(figure.convert("L")).std() > 3

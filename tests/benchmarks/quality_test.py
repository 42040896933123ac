import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow  # whole scripts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "quality.py"


def load():
    spec = importlib.util.spec_from_file_location("quality", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_quick_mode_trains_and_judges_both_recipes(tmp_path, monkeypatch):
    quality = load()
    # The mean pixel in place of the classifier, whose own test trains it: this one is about the two runs.
    monkeypatch.setattr(quality.digit_classifier, "frechet", lambda images, quick: float(images.mean()))
    plain, default = quality.main(quick=True, out=tmp_path / "quality.png")
    assert default.gan.loss.__class__.__name__ == "Relativistic" and len(default.gan.penalties) == 2
    assert plain.gan.loss.__class__.__name__ == "NonSaturating" and not plain.gan.penalties
    assert plain.gan.ema_generator is None
    for contender in (plain, default):
        assert contender.gan.rounds == 3 * 10  # an epoch to compile and two that count
        assert contender.times == sorted(contender.times) and len(contender.distances) == 3
    with Image.open(tmp_path / "quality.png") as figure:
        assert min(figure.size) > 300 and np.asarray(figure.convert("L")).std() > 3


def test_time_to_a_distance_is_that_of_the_first_measurement_below_it():
    quality = load()

    class Run:
        times, distances = [1.0, 2.0, 3.0], [9.0, 4.0, 5.0]

    assert quality.first_time_below(Run, 5.0) == 2.0
    assert quality.first_time_below(Run, 1.0) is None

import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture
def quality(load_script):
    return load_script("benchmarks/quality.py")


def test_quick_mode_trains_and_judges_both_recipes(quality, tmp_path, monkeypatch, assert_is_figure):
    # The mean pixel in place of the classifier, whose own test trains it: this one is about the two runs.
    monkeypatch.setattr(quality.digit_classifier, "frechet", lambda images, quick: float(images.mean()))
    plain, default = quality.main(quick=True, out=tmp_path / "quality.png")
    assert default.gan.loss.__class__.__name__ == "Relativistic" and len(default.gan.penalties) == 2
    assert plain.gan.loss.__class__.__name__ == "NonSaturating" and not plain.gan.penalties
    assert plain.gan.ema_generator is None
    for contender in (plain, default):
        assert contender.gan.rounds == 3 * 10  # an epoch to compile and two that count
        assert contender.times == sorted(contender.times) and len(contender.distances) == 3
    assert_is_figure(tmp_path / "quality.png", width=300)


def test_time_to_a_distance_is_that_of_the_first_measurement_below_it(quality):

    class Run:
        times, distances = [1.0, 2.0, 3.0], [9.0, 4.0, 5.0]

    assert quality.first_time_below(Run, 5.0) == 2.0
    assert quality.first_time_below(Run, 1.0) is None

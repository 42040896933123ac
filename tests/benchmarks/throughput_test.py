import re
import types

import pytest

pytestmark = pytest.mark.slow  # whole scripts


@pytest.fixture
def throughput(load_script):
    return load_script("benchmarks/throughput.py")


def test_images_per_second_are_measured_in_turns(throughput, monkeypatch):
    clock, turns = types.SimpleNamespace(now=0.0), []
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(throughput, "time", clock)

    def contender(name, seconds_per_step):
        def train(steps):
            turns.append((name, steps))
            clock.now += steps * seconds_per_step

        return train

    rates = throughput.measure({"slow": contender("slow", 2.0), "fast": contender("fast", 0.5)}, steps=5, blocks=2)
    assert rates == {"slow": [32.0, 32.0], "fast": [128.0, 128.0]}  # of 64 images a step
    assert turns == [("slow", 3), ("fast", 3)] + 2 * [("slow", 5), ("fast", 5)]


def test_quick_mode_prints_the_ratio_of_both_loops(throughput, capsys, monkeypatch):
    rates = {"kgan fit": [300.0, 100.0, 200.0], "hand-written Keras loop": [50.0, 400.0, 160.0]}
    monkeypatch.setattr(throughput, "measure", lambda contenders, **_: {name: rates[name] for name in contenders})
    assert set(throughput.main(quick=True)) == {"plain", "default"}
    lines = re.findall("kgan fit.*", capsys.readouterr().out)
    assert [re.findall(r"[\d.]+", line) for line in lines] == 2 * [["200", "300", "1.25", "0.75"]]


@pytest.mark.parametrize("recipe", ["plain", "default"])
def test_the_hand_written_loop_is_the_same_training(throughput, recipe):
    """From one state and on one batch, the first losses of both are the same up to the latents drawn."""
    import keras
    import numpy as np

    images = np.random.default_rng(0).uniform(-1, 1, (64, 28, 28, 1)).astype("float32")
    keras.utils.set_random_seed(0)
    history = throughput.kgan_fit(recipe, 4, images)(1).history
    keras.utils.set_random_seed(0)
    losses = throughput.handwritten_loop(recipe, 4, images)(1)
    expected = [history[f"{player}_loss"][0] for player in ("discriminator", "generator")]
    np.testing.assert_allclose(losses, expected, rtol=0.1)

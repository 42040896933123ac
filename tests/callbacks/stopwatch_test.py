import types

import keras
import numpy as np
import pytest

from kgan.callbacks import Stopwatch, stopwatch


class Clock(keras.callbacks.Callback):
    """Time that stands still but for the two seconds that every epoch takes."""

    now = 1000.0

    def on_epoch_begin(self, epoch, logs=None):
        self.now += 2.0


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def fit(*callbacks):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 1), "float32")
    return model.fit(x, x, epochs=5, verbose=0, callbacks=callbacks).history


def test_seconds_are_logged_from_the_start_of_training(clock):
    assert fit(Stopwatch(), clock)["seconds"] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_training_ends_with_the_epoch_in_which_the_time_is_over(clock):
    assert len(fit(Stopwatch(5 / 60), clock)["loss"]) == 3
    assert len(fit(Stopwatch(np.float32(1)), clock)["loss"]) == 5


def test_earlier_parts_count(clock):
    assert fit(Stopwatch(1.0, seconds_before=57.0), clock)["seconds"] == [59.0, 61.0]

import time

import keras
import numpy as np

from kgan.callbacks import Stopwatch


class Slow(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        time.sleep(0.06)


def fit(*callbacks):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((4, 1), "float32")
    return model.fit(x, x, epochs=5, verbose=0, callbacks=callbacks).history


def test_seconds_are_logged_from_the_start_of_training():
    seconds = fit(Stopwatch(), Slow())["seconds"]
    assert len(seconds) == 5
    assert np.all(np.diff(seconds) >= 0.06)
    assert seconds[0] >= 0.06


def test_training_ends_with_the_epoch_in_which_the_time_is_over():
    assert len(fit(Stopwatch(1e-6))["loss"]) == 1
    assert len(fit(Stopwatch(60.0))["loss"]) == 5


def test_earlier_parts_count():
    history = fit(Stopwatch(1.0, seconds_before=59.99), Slow())
    assert len(history["loss"]) == 1
    assert history["seconds"][0] >= 60.05

import io
import re
import types

import keras
import numpy as np
import pytest
from rich.console import Console

from kgan.callbacks import Progress
from kgan.callbacks import progress as progress_module


class Losses(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        logs.update(critic_loss=0.25, val_critic_loss=9.0, actor_loss=1.5)


def fit(progress, *callbacks, epochs=3, **kwargs):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.ones((8, 1), "float32")
    model.fit(x, x, epochs=epochs, batch_size=2, verbose=0, callbacks=[*callbacks, Losses(), progress], **kwargs)


def lines(terminal, epochs=3, callbacks=(), minutes=None, **kwargs):
    text = io.StringIO()
    console = Console(file=text, width=100, force_terminal=terminal, legacy_windows=False)
    fit(Progress(minutes, console=console), *callbacks, epochs=epochs, **kwargs)
    return text.getvalue()


def test_without_a_terminal_there_is_a_line_per_epoch():
    found = lines(False, epochs=10, initial_epoch=7).splitlines()
    assert len(found) == 3
    for number, line in zip((8, 9, 10), found, strict=True):
        pattern = rf"epoch {number:2}/10   critic 0.250  actor 1.500   \d+\.\d s(   \d+:\d\d left)?"
        assert re.fullmatch(pattern, line), line
    assert "left" in found[1] and "left" not in found[2]


def test_on_a_terminal_there_is_one_bar_and_the_cursor_comes_back():
    text = lines(True)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    last = plain.replace("\r", "\n").rstrip().splitlines()[-1]
    assert last.startswith("epoch 3/3 ━━━") and "critic 0.250  actor 1.500" in last and "9.0" not in plain
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_the_bar_follows_steps_epochs_and_minutes(monkeypatch):
    clock = types.SimpleNamespace(now=1000.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(progress_module, "time", clock)
    progress = Progress(console=Console(file=io.StringIO()))
    progress.set_params({"epochs": 4, "steps": 10})
    progress.on_train_begin()
    progress.on_epoch_begin(2)
    assert progress._fraction(2, 0) == 0.5
    assert progress._fraction(2, 5) == 0.625
    assert progress._fraction(4, 0) == 1.0
    progress.minutes, progress.seconds_before = 1.0, 45.0
    assert progress._fraction(2, 0) == 0.75
    progress.set_params({"epochs": 10**9, "steps": None})
    assert progress._fraction(2, 0) == 0.75
    assert progress._left(0.75) == "0:15 left"
    clock.now += 7.5
    assert progress._fraction(2, 0) == 0.875
    assert progress._left(0.875) == "0:07 left"
    progress.minutes = None
    assert progress._fraction(2, 3) is None


def test_an_interrupted_bar_can_be_closed():
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    text = io.StringIO()
    progress = Progress(console=Console(file=text, force_terminal=True, legacy_windows=False))
    with pytest.raises(KeyboardInterrupt):
        fit(progress, Stop())
    assert text.getvalue().endswith("\x1b[?25h") is False
    progress.close()
    progress.close()
    assert "\x1b[?25h" in text.getvalue()

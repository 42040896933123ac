import math

import keras
import numpy as np
import pytest

from kgan.callbacks import HistoryFile, Stopwatch
from kgan.callbacks.history_file import read_history


def model():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def fit(model, **kwargs):
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    return model.fit(x, x[:, :1], verbose=0, **kwargs).history


def test_the_file_holds_the_history_in_full_precision(tmp_path):
    history = fit(model(), epochs=3, callbacks=[HistoryFile(tmp_path / "new" / "h.csv")])
    assert read_history(tmp_path / "new" / "h.csv") == {"epoch": [1.0, 2.0, 3.0], "loss": history["loss"]}
    assert (tmp_path / "new" / "h.csv").read_text().splitlines()[0] == "epoch,loss"


def test_a_later_start_keeps_the_rows_before_it_and_replaces_the_others(tmp_path):
    path, trained = tmp_path / "h.csv", model()
    first = fit(trained, epochs=4, callbacks=[HistoryFile(path)])["loss"]
    again = fit(trained, epochs=5, initial_epoch=2, callbacks=[HistoryFile(path)])["loss"]
    assert read_history(path)["loss"] == first[:2] + again
    assert read_history(path, epochs=3)["loss"] == first[:2] + again[:1]
    afresh = fit(trained, epochs=1, callbacks=[HistoryFile(path)])["loss"]
    assert read_history(path) == {"epoch": [1.0], "loss": afresh}


def test_what_was_not_logged_in_every_epoch_is_nan_there(tmp_path):
    path, trained = tmp_path / "h.csv", model()
    fit(trained, epochs=1, callbacks=[HistoryFile(path)])
    fit(trained, epochs=2, initial_epoch=1, callbacks=[Stopwatch(), HistoryFile(path)])
    history = read_history(path)
    assert math.isnan(history["seconds"][0]) and history["seconds"][1] > 0
    assert read_history(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it has no column named epoch"),
        (b"loss\n1.0\n", "it has no column named epoch"),
        (b"epoch,loss\n1,0.5\n2\n", "its row 2 does not hold a number in each column"),
        (b"epoch,loss\n1,0.5,0.7\n", "its row 1 does not hold"),
        (b"epoch,loss\none,0.5\n", "its row 1 does not hold"),
        (b"epoch,loss\n1,half\n", "its row 1 does not hold"),
        (b"epoch,loss\n" + b"9" * 5000 + b",0.5\n", "its row 1 does not hold"),
        (b"epoch,loss\n1,0.5\n3,0.4\n", "its epochs do not follow one another"),
        (b"epoch,loss\n2,0.5\n1,0.4\n", "its epochs do not follow one another"),
        (b'epoch,loss\n1,"0.5\n2,0.4\n', "unexpected end of data"),
        (b"epoch,seconds\n1,3600.5\n2,72", "its last line has no end"),
        (b"\xff\xfe\0\0", "codec"),
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path, content, sentence):
    path = tmp_path / "h.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path} is damaged: .*{sentence}"):
        read_history(path)
    with pytest.raises(ValueError, match=sentence):
        fit(model(), epochs=6, initial_epoch=5, callbacks=[HistoryFile(path)])
    assert path.read_bytes() == content

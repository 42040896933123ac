import json
import os
import pathlib

import h5py
import keras
import numpy as np
import pytest

import kgan
from kgan.callbacks import ResumePoint


def gan():
    keras.utils.set_random_seed(1)
    generator = kgan.networks.mlp(4, 2, hidden=(8,))
    discriminator = kgan.networks.mlp(2, 1, hidden=(8,))
    gan = kgan.GAN(generator, discriminator, seed=0)
    gan.compile(generator_optimizer="adam", discriminator_optimizer="adam")
    return gan


DATA = np.random.default_rng(0).normal(size=(64, 2)).astype("float32")


def fit(gan, epochs, *callbacks, **kwargs):
    return gan.fit(DATA, batch_size=16, epochs=epochs, verbose=0, callbacks=list(callbacks), **kwargs)


def state(gan):
    optimizers = [v for optimizer in gan.optimizers.values() for v in optimizer.variables]
    return [np.asarray(v) for v in [*gan.weights, *gan.random_states, *optimizers]]


def assert_same(gan, other):
    for mine, others in zip(state(gan), state(other), strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.slow
def test_resumed_training_equals_the_uninterrupted_one(tmp_path):
    whole = gan()
    fit(whole, 3)
    first = gan()
    fit(first, 2, ResumePoint(tmp_path))
    second, point = gan(), ResumePoint(tmp_path)
    epochs = point.restore(second)
    assert epochs == point.epochs == 2
    assert_same(second, first)
    fit(second, 3, point, initial_epoch=epochs)
    assert_same(second, whole)
    assert point.epochs == 3
    assert sorted(os.listdir(tmp_path)) == ["epoch_0003.weights.h5", "state.json"]


@pytest.mark.slow
def test_the_start_is_saved_too(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    model = gan()
    before = state(model)
    with pytest.raises(KeyboardInterrupt):
        fit(model, 2, ResumePoint(tmp_path), Stop())
    other = gan()
    fit(other, 1)
    assert ResumePoint(tmp_path).restore(other) == 0
    for mine, others in zip(before, state(other), strict=True):
        np.testing.assert_array_equal(mine, others)


def test_without_a_checkpoint_the_model_stays_as_it_is(tmp_path):
    model, point = gan(), ResumePoint(tmp_path / "nothing")
    before = state(model)
    assert point.restore(model) == 0 and point.epochs is None
    for mine, others in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.slow
@pytest.mark.parametrize("fails_at", range(3))
def test_whenever_saving_breaks_off_a_complete_checkpoint_is_left(tmp_path, monkeypatch, fails_at):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    saved = state(model)
    fit(model, 2, initial_epoch=1)
    replace, calls = os.replace, []

    def once(action):
        def call(*args, **kwargs):
            calls.append(action)
            if len(calls) > fails_at:
                raise OSError("No space left on device")
            return action(*args, **kwargs)

        return call

    def torn(path, content):
        with open(path, "wb") as file:
            file.write(content[:1000])
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        if fails_at == 0:
            patch.setattr(pathlib.Path, "write_bytes", torn)
        else:
            patch.setattr(os, "replace", once(replace))  # of the weights and of the state
            patch.setattr(type(point.folder), "unlink", once(type(point.folder).unlink))
        with pytest.raises(OSError):
            point.save(2)
    other = gan()
    epochs = ResumePoint(tmp_path).restore(other)
    expected = saved if epochs == 1 else state(model)
    assert epochs in (1, 2)
    for mine, others in zip(expected, state(other), strict=True):
        np.testing.assert_array_equal(mine, others)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_refused_in_a_sentence(tmp_path):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    weights = tmp_path / "epoch_0001.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="epoch_0001.weights.h5 is damaged: its bytes are not those"):
        point.restore(model)
    weights.unlink()
    with pytest.raises(ValueError, match="the checkpoint is incomplete: .*epoch_0001.weights.h5: No such file"):
        point.check()


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    fit(gan(), 1, ResumePoint(tmp_path))
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.compile("adam", "mse")
    with pytest.raises(ValueError, match="epoch_0001.weights.h5 belongs to another model"):
        ResumePoint(tmp_path).restore(other)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        {"weights": 7},
        {"weights": "../epoch_0001.weights.h5"},
        {"weights": "epoch_0002.weights.h5"},
        {"epochs": -7},
        {"epochs": "one"},
        {"epochs": True},
        {"epochs": 2},
        {"sha256": None},
        {"sha256": 7},
    ],
)
def test_a_state_that_cannot_be_is_refused(tmp_path, content):
    point = ResumePoint(tmp_path)
    point.set_model(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))
    point.save(1)
    path = tmp_path / "state.json"
    if isinstance(content, dict):
        content = json.dumps(json.loads(path.read_text()) | content).encode()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{path} is damaged: it "):
        _ = ResumePoint(tmp_path).epochs


def test_weights_without_their_state_are_not_overwritten(tmp_path):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    (tmp_path / "state.json").unlink()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for call in (lambda: point.restore(model), lambda: fit(model, 1, ResumePoint(tmp_path))):
        with pytest.raises(ValueError, match="state.json is missing beside epoch_0001.weights.h5"):
            call()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_a_training_from_the_start_does_not_overwrite_a_checkpoint(tmp_path):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 2, point)
    with pytest.raises(ValueError, match="holds a checkpoint of 2 epochs, which this training would overwrite"):
        fit(gan(), 1, ResumePoint(tmp_path))
    assert ResumePoint(tmp_path).check() == 2
    fit(model, 3, point, initial_epoch=2)  # the one who saved it goes on
    assert ResumePoint(tmp_path).check() == 3


def test_an_epoch_that_is_saved_again_does_not_overwrite_the_only_checkpoint(tmp_path, monkeypatch):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    before = state(model)

    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kgan.files.write_text", stop)  # of the state, when the weights are written
        with pytest.raises(KeyboardInterrupt):
            fit(model, 1, point)
    other = gan()
    assert ResumePoint(tmp_path).restore(other) == 1
    for mine, others in zip(before, state(other), strict=True):
        np.testing.assert_array_equal(mine, others)
    fit(model, 1, point)
    assert len(list(tmp_path.glob("epoch_0001*"))) == 1


def test_another_object_goes_on_where_the_first_one_was(tmp_path):
    model = gan()
    fit(model, 2, ResumePoint(tmp_path))
    fit(model, 3, ResumePoint(tmp_path), initial_epoch=ResumePoint(tmp_path).restore(model))
    assert ResumePoint(tmp_path).check() == 3


def test_a_checkpoint_of_the_first_versions_has_no_checksum(tmp_path):
    model = gan()
    fit(model, 1, ResumePoint(tmp_path))
    content = json.loads((tmp_path / "state.json").read_text())
    del content["sha256"]
    (tmp_path / "state.json").write_text(json.dumps(content))
    assert ResumePoint(tmp_path).restore(gan()) == 1


def test_a_lone_checkpoint_of_no_epoch_is_none_yet(tmp_path):
    point = ResumePoint(tmp_path)
    point.set_model(gan())
    point.save(0)
    (tmp_path / "state.json").unlink()  # as when a process was killed just before it was written
    assert ResumePoint(tmp_path).restore(gan()) == 0


class Counter(keras.callbacks.Callback):
    """A callback with a state."""

    def __init__(self):
        super().__init__()
        self.seen = np.zeros(2)

    def on_epoch_end(self, epoch, logs=None):
        self.seen = self.seen + [1, epoch]

    def get_state(self):
        return {"seen": self.seen}

    def set_state(self, state):
        self.seen = state["seen"]


def test_frozen_layers_are_left_out_and_states_of_other_callbacks_kept(tmp_path):
    def built():
        frozen, head = keras.layers.Dense(300), keras.layers.Dense(1)
        model = keras.Sequential([keras.Input((2,)), frozen, head])
        frozen.trainable = False
        model.compile("adam", "mse")
        return model, frozen

    (model, frozen), counter = built(), Counter()
    point = ResumePoint(tmp_path, without=[frozen], states_of=[counter])
    model.fit(DATA, DATA[:, :1], epochs=3, verbose=0, callbacks=[counter, point])
    (weights,) = tmp_path.glob("*.h5")
    with h5py.File(weights) as file:
        sizes = []
        file.visititems(lambda name, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert 600 not in sizes and 300 in sizes
    (again, others), other = built(), Counter()
    before = others.get_weights()
    assert ResumePoint(tmp_path, without=[others], states_of=[other]).restore(again) == 3
    np.testing.assert_array_equal(other.seen, [3, 3])
    np.testing.assert_array_equal(others.get_weights()[0], before[0])
    np.testing.assert_array_equal(again.layers[-1].get_weights()[0], model.layers[-1].get_weights()[0])

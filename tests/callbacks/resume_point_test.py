import os

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
@pytest.mark.parametrize("fails_at", range(4))
def test_whenever_saving_breaks_off_a_complete_checkpoint_is_left(tmp_path, monkeypatch, fails_at):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    saved = state(model)
    fit(model, 2, initial_epoch=1)
    replace, save_weights, calls = os.replace, type(model).save_weights, []

    def once(action):
        def call(*args, **kwargs):
            calls.append(action)
            if len(calls) > fails_at:
                raise OSError("No space left on device")
            return action(*args, **kwargs)

        return call

    def torn(self, path, **kwargs):
        save_weights(self, path, **kwargs)
        with open(path, "r+b") as file:
            file.truncate(1000)
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        if fails_at == 0:
            patch.setattr(type(model), "save_weights", torn)
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


def test_a_damaged_checkpoint_is_refused_in_a_sentence(tmp_path):
    model, point = gan(), ResumePoint(tmp_path)
    fit(model, 1, point)
    weights = tmp_path / "epoch_0001.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="epoch_0001.weights.h5 is damaged or belongs to another model"):
        point.restore(model)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(ValueError, match="state.json is damaged"):
        point.restore(model)

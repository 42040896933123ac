"""`GAN.generate` asks for memory before it works, and needs little besides its result."""

import keras
import numpy as np
import pytest

import kgan
from kgan.models.gan import sampling


def gan(classes=None):
    latents, labels = keras.Input((3,)), keras.Input((), dtype="int32")
    taken = [latents, labels] if classes else latents
    x = keras.layers.Dense(16, activation="tanh")(latents)
    if classes:
        x = keras.layers.Add()([x, keras.layers.Embedding(classes, 16)(labels)])
    generator = keras.Model(taken, keras.layers.Reshape((4, 4, 1))(x))
    images = keras.Input((4, 4, 1))
    logits = keras.layers.Dense(1)(keras.layers.Flatten()(images))
    labels = keras.Input((), dtype="int32")
    if classes:
        logits = keras.layers.Add()([logits, keras.layers.Embedding(classes, 1)(labels)])
    return kgan.GAN(generator, keras.Model([images, labels] if classes else images, logits), seed=0)


def test_more_than_memory_holds_is_refused_at_once():
    sentence = r"^1,000,000,000,000 samples of shape \(4, 4, 1\) would take 64.0 TB of memory, but .*: ask for fewer"
    with pytest.raises(ValueError, match=sentence):
        gan().generate(10**12)
    with pytest.raises(ValueError, match="of memory"):
        gan(3).generate(10**30)


@pytest.mark.parametrize("classes", [None, 3])
def test_samples_made_in_parts_are_those_made_at_once(classes, monkeypatch):
    made = gan(classes)
    whole = made.generate(100, seed=5)
    drawn = []
    monkeypatch.setattr(sampling, "_PART", 32)
    draw = sampling.draw_latents
    monkeypatch.setattr(sampling, "draw_latents", lambda n, *rest: drawn.append(n) or draw(n, *rest))
    parts = made.generate(100, seed=5)
    assert drawn == [32, 32, 32, 4]
    np.testing.assert_allclose(parts, whole, atol=1e-6)
    assert parts.shape == (100, 4, 4, 1) and parts.dtype == np.float32

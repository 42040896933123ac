"""One device against two: the same weights and the same logs from the same global batches."""

import keras
import numpy as np
import pytest

import kgan


def images_and_labels(n=64):
    rng = np.random.default_rng(0)
    return np.tanh(rng.normal(size=(n, 8, 8, 1))).astype("float32"), rng.integers(0, 3, n).astype("int32")


ALL_PENALTIES = [kgan.losses.R1(0.1), kgan.losses.R2(0.1), kgan.losses.GradientPenalty(), kgan.losses.DRAGAN()]


def train(
    scope,
    optimizer,
    *,
    conditional=False,
    normalization="none",
    steps=1,
    loss="relativistic",
    penalties=ALL_PENALTIES,
):
    """Weights, logs and model after a few rounds in `scope`, always from the same start."""
    keras.utils.set_random_seed(1)
    images, labels = images_and_labels()
    classes = 3 if conditional else None
    with scope:
        generator = kgan.networks.dcgan_generator(
            (8, 8, 1), 6, filters=4, num_classes=classes, normalization=normalization
        )
        discriminator = kgan.networks.dcgan_discriminator(
            (8, 8, 1), filters=4, num_classes=classes, normalization=normalization
        )
        gan = kgan.GAN(generator, discriminator, ema_momentum=0.5, seed=0)
        gan.compile(
            optimizer(),
            optimizer(),
            loss=loss,
            penalties=penalties,
            discriminator_steps=steps,
        )
    history = gan.fit((images, labels) if conditional else images, batch_size=16, epochs=2, verbose=0)
    return gan, history.history


def no_scope():
    import contextlib

    return contextlib.nullcontext()


def sgd():
    return keras.optimizers.SGD(0.05)


def adam():
    return keras.optimizers.Adam(1e-3)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        pytest.param(sgd, {"loss": "hinge", "penalties": [kgan.losses.R1(0.1)]}, id="hinge"),
        pytest.param(sgd, {}, id="relativistic", marks=pytest.mark.slow),
        pytest.param(sgd, {"normalization": "batch", "loss": "non_saturating"}, id="batch", marks=pytest.mark.slow),
        pytest.param(adam, {"conditional": True, "steps": 2}, id="conditional, k = 2", marks=pytest.mark.slow),
    ],
)
def test_two_devices_train_to_the_weights_and_logs_of_one(two_devices, optimizer, settings):
    one, logs_of_one = train(no_scope(), optimizer, **settings)
    two, logs_of_two = train(two_devices.scope(), optimizer, **settings)
    moved = 0
    for a, b in zip(one.weights, two.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=3e-6)
        moved = max(moved, float(np.abs(a.numpy()).max()))
    assert moved > 0.05
    for name, values in logs_of_one.items():
        np.testing.assert_allclose(values, logs_of_two[name], rtol=1e-4, atol=1e-5)

"""What the head sees: features of mean 0 and standard deviation 1, measured once and kept."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from kgan.models.transfer import TransferClassifier
from kgan.models.transfer.softmax_head import learning_rate
from kgan.models.transfer.standardization import FeatureStandardization

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (48, 6, 6, 3)).astype("uint8")
LABELS = (IMAGES[..., 0].mean((1, 2)) > IMAGES[..., 1].mean((1, 2))).astype("int32")


def base(scale=1.0):
    """Features that are sparse, unequal, and twice the same for all images, multiplied by `scale`."""
    kernel = RNG_KERNEL * np.array([0.001, 1, 30, 1, 1], "float32") * scale
    bias = np.array([0, 0, 100, 7, -1e9], "float32") * scale
    kernel[..., 3:] = 0
    layers = [
        keras.layers.Conv2D(5, 3, activation="relu", name="conv"),
        keras.layers.Flatten(name="flatten"),
    ]
    model = keras.Sequential([keras.Input((6, 6, 3)), *layers])
    model.get_layer("conv").set_weights([kernel, bias])
    return model


RNG_KERNEL = np.random.default_rng(1).normal(size=(3, 3, 3, 5)).astype("float32")


def make(scale=1.0, **kwargs):
    model = TransferClassifier(2, base=base(scale), cut=None, seed=0, **kwargs)
    model.compile()
    return model


def standardized(model, images):
    return np.asarray(model.standardization(model.features(images)))


@pytest.mark.slow
def test_statistics_are_those_of_scikit_learn_over_the_rows_to_train_on():
    model = make()
    features = np.asarray(model.features(IMAGES), "float64")
    dead = features.std(0) == 0
    assert 0 < dead.sum() < len(dead)
    np.testing.assert_array_equal(model.standardization(features), features.astype("float32"))  # not measured yet
    model.fit(IMAGES, LABELS, validation_split=0.25, verbose=0)
    expected = StandardScaler().fit(features[:36]).transform(features)
    got = standardized(model, IMAGES)
    np.testing.assert_allclose(got[:, ~dead], expected[:, ~dead], atol=1e-4)
    assert not got[:, dead].any()
    # What was the same for all images says nothing of a new one that differs.
    assert not np.asarray(model.standardization(features + 5))[:, dead].any()


@pytest.mark.parametrize("rows", [1, 2, 7])
def test_parts_of_an_array_give_what_the_whole_gives(rows, monkeypatch):
    features = RNG.normal(3, 2, (23, 4)).astype("float32")
    monkeypatch.setattr("kgan.models.transfer.standardization._PART", 4 * rows)
    layer = FeatureStandardization()
    layer.build((None, 4))
    layer.measure(features)
    np.testing.assert_allclose(layer(features), StandardScaler().fit_transform(features), atol=1e-5)
    assert layer.measured and float(layer.rows) == 23


def test_numbers_that_vary_by_rounding_alone_are_the_same_and_those_near_a_large_mean_are_not():
    features = np.stack([1000 + np.arange(8) % 2 * 1e-4, 1000 + np.arange(8) % 2, np.arange(8) % 2 * 1e-20], 1)
    layer = FeatureStandardization()
    layer.build((None, 3))
    layer.measure(features.astype("float32"))
    np.testing.assert_allclose(np.asarray(layer(features))[:2], [[0, -1, -1], [0, 1, 1]], atol=1e-3)
    with pytest.raises(FloatingPointError, match="the base gives NaN or infinite features"):
        layer.measure(np.array([[1, 2, np.inf]], "float32"))


@pytest.mark.slow
def test_the_scale_of_the_features_does_not_matter():
    expected = make().fit(IMAGES, LABELS, epochs=3, verbose=0).history
    for scale in (0.01, 100):
        found = make(scale).fit(IMAGES, LABELS, epochs=3, verbose=0).history
        np.testing.assert_allclose(found["loss"], expected["loss"], rtol=1e-3)


@pytest.mark.slow
def test_the_head_begins_at_equal_probabilities_and_learns_what_logistic_regression_does():
    images = np.random.default_rng(2).integers(0, 256, (300, 6, 6, 3)).astype("uint8")
    labels = (images[..., 0].mean((1, 2)) > images[..., 1].mean((1, 2))).astype("int32")
    model = make()
    assert np.all(model.predict(images[:2], verbose=0) == 0.5)
    model.fit(images[:200], labels[:200], epochs=20, verbose=0)
    features = standardized(model, images)
    oracle = LogisticRegression(max_iter=1000).fit(features[:200], labels[:200])
    right = np.mean(model.predict(images, verbose=0)[200:].argmax(-1) == labels[200:])
    assert right > oracle.score(features[200:], labels[200:]) - 0.05 > 0.6


@pytest.mark.slow
def test_measured_once_and_kept_by_later_fits_unfreezing_saving_and_export(tmp_path):
    model = make()
    model.fit(IMAGES[:24], LABELS[:24], verbose=0)
    measured = [w.numpy() for w in model.standardization.weights]
    assert measured[-1] == 24
    model.fit(IMAGES, LABELS, verbose=0)
    model.unfreeze("conv")
    model.compile(keras.optimizers.SGD(1e-6))
    model.fit(IMAGES, LABELS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for now, again, then in zip(model.standardization.weights, loaded.standardization.weights, measured, strict=True):
        np.testing.assert_array_equal(now, then)
        np.testing.assert_array_equal(again, then)
    expected = model.predict(IMAGES, verbose=0)
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), expected)
    model.export(tmp_path / "exported")
    served = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(served.serve(IMAGES), expected, atol=1e-6)
    loaded.fit(IMAGES[:10], LABELS[:10], verbose=0)
    np.testing.assert_array_equal(loaded.standardization.mean, measured[0])
    trained = {w.path for w in model.trainable_variables}
    assert not any(w.path in trained for w in model.standardization.weights)


@pytest.mark.slow
def test_a_base_that_trains_from_the_start_and_an_augmented_one_are_measured_too():
    features = np.asarray(make().features(IMAGES), "float64").mean(0)
    whole = make()
    whole.unfreeze()
    whole.compile()
    assert float(whole.optimizer.learning_rate) == pytest.approx(1e-5)
    whole.fit(IMAGES, LABELS, verbose=0)
    flipped = make(augmentation=keras.layers.RandomFlip(seed=0))
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(12).repeat()
    flipped.fit(data, steps_per_epoch=4, epochs=2, verbose=0)
    for model in (whole, flipped):
        np.testing.assert_allclose(model.standardization.mean, features, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_measures_and_standardises_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    model = make(0.01, head=(4,))
    model.fit(IMAGES, LABELS, verbose=0)
    assert model.base.get_layer("conv").compute_dtype == policy.removeprefix("mixed_")
    got = standardized(model, IMAGES)
    assert got.dtype == np.float32
    alive = got.std(0) > 0
    np.testing.assert_allclose(got.std(0)[alive], 1, rtol=0.02)
    assert model.predict(IMAGES, verbose=0).dtype == np.float32


@pytest.mark.slow
def test_two_devices_measure_what_one_does(two_devices):
    with two_devices.scope():
        two = make()
    for model in (one := make(), two):
        model.fit(IMAGES, LABELS, batch_size=12, verbose=0)
    for a, b in zip(two.standardization.weights, one.standardization.weights, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5)
    np.testing.assert_allclose(two.predict(IMAGES, verbose=0), one.predict(IMAGES, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_restored_weights_reach_a_step_that_is_compiled_already():
    """Statistics are read in each call, not built into the graph."""
    model = make()
    model.fit(IMAGES, LABELS, verbose=0)
    before = model.predict(IMAGES, verbose=0)
    kept = model.get_weights()
    model.standardization.measure(RNG.normal(size=(9, 80)).astype("float32"))
    assert np.abs(model.predict(IMAGES, verbose=0) - before).max() > 1e-3
    model.set_weights(kept)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), before)


def test_the_default_rate_falls_with_the_number_of_features():
    assert float(make().optimizer.learning_rate) == pytest.approx(0.01)
    assert learning_rate(8) == learning_rate(128) == 0.01 and learning_rate(512) == pytest.approx(0.0025)
    assert learning_rate(25088) == pytest.approx(5.1e-5, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("images,size", [(100, 8), (199, 8), (200, 16), (399, 16), (400, 32), (10_000, 32)])
def test_few_images_make_small_batches(images, size):
    model = TransferClassifier(2, base=keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()]), cut=None)
    model.compile()
    x = np.random.default_rng(0).integers(0, 256, (images, 1, 1, 3)).astype("uint8")
    model.fit(x, np.arange(images) % 2, verbose=0)
    assert model.rounds == -(-images // size)

"""`TransferClassifier` through its public names, mostly on a small base of our own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.preprocessing import StandardScaler

from kgan import memory
from kgan.models.training import feature_cache
from kgan.models.transfer import TransferClassifier
from kgan.models.transfer.softmax_head import softmax_head

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 15, 13, 3)).astype("uint8")
LABELS = RNG.integers(0, 3, 40)
SEEN = []  # images that went through the base


class Counting(keras.layers.Layer):
    def call(self, inputs):
        def count(x):
            SEEN.extend(x)
            return x

        return tf.ensure_shape(tf.numpy_function(count, [inputs], tf.float32), inputs.shape)


def tiny_base(counting=False):
    """A network with everything that could change by itself: batch norm with statistics, dropout, noise."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Rescaling(1 / 127.5, -1),
        keras.layers.Conv2D(8, 3, strides=2, name="block1_conv"),
        keras.layers.BatchNormalization(name="block1_norm"),
        keras.layers.ReLU(),
        keras.layers.GaussianNoise(1.0),
        keras.layers.Conv2D(6, 3, activation="relu", name="block2_conv"),
        keras.layers.Dropout(0.5, name="block2_dropout"),
    ]
    base = keras.Sequential([keras.Input((12, 12, 3)), *([Counting()] if counting else []), *layers], name="tiny")
    base(IMAGES[:8, :12, :12].astype("float32"), training=True)
    return base


def make(base=None, *, compile=True, seed=0, **kwargs):
    model = TransferClassifier(3, base=base or tiny_base(), cut=None, seed=seed, **kwargs)
    if compile:
        model.compile(keras.optimizers.Adam(0.01))
    return model


def by_hand(base, images):
    """Resized, through the base in inference mode, averaged: without any of our classes."""
    small = tf.image.resize(tf.cast(images, "float32"), (12, 12), antialias=True)
    return base(small, training=False).numpy().mean((1, 2))


def values(model):
    return [v.numpy() for v in model.variables]


def assert_same(a, b, **tolerance):
    for left, right in zip(a, b, strict=True):
        np.testing.assert_allclose(left, right, **tolerance) if tolerance else np.testing.assert_array_equal(
            left, right
        )


# What trains, and on what


@pytest.mark.slow
def test_only_the_head_trains_and_features_are_computed_once():
    base = tiny_base(counting=True)
    model = make(base, head=(5,))
    before, head = values(base), values(model.head)
    SEEN.clear()
    logs = model.fit(IMAGES, LABELS, epochs=3, batch_size=16, validation_split=0.25, verbose=0).history
    assert len(SEEN) == 40
    assert_same(values(base), before)
    assert all(np.any(a != b) for a, b in zip(values(model.head), head, strict=True))
    assert set(logs) == {"loss", "accuracy", "val_loss", "val_accuracy"} and len(logs["loss"]) == 3

    augmented = make(base, head=(5,), augmentation=keras.layers.Identity())
    SEEN.clear()
    uncached = augmented.fit(IMAGES, LABELS, epochs=3, batch_size=16, validation_split=0.25, verbose=0).history
    assert len(SEEN) == 30 + 3 * 40  # the images to train on once more, to measure their features
    del SEEN[:30]
    assert_same(values(base), before)
    first, second = (sorted(range(30), key=lambda i: SEEN[start + i].tobytes()) for start in (0, 40))
    assert first != second and {x.tobytes() for x in SEEN[:30]} == {x.tobytes() for x in SEEN[40:70]}
    # The same numbers by the other way, whose convolutions see other batches.
    assert_same(values(augmented.head), values(model.head), atol=1e-5)
    for name, numbers in logs.items():
        np.testing.assert_allclose(uncached[name], numbers, rtol=1e-4)


@pytest.mark.parametrize("head", [(10**12,), (10**7, 10**7)])
def test_a_head_that_memory_cannot_hold_is_refused(head):
    with pytest.raises(
        ValueError, match=r"a head of [10, ]+ on 6 features would take .* of memory.*: use a smaller head"
    ):
        make(head=head)


def test_behind_a_layer_of_ones_own_the_size_of_a_head_is_not_guessed(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 10**5)
    head = softmax_head(10**4, [keras.layers.Dense(2), 500], 10, 0)
    assert [tuple(weight.shape) for weight in head.weights[::2]] == [(10**4, 2), (2, 500), (500, 10)]
    with pytest.raises(ValueError, match=r"a head for 10 classes on 10,000 features would take 400 kB of memory"):
        softmax_head(10**4, [], 10, 0)


def test_the_head_equals_one_trained_on_precomputed_features():
    model = make(head=(5,))
    features = by_hand(tiny_base(), IMAGES)
    np.testing.assert_allclose(model.features(IMAGES), features, atol=1e-5)
    features = StandardScaler().fit(features[:30]).transform(features).astype("float32")
    head = keras.models.clone_model(model.head)
    head.set_weights(model.head.get_weights())
    head.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    kwargs = dict(epochs=3, batch_size=16, shuffle=False, class_weight={0: 1.0, 1: 3.0, 2: 0.5}, verbose=0)
    expected = head.fit(features[:30], LABELS[:30], validation_data=(features[30:], LABELS[30:]), **kwargs).history
    got = model.fit(IMAGES[:30], LABELS[:30], validation_data=(IMAGES[30:], LABELS[30:]), **kwargs).history
    assert_same(values(model.head), values(head), atol=1e-5)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-4)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), head.predict(features, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_features_on_disk_and_a_dataset_give_what_arrays_in_memory_give(monkeypatch):
    kwargs = dict(epochs=2, verbose=0)
    model = make()
    in_memory = model.fit(IMAGES, LABELS, batch_size=16, validation_data=(IMAGES, LABELS), **kwargs).history
    monkeypatch.setattr(feature_cache, "MEMORY_LIMIT", 0)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(16)
    from_dataset = make().fit(data, validation_data=data, **kwargs).history
    assert from_dataset == in_memory


@pytest.mark.slow
def test_unfreezing_a_block_trains_it_and_leaves_the_rest_and_batch_norm_as_they_are():
    base = tiny_base()
    model = make(base)
    model.fit(IMAGES, LABELS, verbose=0)
    used = model.optimizer
    model.unfreeze("block1")
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="call compile.. before .*, and again after unfreeze"):
            method(IMAGES, LABELS, verbose=0)
    with pytest.raises(ValueError, match="already serves the weights of another model: make a new one"):
        model.compile(used)
    model.compile(keras.optimizers.SGD(0.1))
    before = {layer.name: values(layer) for layer in base.layers}
    model.fit(IMAGES, LABELS, epochs=2, verbose=0)
    after = {layer.name: values(layer) for layer in base.layers}
    changed = {n for n in after if any(np.any(a != b) for a, b in zip(before[n], after[n], strict=True))}
    assert changed == {"block1_conv"}
    assert {v.path for v in model.trainable_variables} - {v.path for v in model.head.variables} == {
        v.path for v in base.get_layer("block1_conv").variables
    }
    model.unfreeze()
    assert len(model.base.trainable_variables) == 4  # kernels and biases of both convolutions
    nested = make(keras.Sequential([keras.Input((12, 12, 3)), tiny_base()]), compile=False)
    nested.unfreeze("tiny")
    assert len(nested.base.trainable_variables) == 4
    for name in ("block3", "block1_norm", ""):
        with pytest.raises(ValueError, match="no layer of the base that has weights is called, or begins with"):
            model.unfreeze(name)


def test_beginnings_of_names_cut_no_number_in_two_and_whole_names_mean_one_layer(tmp_path):
    base = keras.Sequential([keras.Input((8, 8, 3))])
    for name in ("block1_conv", "block1_conv_b", "block10_conv", "other"):
        base.add(keras.layers.Conv2D(2, 1, name=name))

    def trained(model):
        return [layer.name for layer in model.base.layers if layer.trainable_variables]

    names = ["block1_conv", "block1_conv_b", "block10_conv"]
    for start, expected in {
        "block1_conv": names[:1],
        "block1": names[:2],
        "block10": names[2:],
        "block": names,
    }.items():
        model = make(base, compile=False)
        model.unfreeze(start)
        assert trained(model) == expected
    model = make(base, compile=False)
    model.unfreeze(["block10", "block1_conv"])  # one by its beginning, one by its name
    model.unfreeze("other")
    assert trained(model) == ["block1_conv", "block10_conv", "other"]
    model.save(tmp_path / "model.keras")
    assert trained(keras.models.load_model(tmp_path / "model.keras")) == trained(model)


# Saving and resuming


def random_parts():
    """Augmentation and dropout, whose random states have to be saved too."""
    augmentation = keras.Sequential([keras.layers.RandomFlip(seed=1), keras.layers.RandomBrightness(0.1, seed=2)])
    head = keras.Sequential([keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(5, activation="relu")])
    return dict(augmentation=augmentation, head=head)


@pytest.mark.slow
def test_a_saved_run_goes_on_as_the_uninterrupted_one(tmp_path):
    def start():
        keras.utils.set_random_seed(0)  # for the weights of our own head
        model = make(**random_parts())
        model.unfreeze("block2")
        model.compile()
        return model

    whole, model = start(), start()
    whole.fit(IMAGES, LABELS, epochs=4, batch_size=16, verbose=0)
    model.fit(IMAGES, LABELS, epochs=2, batch_size=16, verbose=0)
    model.save(tmp_path / "half.keras")
    model = keras.models.load_model(tmp_path / "half.keras")
    assert model.rounds == 6 and not model.caches_features
    model.fit(IMAGES, LABELS, epochs=4, initial_epoch=2, batch_size=16, verbose=0)
    assert_same(values(model), values(whole))
    assert_same([v.numpy() for v in model.optimizer.variables], [v.numpy() for v in whole.optimizer.variables])


@pytest.mark.slow
def test_an_interrupted_run_goes_on_from_keras_backup_and_takes_images_again(tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.model.predict(IMAGES[:2], verbose=0)  # images, while features are trained on
            if epoch == 2:
                raise KeyboardInterrupt

    whole = make()
    whole.fit(IMAGES, LABELS, epochs=3, verbose=0)
    model = make()
    backup = [keras.callbacks.BackupAndRestore(tmp_path / "backup")]
    with pytest.raises(KeyboardInterrupt):
        model.fit(IMAGES, LABELS, epochs=3, verbose=0, callbacks=[*backup, Interrupt()])
    loss, _ = model.evaluate(IMAGES, LABELS, verbose=0)
    assert np.isfinite(loss)
    model = make()
    model.fit(IMAGES, LABELS, epochs=3, verbose=0, callbacks=[keras.callbacks.BackupAndRestore(tmp_path / "backup")])
    assert_same(values(model), values(whole))


@pytest.mark.slow
def test_checkpoints_are_the_merged_model_and_early_stopping_restores_it(tmp_path):
    model = make()
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_accuracy", save_best_only=True)
    stop = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True, monitor="val_accuracy")
    model.compile(keras.optimizers.Adam(0.3), metrics=["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(2)])
    logs = model.fit(
        IMAGES, LABELS, epochs=6, verbose=0, validation_data=(IMAGES, LABELS), callbacks=[best, stop]
    ).history
    saved = keras.models.load_model(tmp_path / "best.keras")
    np.testing.assert_array_equal(saved.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    accuracy = np.mean(saved.predict(IMAGES, verbose=0).argmax(-1) == LABELS)
    np.testing.assert_allclose(accuracy, max(logs["val_accuracy"]), atol=1e-6)
    assert "val_sparse_top_k_categorical_accuracy" in logs


# Images


@pytest.mark.slow
def test_images_of_any_kind_give_the_same_probabilities_and_stay_as_they_are():
    model = make(compile=False)
    expected = model.predict(IMAGES, verbose=0)
    assert expected.shape == (40, 3) and expected.dtype == np.float32
    np.testing.assert_allclose(expected.sum(-1), 1, atol=1e-6)
    floats = IMAGES.astype("float32")
    copy = floats.copy()
    np.testing.assert_array_equal(model.predict(floats, verbose=0), expected)
    np.testing.assert_array_equal(floats, copy)
    np.testing.assert_array_equal(model.predict(floats.astype("float64"), verbose=0), expected)
    np.testing.assert_array_equal(model.predict(list(IMAGES), verbose=0), expected)
    data = tf.data.Dataset.from_tensor_slices(IMAGES).batch(16)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, atol=1e-6)
    grey = IMAGES[..., :1]
    repeated = model.predict(np.repeat(grey, 3, -1), verbose=0)
    np.testing.assert_array_equal(model.predict(grey, verbose=0), repeated)


@pytest.mark.slow
def test_pictures_of_different_sizes_in_a_list():
    model = make()
    pictures = [IMAGES[0], RNG.integers(0, 256, (30, 20, 3)).astype("uint8"), IMAGES[1, :, :, :1]]
    one_by_one = np.concatenate([model.predict(p[None], verbose=0) for p in pictures])
    np.testing.assert_allclose(model.predict(pictures, verbose=0), one_by_one, atol=1e-6)
    model.fit(pictures, [0, 1, 2], verbose=0)


def test_a_base_for_grey_images():
    base = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    model = make(base, compile=False)
    assert model.predict(IMAGES[..., :1], verbose=0).shape == (40, 3)
    with pytest.raises(ValueError, match="images must have 1 channel .grey. on their last axis"):
        model.predict(IMAGES)


@pytest.mark.slow
def test_the_seed_decides_the_run():
    a, b, c = (make(head=(4, 4), seed=seed) for seed in (1, 1, 2))
    assert_same(a.head.get_weights(), b.head.get_weights())
    assert np.any(a.head.get_weights()[2] != c.head.get_weights()[2])
    kernels = [w for w in make(tiny_base(), head=(6, 6)).head.get_weights() if w.shape == (6, 6)]
    assert np.any(kernels[0] != kernels[1])


# What Keras's fit has


@pytest.mark.slow
def test_one_hot_labels_and_weights_of_samples():
    one_hot = np.eye(3)[LABELS]
    model = make(compile=False)
    model.compile(keras.optimizers.Adam(0.01), loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.0))
    logs = model.fit(IMAGES, one_hot, epochs=2, verbose=0).history
    other = make()
    weighted = np.r_[np.ones(30), np.zeros(10)]
    expected = other.fit(IMAGES, LABELS, epochs=2, verbose=0).history
    np.testing.assert_allclose(logs["loss"], expected["loss"], rtol=1e-5)
    evaluated = other.evaluate(IMAGES, LABELS, sample_weight=weighted, verbose=0)
    np.testing.assert_allclose(
        evaluated[0] * 40 / 30, other.evaluate(IMAGES[:30], LABELS[:30], verbose=0)[0], rtol=1e-5
    )
    with pytest.raises(ValueError, match="labels are one-hot: compile with loss='categorical_crossentropy'"):
        other.fit(IMAGES, one_hot)
    with pytest.raises(ValueError, match="takes one-hot labels"):
        model.fit(IMAGES, LABELS)


@pytest.mark.slow
def test_half_precision_keeps_probabilities_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = make(head=(4,))
    model.fit(IMAGES, LABELS, verbose=0)
    assert model.predict(IMAGES, verbose=0).dtype == np.float32
    assert model.base.get_layer("block2_conv").compute_dtype == "bfloat16"
    # Fractions of grey levels, which bfloat16 does not have, reach a base that computes in float32.
    layers = [keras.layers.Rescaling(1 / 255, dtype="float32"), keras.layers.GlobalAveragePooling2D(dtype="float32")]
    images = IMAGES[:, :12, :12] + np.float32(0.25)
    model = make(keras.Sequential([keras.Input((12, 12, 3)), *layers]), compile=False)
    np.testing.assert_allclose(model.features(images), images.mean((1, 2)) / 255, rtol=1e-5)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_the_run():
    model = make()
    model.compile(keras.optimizers.SGD(1e38))
    with pytest.raises(FloatingPointError, match=r"training_loss.* is NaN .* which was not taken"):
        model.fit(IMAGES, LABELS, epochs=3, verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())  # the step before was the last one


@pytest.mark.slow
def test_two_devices_equal_one(two_devices):
    def run(scope):
        with scope:
            model = make(head=(4,))
            arguments = dict(batch_size=12, epochs=2, validation_data=(IMAGES[:24], LABELS[:24]), verbose=0)
            return model, model.fit(IMAGES[:36], LABELS[:36], validation_batch_size=12, **arguments).history

    (one, logs), (two, logs_of_two) = run(tf.distribute.get_strategy().scope()), run(two_devices.scope())
    assert two.num_devices == 2
    assert_same(two.head.get_weights(), one.head.get_weights(), atol=1e-6)
    for name in logs:
        np.testing.assert_allclose(logs_of_two[name], logs[name], rtol=1e-5)
    with pytest.raises(ValueError, match="cannot be divided evenly between 2 devices"):
        two.fit(IMAGES, LABELS, batch_size=5)


# Refusals


def dataset(x, y, batch=8):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch)


FLOATS = IMAGES.astype("float32")
BAD_DATA = [
    ((FLOATS / 255, LABELS), "multiply images in 0..1 by 255"),
    ((FLOATS / 127.5 - 1, LABELS), r"multiply \(images in -1..1\) \+ 1 by 127.5"),
    ((dataset(FLOATS / 255, LABELS),), "multiply images in 0..1 by 255"),
    ((FLOATS * 2, LABELS), "images must be from 0 to 255, got 0 to 510"),
    ((np.where(FLOATS > 250, np.nan, FLOATS), LABELS), "NaN or infinite"),
    ((IMAGES[0], LABELS[:1]), r"give one picture as picture\[None\]|same number of rows"),
    ((IMAGES[0][None][0], LABELS[:15]), r"give one picture as picture\[None\]"),
    ((IMAGES[..., :2], LABELS), "3 .RGB. on their last axis"),
    ((IMAGES[:0], LABELS[:0]), "holds nothing"),
    (([], []), "holds nothing"),
    ((IMAGES, LABELS[:9]), "same number of rows, got 40, 9"),
    ((IMAGES, None), "there are no labels"),
    ((IMAGES, LABELS + 1), "labels must be from 0 to 2, got 1 to 3"),
    ((IMAGES, LABELS - 1), "labels must be from 0 to 2, got -1 to 1"),
    ((IMAGES, LABELS + 0.5), "whole numbers from 0 to 2, got 2.5|got 1.5|got 0.5"),
    ((IMAGES, LABELS.astype(str)), "numbers names"),
    ((IMAGES, np.eye(4)[LABELS]), r"one-hot, \(n, 3\), got shape \(40, 4\)"),
    ((dataset(IMAGES, LABELS + 1),), "labels must be from 0 to 2, got 1 to 3"),
    ((dataset(IMAGES, LABELS).repeat(),), r"leave out .repeat\(\)"),
    ((dataset(IMAGES, LABELS).unbatch(),), r"batch it with .batch\(32\)"),
    ((tf.data.Dataset.from_tensor_slices(IMAGES).batch(8),), r"must give \(images, labels\)"),
    ((dataset(IMAGES, LABELS).take(0),), "the dataset is empty"),
    ((dataset(IMAGES, LABELS), LABELS), "brings its own batches and targets"),
    ((iter(IMAGES), LABELS), "must be arrays or a batched"),
]


@pytest.fixture(scope="module")
def small():
    return make()


@pytest.mark.parametrize("data,sentence", BAD_DATA)
def test_data_that_cannot_be_used_is_refused_in_a_sentence(data, sentence, small):
    with pytest.raises((ValueError, TypeError), match=sentence) as error:
        small.fit(*data, verbose=0)
    assert "\n" not in str(error.value)


def test_a_label_that_only_a_later_batch_shows_is_refused_too(small):
    labels = np.r_[LABELS[:-1], 7]
    with pytest.raises(ValueError, match="labels must be from 0 to 2, got 0 to 7"):
        small.fit(dataset(IMAGES, labels), verbose=0)


@pytest.mark.parametrize(
    "kwargs,sentence",
    [
        (dict(num_classes=1), "num_classes must be a whole number of at least 2"),
        (dict(base=3), "base must be the name of a network"),
        (dict(base=None), "base must be the name of a network"),
        (dict(head=(0,)), "head must be numbers of units"),
        (dict(head="big"), "head must be numbers of units"),
        (dict(augmentation=np.flip), "augmentation must be a Keras layer"),
        (dict(weights="file.h5"), "weights belong to a base that is given by name"),
        (dict(cut="fc1"), "tiny has no layer 'fc1': give cut=None"),
        (dict(input_shape=224), r"input_shape must be \(height, width, 3\)"),
        (dict(head=keras.layers.Reshape((2, 3))), "head must give one vector per image"),
        (dict(head=keras.Sequential([keras.Input((9,)), keras.layers.Dense(2)])), "head cannot take the 6 features"),
        (dict(input_shape=(10, 10, 3)), r"the base takes images of shape \(12, 12, 3\)"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_a_sentence(kwargs, sentence):
    kwargs = {"num_classes": 3, "base": tiny_base(), "cut": None, **kwargs}
    with pytest.raises(ValueError, match=sentence):
        TransferClassifier(kwargs.pop("num_classes"), **kwargs)


@pytest.mark.slow
def test_holding_out_whole_classes_is_refused():
    model, sorted_labels = make(), np.repeat([0, 1, 2], [14, 14, 12])
    with pytest.raises(ValueError, match="sorted by class, so shuffle it first"):
        model.fit(IMAGES, sorted_labels, validation_split=0.3)
    order = np.random.default_rng(0).permutation(40)
    model.fit(IMAGES[order], sorted_labels[order], validation_split=0.3, verbose=0)

"""A `tf.data.Dataset` is asked in every batch what arrays are asked, whether features are cached or not."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan.models.transfer import TransferClassifier

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 5, 4, 3)).astype("uint8")
FLOATS = IMAGES.astype("float32")
LABELS = np.arange(24) % 3


def make(cached=True):
    base = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten()])
    augmentation = None if cached else keras.layers.Identity()
    model = TransferClassifier(3, base=base, cut=None, augmentation=augmentation, seed=0)
    model.compile()
    return model


@pytest.fixture(scope="module")
def models():
    """One that caches features, and one that does not."""
    return [make(True), make(False)]


def dataset(x, y, batch=8):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(batch)


def late(array, value):
    """`array` with `value` in the last batch alone."""
    changed = array.copy()
    changed[-1] = value
    return changed


BAD = [
    (FLOATS, late(LABELS, 3), "labels must be from 0 to 2, got"),
    (FLOATS, late(LABELS, -1), "labels must be from 0 to 2, got -1"),
    (FLOATS, late(LABELS.astype("float64"), np.nan), "the labels hold NaN"),
    (FLOATS, late(LABELS.astype("float32"), 0.5), "labels must be whole numbers from 0 to 2, got 0.5"),
    (late(FLOATS, np.nan), LABELS, "the images hold NaN or infinite numbers"),
    (late(FLOATS, np.inf), LABELS, "the images hold NaN or infinite numbers"),
    (late(FLOATS, 256), LABELS, "images must be from 0 to 255, got"),
    (late(FLOATS.astype("float64"), -3), LABELS, "images must be from 0 to 255, got -3"),
    (late(IMAGES.astype("int32"), 300), LABELS, "images must be from 0 to 255, got"),
]


@pytest.mark.parametrize("x,y,sentence", BAD, ids=[case[2][:34] + str(i) for i, case in enumerate(BAD)])
def test_what_only_a_later_batch_shows_is_the_sentence_of_arrays(x, y, sentence, models):
    for model in models:
        with pytest.raises(ValueError, match=sentence) as error:
            model.fit(dataset(x, y), verbose=0)
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_validation_evaluation_and_prediction_are_checked_too(models):
    labels, images = dataset(FLOATS, late(LABELS, 3)), dataset(late(FLOATS, np.nan), LABELS)
    for model in models:
        with pytest.raises(ValueError, match="labels must be from 0 to 2"):
            model.evaluate(labels, verbose=0)
        with pytest.raises(ValueError, match="labels must be from 0 to 2"):
            model.fit(dataset(FLOATS, LABELS), validation_data=labels, verbose=0)
        with pytest.raises(ValueError, match="the images hold NaN"):
            model.predict(images, verbose=0)


def without_shape(x, y, batch=8):
    def batches():
        for start in range(0, len(x), batch):
            yield x[start : start + batch], y[start : start + batch]

    return tf.data.Dataset.from_generator(batches, output_types=(tf.as_dtype(x.dtype), tf.as_dtype(y.dtype)))


@pytest.mark.slow
@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        lambda: dataset(FLOATS.astype("float64"), LABELS.astype("float64")),
        lambda: dataset(FLOATS.astype("float16"), LABELS.astype("uint8")),
        lambda: dataset(IMAGES.astype("int64"), LABELS[:, None]),
        lambda: without_shape(IMAGES, LABELS),
        lambda: without_shape(FLOATS, LABELS),
        lambda: dataset(IMAGES, LABELS).filter(lambda x, y: True),  # of unknown length
    ],
    ids=["float64", "float16", "column", "shapeless", "shapeless floats", "unknown length"],
)
def test_datasets_of_every_kind_train_as_arrays_do(cached, data):
    expected, got = make(cached), make(cached)
    logs = expected.fit(IMAGES, LABELS, batch_size=8, shuffle=False, epochs=2, verbose=0).history
    found = got.fit(data(), shuffle=False, epochs=2, validation_data=data(), verbose=0).history
    np.testing.assert_allclose(found["loss"], logs["loss"], rtol=1e-4)
    assert got.rounds == expected.rounds  # the optimizer counts no step that got no data
    np.testing.assert_allclose(got.head.get_weights()[0], expected.head.get_weights()[0], atol=1e-4)
    np.testing.assert_allclose(got.predict(data(), verbose=0), expected.predict(IMAGES, verbose=0), atol=1e-4)
    assert got.evaluate(data(), verbose=0) == pytest.approx(expected.evaluate(IMAGES, LABELS, verbose=0), rel=1e-4)


@pytest.mark.slow
def test_grey_batches_one_hot_labels_and_images_alone(models):
    grey = without_shape(IMAGES[..., :1], LABELS)
    for model in models:
        model.fit(grey, verbose=0)
        np.testing.assert_allclose(model.predict(grey, verbose=0), model.predict(IMAGES[..., :1], verbose=0), atol=1e-5)
        alone = tf.data.Dataset.from_tensor_slices((IMAGES,)).batch(8)
        np.testing.assert_allclose(model.predict(alone, verbose=0), model.predict(IMAGES, verbose=0), atol=1e-5)
    one_hot = make(False)
    one_hot.compile(loss="categorical_crossentropy")
    one_hot.fit(dataset(IMAGES, np.eye(3)[LABELS]), verbose=0)
    with pytest.raises(ValueError, match="takes one-hot labels"):
        one_hot.fit(dataset(IMAGES, LABELS), verbose=0)


def test_a_dark_batch_among_others_is_fine(models):
    x = FLOATS.copy()
    x[8:16] = 0.5
    for model in models:
        model.fit(dataset(x, LABELS), verbose=0)


@pytest.mark.slow
def test_what_never_ends_is_refused_unless_the_steps_are_given(models):
    cached, uncached = models
    endless = dataset(IMAGES, LABELS).repeat()
    for model in models:
        for call in (
            lambda model: model.fit(endless, verbose=0),
            lambda model: model.evaluate(endless, verbose=0),
            lambda model: model.predict(endless, verbose=0),
            lambda model: model.fit(IMAGES, LABELS, validation_data=endless, verbose=0),
        ):
            with pytest.raises(ValueError, match=r"repeats forever.*leave out .repeat\(\)"):
                call(model)
    with pytest.raises(ValueError, match="repeats forever"):
        cached.fit(endless, steps_per_epoch=3, verbose=0)
    steps = uncached.rounds
    uncached.fit(endless, steps_per_epoch=3, validation_data=endless, validation_steps=2, epochs=2, verbose=0)
    assert uncached.rounds == steps + 6
    assert uncached.predict(endless, steps=2, verbose=0).shape == (16, 3)
    uncached.evaluate(endless, steps=2, verbose=0)


@pytest.mark.slow
def test_batches_are_checked_on_two_devices_too(two_devices):
    with two_devices.scope():
        model = make()
    model.fit(dataset(IMAGES, LABELS), verbose=0)
    with pytest.raises(ValueError, match="labels must be from 0 to 2"):
        model.evaluate(dataset(IMAGES, late(LABELS, 5)), verbose=0)

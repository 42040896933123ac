"""What `fit` takes besides arrays, and that a dataset is checked as arrays are, in every batch."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 8, 8, 3)).astype("float32")
LABELS = np.arange(64) % 3


def gan(classes=None, **kwargs):
    keras.utils.set_random_seed(0)
    options = {"filters": 2, "num_classes": classes}
    model = kgan.GAN(
        kgan.networks.dcgan_generator((8, 8, 3), 4, **options),
        kgan.networks.dcgan_discriminator((8, 8, 3), normalization="none", **options),
        seed=0,
        **kwargs,
    )
    model.compile()
    return model


def autoencoder(numbers=6):
    keras.utils.set_random_seed(0)
    model = kgan.Autoencoder(*kgan.networks.dense_autoencoder(numbers, [3], output_activation=None), seed=0)
    model.compile()
    return model


def dataset(*arrays, batch=16):
    return tf.data.Dataset.from_tensor_slices(arrays if len(arrays) > 1 else arrays[0]).batch(batch)


ROWS = np.random.default_rng(0).random((64, 6)).astype("float32")


class InBatches(keras.utils.PyDataset):
    """Batches of 16 rows, in an order that turns around after each epoch."""

    def __init__(self, rows, **kwargs):
        super().__init__(**kwargs)
        self.rows, self.order, self.epochs = rows, np.arange(4), 0

    def __len__(self):
        return 4

    def __getitem__(self, i):
        start = 16 * self.order[i]
        return (self.rows[start : start + 16],)

    def on_epoch_end(self):
        self.order, self.epochs = self.order[::-1], self.epochs + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        lambda x: (x,),
        lambda x: [x],
        lambda x: x.astype("float64"),
        lambda x: dataset(x.astype("float64")),
        lambda x: dataset(x).map(lambda x: (x,)),
        lambda x: (batch for batch in x.reshape(4, 16, 6)),
        lambda x: ((batch,) for batch in x.reshape(4, 16, 6)),
        lambda x: InBatches(x),
        lambda x: InBatches(x, workers=2),
        lambda x: tf.data.Dataset.from_generator(
            lambda: iter(x.reshape(4, 16, 6)), output_signature=tf.TensorSpec((None, 6), tf.float32)
        ),
    ],
    ids=["(x,)", "[x]", "f64", "f64 dataset", "(x,) dataset", "generator", "tuples", "PyDataset", "workers", "unknown"],
)
def test_every_kind_trains_to_the_weights_of_the_array(kind):
    expected, model = autoencoder(), autoencoder()
    expected.fit(ROWS, batch_size=16, shuffle=False, verbose=0)
    data = kind(ROWS)
    arrays = isinstance(data, np.ndarray | tuple | list)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # none of these has run out of data
        model.fit(data, batch_size=16 if arrays else None, shuffle=False, verbose=0)
    for a, b in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert model.rounds == 4


@pytest.mark.slow
def test_a_pydataset_is_told_of_its_epochs_and_evaluates():
    data = InBatches(ROWS)
    model = autoencoder()
    history = model.fit(data, epochs=3, validation_data=InBatches(ROWS[::-1]), shuffle=False, verbose=0).history
    assert data.epochs == 3 and len(history["val_loss"]) == 3 and model.rounds == 12
    expected = model.evaluate(ROWS, verbose=0, return_dict=True)["loss"]
    assert model.evaluate(InBatches(ROWS), verbose=0, return_dict=True)["loss"] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(history["val_loss"][-1], expected, rtol=1e-5)


@pytest.mark.slow
def test_a_generator_is_read_once():
    batches = (batch for batch in ROWS.reshape(8, 8, 6))
    model = autoencoder()
    with pytest.raises(ValueError, match="a generator gives its batches once, .* or for training give steps_per_epoch"):
        model.fit(batches, epochs=2, verbose=0)
    with pytest.raises(ValueError, match="a generator gives its batches once"):
        model.fit(ROWS, validation_data=batches, epochs=2, verbose=0)
    with pytest.raises(ValueError, match="a generator gives its batches once"):
        kgan.StackedAutoencoder([3]).pretrain(batches, epochs=1, verbose=0)
    history = model.fit(batches, epochs=2, steps_per_epoch=4, verbose=0).history
    assert len(history["loss"]) == 2 and model.rounds == 8


@pytest.mark.slow
@pytest.mark.parametrize(
    "images, sentence",
    [
        (IMAGES * 127.5 + 127.5, "images must be float in -1..1, but these range from .* scale them first"),
        (np.where(np.arange(64)[:, None, None, None] == 40, np.nan, IMAGES), "the data holds NaN or infinite numbers"),
        (np.where(np.arange(64)[:, None, None, None] == 40, -np.inf, IMAGES), "the data holds NaN or infinite numbers"),
        (np.where(np.arange(64)[:, None, None, None] == 40, 3.0, IMAGES), "range from -0.99.* to 3: scale"),
    ],
    ids=["0..255", "NaN", "infinite", "third batch"],
)
@pytest.mark.parametrize("as_data", [lambda x: x, dataset], ids=["array", "dataset"])
def test_images_are_refused_by_the_same_sentence(images, sentence, as_data):
    with pytest.raises(ValueError, match=sentence) as caught:
        gan().fit(as_data(images), verbose=0)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [0, 40])
def test_labels_are_refused_by_the_same_sentence_in_any_batch(wrong):
    labels = LABELS.copy()
    labels[wrong] = 3
    for data in ((IMAGES, labels), dataset(IMAGES, labels)):
        with pytest.raises(ValueError, match="labels must be class ids from 0 to 2, got 0 to 3"):
            gan(3).fit(data, verbose=0)


@pytest.mark.slow
def test_numbers_from_0_up_warn_once_from_a_dataset_too():
    for data in (IMAGES**2, dataset(IMAGES**2)):
        with pytest.warns(UserWarning, match="images should span -1..1, but these range from") as caught:
            gan().fit(data, verbose=0)
        assert sum("span" in str(w.message) for w in caught) == 1


@pytest.mark.slow
def test_adversarial_training_looks_at_every_batch():
    x, y = np.abs(IMAGES[..., 0]), LABELS.copy()
    late_x, late_y = x.copy(), y.copy()
    late_x[40], late_y[40] = 2.0, 7
    for images, labels, sentence in [(late_x, y, "outside bounds"), (x, late_y, "class ids from 0 to 2, got 0 to 7")]:
        classifier = keras.Sequential([keras.Input((8, 8)), keras.layers.Flatten(), keras.layers.Dense(3)])
        robust = kgan.RobustClassifier(classifier, epsilon=0.1)
        robust.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        with pytest.raises(ValueError, match=sentence):
            robust.fit(dataset(images, labels), verbose=0)


def test_what_is_no_dense_number_is_refused():
    sparse = tf.data.Dataset.from_tensors(tf.sparse.from_dense(ROWS))
    for data, sentence in [
        (sparse, "the dataset holds SparseTensors, but must hold dense tensors: map tf.sparse.to_dense"),
        (ROWS.astype(object), "the data holds Python objects, but must hold real numbers: turn it into numbers first"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            autoencoder().fit(data, verbose=0)


@pytest.mark.slow
def test_a_stack_is_pretrained_from_a_pydataset():
    stacks = [kgan.StackedAutoencoder([3, 2], seed=0) for _ in range(2)]
    for stack, data, size in zip(stacks, (ROWS, InBatches(ROWS)), (16, None), strict=True):
        keras.utils.set_random_seed(0)
        stack.pretrain(data, epochs=1, batch_size=size, verbose=0)
        assert stack.encoder.input_shape == (None, 6) and stack.layers_pretrained == 2


@pytest.mark.parametrize(
    "data, sentence",
    [
        (dataset(IMAGES).repeat(), "the dataset repeats forever: leave out .repeat\\(\\), or give steps_per_epoch"),
        (
            tf.data.Dataset.from_generator(lambda: iter(IMAGES[None]), output_types=tf.float32),
            "does not say which shapes its batches have: give tf.data.Dataset.from_generator an output_signature",
        ),
        (tf.data.Dataset.from_tensor_slices(IMAGES), "call .batch"),
    ],
    ids=["endless", "shapeless", "unbatched"],
)
def test_datasets_that_cannot_be_used_are_refused(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        gan().fit(data, verbose=0)


def test_endless_data_need_steps_everywhere():
    model, endless = autoencoder(), dataset(ROWS).repeat()
    for call, name in [
        (lambda: model.evaluate(endless, verbose=0), "steps"),
        (lambda: model.fit(ROWS, validation_data=endless, verbose=0), "validation_steps"),
    ]:
        with pytest.raises(ValueError, match=f"or give {name}"):
            call()
    model.fit(endless, steps_per_epoch=3, validation_data=endless, validation_steps=2, verbose=0)
    assert model.rounds == 3


@pytest.mark.slow
def test_an_incomplete_last_batch_is_no_reason_for_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        autoencoder().fit(dataset(ROWS[:50]), epochs=2, verbose=0)
    with pytest.warns(UserWarning, match="ran out of data"):  # which is true here
        autoencoder().fit(dataset(ROWS[:32]).filter(lambda x: True), steps_per_epoch=5, verbose=0)


@pytest.mark.slow
def test_sorted_classes_warn_where_the_last_rows_are_held_out():
    for labels, warns in ((np.repeat([0, 1, 2], [24, 24, 16]), True), (LABELS, False)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            gan(3).fit((IMAGES, labels), batch_size=16, validation_split=0.25, verbose=0)
        assert any("the data is sorted by class" in str(w.message) for w in caught) == warns

"""Arrays that hold no numbers, or nothing, are refused by every model in a sentence, never in TensorFlow's words."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan

RNG = np.random.default_rng(0)
UNIT = RNG.uniform(0, 1, (32, 4, 4, 1)).astype("float32")
LABELS = np.arange(32) % 3


def network(units=3, activation="softmax"):
    return keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(units, activation=activation)]
    )


@functools.cache
def gan():
    generator = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Reshape((4, 4, 1))]
    )
    made = kgan.GAN(generator, network(1, None))
    made.compile()
    return made


@functools.cache
def attacked():
    made = kgan.RobustClassifier(network(), epsilon=0.1)
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


@functools.cache
def autoencoder():
    made = kgan.Autoencoder(*kgan.networks.dense_autoencoder((4, 4, 1), units=(3,)))
    made.compile()
    return made


@functools.cache
def transfer():
    made = kgan.TransferClassifier(
        3, base=keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)]), cut=None
    )
    made.compile()
    return made


def pretrained(x):
    return kgan.pretrain(keras.Sequential([*network(4).layers, keras.layers.Dense(2)]), x, verbose=0)


def with_object(a):
    found = a.astype(object)
    found.flat[0] = None
    return found


BAD = {
    "text": lambda a: a.astype(str),
    "bytes": lambda a: a.astype(str).astype("S"),
    "text as objects": lambda a: a.astype(str).astype(object),
    "objects": with_object,
    "no rows": lambda a: a[:0],
    "no columns": lambda a: a[:, :0],
    "complex": lambda a: a.astype("complex64"),
    "dates": lambda a: np.zeros(a.shape, "datetime64[s]"),
    "spans of time": lambda a: np.zeros(a.shape, "timedelta64[s]"),
    "records": lambda a: np.zeros(a.shape, [("a", "f4")]),
}
USES = {
    "GAN.fit": lambda x: gan().fit(x, verbose=0),
    "GAN.evaluate": lambda x: gan().evaluate(x, verbose=0),
    "GAN.fit, validation": lambda x: gan().fit(UNIT * 2 - 1, validation_data=x, verbose=0),
    "Autoencoder.fit": lambda x: autoencoder().fit(x, verbose=0),
    "Autoencoder.predict": lambda x: autoencoder().predict(x, verbose=0),
    "Autoencoder.encode": lambda x: autoencoder().encode(x),
    "Autoencoder.decode": lambda x: autoencoder().decode(x[:, :3, 0, 0]),
    "RobustClassifier.fit": lambda x: attacked().fit(x, LABELS[: len(x)], verbose=0),
    "RobustClassifier.predict": lambda x: attacked().predict(x, verbose=0),
    "TransferClassifier.fit": lambda x: transfer().fit(x, LABELS[: len(x)], verbose=0),
    "TransferClassifier.predict": lambda x: transfer().predict(x, verbose=0),
    "StackedAutoencoder.pretrain": lambda x: kgan.StackedAutoencoder([3]).pretrain(x, verbose=0),
    "pretrain": pretrained,
    "fgsm": lambda x: kgan.attacks.fgsm(network(), x, LABELS[: len(x)], epsilon=0.1),
    "leakage": lambda x: kgan.metrics.leakage(x, LABELS[: len(x)]),
    "latent_map": lambda x: kgan.visualize.latent_map(x, path="codes.png"),
    "image_grid": lambda x: kgan.visualize.image_grid(x),
}


@pytest.mark.parametrize("use", USES)
def test_what_holds_no_numbers_is_refused_in_a_sentence(use):
    for name, spoil in BAD.items():
        with pytest.raises(ValueError) as found:
            USES[use](spoil(UNIT))
        assert_is_sentence(str(found.value), f"{use} of {name}")


def assert_is_sentence(text, what):
    assert "\n" not in text and text.endswith(".") and len(text) < 300, (what, text)
    foreign = (
        "Graph execution",
        "node",
        "cannot be converted",
        "could not convert",
        "Invalid dtype",
        "NPY",
        "Unsupported",
    )
    assert not any(words in text for words in foreign), (what, text)


@pytest.mark.parametrize(
    "use", ["GAN.fit", "Autoencoder.fit", "Autoencoder.encode", "TransferClassifier.fit", "pretrain"]
)
@pytest.mark.parametrize("kind", ["text", "complex", "no columns"])
def test_datasets_too(use, kind):
    x = BAD[kind](UNIT)
    data = (x, LABELS) if use == "TransferClassifier.fit" else x
    calls = {"TransferClassifier.fit": lambda x: transfer().fit(x, verbose=0)}
    with pytest.raises(ValueError) as found:
        {**USES, **calls}[use](tf.data.Dataset.from_tensor_slices(data).batch(8))
    assert_is_sentence(str(found.value), use)


@pytest.mark.parametrize("kind", ["text", "objects", "complex", "dates", "spans of time", "records"])
def test_labels_and_weights_too(kind):
    bad = BAD[kind](LABELS.astype("float32"))
    calls = {
        "RobustClassifier.fit": lambda: attacked().fit(UNIT, bad, verbose=0),
        "sample_weight": lambda: attacked().fit(UNIT, LABELS, sample_weight=bad, verbose=0),
        "TransferClassifier.fit": lambda: transfer().fit(UNIT * 255, bad, verbose=0),
        "its sample_weight": lambda: transfer().fit(UNIT * 255, LABELS, sample_weight=bad, verbose=0),
        "fgsm": lambda: kgan.attacks.fgsm(network(), UNIT, bad, epsilon=0.1),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError) as found:
            call()
        assert_is_sentence(str(found.value), name)


def test_the_array_and_the_row_are_named():
    spoiled = np.where(np.arange(32)[:, None, None, None] == 17, np.nan, UNIT)
    with pytest.raises(ValueError, match="^the data holds NaN or infinite numbers, the first in row 17: "):
        autoencoder().fit(spoiled, verbose=0)
    weights = np.where(np.arange(32) == 5, np.inf, 1.0)
    with pytest.raises(ValueError, match="^array 3 of 3 in the data holds NaN or .*, the first in row 5"):
        attacked().fit(UNIT, LABELS, sample_weight=weights, verbose=0)
    dataset = tf.data.Dataset.from_tensor_slices((UNIT, LABELS, weights)).batch(16)
    with pytest.raises(ValueError, match="^array 3 of 3 in the data holds NaN or infinite numbers: "):
        attacked().fit(dataset, verbose=0)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_what_is_too_large_for_float32_is_refused_without_a_warning():
    huge = np.where(np.arange(32)[:, None, None, None] == 3, 1e300, UNIT.astype("float64"))
    for call in (
        lambda: autoencoder().fit(huge, verbose=0),
        lambda: kgan.attacks.fgsm(network(), huge, LABELS, epsilon=0.1),
        lambda: kgan.metrics.leakage(UNIT, huge[:, 0, 0, 0]),
    ):
        with pytest.raises(ValueError, match=r"NaN or infinite|beyond 1e\+100"):
            call()


def test_other_shapes_are_told_apart_before_the_network_runs():
    with pytest.raises(ValueError, match=r"x must have shape \(n, 4, 4, 1\), as the network takes it, but has"):
        autoencoder().encode(UNIT[:, :3])
    with pytest.raises(ValueError, match=r"x must have shape \(n, 2\), as the network takes it, but has \(n, 3\)"):
        gan().predict(np.zeros((4, 3), "float32"))
    with pytest.raises(ValueError, match="got float"):
        autoencoder().predict([1.0, 2.0], verbose=0)


def test_an_empty_list_is_no_array():
    with pytest.raises(ValueError, match="an empty list or tuple in place of an array"):
        attacked().fit(UNIT, [], verbose=0)

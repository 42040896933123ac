"""The examples of the docstrings run as they stand, with small data under the names that they use."""

import ast
import contextlib
import doctest
import io
import textwrap
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from keras import layers, ops
from PIL import Image
from sklearn.preprocessing import OneHotEncoder

import kgan

ROOT = Path(__file__).parents[1]
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def found() -> dict:
    """The docstrings with examples, by the names of their functions and classes, `Class.method` for a method."""
    texts = {}

    def look(node, prefix):
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.FunctionDef | ast.ClassDef):
                name = prefix + inner.name
                text = ast.get_docstring(inner) or ""
                if ">>> " in text:
                    assert name not in texts, name
                    texts[name] = text
                look(inner, f"{name}.")

    for path in sorted((ROOT / "kgan").rglob("*.py")):
        look(ast.parse(path.read_text()), "")
    return texts


TEXTS = found()


def run(name, names=(), changes=()):
    """Runs the examples of a docstring after `changes`, each of which has to change something; returns the names."""
    text = TEXTS[name]
    for old, new in dict(changes).items():
        assert old in text, f"the docstring of {name} has no {old!r}"
        text = text.replace(old, new)
    names = {"kgan": kgan, "keras": keras, "ops": ops, "tf": tf, **dict(names)}
    for example in doctest.DocTestParser().get_examples(text):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example.source, f"the docstring of {name}", "single"), names)
        if example.want:
            got = printed.getvalue()
            assert doctest.OutputChecker().check_output(example.want, got, FLAGS), (example.source, example.want, got)
    return names


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, dtype="float32")


def classifier(shape=(8, 8, 1), classes=2):
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(classes, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


def batch():
    return {"images": pixels(64, 8, 8, 1), "labels": np.arange(64) % 2}


def people(n=120):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"sex": rng.choice(["f", "m"], n), "race": rng.choice(["a", "b", "c"], n)})
    x = rng.normal(size=(n, 3)) + (table.sex == "m").to_numpy()[:, None]
    return {"x": x, "table": table, "income": np.where(x[:, 0] > 0.5, ">50K", "<=50K")}


# What the examples need that need no changes.
ALONE = {
    "as_class_names": lambda: {"as_class_names": kgan.class_names.as_class_names},
    "printable": lambda: {"printable": kgan.foreign_text.printable},
    "GaussianMixture": dict,
    "HidingObjective": dict,
    "auto_weight": dict,
    "get": dict,
    "linear_autoencoder": dict,
    "dense_autoencoder": dict,
    "conv_autoencoder": dict,
    "mlp": dict,
    "dcgan_generator": dict,
    "DenseTranspose": dict,
    "TiedConv2DTranspose": dict,
    "GaussianNoise": batch,
    "MaskingNoise": batch,
    "SaltAndPepperNoise": batch,
    "LatentSampler": lambda: {"images": pixels(64, 28, 28, 1)},
    "ImageResizing": lambda: {"photos": np.zeros((2, 427, 640, 3), "uint8")},
    "BackbonePreprocessing": lambda: {"images": 255 * pixels(2, 32, 32, 3)},
    "SpectralNormalization": lambda: {"images": pixels(2, 8, 8, 3)},
    "accuracy_curve": lambda: {"model": classifier(), **batch()},
    "fgsm": lambda: {"model": classifier(), **batch()},
}


@pytest.mark.parametrize("name", ALONE)
def test_examples_alone(name):
    run(name, ALONE[name]())


def test_every_example_is_run():
    source = Path(__file__).read_text()
    assert [name for name in TEXTS if f'"{name}"' not in source] == []


def test_read_image(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (300, 200), (255, 0, 0)).save("photo.jpg")
    model = keras.Sequential([keras.Input((224, 224, 3)), layers.GlobalAveragePooling2D()])
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint("serve", model.call, [keras.InputSpec(shape=(None, 224, 224, 3), dtype="uint8")])
    archive.write_out("classifier", verbose=False)
    names = run("read_image", {"classifier": tf.saved_model.load("classifier")})
    assert names["image"].shape == (224, 224, 3) and names["probabilities"].shape == (1, 3)


def test_gradient_reversal():
    inputs = keras.Input((4,))
    names = {"inputs": inputs, "encoder": layers.Dense(3), "classifier": layers.Dense(2)}
    assert [output.shape for output in run("GradientReversal", names)["model"].outputs] == [(None, 2), (None, 1)]


def test_retie():
    encoder, decoder = kgan.networks.dense_autoencoder((6,), (4,), tied=True)
    names = run("retie", {"encoder": encoder, "decoder": decoder})
    copies = names["encoder"].trainable_weights + names["decoder"].trainable_weights
    assert len({id(weight) for weight in copies}) == 3  # one kernel and a bias of each
    assert not {id(weight) for weight in copies} & {id(weight) for weight in encoder.weights}


def test_export_generator(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("export_generator", {"gan": kgan.GAN.for_images((28, 28, 1), filters=2, seed=0)})


def test_export_classifier(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = keras.Sequential([keras.Input((4, 4, 3)), layers.Rescaling(1 / 255)])
    model = kgan.TransferClassifier(3, base=base, cut=None, input_shape=(4, 4, 3))
    model.compile()
    photos = np.zeros((2, 4, 4, 3), "uint8")
    photos[0, ..., 0], photos[1, ..., 1] = 255, 255
    colours = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]], "float32")  # daisies are green, and roses red
    model.fit(photos, [1, 0], verbose=0)  # which builds the head
    model.head.set_weights(
        [colours * 10 if weight.shape == (3, 3) else 0 * weight for weight in model.head.get_weights()]
    )
    run("export_classifier", {"classifier": model, "photos": photos})


def test_game():
    features, output = (keras.Sequential([keras.Input((n,)), layers.Dense(1)]) for n in (4, 1))
    names = {"features": features, "output": output, "x": pixels(128, 4), "y": pixels(128, 1)}
    names = run("Game", names, {"epochs=10": "epochs=1, verbose=0"})
    assert names["game"].rounds == 1


def test_another_gradient_rule():
    (example,) = doctest.DocTestParser().get_examples(TEXTS["Game.gradients"])
    names = {"kgan": kgan}
    exec("class Optimistic(kgan.Game):\n" + textwrap.indent(example.source, "    "), names)

    class Square(names["Optimistic"]):
        def player_loss(self, player, data):
            return ops.mean(self.players[player][0](data) ** 2)

    layer, x = layers.Dense(1, use_bias=False, kernel_initializer="ones"), np.ones((4, 1), "float32")
    layer(x)
    game = Square({"one": layer}, seed=0)
    game.last = {"one": [keras.Variable([[1.5]])]}
    game.compile({"one": keras.optimizers.SGD(0.1)})
    game.fit(x, batch_size=4, verbose=0)
    np.testing.assert_allclose(layer.kernel, [[1 - 0.1 * (2 * 2 - 1.5)]], rtol=1e-6)  # the gradient of w^2 is 2
    np.testing.assert_allclose(game.last["one"][0], [[2.0]], rtol=1e-6)


SHORT = {"epochs=20": "epochs=1, verbose=0"}


@pytest.mark.slow
def test_gan():
    small = {"((28, 28, 1))": "((28, 28, 1), filters=2)"}
    run("GAN", {"images": 2 * pixels(64, 28, 28, 1) - 1}, small | SHORT)


@pytest.mark.slow
def test_gan_for_images():
    changes = {"((28, 28, 1))": "((28, 28, 1), filters=2)", "epochs=50": "epochs=1, steps_per_epoch=1, verbose=0"}
    assert run("GAN.for_images", (), changes)["gan"].rounds == 1


@pytest.mark.slow
def test_feature_extractor():
    gan = kgan.GAN.for_images((8, 8, 1), filters=2, seed=0)
    assert len(run("feature_extractor", {"gan": gan, "images": 2 * pixels(64, 8, 8, 1) - 1})["features"]) == 64


@pytest.mark.slow
def test_autoencoder():
    names = run("Autoencoder", {"images": pixels(64, 28, 28, 1)}, SHORT)
    assert len(names["codes"]) == len(names["reconstructions"]) == 64


@pytest.mark.slow
def test_pretrain():
    names = {"x_unlabelled": pixels(64, 784), "x": pixels(20, 784), "y": np.arange(20) % 10}
    run("pretrain", names, {"epochs=15": "epochs=1, verbose=0"})


@pytest.mark.slow
def test_stacked_autoencoder():
    names = {"x": pixels(64, 784), "x_labelled": pixels(20, 784), "y": np.arange(20) % 10}
    names = run("StackedAutoencoder", names, {"epochs=15": "epochs=1, verbose=0"})
    assert [layer.units for layer in names["classifier"].layers if layer.weights] == [300, 300, 300, 10]


@pytest.mark.slow
def test_fair_classifier():
    names = run("FairClassifier", people(), {"batch_size=256, epochs=10": "batch_size=32, epochs=1, verbose=0"})
    test = {"x_test": names["x"], "income_test": names["income"], "table_test": names["table"]}
    run("FairClassifier.report", {"model": names["model"], **test})


@pytest.mark.slow
def test_sklearn_fair_classifier():
    made = people()
    names = {"X": made["table"], "y": made["income"], "X_test": made["table"], "OneHotEncoder": OneHotEncoder}
    run("SKLearnFairClassifier", names, {"random_state=0": "epochs=1, random_state=0"})


@pytest.mark.slow
def test_robust_classifier():
    run(
        "RobustClassifier",
        {"model": classifier(), **batch()},
        {"batch_size=64, epochs=5": "batch_size=32, epochs=1, verbose=0"},
    )


@pytest.mark.slow
def test_transfer_classifier():
    changes = {
        "(5, cut": "(5, weights=None, input_shape=(32, 32, 3), cut",  # whose ImageNet weights are not here
        "epochs=10": "epochs=1",
        "predict(images)": "predict(images, verbose=0)",
        "(n, 5)": "(10, 5)",
    }
    names = {"images": (255 * pixels(10, 32, 32, 3)).astype("uint8"), "labels": np.arange(10) % 5}
    run("TransferClassifier", names, changes)


@pytest.mark.slow
def test_linear_classifier():
    names = run("linear_classifier", {"images": pixels(32, 32, 32, 3), "labels": np.arange(32) % 10})
    assert names["templates"].shape == (3072, 10)


@pytest.mark.slow
def test_per_group():
    base, head = (keras.Sequential([keras.Input((3,)), layers.Dense(3, "softmax")]) for _ in range(2))
    names = {"base": base, "head": head, "x": pixels(16, 3), "y": np.arange(16) % 2}
    run("per_group", names, {"epochs=10": "epochs=1, verbose=0"})

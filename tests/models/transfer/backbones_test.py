"""Bases by name: the networks of `keras.applications`, their weights from files, and where they are cut."""

import inspect
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

import kgan  # noqa: F401
from kgan.models.transfer import TransferClassifier

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 40, 50, 3)).astype("uint8")
SMALL = IMAGES[:, :32, :32]
OFFLINE = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")}
OFFLINE |= {"no_proxy": "", "NO_PROXY": ""}


def make(base="vgg16", *, weights=None, cut=None, input_shape=(32, 32, 3), **kwargs):
    return TransferClassifier(3, base=base, weights=weights, cut=cut, input_shape=input_shape, seed=0, **kwargs)


def preprocessed(images):
    """RGB to BGR minus the mean pixel of ImageNet, written down once more."""
    return images[..., ::-1].astype("float32") - np.array([103.939, 116.779, 123.68], "float32")


@pytest.fixture(scope="module")
def vgg16():
    """A small VGG16 for 7 classes, with random weights."""
    keras.utils.set_random_seed(0)
    return keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), classes=7)


@pytest.fixture(scope="module")
def files(vgg16, tmp_path_factory):
    """The weights of `vgg16` as files: with and without the classification layers, of both kinds."""
    folder = tmp_path_factory.mktemp("weights")
    bare = keras.applications.VGG16(weights=None, input_shape=(32, 32, 3), include_top=False)
    bare.set_weights(vgg16.get_weights()[:26])
    for name, model in {"top": vgg16, "bare": bare}.items():
        model.save_weights(folder / f"{name}.weights.h5")
        write_legacy(model, folder / f"{name}.h5")
    return folder


def write_legacy(model, path):
    """As Keras 2 wrote weights: layers in order, named in attributes."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/w{i}:0".encode() for i in range(len(layer.weights))]
            for i, weight in enumerate(layer.get_weights()):
                group[f"{layer.name}/w{i}:0"] = weight


def outputs(vgg16, layer):
    return keras.Model(vgg16.inputs[0], vgg16.get_layer(layer).output)(preprocessed(SMALL)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["weights.h5", "h5"])
def test_features_are_those_of_the_network_with_its_own_preprocessing(ending, vgg16, files):
    top, bare = files / f"top.{ending}", files / f"bare.{ending}"
    block5 = outputs(vgg16, "block5_pool").mean((1, 2))
    for path, cut, expected in [
        (top, "fc1", outputs(vgg16, "fc1")),
        (top, "predictions", outputs(vgg16, "predictions")),
        (top, None, block5),
        (bare, None, block5),
        (bare, "block3_conv2", outputs(vgg16, "block3_conv2").mean((1, 2))),
    ]:
        model = make(weights=path, cut=cut)
        np.testing.assert_allclose(model.features(SMALL), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["weights.h5", "h5"])
def test_convolutions_take_any_size_from_a_file_with_the_fully_connected_layers(ending, files):
    model = make(weights=files / f"top.{ending}", cut="block5_pool", input_shape=(48, 64, 3))
    assert model.base.input_shape == (None, 48, 64, 3) and model.base.output_shape == (None, 512)
    assert model.predict(IMAGES, verbose=0).shape == (3, 3)


@pytest.mark.slow
def test_a_file_with_statistics_and_layers_that_are_adapted(tmp_path):
    """EfficientNet has batch norm and a `Normalization` layer, whose weights take effect in a step of their own."""
    keras.utils.set_random_seed(0)
    network = keras.applications.EfficientNetB0(weights=None, input_shape=(32, 32, 3), classes=4)
    network(np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)), training=True)
    network.get_layer(index=2).adapt_mean.assign([10.0, -20.0, 30.0])
    network.get_layer(index=2).finalize_state()
    expected = keras.Model(network.inputs[0], network.get_layer("avg_pool").output)(SMALL.astype("float32"))
    write_legacy(network, tmp_path / "b0.h5")
    model = make("efficientnet_b0", weights=tmp_path / "b0.h5")
    np.testing.assert_allclose(model.features(SMALL), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNet", "MobileNetV3Small"])
def test_other_networks_see_what_keras_preprocesses(name):
    model = make(name.lower(), input_shape=(64, 64, 3))
    network = getattr(keras.applications, name)(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    network.set_weights(model.base.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    copy = images.copy()
    features = model.features(images)
    np.testing.assert_array_equal(images, copy)
    scaled = images / 127.5 - 1 if name == "MobileNet" else images
    np.testing.assert_allclose(features, network(scaled), rtol=1e-3, atol=1e-5)


def test_every_network_of_keras_is_found():
    from kgan.layers.preprocessing import BackbonePreprocessing, find_application

    makers = {n: f for n, f in vars(keras.applications).items() if inspect.isfunction(f)}
    assert len(makers) >= 38
    for name, maker in makers.items():
        assert find_application(name) is find_application(name.lower()) is maker
        assert BackbonePreprocessing(name)(SMALL).shape == SMALL.shape
    assert find_application("efficientnet_b0") is keras.applications.EfficientNetB0
    assert find_application("mobilenet_v2") is keras.applications.MobileNetV2


def test_own_models_by_functional_layer_by_subclass_and_of_any_size():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = keras.layers.Conv2D(4, 3)
            self.dropout = keras.layers.Dropout(0.9)

        def call(self, inputs, training=False):
            return self.dropout(self.conv(inputs), training=training)

    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, name="a")(inputs)
    functional = keras.Model(inputs, keras.layers.Conv2D(5, 3, name="b")(x))
    assert make(functional).base.output_shape == (None, 5)
    cut = make(functional, cut="a", input_shape=(20, 30, 3))
    assert (cut.resizing.height, cut.resizing.width) == (20, 30)
    resized = cut.resizing(SMALL)
    np.testing.assert_allclose(cut.features(SMALL), functional.get_layer("a")(resized).numpy().mean((1, 2)), rtol=1e-5)
    own = Own()
    features = make(own).features(SMALL, training=True)
    np.testing.assert_allclose(features, own.conv(SMALL.astype("float32")).numpy().mean((1, 2)), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="a subclass of keras.Model, whose layers cannot be cut apart"):
        make(own, cut="conv")
    tokens = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Reshape((64, 3))])
    np.testing.assert_allclose(
        make(tokens, input_shape=(8, 8, 3)).features(SMALL[:, :8, :8]), SMALL[:, :8, :8].mean((1, 2)), rtol=1e-5
    )


@pytest.mark.slow
def test_a_fresh_process_offline_loads_it_and_says_where_the_imagenet_weights_belong(files, tmp_path):
    model = make(weights=files / "bare.h5", head=(4,))
    model.compile()
    model.fit(IMAGES, [0, 1, 2], verbose=0)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "expected.npy", model.predict(IMAGES, verbose=0))
    program = (
        "import kgan, keras, numpy as np\n"
        "from kgan.models.transfer import TransferClassifier\n"
        "model = keras.models.load_model('model.keras')\n"
        "assert np.array_equal(model.predict(np.load('images.npy'), verbose=0), np.load('expected.npy'))\n"
        "assert model.rounds == 1 and model.base.get_layer('block1_conv1').trainable is False\n"
        "try:\n"
        "    TransferClassifier(3, cut=None)\n"
        "except FileNotFoundError as error:\n"
        "    print(error)"
    )
    environment = {**os.environ, **OFFLINE, "KERAS_HOME": str(tmp_path / "home")}
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    announced, sentence = result.stdout.strip().split("\n")
    assert announced.startswith("Downloading data from https://"), result.stderr
    file = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert sentence.startswith("the ImageNet weights of vgg16 could not be downloaded")
    assert f"put the file {file} into the folder {tmp_path}/home/models, or give weights=path" in sentence


# Refusals


@pytest.mark.slow
def test_a_cut_among_the_fully_connected_layers_needs_the_size_of_imagenet():
    with pytest.raises(ValueError, match=r"leave input_shape at \(224, 224, 3\) for most networks, or give cut=None"):
        make(weights="imagenet", cut="fc1")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kwargs,sentence",
    [
        (dict(base="vg16"), "no network called 'vg16': choose one such as VGG16"),
        (dict(base="nothing like it"), "choose one such as"),
        (dict(base="mobilenet", cut="fc1"), "mobilenet has no layer 'fc1': give cut=None"),
        (dict(cut="block5_pol"), "such as block5_pool"),
        (dict(input_shape=(16, 16, 3)), r"vgg16 cannot be made for input_shape \(16, 16, 3\): Input size must be at"),
        (dict(input_shape=(32, 32, 1)), r"input_shape of vgg16 must be \(height, width, 3\)"),
        (dict(weights="missing.h5"), "there is no file 'missing.h5'"),
        (dict(weights=7), "weights must be 'imagenet', None or the path"),
        (dict(weights=__file__), "cannot be read as an HDF5 file of weights"),
        (dict(weights="bare.h5", cut="fc1"), "bare.h5 ends before the classification layers of vgg16"),
        (dict(weights="bare.weights.h5", cut="fc1"), "ends before the classification layers of vgg16"),
        (dict(weights="top.h5", cut="fc1", input_shape=(64, 64, 3)), "the input_shape that they were trained with"),
        (dict(weights="top.weights.h5", cut="fc1", input_shape=(64, 64, 3)), "does not fit vgg16 with input_shape"),
        (dict(weights="bare.h5", base="mobilenet"), "does not hold the weights of mobilenet"),
        (dict(weights="vgg19.h5"), "does not fit vgg16"),
        (dict(weights="vgg19.weights.h5"), "does not fit vgg16"),
        (dict(weights="renamed.h5"), "by the ending .weights.h5: rename it"),
        (dict(weights="empty.h5"), "holds no weights of a network"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(kwargs, sentence, files, monkeypatch):
    monkeypatch.chdir(files)
    if not (files / "vgg19.h5").exists():
        vgg19 = keras.applications.VGG19(weights=None, include_top=False, input_shape=(32, 32, 3))
        vgg19.save_weights("vgg19.weights.h5")
        write_legacy(vgg19, "vgg19.h5")
        os.link("bare.weights.h5", "renamed.h5")
        h5py.File("empty.h5", "w").close()
    with pytest.raises(ValueError, match=sentence) as error:
        make(**kwargs)
    assert "\n" not in str(error.value)

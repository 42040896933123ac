import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import kgan
from kgan.export import export_generator, export_onnx
from kgan.models.transfer import TransferClassifier


def make(classes=None, **kwargs):
    generator = kgan.networks.dcgan_generator((8, 8, 1), 6, filters=2, num_classes=classes)
    discriminator = kgan.networks.dcgan_discriminator((8, 8, 1), filters=2, num_classes=classes)
    gan = kgan.GAN(generator, discriminator, seed=0, ema_momentum=0.5, **kwargs)
    gan.compile()
    images = np.tanh(np.random.default_rng(0).normal(size=(32, 8, 8, 1))).astype("float32")
    labels = np.arange(32, dtype="int32") % (classes or 1)
    gan.fit((images, labels) if classes else images, batch_size=16, verbose=0)
    return gan


@pytest.mark.slow
def test_endpoints_are_typed_and_make_the_images_of_generate(tmp_path):
    gan = make()
    gan.export(tmp_path / "generator")
    loaded = tf.saved_model.load(tmp_path / "generator")
    images = kgan.datasets.to_uint8(gan.generate(5, seed=3))
    sampled = loaded.sample(5, 3)
    assert sampled.dtype == tf.uint8 and sampled.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(sampled, images)
    for n in (1, 5, 7):  # dynamic batch
        z = kgan.layers.draw_latents(n, 6, seed=3)
        np.testing.assert_array_equal(loaded.serve(z), kgan.datasets.to_uint8(gan.generate(n, seed=3)))
    assert np.any(loaded.sample(5, 4) != sampled)
    signature = loaded.signatures["serve"].structured_input_signature[1]
    assert [(s.name, s.dtype, s.shape.as_list()) for s in signature.values()] == [("latents", tf.float32, [None, 6])]


@pytest.mark.slow
def test_conditional_endpoints(tmp_path):
    gan = make(classes=3)
    gan.export(tmp_path / "generator")
    loaded = tf.saved_model.load(tmp_path / "generator")
    images = kgan.datasets.to_uint8(gan.generate(4, seed=1))
    np.testing.assert_array_equal(loaded.sample(4, 1), images)
    z = kgan.layers.draw_latents(4, 6, seed=1)
    np.testing.assert_array_equal(loaded.serve(z, tf.constant([0, 1, 2, 0])), images)
    signature = loaded.signatures["serve"].structured_input_signature[1]
    assert signature["labels"].dtype == tf.int32


@pytest.mark.slow
def test_it_loads_in_plain_tensorflow_without_kgan(tmp_path):
    gan = make()
    gan.export(tmp_path / "generator")
    np.save(tmp_path / "expected.npy", kgan.datasets.to_uint8(gan.generate(3, seed=5)))
    program = (
        "import sys; sys.modules['kgan'] = None; sys.modules['keras'] = None\n"
        "import numpy as np, tensorflow as tf\n"
        "images = tf.saved_model.load('generator')\n"
        "images = images.sample(3, 5).numpy()\n"
        "assert np.array_equal(images, np.load('expected.npy')), 'other images'\n"
        "print('same images')"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert "same images" in result.stdout, result.stderr


@pytest.mark.slow
def test_an_export_replaces_an_export_and_nothing_else(tmp_path):
    gan = make()
    path = tmp_path / "generator"
    gan.export(path)
    gan.export(path)
    assert [p.name for p in tmp_path.iterdir()] == ["generator"]
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="photos holds something else than an export of kgan"):
        gan.export(tmp_path / "photos")


@pytest.mark.slow
def test_a_failed_export_leaves_the_old_one_and_no_rest(tmp_path, monkeypatch):
    gan = make()
    path = tmp_path / "generator"
    gan.export(path)
    loaded = tf.saved_model.load(path)
    before = loaded.sample(2, 0).numpy()

    def disk_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", disk_full)
    with pytest.raises(OSError, match="the disk is full"):
        gan.export(path)
    assert [p.name for p in tmp_path.iterdir()] == ["generator"]
    again = tf.saved_model.load(path)
    np.testing.assert_array_equal(again.sample(2, 0), before)


def test_points_are_exported_as_floats(tmp_path):
    gan = kgan.GAN(kgan.networks.mlp(2, 2), kgan.networks.mlp(2, 1))
    gan.export(tmp_path / "points")
    loaded = tf.saved_model.load(tmp_path / "points")
    np.testing.assert_allclose(loaded.sample(4, 0), gan.generate(4, seed=0), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [None, 3])
def test_onnx_makes_the_images_of_generate(classes, tmp_path):
    import onnxruntime

    gan = make(classes)
    export_onnx(gan.ema_generator, tmp_path / "generator.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "generator.onnx")
    z = np.asarray(kgan.layers.draw_latents(5, 6, seed=2))
    inputs = {"latents": z} | ({"labels": np.arange(5, dtype="int32") % 3} if classes else {})
    (images,) = session.run(None, inputs)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, kgan.datasets.to_uint8(gan.generate(5, seed=2)))


def test_onnx_without_its_packages_is_answered_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ImportError, match=r"pip install onnx tf2onnx"):
        export_onnx(kgan.networks.mlp(2, 2), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_onnx_refuses_half_precision_in_a_sentence(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(ValueError, match="ONNX runtimes compute in float32"):
        export_onnx(kgan.networks.mlp(2, 2), tmp_path / "x.onnx")


# Labels


def by_hand(form):
    """A generator of 3 classes that takes its labels in some form, with one known image per class."""
    latents = keras.Input((4,))
    labels = {
        "ids": lambda: keras.Input((), dtype="int32"),
        "ids in a column": lambda: keras.Input((1,), dtype="int32"),
        "float ids in a column": lambda: keras.Input((1,)),
        "one-hot": lambda: keras.Input((3,)),
    }[form]()
    to_vector = keras.layers.Dense(12, use_bias=False) if form == "one-hot" else keras.layers.Embedding(3, 12)
    x = keras.layers.Reshape((12,))(to_vector(labels))
    x = keras.layers.Add()([x, keras.layers.Dense(12, kernel_initializer="zeros")(latents)])
    generator = keras.Model([latents, labels], keras.layers.Reshape((2, 2, 3))(x))
    table = np.repeat([[-1.0], [0.0], [1.0]], 12, axis=1)
    to_vector.set_weights([table])
    return generator


@pytest.mark.slow
@pytest.mark.parametrize("form", ["ids", "ids in a column", "float ids in a column", "one-hot"])
def test_int_labels_are_taken_whatever_the_network_takes(form, tmp_path):
    import onnxruntime

    generator, z = by_hand(form), np.zeros((4, 4), "float32")
    labels = np.array([2, 0, 1, 2], "int32")
    expected = kgan.datasets.to_uint8(np.ones((4, 2, 2, 3)) * (labels - 1).reshape(-1, 1, 1, 1))
    loaded_path = export_generator(generator, tmp_path / "new" / "generator", num_classes=np.int64(3))
    loaded = tf.saved_model.load(loaded_path)
    np.testing.assert_array_equal(loaded.serve(z, labels), expected)
    np.testing.assert_array_equal(loaded.sample(4, 0), loaded.serve(z, np.array([0, 1, 2, 0], "int32")))
    assert int(loaded.num_classes) == 3 and not hasattr(loaded, "class_names")
    path = export_onnx(generator, tmp_path / "new" / "generator.onnx", num_classes=3)
    session = onnxruntime.InferenceSession(path)
    assert [i.name for i in session.get_inputs()] == ["latents", "labels"]
    np.testing.assert_array_equal(session.run(None, {"latents": z, "labels": labels})[0], expected)


@pytest.mark.slow
def test_the_number_of_classes_is_known_from_names_or_one_hot_labels(tmp_path):
    import onnx

    loaded = tf.saved_model.load(export_generator(by_hand("one-hot"), tmp_path / "one-hot"))
    assert int(loaded.num_classes) == 3 and loaded.sample(2, 0).shape == (2, 2, 2, 3)
    names = ["cat", "dog, wet", "zebra Å"]
    loaded = tf.saved_model.load(export_generator(by_hand("ids"), tmp_path / "named", class_names=names))
    assert int(loaded.num_classes) == 3 and [name.decode() for name in loaded.class_names.numpy()] == names
    path = export_onnx(by_hand("one-hot"), tmp_path / "named.onnx", class_names=names)
    facts = {item.key: item.value for item in onnx.load(path).metadata_props}
    assert json.loads(facts["class_names"]) == names and facts["num_classes"] == "3"


@pytest.mark.parametrize("export", [export_generator, export_onnx])
def test_what_does_not_go_together_is_refused_in_a_sentence(export, tmp_path):
    one_hot, plain = by_hand("one-hot"), kgan.networks.mlp(2, 2)
    with pytest.raises(
        ValueError, match="must be one, but it is 4 by num_classes, 3 by the generator's one-hot labels"
    ):
        export(one_hot, tmp_path / "x", num_classes=4)
    with pytest.raises(ValueError, match="must be one, but it is 3 by num_classes, 2 by class_names"):
        export(by_hand("ids"), tmp_path / "x", num_classes=3, class_names=["a", "b"])
    with pytest.raises(ValueError, match="this generator takes no labels: leave class_names out"):
        export(plain, tmp_path / "x", class_names=["a", "b"])
    latents, labels = keras.Input((2,), name="latents"), keras.Input((), dtype="int32", name="labels")
    x = keras.layers.Concatenate()([latents, keras.layers.Embedding(3, 2)(labels)])
    with pytest.raises(ValueError, match=r"must take latents, or \[latents, labels\], but it takes labels int32 "):
        export(keras.Model([labels, latents], x), tmp_path / "x")
    assert not list(tmp_path.iterdir())


# Classifiers


def classifier(channels=3):
    base = keras.Sequential([keras.Input((8, 8, channels)), keras.layers.Conv2D(4, 3, activation="relu")])
    return TransferClassifier(3, base=base, cut=None, seed=0)


PHOTOS = np.random.default_rng(0).integers(0, 256, (4, 20, 30, 3)).astype("uint8")


@pytest.mark.slow
def test_a_classifier_loads_in_plain_tensorflow_and_takes_photos_of_any_size(tmp_path):
    model = classifier()
    path = model.export(tmp_path / "classifier", class_names=["cat", "dog", "zebra Å"])
    np.savez(tmp_path / "data.npz", x=PHOTOS, y=model.predict(PHOTOS, verbose=0), small=PHOTOS[:1, :5, :9])
    program = (
        "import sys; sys.modules['kgan'] = None; sys.modules['keras'] = None\n"
        "import numpy as np, tensorflow as tf\n"
        "data, loaded = np.load('data.npz'), tf.saved_model.load('classifier')\n"
        "y = loaded.serve(data['x'])\n"
        "assert y.dtype == tf.float32 and np.allclose(y, data['y'], atol=1e-6)\n"
        "assert loaded.serve(data['small']).shape == (1, 3)\n"
        "print([name.decode() for name in loaded.class_names.numpy()])"
    )
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == "['cat', 'dog', 'zebra Å']", result.stderr
    assert path == (tmp_path / "classifier").resolve()
    loaded = tf.saved_model.load(path)
    for name in ("serve", "serving_default"):
        (spec,) = loaded.signatures[name].structured_input_signature[1].values()
        assert (spec.name, spec.dtype, spec.shape.as_list()) == ("images", tf.uint8, [None, None, None, 3])


def test_a_classifier_export_replaces_an_export_and_nothing_else(tmp_path, monkeypatch):
    model = classifier(channels=1)
    model.export(tmp_path / "digits")
    model.export(tmp_path / "digits")
    assert [p.name for p in tmp_path.iterdir()] == ["digits"]
    loaded = tf.saved_model.load(tmp_path / "digits")
    np.testing.assert_allclose(loaded.serve(PHOTOS[..., :1]), model.predict(PHOTOS[..., :1], verbose=0), atol=1e-6)
    assert not hasattr(loaded, "class_names")
    with pytest.raises(ValueError, match="class_names must name the 3 classes, got 2 names"):
        model.export(tmp_path / "digits", class_names=["a", "b"])
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match="photos holds something else than an export of kgan"):
        model.export(tmp_path / "photos")

    def disk_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", disk_full)
    with pytest.raises(OSError, match="the disk is full: "):
        model.export(tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits", "photos"]

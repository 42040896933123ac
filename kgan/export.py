"""Exporting generators and classifiers as SavedModels that plain TensorFlow loads, without kgan."""

import os
import shutil
import tempfile
from pathlib import Path

import keras
import tensorflow as tf

from kgan.datasets.pixels import to_uint8


def export_generator(generator: keras.Model, path, *, num_classes: int | None = None, class_names=None) -> Path:
    """Writes a SavedModel with typed endpoints that return uint8 images in 0..255 (or floats as they are, if they
    are not images).

    Endpoints, which are also signatures (`serve` is the default one):

    - `serve(latents)`, or `serve(latents, labels)` for a conditional generator: latents float32 `(n, latent_dim)`,
    labels int32 `(n,)`;
    - `sample(n, seed)`: int32 scalars; the same `n` and `seed` give the same images. With classes, they take turns.

    The loaded object's `num_classes` is the number of classes, or 0.

    Args:
        generator: functional model of latents, or of `[latents, labels]`.
        path: folder to write; it appears whole or not at all. An existing SavedModel there is replaced.
        num_classes: number of classes of a conditional generator.

    Returns:
        The path.

    Raises:
        ValueError: if `path` exists and is not a SavedModel.

    Examples:
        >>> gan.export("generator")
        >>> generator = tf.saved_model.load("generator")  # keep this reference: TensorFlow needs it
        >>> generator.sample(16, 0).shape
        (16, 28, 28, 1)
    """
    return _write(lambda: _generator_module(generator, num_classes), path)


def export_classifier(classifier: keras.Model, path, *, channels: int = 3, class_names=None) -> Path:
    """Writes a SavedModel from images to probabilities.

    Its endpoint, which is also the default signature, is `serve(images)`: uint8 `(n, h, w, channels)`, of any size if
    the classifier resizes images itself, to float32 `(n, classes)`. The loaded object's `class_names` is a tensor of
    strings, if there are any.

    Args:
        classifier: model of images 0..255 to probabilities.
        path: folder to write; it appears whole or not at all. An existing SavedModel there is replaced.
        channels: 3 for RGB images, 1 for grey ones.
        class_names: names of the classes, in their order.

    Returns:
        The path.

    Raises:
        ValueError: if `path` exists and is not a SavedModel.

    Examples:
        >>> classifier.export("flowers", class_names=["daisy", "rose", "tulip"])
        >>> loaded = tf.saved_model.load("flowers")  # keep this reference: TensorFlow needs it
        >>> [loaded.class_names.numpy()[i].decode() for i in loaded.serve(photos).numpy().argmax(-1)]
        ['rose', 'daisy']
    """
    return _write(lambda: _classifier_module(classifier, channels, class_names), path)


def _write(make_module, path) -> Path:
    """Saves the `tf.Module` that `make_module` returns, with its endpoints as signatures."""
    path = Path(path).resolve()
    if path.exists() and not (path / "saved_model.pb").is_file():
        raise ValueError(f"{path} exists and is not a SavedModel: choose another folder for the export.")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        module = make_module()
        tf.saved_model.save(module, str(temporary / "saved_model"), signatures=module.endpoints)
        if path.exists():
            os.replace(path, temporary / "old")
        os.replace(temporary / "saved_model", path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def export_onnx(generator: keras.Model, path) -> Path:
    """Writes an ONNX file of the generator: latents (and labels) to uint8 images.

    Raises:
        ImportError: if the packages of the extra `onnx` are missing.
        ValueError: if the generator computes in another precision than float32.
    """
    try:
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError:
        raise ImportError("ONNX export needs more packages: pip install 'kgan[onnx]'.") from None
    if any(layer.compute_dtype != "float32" for layer in generator._flatten_layers()):
        raise ValueError(
            "ONNX runtimes compute in float32: build the generator with the dtype policy float32 and give it these "
            "weights."
        )
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp.onnx")
    conditional = len(generator.inputs) == 2
    latents = keras.InputSpec(shape=(None, generator.inputs[0].shape[-1]), dtype="float32", name="latents")
    signature = [latents, keras.InputSpec(shape=(None,), dtype="int32", name="labels")]
    try:
        with_uint8_outputs(generator).export(
            temporary, format="onnx", input_signature=[signature] if conditional else signature[:1], verbose=False
        )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def with_uint8_outputs(generator: keras.Model) -> keras.Model:
    """The generator with uint8 images in 0..255 in place of floats in -1..1; samples that are not images stay."""
    return keras.Model(generator.inputs, _ToUint8()(generator.outputs[0]))


class _ToUint8(keras.layers.Layer):
    """Float images to uint8 ones as a layer; samples that are not images pass."""

    def call(self, inputs):
        return to_uint8(inputs) if len(inputs.shape) == 4 else inputs


def _classifier_module(classifier, channels, class_names) -> tf.Module:
    """What is saved: the classifier's variables, its endpoint, and the names of the classes."""

    def probabilities(images):
        return tf.cast(classifier(images, training=False), tf.float32)

    images = tf.TensorSpec((None, None, None, channels), tf.uint8, name="images")
    module = tf.Module()
    module.classifier_variables = [variable.value for variable in classifier.weights]
    module.serve = tf.function(probabilities, input_signature=[images])
    module.endpoints = {"serve": module.serve, "serving_default": module.serve}
    if class_names is not None:
        module.class_names = tf.Variable(list(class_names), trainable=False)
    return module


def _generator_module(generator, num_classes) -> tf.Module:
    """What is saved: the generator's variables and the endpoints, which hold no Keras object."""
    latent_dim = generator.inputs[0].shape[-1]
    conditional = len(generator.inputs) == 2
    is_image = len(generator.outputs[0].shape) == 4

    def images(*inputs):
        made = generator(list(inputs) if conditional else inputs[0], training=False)
        return to_uint8(made) if is_image else made

    def sample(n, seed):
        # The draw of kgan.layers.draw_latents, so that GAN.generate with the same seed makes the same images.
        latents = tf.random.stateless_normal([n, latent_dim], seed=tf.stack([seed, 0]))
        return images(latents, tf.range(n) % num_classes) if conditional else images(latents)

    latents = tf.TensorSpec((None, latent_dim), tf.float32, name="latents")
    labels = tf.TensorSpec((None,), tf.int32, name="labels")
    number, seed = (tf.TensorSpec((), tf.int32, name=name) for name in ("n", "seed"))

    module = tf.Module()
    module.num_classes = tf.Variable(num_classes or 0, trainable=False)
    module.generator_variables = [variable.value for variable in generator.weights]
    module.serve = tf.function(images, input_signature=[latents, labels] if conditional else [latents])
    module.endpoints = {"serve": module.serve, "serving_default": module.serve}
    if not conditional or num_classes:
        module.sample = tf.function(sample, input_signature=[number, seed])
        module.endpoints["sample"] = module.sample
    return module

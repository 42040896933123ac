"""Exporting generators and classifiers as SavedModels that plain TensorFlow loads, without kgan."""

import contextlib
import errno
import os
from pathlib import Path

import keras
import tensorflow as tf

from kgan import files
from kgan.export.generator_interface import as_num_classes
from kgan.export.target import CLASSIFIER, GENERATOR, check_target
from kgan.label_inputs import as_network_takes
from kgan.pixels import to_uint8


def export_generator(
    generator: keras.Model, path, *, num_classes: int | None = None, class_names: list[str] | None = None
) -> Path:
    """Writes a SavedModel with typed endpoints that return uint8 images in 0..255 (or floats as they are, if they
    are not images).

    Endpoints, which are also signatures (`serve` is the default one):

    - `serve(latents)`, or `serve(latents, labels)` for a conditional generator: latents float32 `(n, latent_dim)`,
    labels int32 `(n,)`;
    - `sample(n, seed)`: int32 scalars; the same `n` and `seed` give the same images. With classes, they take turns.

    The loaded object's `num_classes` is the number of classes, or 0. Its `class_names` is a tensor of strings, if the
    classes have names.

    Args:
        generator: functional model of latents, or of `[latents, labels]`. Its labels may be int class ids, of shape
            `(n,)` or `(n, 1)`, or one-hot of shape `(n, classes)`; those of the endpoints are ids whichever it takes.
        path: folder to write; it appears whole or not at all. An earlier export of kgan there is replaced.
        num_classes: number of classes of a conditional generator; by default as its one-hot labels or `class_names`
            tell.
        class_names: names of the classes, in the order of their ids.

    Returns:
        The path.

    Raises:
        ValueError: if `path` holds something else than an export of kgan, if the generator takes something else, or if
            the numbers of classes and names differ.
        OSError: if it cannot be written; the old export is still there then.

    Examples:
        >>> gan.export("generator")
        >>> generator = tf.saved_model.load("generator")  # keep this reference: TensorFlow needs it
        >>> generator.sample(16, 0).shape
        TensorShape([16, 28, 28, 1])
    """
    num_classes = as_num_classes(generator, num_classes, class_names)
    return _write(lambda: _generator_module(generator, num_classes, class_names), path)


def export_classifier(classifier: keras.Model, path, *, channels: int = 3, class_names=None) -> Path:
    """Writes a SavedModel from images to probabilities.

    Its endpoint, which is also the default signature, is `serve(images)`: uint8 `(n, h, w, channels)`, of any size if
    the classifier resizes images itself, to float32 `(n, classes)`. The loaded object's `class_names` is a tensor of
    strings, if there are any.

    Args:
        classifier: model of images 0..255 to probabilities.
        path: folder to write; it appears whole or not at all. An earlier export of kgan there is replaced.
        channels: 3 for RGB images, 1 for grey ones.
        class_names: names of the classes, in their order.

    Returns:
        The path.

    Raises:
        ValueError: if `path` holds something else than an export of kgan.
        OSError: if it cannot be written; the old export is still there then.

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
    check_target(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    module = make_module()

    def write(folder):
        with _disk_errors():
            tf.saved_model.save(module, str(folder), signatures=module.endpoints)

    files.write_folder(path, write)
    return path


@contextlib.contextmanager
def _disk_errors():
    """A full disk as Python reports it: TensorFlow calls it exhausted resources, as it does memory."""
    try:
        yield
    except tf.errors.OpError as error:
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            if os.strerror(number) in str(error):
                raise OSError(number, os.strerror(number)) from error
        raise


def _classifier_module(classifier, channels, class_names) -> tf.Module:
    """What is saved: the classifier's variables, its endpoint, and the names of the classes."""

    def probabilities(images):
        return tf.cast(classifier(images, training=False), tf.float32)

    images = tf.TensorSpec((None, None, None, channels), tf.uint8, name="images")
    module = tf.Module()
    setattr(module, CLASSIFIER, [variable.value for variable in classifier.weights])
    module.serve = tf.function(probabilities, input_signature=[images])
    module.endpoints = {"serve": module.serve, "serving_default": module.serve}
    if class_names is not None:
        module.class_names = tf.Variable(list(class_names), trainable=False)
    return module


def _generator_module(generator, num_classes, class_names) -> tf.Module:
    """What is saved: the generator's variables and the endpoints, which hold no Keras object."""
    latent_dim = generator.inputs[0].shape[-1]
    conditional = len(generator.inputs) == 2
    is_image = len(generator.outputs[0].shape) == 4

    def images(latents, labels=None):
        made = generator(
            [latents, as_network_takes(labels, generator.inputs[1])] if conditional else latents, training=False
        )
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
    if class_names is not None:
        module.class_names = tf.Variable(list(class_names), trainable=False)
    setattr(module, GENERATOR, [variable.value for variable in generator.weights])
    module.serve = tf.function(images, input_signature=[latents, labels] if conditional else [latents])
    module.endpoints = {"serve": module.serve, "serving_default": module.serve}
    if not conditional or num_classes:
        module.sample = tf.function(sample, input_signature=[number, seed])
        module.endpoints["sample"] = module.sample
    return module

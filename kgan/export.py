"""Exporting generators and classifiers as SavedModels that plain TensorFlow loads, without kgan."""

import contextlib
import errno
import json
import os
import re
from pathlib import Path

import keras
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from kgan import files
from kgan.datasets.pixels import to_uint8
from kgan.foreign_text import printable
from kgan.label_inputs import as_network_takes, one_hot_classes

# The attributes of an export that hold the weights, by which one is known.
_GENERATOR, _CLASSIFIER = "generator_variables", "classifier_variables"
# All that TensorFlow writes for one.
_WRITTEN = re.compile(r"saved_model\.pb|fingerprint\.pb|assets|variables|variables/variables\.(index|data-[-\w]+)")


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
        (16, 28, 28, 1)
    """
    num_classes = _check_classes(generator, num_classes, class_names)
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


def check_target(path: str | os.PathLike) -> None:
    """Refuses a place where an export cannot go, without writing anything.

    Raises:
        ValueError: if there is something else than an earlier export of kgan, or TensorFlow cannot write the name.
    """
    path = Path(path).resolve()
    try:
        os.fspath(path).encode("utf-8")
    except UnicodeEncodeError:
        shown = os.fspath(path).encode("utf-8", "backslashreplace").decode()
        raise ValueError(f"{shown} is no name in UTF-8, as TensorFlow takes them: choose another one.") from None
    if path.exists() and not _is_export(path):
        other = next((name for name in _names(path) if not _WRITTEN.fullmatch(name)), None)
        such = f" ({printable(other)})" if other is not None else ""
        raise ValueError(
            f"{path} holds something else than an export of kgan{such}, and would be replaced: choose another folder "
            "for the export, or move that away."
        )


def _is_export(path: Path) -> bool:
    """Whether a folder holds what `_write` writes, and nothing else."""
    names = _names(path)
    if not names or any(not _WRITTEN.fullmatch(name) for name in names):
        return False
    try:
        saved = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
        children = saved.meta_graphs[0].object_graph_def.nodes[0].children
    except (OSError, DecodeError, IndexError):
        return False
    return any(child.local_name in (_GENERATOR, _CLASSIFIER) for child in children)


def _names(folder: Path) -> list[str]:
    """What lies below a folder, but for what file managers leave there; nothing if it is none."""
    found = sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*")) if folder.is_dir() else []
    return [name for name in found if name.rpartition("/")[2] not in (".DS_Store", "Thumbs.db", "desktop.ini")]


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


def export_onnx(
    generator: keras.Model, path, *, num_classes: int | None = None, class_names: list[str] | None = None
) -> Path:
    """Writes an ONNX file of the generator: latents float32 `(n, latent_dim)`, and int32 labels `(n,)` of a conditional
    one, to uint8 images in 0..255 (or floats as they are, if they are not images).

    Its metadata hold `num_classes`, and `class_names` as a JSON list, where there are any.

    Args:
        generator: as for `export_generator`.
        path: file to write; it appears whole or not at all. An existing file there is replaced.
        num_classes: as for `export_generator`.
        class_names: as for `export_generator`.

    Returns:
        The path.

    Raises:
        ImportError: if the packages of the extra `onnx` are missing.
        ValueError: if the generator computes in another precision than float32, and as `export_generator`.
    """
    try:
        import onnx
        import tf2onnx  # noqa: F401
    except ImportError:
        raise ImportError("ONNX export needs more packages: pip install onnx tf2onnx.") from None
    num_classes = _check_classes(generator, num_classes, class_names)
    if any(layer.compute_dtype != "float32" for layer in generator._flatten_layers()):
        raise ValueError(
            "ONNX runtimes compute in float32: build the generator with the dtype policy float32 and give it these "
            "weights."
        )
    path = Path(path).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    latents = keras.Input((generator.inputs[0].shape[-1],), dtype="float32", name="latents")
    labels = keras.Input((), dtype="int32", name="labels")
    conditional = len(generator.inputs) == 2
    images = generator([latents, _LabelsAs(generator.inputs[1])(labels)] if conditional else latents)
    inputs = [latents, labels] if conditional else [latents]
    specs = [keras.InputSpec(shape=i.shape, dtype=i.dtype, name=i.name) for i in inputs]

    def write(temporary):
        keras.Model(inputs, _ToUint8()(images)).export(
            temporary, format="onnx", input_signature=[specs] if conditional else specs, verbose=False
        )
        if conditional:
            facts = {"num_classes": str(num_classes or 0)}
            facts |= {"class_names": json.dumps(list(class_names))} if class_names is not None else {}
            model = onnx.load(temporary)
            onnx.helper.set_model_props(model, facts)
            onnx.save(model, temporary)

    files.write_file(path, write)
    return path


def _check_classes(generator, num_classes, class_names) -> int | None:
    """The number of classes, as far as it is known; refuses what does not go together."""
    inputs = generator.inputs
    if len(inputs) > 2 or not _is_float(inputs[0]):
        taken = ", ".join(f"{i.name} {i.dtype} {tuple(i.shape)}" for i in inputs)
        raise ValueError(f"the generator to export must take latents, or [latents, labels], but it takes {taken}.")
    if len(inputs) == 1:
        if class_names is not None:
            raise ValueError("this generator takes no labels: leave class_names out.")
        return None
    counts = {
        "num_classes": num_classes,
        "class_names": None if class_names is None else len(class_names),
        "the generator's one-hot labels": one_hot_classes(inputs[1]),
    }
    counts = {name: int(count) for name, count in counts.items() if count}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} by {name}" for name, count in counts.items())
        raise ValueError(f"the number of classes must be one, but it is {told}.")
    return next(iter(counts.values()), None)


def _is_float(tensor) -> bool:
    return "float" in keras.backend.standardize_dtype(tensor.dtype)


class _LabelsAs(keras.layers.Layer):
    """`as_network_takes` as a layer."""

    def __init__(self, wanted):
        super().__init__()
        self._wanted = wanted

    def call(self, labels):
        return as_network_takes(labels, self._wanted)


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
    setattr(module, _CLASSIFIER, [variable.value for variable in classifier.weights])
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
    setattr(module, _GENERATOR, [variable.value for variable in generator.weights])
    module.serve = tf.function(images, input_signature=[latents, labels] if conditional else [latents])
    module.endpoints = {"serve": module.serve, "serving_default": module.serve}
    if not conditional or num_classes:
        module.sample = tf.function(sample, input_signature=[number, seed])
        module.endpoints["sample"] = module.sample
    return module

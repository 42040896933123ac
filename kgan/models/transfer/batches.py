"""Datasets for `TransferClassifier`: every batch is looked at as it comes, and asked what arrays are asked."""

import numpy as np
from keras import ops

from kgan import backend
from kgan.models.transfer import checks


def labelled(data, channels: int, classes: int, loss):
    """A dataset of `(images, labels)`.

    Args:
        data: batched `tf.data.Dataset`.
        channels: of the images that the base takes.
        classes: how many there are.
        loss: decides which labels fit.

    Returns:
        `(dataset, size)`: of images and labels as arrays would be given, with the size of the first batch.

    Raises:
        ValueError: for a dataset of something else, and while it is read, inside the error of TensorFlow, for a batch
            that arrays would be refused for.
    """
    if not (isinstance(data.element_spec, tuple) and len(data.element_spec) == 2):
        raise ValueError("a dataset must give (images, labels): weights of classes go into class_weight.")
    _check_spec(data.element_spec[0], channels)
    first, first_labels = _first(data)
    checks.images(first, channels)
    like = checks.labels(first_labels, classes, loss)

    def check(images, y):
        checks.images(images, channels, later=True)
        return checks.labels(y, classes, loss)

    def passing(images, y):
        rows = y.shape[0] if y.shape.rank else None
        y = backend.python_result(check, [_asked(images), y], like.dtype, [rows, *like.shape[1:]])
        with backend.after(y):
            return _as_images(images), y

    return data.map(passing), len(first)


def unlabelled(data, channels: int):
    """A dataset of images, from one of images or of tuples that begin with images; as `labelled`."""
    spec = data.element_spec
    _check_spec(spec[0] if isinstance(spec, tuple) else spec, channels)
    first = _first(data)
    checks.images(first[0] if isinstance(first, tuple) else first, channels)

    def check(images):
        checks.images(images, channels, later=True)
        return np.int64(0)

    def passing(images, *_):
        with backend.after(backend.python_result(check, [_asked(images)], "int64", [])):
            return _as_images(images)

    return data.map(passing)


def _first(data):
    for element in data.take(1).as_numpy_iterator():
        return element
    raise ValueError("the dataset is empty.")


def _check_spec(spec, channels: int):
    if not hasattr(spec, "shape"):
        raise ValueError(f"a dataset must give (images, labels), not {type(spec).__name__} of images.")
    if spec.shape.rank == 3:
        raise ValueError(f"the dataset gives single images of shape {spec.shape}: batch it with .batch(32).")
    if spec.shape.rank is not None:
        checks.image_shape(spec.shape.as_list(), spec.dtype.as_numpy_dtype, channels)


def _asked(images):
    """What has to be looked at: of uint8, where nothing can be wrong, a single value for the shape."""
    known = images.dtype.name == "uint8" and images.shape.rank == 4
    return images[:1, :1, :1] if known else images


def _as_images(images):
    """The images with four axes, even if the dataset does not say so, and no wider than float32."""
    images = backend.with_shape(images, [None] * 4)
    return ops.cast(images, "float32") if images.dtype.name == "float64" else images

"""The tf.data pipeline: single examples in their stored order, and shuffled minibatches for training."""

import itertools
import logging
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan import backend
from kgan.datasets.images import BrokenImageError
from kgan.datasets.registry import open_source
from kgan.datasets.source import Source
from kgan.pixels import to_float
from kgan.scalars import as_count

_log = logging.getLogger(__name__)


def load(
    name_or_path: str | os.PathLike,
    *,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    labels: bool = False,
    limit: int | None = None,
) -> tf.data.Dataset:
    """Loads images by name or path, in the order in which they are stored.

    Args:
        name_or_path: a name (`"mnist5k"`, `"digits"`, `"mnist"`, `"fashion_mnist"`, `"cifar10"`, `"tfds:NAME"`), a
            folder of image files, or an `.npz` or `.npy` file.
        split: `"train"` or another part that the data set has.
        image_size: height and width, or one number for both; images are cropped to this aspect at their centre and
            resized with antialiasing. By default images keep their size, or become 64x64 if their sizes differ.
        labels: whether to give class labels as well.
        limit: use at most so many examples, taken evenly from the whole set.

    Returns:
        A `tf.data.Dataset` of single examples: uint8 images `(height, width, channels)` with values 0..255, or
        `(image, label)` with an int32 label.

    Raises:
        ValueError: if there is no such data set here; the message says what to do. Nothing is ever downloaded.

    Examples:

    ```python
    images = kgan.datasets.load("mnist5k")
    batches = images.map(kgan.datasets.to_float).shuffle(5000).batch(64, drop_remainder=True)
    gan.fit(batches, epochs=10)
    ```
    """
    source = open_source(name_or_path, split=split, image_size=image_size, labels=labels, limit=limit)
    for note in source.notes:
        _log.warning(note)
    if not source.in_memory:
        return streamed(source, tf.data.Dataset.range(source.size)).concatenate(_report_at_end(source))
    _log_broken(source)
    with tf.device("CPU:0"):
        return tf.data.Dataset.from_tensor_slices((source.images, source.targets) if labels else source.images)


def batches(
    source: Source | str | os.PathLike,
    batch_size: int,
    *,
    seed: int = 0,
    position: Callable[[], int] | None = None,
    **open_arguments,
) -> tf.data.Dataset:
    """Shuffled minibatches of a data set, for training.

    Every pass shows each example at most once, in an order that depends on `seed` and on `position()` alone. When
    `position` is the training progress of a model, a resumed run sees the batches of the uninterrupted run.

    Args:
        source: a name or path as in `load`, or what `open_source` returned.
        batch_size: examples per batch; examples that do not fill a batch are left out of this pass.
        seed: whole number from 0 up.
        position: returns an integer, asked at the start of each pass; by default the number of passes so far.
        **open_arguments: `split`, `image_size`, `labels` and `limit` as in `load`, with a name or path.

    Returns:
        A `tf.data.Dataset` of one pass: float32 images `(batch_size, height, width, channels)` with values -1..1, or
        `(images, labels)` with int32 labels. Broken files of a streamed source are left out.

    Raises:
        ValueError: if the source has fewer than `batch_size` examples, and as `load`.

    Examples:

    ```python
    gan.fit(kgan.datasets.batches("mnist5k", 64, labels=True), epochs=10)
    ```
    """
    if not isinstance(source, Source):
        source = open_source(source, **open_arguments)
        for note in source.notes:
            _log.warning(note)
        if source.in_memory:
            _log_broken(source)
    batch_size, seed = as_count(batch_size, "batch_size"), as_count(seed, "seed", least=0)
    if source.size < batch_size:
        raise ValueError(
            f"{source.name} has {source.size} examples, which do not fill one batch of {batch_size}: "
            f"choose a batch size of {source.size} or less."
        )
    position = position or itertools.count().__next__

    def convert(images, *labels):
        return (to_float(images), *labels) if labels else to_float(images)

    if source.in_memory:
        arrays = (source.images, source.targets) if source.labels else source.images
        rows = backend.shuffled_rows(source.size, batch_size, seed, position, drop_incomplete=True)
        with tf.device("CPU:0"):
            dataset = backend.array_batches(arrays, rows)
    else:
        order = backend.shuffled_range(source.size, seed, position)
        dataset = streamed(source, order).batch(batch_size, drop_remainder=True)
    # A fixed number of batches ahead: a tuned one may grow to half of the machine's memory.
    return dataset.map(convert).prefetch(2)


def streamed(source: Source, order: tf.data.Dataset) -> tf.data.Dataset:
    """Decodes examples one by one, in the given order, without the broken ones."""

    def read(index):
        try:
            return source.read(index), True
        except BrokenImageError:
            return np.zeros(source.image_shape, "uint8"), False

    def fetch(index):
        image, good = tf.numpy_function(read, [index], (tf.uint8, tf.bool))
        image = tf.ensure_shape(image, source.image_shape)
        good = tf.ensure_shape(good, [])
        return (good, image, tf.gather(targets, index)) if source.labels else (good, image)

    with tf.device("CPU:0"):
        targets = tf.constant(source.targets) if source.labels else None
        examples = order.map(fetch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    examples = examples.filter(lambda good, *_: good)
    return examples.map(lambda _, *example: example if source.labels else example[0])


def _report_at_end(source: Source) -> tf.data.Dataset:
    """An empty continuation that names the broken files once the examples before it have been read."""

    def report():
        _log_broken(source)
        return np.int64(0)

    def ask(_):
        return tf.ensure_shape(tf.numpy_function(report, [], tf.int64), [])

    return streamed(source, tf.data.Dataset.range(1).map(ask).filter(lambda count: count > 0))


def _log_broken(source: Source):
    if source.skipped:
        _log.warning(source.report())

"""A folder of class folders: what is in it, its held-out part, and batches of either part."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from kgan import backend
from kgan.datasets import folder, pipeline
from kgan.datasets.arrays import take_evenly
from kgan.datasets.registry import open_source
from kgan.datasets.source import Source
from kgan.foreign_text import printable, shortened


@dataclasses.dataclass(frozen=True)
class ClassFolders:
    """The image files below a folder, before any of them is opened.

    Attributes:
        path: the folder, as it was given.
        root: the folder that holds those of the classes: `path` itself, or its part for training.
        files: the files within it, in the order of `kgan.datasets.open_source`.
        class_names: the names of its folders, printable, as they go into the run, its figures and its export.
        targets: the number of the class of each file.
        notes: sentences about what is used and what was left out.
    """

    path: str
    root: str
    files: list[str]
    class_names: list[str]
    targets: np.ndarray
    notes: list[str]

    def open(self, image_size: tuple[int, int]) -> tuple[Source, list[str]]:
        """Opens the images; small sets are read into memory, without the broken files.

        Returns:
            `(source, files)`, a file for each image of the source.

        Raises:
            ValueError: if a class has too few images that can be read.
        """
        # A path and not a string, which might be the name of a data set as well.
        source = open_source(pathlib.Path(self.path), image_size=image_size, labels=True, limit=len(self.files))
        broken = set(source.skipped) if source.in_memory else set()
        _check_classes(self.path, self.class_names, source.targets, "readable image")
        return source, [file for file in self.files if file not in broken]


def look_through(path: str, limit: int | None) -> ClassFolders:
    """Lists the images below a folder and their classes.

    Args:
        path: the folder.
        limit: use at most so many images, taken evenly from all.

    Raises:
        ValueError: if this is no folder of class folders, or a class has fewer than two images.
    """
    full = os.path.expanduser(pathlib.Path(path))
    if not os.path.isdir(full):
        there_is = "is a file" if os.path.exists(full) else "does not exist"
        raise ValueError(f"{printable(path)} {there_is}: give a folder with a folder of images for each class.")
    found = folder.list_folder(full, split="train", labels=True)
    files, class_names = found.files, found.class_names
    if len(class_names) < 2:
        raise ValueError(
            f"{printable(path)} has the single class '{shortened(class_names[0])}', and nothing to tell it from: "
            "give a folder with a folder of images for each of two or more classes."
        )
    rows = take_evenly(len(files), limit)
    targets = found.targets[rows]
    class_names = [printable(name) for name in class_names]
    _check_classes(path, class_names, targets, "image" if len(rows) == len(files) else f"image under limit={limit}")
    files = [files[row] for row in rows]
    return ClassFolders(path, found.root, files, class_names, targets, found.notes)


def split(targets: np.ndarray, held_out: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divides images into those to train on and those to hold out, class by class.

    Args:
        targets: class of each image; every class has two images or more.
        held_out: share of each class to hold out; at least one image is held out, and one is left to train on.
        seed: integer; the same seed gives the same parts.

    Returns:
        Two sorted arrays of row numbers, which together are all rows.
    """
    random = np.random.default_rng(seed)
    held = []
    for label in np.unique(targets):
        rows = random.permutation(np.flatnonzero(targets == label))
        held.extend(rows[: min(max(1, round(held_out * len(rows))), len(rows) - 1)])
    held = np.sort(np.array(held, dtype=int))
    return np.setdiff1d(np.arange(len(targets)), held), held


def batches(
    source: Source,
    rows: np.ndarray,
    batch_size: int,
    *,
    seed: int | None = None,
    position: Callable[[], int] | None = None,
    watch: Callable[[int], object] | None = None,
) -> tf.data.Dataset:
    """Batches of `(images, labels)`, uint8 0..255 and int32, read as they are needed and without broken files.

    Args:
        source: the images, with labels.
        rows: which of them.
        batch_size: images per batch; the last one may be smaller.
        seed: integer that decides the order, with `position`; in the order of `rows` by default.
        position: as in `kgan.datasets.batches`.
        watch: called with the number of images that have been used before a batch is handed out.
    """
    numbers = tf.data.Dataset.range(len(rows))
    if seed is not None:
        numbers = backend.shuffled_range(len(rows), seed, position)
    with tf.device("CPU:0"):
        known = tf.constant(rows, tf.int64)
    dataset = pipeline.streamed(source, numbers.map(lambda number: tf.gather(known, number))).batch(batch_size)
    if source.in_memory:  # otherwise broken files may turn up
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(-(-len(rows) // batch_size)))
    dataset = dataset.prefetch(2)
    return dataset if watch is None else _watched(dataset, lambda number: watch(int(number) * batch_size))


def _watched(dataset, watch):
    def tell(number):
        watch(number)
        return np.int64(0)

    def passing(number, batch):
        with tf.control_dependencies([tf.numpy_function(tell, [number], tf.int64)]):
            return tf.nest.map_structure(tf.identity, batch)

    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # it would run ahead of what is watched
    return dataset.enumerate().map(passing).with_options(options)


def _check_classes(path, class_names, targets, what):
    for name, number in zip(class_names, np.bincount(targets, minlength=len(class_names)), strict=True):
        if number < 2:
            has = f"has a single {what}" if number else f"has no {what}"
            raise ValueError(
                f"the class '{shortened(name)}' in {printable(path)} {has}, but it takes at least two, one to train "
                "on and one to hold out: add images, or take the class away."
            )

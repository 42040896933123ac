"""The images that `kgan attack` attacks, as the classifier takes them."""

import contextlib
import dataclasses
import math

import numpy as np

from kgan import memory
from kgan.cli.attack.classifier import Classifier, is_held_out_data
from kgan.datasets import Source, class_folders, open_source
from kgan.datasets.arrays import take_evenly
from kgan.datasets.images import BrokenImageError
from kgan.foreign_text import printable, shortened

_GREY = np.array([0.299, 0.587, 0.114])  # how bright red, green and blue are to the eye (ITU-R BT.601)


@dataclasses.dataclass(frozen=True)
class Images:
    """Images with their classes.

    Attributes:
        pixels: uint8 `(n, height, width, channels)`, with the channels that the classifier takes.
        targets: int `(n,)`, the number that the classifier gives the class of each image.
        class_names: the names of the classifier's classes.
        what: where the images are from and how many there are, in words.
        notes: sentences about what was left out, and about broken files.
    """

    pixels: np.ndarray
    targets: np.ndarray
    class_names: list[str]
    what: str
    notes: list[str]

    def inputs(self, classifier: Classifier, bounds: tuple[float, float]) -> np.ndarray:
        """float32 array within `bounds` of what the classifier takes."""
        low, high = bounds
        # In float64, so that black and white are the bounds themselves.
        values = low + (high - low) * (self.pixels / 255.0)
        if len(classifier.input_shape) != 3:
            values = values.reshape(
                len(values), *(classifier.input_shape if len(classifier.input_shape) == 2 else (-1,))
            )
        return values.astype("float32")


def read(data: str, classifier: Classifier, limit: int) -> Images:
    """Reads at most `limit` images, evenly taken from all.

    Those of a test split if there is one; of the folder that a run of `kgan transfer` learned from, those that it held
    out.

    Raises:
        ValueError: if there are no such images, or the classifier cannot take them.
    """
    shape = classifier.input_shape
    size = shape[:2] if len(shape) > 1 and None not in shape[:2] else None
    if is_held_out_data(classifier, data):
        source, rows, part = _held_out(data, classifier, size)
    else:
        source, part = _open(data, size, limit)
        rows = np.arange(len(source))
    rows = rows[take_evenly(len(rows), limit)]
    _check_classes(data, source, classifier)
    # As bytes, and as float64 and float32 on the way into the model.
    count = f"{len(rows):,} images of {'x'.join(map(str, source.image_shape))}"
    memory.check_fits(13 * len(rows) * math.prod(source.image_shape), count, "use a smaller --limit")
    rows, pixels = _read(data, source, rows)
    pixels = _with_shape(data, pixels, shape)
    names = _names(source)
    targets = source.targets[rows]
    if classifier.class_names:
        # A class has the number that it had in training, whichever folders are here.
        targets = np.array([classifier.class_names.index(name) for name in names])[targets]
        names = classifier.class_names
    count = len(np.unique(targets))
    what = f"{printable(data)}: {len(rows):,} images of {count} {'class' if count == 1 else 'classes'}, {part}"
    return Images(pixels, targets, names, what, [*source.notes, *filter(None, [source.report()])])


def _open(data: str, size, limit: int) -> tuple[Source, str]:
    options = {"labels": True, "image_size": size, "limit": limit}
    try:
        return open_source(data, split="test", **options), "of the test split"
    except ValueError as error:
        if "split" not in str(error):
            raise
    return open_source(data, **options), "which say little if the model was trained on them"


def _held_out(data: str, classifier: Classifier, size):
    settings = classifier.config["settings"]
    source, _ = class_folders.look_through(data, settings["limit"]).open(size)
    _, held_out = class_folders.split(source.targets, settings["held_out"], settings["seed"])
    return source, held_out, "held out when the model was trained"


def _read(data: str, source: Source, rows: np.ndarray):
    """The images that can be read; of a large folder it is known only now which these are."""
    found = {}
    for row in rows:
        with contextlib.suppress(BrokenImageError):
            found[row] = source.read(row)
    if not found:
        raise ValueError(f"{printable(data)} holds no image that can be read.")
    return np.array(list(found)), np.stack(list(found.values()))


def _names(source: Source) -> list[str]:
    names = source.class_names or [str(number) for number in range(source.num_classes)]
    return [printable(name) for name in names]


def _check_classes(data: str, source: Source, classifier: Classifier):
    names, known = _names(source), classifier.class_names
    if known is None:
        if len(names) != classifier.num_classes:
            raise ValueError(
                f"{printable(data)} has {len(names)} classes, but {printable(classifier.path)} tells "
                f"{classifier.num_classes} apart: the same classes are needed, in the same order."
            )
        return
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"{printable(data)} has the class '{shortened(unknown[0])}', which {printable(classifier.path)} has not "
            "learned."
        )


def _with_shape(data: str, pixels: np.ndarray, shape) -> np.ndarray:
    """The images with the number of channels that the input has."""
    if len(shape) == 1:
        if shape[0] not in (None, math.prod(pixels.shape[1:])):
            has = "x".join(map(str, pixels.shape[1:]))
            raise ValueError(
                f"the model takes {shape[0]} numbers, but the images of {printable(data)} have {has} = "
                f"{math.prod(pixels.shape[1:])}: give images of the size that it was trained on."
            )
        return pixels
    wanted = shape[2] if len(shape) == 3 else 1
    found = pixels.shape[-1]
    if wanted in (None, found):
        return pixels
    if (found, wanted) == (1, 3):
        return pixels.repeat(3, axis=-1)
    if (found, wanted) == (3, 1):
        return np.round(pixels @ _GREY).astype("uint8")[..., None]
    raise ValueError(f"the model takes images of {wanted} channels, but those of {printable(data)} have {found}.")

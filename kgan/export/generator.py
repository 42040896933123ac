"""Exported generators, used through plain TensorFlow."""

import contextlib
import difflib
import logging
import math
import os
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from kgan import memory
from kgan.export import saved_model_contents
from kgan.foreign_text import first_line, printable, shortened
from kgan.layers import draw_latents

_BATCH = 256  # images made at a time, so that any number fits into memory
_NAMED = 5  # operations in a sentence
_LISTED = 50  # names of classes in an error
_MOST_CLASSES = 2**31 - 1  # labels are int32


class ExportedGenerator:
    """A SavedModel that `kgan.export.export_generator` wrote.

    Args:
        path: folder of the SavedModel.
        say: called with a sentence before the SavedModel is loaded, if it holds operations that may do more than to
            compute: TensorFlow runs them.

    Attributes:
        path: folder of the SavedModel.
        latent_dim: how many random numbers make an image.
        image_shape: of one image; `None` if the SavedModel does not tell.
        num_classes: number of classes; `None` without classes.
        class_names: list of their names, printable, in the order of their ids; `None` if the export does not hold them.

    Raises:
        ValueError: if there is no such generator, or it is damaged.
    """

    def __init__(self, path: str | os.PathLike, say: Callable[[str], object] = lambda sentence: None):
        self.path = pathlib.Path(path)
        described = saved_model_contents.describe(self.path)
        self.latent_dim, self.image_shape = described.latent_dim, described.image_shape
        self._conditional = described.conditional
        if described.beyond:
            named = [*described.beyond[:_NAMED], *(["others"] if len(described.beyond) > _NAMED else [])]
            say(
                f"{printable(self.path)} was not written by kgan: it holds operations that may do more than to compute "
                f"({', '.join(named)}), and TensorFlow runs them with all rights that you have."
            )
        try:
            with _logs_dropped():
                self._loaded = tf.saved_model.load(str(self.path))
            self._serve = self._loaded.serve
            number, names = self._loaded.num_classes, getattr(self._loaded, "class_names", None)
            number, names = np.asarray(number), None if names is None else np.asarray(names)
        except Exception as error:  # of TensorFlow and of Python, as the files are damaged or foreign
            raise ValueError(
                f"{printable(self.path)} cannot be loaded as a generator that kgan exported, it is damaged or foreign: "
                f"{first_line(error)}."
            ) from None
        self.num_classes = self._read_number(number)
        self.class_names = None if names is None else self._read_names(names)

    def _read_number(self, number: np.ndarray) -> int | None:
        if number.shape or number.dtype.kind not in "iu" or not 0 <= number <= _MOST_CLASSES:
            raise ValueError(
                f"{printable(self.path)} is damaged or foreign: its number of classes must be a whole number from 0 to "
                f"{_MOST_CLASSES}, but it is {shortened(number)}."
            )
        return int(number) or None

    def _read_names(self, names: np.ndarray) -> list[str]:
        named = names.ndim == 1 and all(isinstance(name, bytes) for name in names.tolist())
        if not named or len(names) != self.num_classes:
            raise ValueError(
                f"{printable(self.path)} is damaged or foreign: its class_names must be {self.num_classes or 0} names, "
                f"one for each class, but they are of type {names.dtype} and shape {names.shape}."
            )
        return [printable(name.decode("utf-8", "backslashreplace")) for name in names.tolist()]

    def check_fits(self, n: int, *, at_once: bool, remedy: str = "ask for fewer") -> None:
        """Refuses more images than memory can hold.

        Args:
            n: how many.
            at_once: whether all images are needed at the same time, as in a grid; else only their latent vectors are.
            remedy: what to do.
        """
        image = math.prod(self.image_shape or (1,))
        # Float32, three times while they are drawn; a grid is made of images that all lie there.
        size = n * (12 * self.latent_dim + (2 * image if at_once else 0))
        shape = f" of {'x'.join(map(str, self.image_shape))}" if self.image_shape else ""
        memory.check_fits(size, f"{n:,} images{shape} from {self.latent_dim:,} random numbers each", remedy)
        # Whatever n is: a batch of them.
        memory.check_fits(min(n, _BATCH) * image, f"images{shape}", "use another generator")

    def latents(self, n: int, seed: int) -> np.ndarray:
        """The latent vectors from which `sample(n, seed)` makes its images, float32 of shape `(n, latent_dim)`."""
        return np.asarray(draw_latents(n, self.latent_dim, seed))

    def class_ids(self, text: str) -> list[int]:
        """The ids of classes that are given as `"cat"`, `"cat,dog"` or `"3,5"`.

        Where classes have names these come first: of folders called 10, 20 and 30, `"10"` is the first one, and
        their ids, which could be mistaken for names, are not taken.

        Raises:
            ValueError: for a class that is not there, with the right ones.
        """
        self._check_conditional()
        names = self.class_names
        parts = [part.strip() for part in text.split(",")]
        if names is None or names == [str(number) for number in range(len(names))]:
            return self._numbers(parts, text)
        if text in names:  # a name may hold a comma
            return [names.index(text)]
        known = {} if all(name.isdecimal() for name in names) else {str(i): i for i in range(len(names))}
        known |= {name: i for i, name in enumerate(names)}
        for part in parts:
            if part in known:
                continue
            near = difflib.get_close_matches(part, names, n=1)
            hint = f" (did you mean {shortened(near[0])}?)" if near else ""
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            right = ", ".join(map(shortened, names[:_LISTED])) + more
            raise ValueError(
                f"{printable(self.path)} knows no class '{printable(part)}'{hint}: its classes are {right}."
            )
        return [known[part] for part in parts]

    def _numbers(self, parts: list[str], text: str) -> list[int]:
        if not all(part.isdecimal() for part in parts):
            raise ValueError(
                f"labels must be whole numbers with commas between them, such as 0,1,2, not {shortened(repr(text))}."
            )
        for part in parts:
            # By its length first: Python takes no numbers of thousands of digits.
            if len(part) > len(str(_MOST_CLASSES)) or str(int(part)) != part or int(part) >= self.num_classes:
                raise ValueError(
                    f"{printable(self.path)} knows the classes 0 to {self.num_classes - 1}, not {shortened(part)}."
                )
        return [int(part) for part in parts]

    def labels(self, n: int, wanted: list[int] | None) -> np.ndarray | None:
        """`n` class ids that take turns, of all classes or of those wanted; `None` without classes."""
        if not self._conditional:
            return None
        self._check_conditional()
        if wanted is None:
            return (np.arange(n) % self.num_classes).astype("int32")
        return np.resize(np.asarray(wanted, "int32"), n)

    def _check_conditional(self):
        path = printable(self.path)
        if not self._conditional:
            raise ValueError(f"{path} was trained without classes: leave labels out.")
        if self.num_classes is None:
            raise ValueError(f"{path} does not tell how many classes it knows: export it again with num_classes.")

    def images(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """uint8 images of latent vectors, and of labels if there are classes."""
        return np.concatenate(list(self.batches(latents, labels)))

    def batches(self, latents: np.ndarray, labels: np.ndarray | None) -> Iterator[np.ndarray]:
        """As `images`, some at a time."""
        inputs = [latents] if labels is None else [latents, labels]
        for start in range(0, len(latents), _BATCH):
            part = [tf.constant(array[start : start + _BATCH]) for array in inputs]
            try:
                images = np.asarray(self._serve(*part))
            except (tf.errors.ResourceExhaustedError, MemoryError):
                raise ValueError(f"{printable(self.path)} makes images that memory cannot hold.") from None
            except Exception as error:  # whatever a foreign graph may run into
                raise ValueError(f"{printable(self.path)} cannot make images: {first_line(error)}.") from None
            if images.dtype != np.uint8 or not _are_images(images.shape, len(part[0])):
                raise ValueError(
                    f"{printable(self.path)} makes no images, which would be uint8 of shape ({len(part[0])}, height, "
                    f"width, 1 to 4): it makes {images.dtype} of shape {images.shape}."
                )
            yield images


@contextlib.contextmanager
def _logs_dropped():
    """Drops what TensorFlow logs, beside what it raises: a traceback for a damaged fingerprint that nobody needs."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _are_images(shape: tuple[int, ...], n: int) -> bool:
    return len(shape) == 4 and shape[0] == n and 0 not in shape and shape[3] <= 4

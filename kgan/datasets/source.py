"""`Source`: a set of images with random access, in memory when it is small, read on demand when it is large."""

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kgan import memory
from kgan.datasets.images import BrokenImageError
from kgan.foreign_text import printable, shortened

# Sets of up to this many decoded bytes are kept in memory; larger ones are decoded again on every pass.
MEMORY_LIMIT = 2**30
_CHUNK = 64  # images that one thread decodes at a time while a set is read into memory
_NAMED = 10  # broken files that a report names


@dataclass(frozen=True)
class Reader:
    """How to read images one by one.

    Attributes:
        size: number of images.
        image_shape: `(height, width, channels)` of each of them.
        read: maps an index to a uint8 image of that shape, or raises `BrokenImageError`; called from many threads.
        describe: maps an index to the name under which a broken image is reported.
        identity: yields strings that together identify the data.
    """

    size: int
    image_shape: tuple[int, int, int]
    read: Callable[[int], np.ndarray]
    describe: Callable[[int], str]
    identity: Callable[[], Iterable[str]]


class Source:
    """A set of uint8 images of one shape, with class labels if they were asked for.

    `source[i]` is image i, or `(image, label)` with labels; `len(source)` is the number of examples.

    Args:
        name: what the user called it.
        images: uint8 array of shape `(n, height, width, channels)`, or a `Reader`, which is read into memory if its
            images take `MEMORY_LIMIT` bytes or less.
        targets: class id per image, or `None`.
        class_names: names of the classes, or `None`.
        num_classes: number of classes where they have no names.
        notes: sentences about choices made for the user, such as an image size.

    Attributes:
        name: see above.
        size: number of examples; a streamed source counts broken files as well.
        image_shape: `(height, width, channels)`.
        images: uint8 array of all images; `None` when streamed.
        targets: int32 array of all labels; `None` without labels.
        labels: whether there are labels.
        num_classes: number of classes; `None` without labels.
        class_names: list of their names; `None` without labels, or when they have none.
        notes: see above.

    Raises:
        ValueError: if no image can be read.
    """

    def __init__(
        self,
        name: str,
        images: np.ndarray | Reader,
        *,
        targets: Sequence[int] | np.ndarray | None = None,
        class_names: Sequence[str] | None = None,
        num_classes: int | None = None,
        notes: Sequence[str] = (),
    ):
        self.name = name
        self.notes = list(notes)
        self.labels = targets is not None
        self.targets = np.asarray(targets, dtype="int32") if self.labels else None
        self.class_names = list(class_names) if self.labels and class_names is not None else None
        self.num_classes = len(self.class_names) if self.class_names else num_classes
        self._broken: dict[str, str] = {}
        self._reader = None
        self.images = None
        if not isinstance(images, Reader):
            self.images = images
            self.size, *image_shape = images.shape
            self.image_shape = tuple(image_shape)
            return
        self.size = images.size
        self.image_shape = tuple(images.image_shape)
        check_image_fits(name, self.image_shape)
        self._reader = images
        if self.size * math.prod(self.image_shape) <= MEMORY_LIMIT:
            self._read_into_memory()
        else:
            self._require_one_image()

    @property
    def in_memory(self) -> bool:
        """Whether all images lie decoded in memory."""
        return self.images is not None

    @property
    def skipped(self) -> list[str]:
        """Names of the broken files met so far, sorted; grows while a large folder is streamed."""
        return sorted(self._broken)

    def report(self) -> str | None:
        """One sentence that counts and names the broken files met so far, or `None` if there are none."""
        if not self._broken:
            return None
        broken = sorted(self._broken.items())
        named = ", ".join(f"{shortened(name)} ({printable(reason)})" for name, reason in broken[:_NAMED])
        more = f" and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        one = len(broken) == 1
        what = f"{len(broken)} broken {'file was' if one else 'files were'} skipped"
        return f"{what} in {printable(self.name)}: {named}{more}."

    def read(self, index: int) -> np.ndarray:
        """Image `index`, uint8 of shape `image_shape`.

        Raises:
            BrokenImageError: if it cannot be read; it is then in `skipped`.
        """
        if self.in_memory:
            return self.images[index]
        try:
            return self._reader.read(index)
        except BrokenImageError as error:
            self._broken[self._reader.describe(index)] = str(error)
            raise

    def peek(self, index: int) -> np.ndarray:
        """As `read`, but a broken file is not reported: for a look at some images before any of them is used."""
        return self.images[index] if self.in_memory else self._reader.read(index)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits of a SHA-256 that change when the data change.

        In memory it covers pixels and labels; a streamed source is known by its files' names and sizes, the size
        of its images and its labels.
        """
        digest = hashlib.sha256(repr((self.size, self.image_shape, self.class_names)).encode())
        if self.in_memory:
            digest.update(np.ascontiguousarray(self.images))
        else:
            for part in self._reader.identity():
                digest.update(os.fsencode(part) + b"\0")
        if self.labels:
            digest.update(self.targets)
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int):
        image = self.read(index)
        return (image, self.targets[index]) if self.labels else image

    def _read_into_memory(self):
        images = np.empty((self.size, *self.image_shape), dtype="uint8")
        good = np.zeros(self.size, dtype=bool)

        def read_chunk(start):
            for index in range(start, min(start + _CHUNK, self.size)):
                try:
                    images[index] = self.read(index)
                    good[index] = True
                except BrokenImageError:
                    pass

        # Pillow lets go of the interpreter lock while it decodes, so threads use all cores.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(read_chunk, range(0, self.size, _CHUNK)):
                pass
        if not good.any():
            raise self._nothing_readable()
        if not good.all():
            images = images[good]
            self.targets = self.targets[good] if self.labels else None
        self.images, self.size, self._reader = images, len(images), None

    def _require_one_image(self):
        for index in range(self.size):
            try:
                self.read(index)
                return
            except BrokenImageError:
                pass
        raise self._nothing_readable()

    def _nothing_readable(self) -> ValueError:
        name, reason = min(self._broken.items())
        return ValueError(
            f"{printable(self.name)} holds no readable image: all {self.size} image files are broken, "
            f"the first one is {shortened(name)} ({printable(reason)})."
        )


def check_image_fits(name: str, image_shape: Sequence[int], itemsize: int = 1) -> None:
    """Refuses images of which memory cannot hold a single one.

    Args:
        name: of the data set.
        image_shape: `(height, width, channels)`.
        itemsize: bytes of a number.
    """
    shape = "x".join(map(str, image_shape))
    memory.check_fits(
        math.prod(image_shape) * itemsize, f"one image of {shape} from {printable(name)}", "use a smaller image_size"
    )

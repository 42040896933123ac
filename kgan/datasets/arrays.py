"""Images from `.npy` and `.npz` files, and sources made of arrays in general."""

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Sequence

import numpy as np

from kgan import memory
from kgan.datasets import source
from kgan.datasets.images import resize
from kgan.datasets.labels import count_up
from kgan.datasets.source import Reader, Source, check_image_fits
from kgan.datasets.words import listed
from kgan.foreign_text import first_line, printable, shortened

_IMAGE_KEYS = ("x", "X", "images", "data")
_LABEL_KEYS = ("y", "Y", "labels", "targets")


def open_array_file(
    path: str, *, split: str, image_size: tuple[int, int] | None, labels: bool, limit: int | None
) -> Source:
    """Opens the images of an `.npz` or `.npy` file; see `kgan.datasets.open_source` for the arguments.

    Images are uint8, or floats within 0..1 or -1..1, of shape `(n, h, w)` or `(n, h, w, c)` with 1 to 4 channels. An
    `.npz` holds them under `x`, `images` or `data` and labels under `y`, `labels` or `targets`; names such as `x_test`
    or `test_images` belong to a split. A large `.npy` is read from the disk as it is needed. Class ids with gaps are
    renumbered, with a note, alike in all splits of the file.
    """
    labelled, label_notes = {}, []
    with _numpy_errors(path):
        # Object arrays are pickles, and a pickle can run code: never allowed.
        file = np.load(path, mmap_mode="r" if path.lower().endswith(".npy") else None, allow_pickle=False)
    name, path = path, printable(path)  # from here on only to be told
    if isinstance(file, np.ndarray):
        images = file
        if labels:
            raise ValueError(
                f"{path} has no labels; save both as an .npz with arrays 'x' and 'y', or leave labels out."
            )
        if split != "train":
            raise ValueError(f"{path} has only the split 'train', which is all of it, not {split!r}.")
        images = _as_images(path, images)
    else:
        with file:
            image_key = _find_key(path, file.files, _IMAGE_KEYS, split, "images")
            label_key = _find_key(path, file.files, _LABEL_KEYS, split, "labels") if labels else None
            label_keys = [key for key in file.files if _means_labels(key)] if labels else []
            _check_fits(path, file, [image_key, *label_keys])
            with _numpy_errors(path):
                images = file[image_key]
                all_labels = {key: file[key] for key in label_keys}
            if not all(isinstance(array, np.ndarray) for array in (images, *all_labels.values())):
                raise ValueError(f"{path} holds something else than arrays: write it with numpy.savez.")
        images = _as_images(path, images)
        if labels:
            targets = _as_targets(path, all_labels.pop(label_key), len(images))
            # Of the other splits too: a class has the same number in all of them, whichever lacks it.
            ids = np.unique(np.concatenate([targets, *filter(_are_ids, map(np.ravel, all_labels.values()))]))
            targets, names, label_notes = count_up(path, targets, ids)
            labelled = {"targets": targets, "class_names": names, "num_classes": len(ids)}
    convert, notes = _conversion(path, images)
    notes = [*notes, *label_notes]
    return from_array(name, images, image_size=image_size, limit=limit, convert=convert, notes=notes, **labelled)


def from_array(
    name: str,
    images: np.ndarray,
    targets: np.ndarray | None = None,
    *,
    image_size: tuple[int, int] | None = None,
    limit: int | None = None,
    class_names: Sequence[str] | None = None,
    num_classes: int | None = None,
    convert: Callable[[np.ndarray], np.ndarray] | None = None,
    notes: Sequence[str] = (),
) -> Source:
    """A source of images of shape `(n, h, w, c)`, turned into uint8 by `convert` if it is given, and resized."""
    rows = take_evenly(len(images), limit)
    height, width, channels = images.shape[1:]
    size = image_size or (height, width)
    options = {"class_names": class_names, "notes": notes}
    if targets is not None:
        # Counted before `limit` can leave a class out.
        options.update(targets=targets[rows], num_classes=num_classes or int(targets.max()) + 1)
    small = len(rows) * height * width * channels <= source.MEMORY_LIMIT
    if convert is None and size == (height, width) and (small or not isinstance(images, np.memmap)):
        images = np.array(images[rows]) if limit or isinstance(images, np.memmap) else images
        return Source(name, images, **options)

    def read(index):
        pixels = np.asarray(images[rows[index]])
        return resize(pixels if convert is None else convert(pixels), size)

    def identity():
        yield repr((images.shape, str(images.dtype), len(rows)))
        # Hashing all of a file larger than memory would take minutes: 256 images stand for the rest.
        for row in take_evenly(len(images), 256):
            yield hashlib.sha256(np.ascontiguousarray(images[row])).hexdigest()

    reader = Reader(len(rows), (*size, channels), read, lambda index: f"image {rows[index]}", identity)
    return Source(name, reader, **options)


def take_evenly(size: int, limit: int | None) -> np.ndarray:
    """At most `limit` of the numbers 0 to `size` - 1, evenly spread, so that a sorted set keeps all of its classes."""
    if limit is None or limit >= size:
        return np.arange(size)
    return np.arange(limit) * size // limit


@contextlib.contextmanager
def _numpy_errors(path: str):
    # A damaged .npy or .npz fails in numpy, in zipfile or in zlib, each with errors, and warnings, of its own.
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        if "Object arrays" in str(error) or "Python objects" in str(error):
            raise ValueError(
                f"{printable(path)} holds pickled Python objects, which can run code and are never loaded; "
                "save plain uint8 or float arrays instead."
            ) from None
        # For what is no numpy file at all, numpy suggests that it may be a pickle: nothing to recommend.
        reason = "it is none" if "allow_pickle" in str(error) else first_line(error)
        raise ValueError(f"{printable(path)} cannot be read as a numpy file: {reason}.") from error


def _find_key(path: str, keys: Sequence[str], names: Sequence[str], split: str, what: str) -> str:
    candidates = [name for key in names for name in (f"{key}_{split}", f"{split}_{key}")]
    if split == "train":
        candidates += names
    for candidate in candidates:
        if candidate in keys:
            return candidate
    if what == "images" and split == "train" and len(keys) == 1:
        return keys[0]
    expected = candidates[:2] + (list(names[:1]) if split == "train" else [])
    raise ValueError(
        f"{path} has no {what} for the split {split!r}: expected an array named {' or '.join(expected)}, "
        f"but it holds {listed(keys) or 'nothing'}."
    )


def _check_fits(path: str, file: np.lib.npyio.NpzFile, keys: Sequence[str]) -> None:
    """Refuses a file whose arrays take more than memory can hold: a few bytes unpack to as many as you like."""
    sizes = {member.filename: member.file_size for member in file.zip.infolist()}
    size = sum(sizes.get(f"{key}.npy", 0) or sizes.get(key, 0) for key in keys)
    memory.check_fits(size, f"{path}, unpacked,", "save fewer images, or save them as an .npy file")


def _as_images(path: str, images: np.ndarray) -> np.ndarray:
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or 0 in images.shape:
        raise ValueError(
            f"{path} holds an array of shape {images.shape}; expected images of shape (n, height, width) or "
            "(n, height, width, channels)."
        )
    if images.shape[-1] > 4:
        first = " (channels come last: use numpy.moveaxis(x, 1, -1))" if images.shape[1] <= 4 else ""
        raise ValueError(f"{path} holds images of {images.shape[-1]} channels; expected 1 to 4{first}.")
    # Of an .npy file the header alone has been read until here.
    check_image_fits(path, images.shape[1:], images.itemsize)
    return images


def _as_targets(path: str, targets: np.ndarray, size: int) -> np.ndarray:
    if targets.shape == (size, 1):
        targets = targets[:, 0]
    if targets.shape != (size,) or targets.dtype.kind not in "iu":
        raise ValueError(
            f"{path} holds labels of shape {targets.shape} and type {shortened(targets.dtype)}; "
            f"expected {size} integers, one per image."
        )
    if targets.min() < 0:
        raise ValueError(
            f"{path} holds labels from {targets.min()} to {targets.max()}; expected class ids that count up from 0."
        )
    return targets


def _means_labels(key: str) -> bool:
    """Whether an array of this name holds labels, of any split."""
    return any(key == name or key.startswith(f"{name}_") or key.endswith(f"_{name}") for name in _LABEL_KEYS)


def _are_ids(labels: np.ndarray) -> bool:
    return labels.dtype.kind in "iu" and labels.size > 0 and labels.min() >= 0


def _conversion(path: str, images: np.ndarray):
    """How to turn the images into uint8 (`None`: they are) and the notes that say so."""
    if images.dtype == "uint8":
        return None, ()
    if images.dtype.kind != "f":
        raise ValueError(
            f"{path} holds images of type {shortened(images.dtype)}; expected uint8 with values 0..255, "
            "or floats with values 0..1 or -1..1."
        )
    # Image by image: a mapped file can be larger than memory. numpy's minimum, unlike Python's, keeps a NaN.
    low = float(np.min([image.min() for image in images]))
    high = float(np.max([image.max() for image in images]))
    if not -1 <= low <= high <= 1:  # also false for NaN
        raise ValueError(
            f"{path} holds floats from {low:g} to {high:g}; expected 0..1 or -1..1 without NaN, or uint8 with 0..255."
        )
    offset, scale, span = (0.0, 255.0, "0..1") if low >= 0 else (1.0, 127.5, "-1..1")
    note = f"The floats in {path} were taken for {span} and turned into uint8."
    return lambda image: np.round((image.astype("float64") + offset) * scale).astype("uint8"), (note,)

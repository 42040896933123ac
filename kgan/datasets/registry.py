"""From a name or a path to a source: what there is, where it lies, and how to get it."""

import difflib
import os
from dataclasses import dataclass

from kgan.datasets import named_sets, tfds_sets
from kgan.datasets.arrays import from_array, open_array_file
from kgan.datasets.folder import open_folder
from kgan.datasets.images import as_image_size
from kgan.datasets.named_sets import NAMED_SETS
from kgan.datasets.source import Source
from kgan.datasets.value_range import note_on_range
from kgan.foreign_text import first_line, printable, shortened
from kgan.scalars import as_count


@dataclass(frozen=True)
class SourceInfo:
    """What `kgan datasets` says about a data set.

    Attributes:
        name: what `load` calls it.
        description: one line.
        available: whether it can be used now, without a network.
        location: where its files are, or would go.
        size: number of training examples, if known.
        image_shape: `(height, width, channels)`, if known.
    """

    name: str
    description: str
    available: bool
    location: str
    size: int | None = None
    image_shape: tuple[int, int, int] | None = None


def open_source(
    name_or_path: str | os.PathLike,
    *,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    labels: bool = False,
    limit: int | None = None,
) -> Source:
    """Opens images by name or path for random access; `load` has the arguments and says what is read.

    Returns:
        A `Source`.

    Raises:
        ValueError: if there is no such data set here, or it lacks what is asked for; one sentence says what to do.
    """
    limit = None if limit is None else as_count(limit, "limit")
    options = {"split": split, "image_size": as_image_size(image_size), "labels": bool(labels), "limit": limit}
    source = _open(name_or_path, options)
    note = note_on_range(source)
    if note is not None:
        source.notes.append(note)
    return source


def _open(name_or_path, options) -> Source:
    if isinstance(name_or_path, str):
        if name_or_path in NAMED_SETS:
            source = _open_named(name_or_path, **options)
            if os.path.exists(name_or_path):
                source.notes.append(
                    f"{name_or_path} is the data set of that name, not what lies here under the same name: for that, "
                    f"write {os.path.join(os.curdir, name_or_path)}."
                )
            return source
        if name_or_path.startswith(tfds_sets.PREFIX):
            return tfds_sets.open_tfds(name_or_path, **options)
    path = os.path.expanduser(os.fspath(name_or_path))
    try:
        if os.path.isdir(path):
            return open_folder(path, **options)
        if os.path.isfile(path):
            if path.lower().endswith((".npz", ".npy")):
                return open_array_file(path, **options)
            raise ValueError(f"{printable(path)} is neither a folder of images nor an .npz or .npy file.")
    except OSError as error:
        raise ValueError(f"{printable(path)} cannot be read: {first_line(error)}.") from error
    raise ValueError(
        f"There is no data set or path '{printable(path)}'{_nearest(path)}; expected {', '.join(NAMED_SETS)}, "
        "tfds:NAME, a folder of images, or an .npz or .npy file."
    )


def available() -> list[SourceInfo]:
    """All data sets with a name, and those that TensorFlow Datasets has prepared on this machine."""
    infos = []
    for name, named in NAMED_SETS.items():
        found = named.find()
        if named.package:
            location = f"inside the Python package {named.package}"
        else:
            location = found or named.folders()[0]
        ready = found is not None or named.package is not None
        infos.append(SourceInfo(name, named.description, ready, location, named.splits["train"], named.image_shape))
    for name, folder in tfds_sets.prepared():
        infos.append(SourceInfo(name, "prepared by TensorFlow Datasets", True, folder))
    return infos


def download(name: str) -> str:
    """Downloads a data set by name, on purpose; nothing else in kgan uses the network.

    Args:
        name: `"mnist"`, `"fashion_mnist"`, `"cifar10"` or `"tfds:NAME"`.

    Returns:
        The folder that holds it.

    Raises:
        ValueError: if the name is unknown or the download fails.
    """
    if name.startswith(tfds_sets.PREFIX):
        return tfds_sets.download(name)
    named = NAMED_SETS.get(name)
    if named is None:
        known = ", ".join(key for key, value in NAMED_SETS.items() if value.download)
        raise ValueError(
            f"There is no data set '{shortened(name)}' to download{_nearest(name)}; expected {known} or tfds:NAME."
        )
    if named.package:
        return f"inside the Python package {named.package}"
    if named.find() is None:
        try:
            named.download()
        except Exception as error:  # Keras raises a bare Exception when it cannot reach the network
            raise ValueError(
                f"{name} could not be downloaded to {printable(named.folders()[0])}: {first_line(error)}; "
                "mnist5k needs no download."
            ) from error
    return named.find() or named.folders()[0]


def _open_named(name: str, *, split: str, image_size, labels: bool, limit: int | None) -> Source:
    named = NAMED_SETS[name]
    if split not in named.splits:
        has = ", ".join(f"'{key}' ({count} images)" for key, count in named.splits.items())
        raise ValueError(f"{name} has no split {split!r}; it has {has}.")
    folder = named.find() if named.files else ""
    if folder is None:
        raise ValueError(
            f"{name} is not on this machine: its {_files(named)} would go to {printable(named.folders()[0])}; "
            f"download it with `kgan datasets --download {name}`, or use mnist5k, which needs no download."
        )
    try:
        images, targets = named.read(split, folder)
    except Exception as error:  # a damaged file fails in gzip, zipfile, zlib, numpy or pickle
        raise ValueError(
            f"The files of {name} in {printable(folder)} are damaged ({first_line(error)}): delete them to start again."
        ) from error
    return from_array(
        name, images, targets if labels else None, image_size=image_size, limit=limit, class_names=named.class_names
    )


def _files(named: named_sets.NamedSet) -> str:
    names = [os.path.basename(file) for file in named.files]
    return f"file {names[0]}" if len(names) == 1 else f"files {names[0]} and {len(names) - 1} more"


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.lower().replace("-", "_"), NAMED_SETS, n=1)
    return f" (did you mean {near[0]}?)" if near else ""

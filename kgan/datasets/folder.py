"""A folder of image files; its first-level folders are classes."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from kgan.datasets.arrays import take_evenly
from kgan.datasets.images import EXTENSIONS, BrokenImageError, decode, read_header
from kgan.datasets.source import Reader, Source

DEFAULT_SIZE = 64
_SAMPLE = 1000  # files whose headers decide about image size and channels
_SPLITS = {"train", "training", "test", "testing", "val", "valid", "validation"}


def open_folder(
    path: str, *, split: str, image_size: tuple[int, int] | None, labels: bool, limit: int | None
) -> Source:
    """Opens all images below a folder, in the order of their names; see `kgan.datasets.open_source`.

    Folders within it are classes, in alphabetical order, whatever lies deeper belongs to them. A folder that holds
    nothing but folders such as `train` and `test` is taken for its splits. Hidden files are left out. Images are grey
    if all of a sample are grey, else RGB, and keep their size if all of the sample share one.
    """
    root = split_folder(path, split)
    files = sorted(list_images(root))
    if not files:
        raise ValueError(
            f"{root} holds no image: expected files ending in {', '.join(EXTENSIONS)}, in it or in folders below it."
        )
    rows = take_evenly(len(files), limit)
    targets = class_names = None
    if labels:
        # Before `limit` can leave a class out: a class keeps its number.
        class_names, targets = class_folders_in(root, files)
        targets = [targets[row] for row in rows]
    files = [files[row] for row in rows]
    shape, notes = choose_shape(root, lambda index: os.path.join(root, files[index]), len(files), image_size)

    def identity() -> Iterator[str]:
        for file in files:
            try:
                size = os.path.getsize(os.path.join(root, file))
            except OSError:
                size = None
            yield f"{file} {size}"

    reader = Reader(
        size=len(files),
        image_shape=shape,
        read=lambda index: decode(os.path.join(root, files[index]), shape[:2], shape[2]),
        describe=lambda index: files[index],
        identity=identity,
    )
    return Source(path, reader, targets=targets, class_names=class_names, notes=notes)


def list_images(root: str) -> Iterator[str]:
    """Yields the paths, relative to `root`, of all files that look like images, each folder visited once."""
    visited = set()
    folders, links = [""], []
    while folders or links:
        # Links come last, so that a folder is found under its own name and a loop ends.
        folder = folders.pop() if folders else links.pop()
        status = os.stat(os.path.join(root, folder))
        if (status.st_dev, status.st_ino) in visited:
            continue
        visited.add((status.st_dev, status.st_ino))
        with os.scandir(os.path.join(root, folder)) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                name = os.path.join(folder, entry.name)
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_dir():
                    (links if entry.is_symlink() else folders).append(name)
                elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file():
                    yield name


def split_folder(path: str, split: str) -> str:
    with os.scandir(path) as entries:
        visible = [entry for entry in entries if not entry.name.startswith(".")]
    folders = {entry.name for entry in visible if entry.is_dir()}
    has_images = any(entry.name.lower().endswith(EXTENSIONS) and entry.is_file() for entry in visible)
    if folders and folders <= _SPLITS and not has_images:
        if split in folders:
            return os.path.join(path, split)
        raise ValueError(f"{path} has no split '{split}'; it has {', '.join(sorted(folders))}.")
    if split != "train":
        raise ValueError(
            f"{path} has only the split 'train', which is all of it, not '{split}'; "
            "for more, put the images into folders named train and test."
        )
    return path


def class_folders_in(root: str, files: list[str]) -> tuple[list[str], list[int]]:
    names = sorted({file.split(os.sep)[0] for file in files if os.sep in file})
    loose = [file for file in files if os.sep not in file]
    if not names:
        raise ValueError(f"{root} has no classes: for labels, put the images of each class into a folder of its own.")
    if loose:
        raise ValueError(f"{root} holds images outside of its class folders, such as {loose[0]}: move or remove them.")
    ids = {name: index for index, name in enumerate(names)}
    return names, [ids[file.split(os.sep)[0]] for file in files]


def choose_shape(
    name: str, file: Callable[[int], str | BinaryIO], size: int, image_size: tuple[int, int] | None
) -> tuple[tuple[int, int, int], list[str]]:
    """Chooses the shape of all images by the headers of some.

    Args:
        name: the name of the set, for the note.
        file: maps an index to an image file.
        size: number of images.
        image_size: wanted `(height, width)`, or `None`.

    Returns:
        `(height, width, channels)` and a list of notes for the user.
    """
    headers = []
    for index in take_evenly(size, _SAMPLE):
        try:
            headers.append(read_header(file(index)))
        except BrokenImageError:
            pass
    channels = 1 if headers and all(header.grey for header in headers) else 3
    if image_size is not None:
        return (*image_size, channels), []
    sizes = {(header.height, header.width) for header in headers}
    if len(sizes) == 1:
        return (*sizes.pop(), channels), []
    note = f"The images in {name} have different sizes; they become {DEFAULT_SIZE}x{DEFAULT_SIZE} (see image_size)."
    return (DEFAULT_SIZE, DEFAULT_SIZE, channels), [note]

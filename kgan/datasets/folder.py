"""A folder of image files; its first-level folders are classes."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from kgan.datasets.arrays import take_evenly
from kgan.datasets.images import EXTENSIONS, BrokenImageError, decode, read_header
from kgan.datasets.listing import Contents, look_through
from kgan.datasets.source import Reader, Source
from kgan.datasets.splits import find_part
from kgan.datasets.words import joined, listed, natural_key
from kgan.foreign_text import printable, shortened

DEFAULT_SIZE = 64
_KINDS = 5  # of other files that a sentence names
_SAMPLE = 1000  # files whose headers decide about image size and channels
# What people keep beside images: a folder with nothing but such files is no class that lacks its images.
_DOCUMENTS = (
    *(".txt", ".md", ".rst", ".pdf", ".doc", ".docx", ".html", ".htm", ".log", ".csv", ".tsv", ".xls", ".xlsx"),
    *(".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".py", ".ipynb", ".sh", ".bat"),
)


class EmptyClassError(ValueError):
    """A folder of a class without a readable image: something is missing, where a folder without classes has none."""


@dataclass(frozen=True)
class ImageFolder:
    """The image files of a folder, before any of them is opened.

    Attributes:
        path: the folder, as it was given.
        root: the folder that holds those of the classes: `path` itself, or its part for a split.
        files: the image files, relative to `root`, in natural order of their names: `2.png` before `10.png`.
        class_names: names of the classes, in natural order; `None` without labels.
        targets: the number of the class of each file; `None` without labels.
        notes: sentences about choices made for the user.
    """

    path: str
    root: str
    files: list[str]
    class_names: list[str] | None
    targets: np.ndarray | None
    notes: list[str]


def list_folder(path: str, *, split: str, labels: bool) -> ImageFolder:
    """Finds the images of a folder and their classes.

    Raises:
        ValueError: if it holds no image, or, with labels, if it is not clear to which class each of them belongs.
    """
    part = find_part(path, split)
    contents = look_through(part.root)
    files = contents.images
    notes = _notes(part.root, contents)
    if not files:
        raise ValueError(_no_image(part.root, contents, labels))
    class_names = targets = None
    if labels:
        class_names, targets = _classes(part.root, contents)
    return ImageFolder(path, part.root, files, class_names, targets, [*part.notes, *notes])


def open_folder(
    path: str, *, split: str, image_size: tuple[int, int] | None, labels: bool, limit: int | None
) -> Source:
    """Opens all images below a folder, in natural order of their names; see `kgan.datasets.open_source`.

    Folders within it are classes, in natural order (`2` before `10`); whatever lies deeper belongs to them. A folder
    that holds folders such as `Training` and `test` and no other images is taken for its splits, and one that holds a
    single folder is looked into. Left out are hidden files, those that systems leave (`Thumbs.db`, `__MACOSX`),
    runs and exports of kgan, and, with a note, files of other types. Images are grey if all of a sample are grey, else
    RGB, and keep their size if all of the sample share one.
    """
    found = list_folder(path, split=split, labels=labels)
    root = found.root
    rows = take_evenly(len(found.files), limit)
    files = [found.files[row] for row in rows]
    # Numbered before `limit` can leave a class out: a class keeps its number.
    targets = found.targets[rows] if labels else None
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
    source = Source(path, reader, targets=targets, class_names=found.class_names, notes=[*found.notes, *notes])
    if labels and source.in_memory:
        _refuse_unreadable_classes(source, targets)
    return source


def _no_image(root: str, contents: Contents, labels: bool) -> str:
    endings = f"files ending in {', '.join(EXTENSIONS)}"
    unread = [file for file in contents.others if not file.lower().endswith(_DOCUMENTS)]
    if labels:
        only = f", as {endings}; it holds {_counted(unread)}" if unread else ""
        return f"{printable(root)} holds no image: put the images of each class into a folder of its own{only}."
    only = f"; it holds {_counted(unread)}" if unread else ""
    return f"{printable(root)} holds no image: expected {endings}, in it or in folders below it{only}."


def _classes(root: str, contents: Contents) -> tuple[list[str], np.ndarray]:
    """The names of the class folders in natural order, and the number of the class of each image."""
    loose = [file for file in contents.images if os.sep not in file]
    folders = [file.split(os.sep)[0] for file in contents.images if os.sep in file]
    names = sorted(set(folders), key=natural_key)
    if not names:
        raise ValueError(
            f"{printable(root)} has no classes: for labels, put the images of each class into a folder of its own."
        )
    if loose:
        raise ValueError(
            f"{printable(root)} holds images outside of its class folders, such as {shortened(loose[0])}: move or "
            "remove them."
        )
    for name in contents.folders:
        if name not in names:
            _refuse_empty(root, name, contents)
    ids = {name: index for index, name in enumerate(names)}
    return names, np.array([ids[folder] for folder in folders], dtype="int32")


def _refuse_empty(root: str, name: str, contents: Contents) -> None:
    inside = name + os.sep
    others = [file for file in contents.others if file.startswith(inside)]
    if others and all(file.lower().endswith(_DOCUMENTS) for file in others):
        return
    if not others and any(path.startswith(inside) for path in (*contents.outputs, *contents.repeated)):
        return
    what = f", only {_counted(others)}" if others else ""
    raise EmptyClassError(
        f"the class folder '{shortened(name)}' in {printable(root)} holds no image{what}: add images, or take the "
        "folder away."
    )


def _refuse_unreadable_classes(source: Source, targets: np.ndarray) -> None:
    for number in np.setdiff1d(targets, source.targets):
        broken = int((targets == number).sum())
        raise EmptyClassError(
            f"the class '{shortened(source.class_names[number])}' in {printable(source.name)} has no readable image, "
            f"{broken} broken {'file' if broken == 1 else 'files'}: mend or replace some, or take the folder away."
        )


def _notes(root: str, contents: Contents) -> list[str]:
    notes = []
    if contents.others:
        be = "was" if len(contents.others) == 1 else "were"
        notes.append(
            f"{_counted(contents.others)} in {printable(root)} {be} left out: kgan does not read them as images."
        )
    if contents.outputs:
        be = "was" if len(contents.outputs) == 1 else "were"
        notes.append(f"{listed(contents.outputs)} in {printable(root)} {be} left out: kgan wrote that.")
    return notes


def _counted(files: list[str]) -> str:
    """How many files there are of each ending, with the first one, such as `12 .heic (a/1.heic ...)`."""
    endings = Counter(os.path.splitext(file)[1].lower() for file in files)
    counted = []
    for ending, number in endings.most_common(_KINDS - 1 if len(endings) > _KINDS else None):
        first = next(file for file in files if os.path.splitext(file)[1].lower() == ending)
        kind = f"{shortened(ending)} {'file' if number == 1 else 'files'}" if ending else "without an ending"
        counted.append(f"{number} {kind} ({shortened(first)}{', ...' if number > 1 else ''})")
    return joined([*counted, f"{len(endings) - len(counted)} more"] if len(counted) < len(endings) else counted)


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
    small = f"{DEFAULT_SIZE}x{DEFAULT_SIZE}"
    note = f"The images in {printable(name)} have different sizes; they become {small} (see image_size)."
    return (DEFAULT_SIZE, DEFAULT_SIZE, channels), [note]

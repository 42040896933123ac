"""What lies below a folder: images, other files, and what is none of the user's data."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from PIL import Image

from kgan.datasets.images import EXTENSIONS
from kgan.datasets.quiet import pillow_warnings_dropped
from kgan.datasets.words import natural_key

# What systems, servers and programs leave beside the files of their users, in lower case.
_SYSTEM_NAMES = {
    *("__macosx", "icon\r"),  # macOS
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "recycler", "system volume information"),  # Windows
    *("@eadir", "#recycle", "@recycle", "#snapshot", "@recently-snapshot"),  # network drives of Synology and QNAP
    *("lost+found", "__pycache__"),
}


@dataclass
class Contents:
    """Paths relative to the folder that was looked through, in natural order.

    Attributes:
        images: files that look like images.
        others: other files.
        outputs: folders and pictures that kgan wrote.
        folders: names of the folders directly in it.
        repeated: links to a folder that is listed under another name.
    """

    images: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)


def look_through(root: str) -> Contents:
    """Lists what lies below `root`, each folder once; hidden files, those of the system and kgan's are left out."""
    contents = Contents()
    lists = {"image": contents.images, "other": contents.others, "output": contents.outputs}
    lists |= {"repeated": contents.repeated}
    for kind, name in _walk(root):
        if kind != "folder":
            lists[kind].append(name)
        elif os.sep not in name:
            contents.folders.append(name)
    # A picture of `kgan sample` is told by what it says of itself; only beside a run is it worth opening every PNG.
    beside = {parent for output in contents.outputs for parent in _parents(output)}
    pictures = [
        name for name in contents.images if os.path.dirname(name) in beside and _is_sample(os.path.join(root, name))
    ]
    if pictures:
        contents.images = sorted(set(contents.images) - set(pictures))
        contents.outputs += pictures
    for names in vars(contents).values():
        names.sort(key=natural_key)
    return contents


def holds_image(folder: str) -> bool:
    """Whether there is an image in `folder` or below it."""
    return any(kind == "image" for kind, _ in _walk(folder))


def images_in(folder: str) -> list[str]:
    """The names of the images directly in `folder`."""
    with os.scandir(folder) as entries:
        return sorted((entry.name for entry in entries if _is_image(entry)), key=natural_key)


def folders_in(folder: str) -> list[str]:
    """The names of the folders directly in `folder`, but hidden ones, those of the system and kgan's."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not _is_left_alone(entry.name) and entry.is_dir()]
    return sorted((name for name in names if not _is_output(os.path.join(folder, name))), key=natural_key)


def _walk(root: str) -> Iterator[tuple[str, str]]:
    """Yields `(kind, path relative to root)` of all folders and files; each folder is visited once."""
    visited = set()
    folders, links = [""], []
    while folders or links:
        # Links come last, so that a folder is found under its own name and a loop ends.
        folder = folders.pop() if folders else links.pop()
        path = os.path.join(root, folder)
        status = os.stat(path)
        if (status.st_dev, status.st_ino) in visited:
            yield "repeated", folder
            continue
        visited.add((status.st_dev, status.st_ino))
        if folder and _is_output(path):
            yield "output", folder
            continue
        if folder:
            yield "folder", folder
        with os.scandir(path) as entries:
            entries = sorted(entries, key=lambda entry: entry.name)
        for entry in entries:
            name = os.path.join(folder, entry.name)
            if _is_left_alone(entry.name):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(name)
            elif _is_image(entry):
                yield "image", name
            elif entry.is_file():
                yield "other", name


def _is_left_alone(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _is_image(entry: os.DirEntry) -> bool:
    return not entry.name.startswith(".") and entry.name.lower().endswith(EXTENSIONS) and entry.is_file()


def _is_output(path: str) -> bool:
    """Whether kgan or TensorFlow wrote this folder: that of a run or of an attack, or an exported model."""
    if os.path.isfile(os.path.join(path, "saved_model.pb")):
        return True
    config = os.path.join(path, "config.json")
    if not os.path.isfile(config):
        return False
    try:
        with open(config, encoding="utf-8") as file:
            config = json.load(file)
    except (OSError, ValueError, RecursionError):
        return False
    # What every command that makes a folder writes into it (kgan/cli/common/run_folder.py).
    is_run = isinstance(config, dict) and {"settings", "data", "versions"} <= set(config)
    return is_run and isinstance(config["versions"], dict) and "kgan" in config["versions"]


def _is_sample(path: str) -> bool:
    try:
        with pillow_warnings_dropped(), Image.open(path, formats=("PNG",)) as image:
            return {"generator", "seed"} <= set(image.info)
    except Exception:  # not a PNG, or a broken one: whoever decodes it will say so
        return False


def _parents(path: str) -> list[str]:
    parents = []
    while path:
        path = os.path.dirname(path)
        parents.append(path)
    return parents

"""Which folder holds the wanted part of a data set, such as its part for training."""

import itertools
import os
import re
from dataclasses import dataclass

from kgan.datasets.listing import folders_in, holds_image, images_in
from kgan.datasets.words import listed
from kgan.foreign_text import printable

_NAMES = {
    "train": ("train", "training", "trainval"),
    "validation": ("validation", "validate", "validating", "valid", "val", "dev", "devel", "development")
    + ("eval", "evaluation"),
    "test": ("test", "testing", "tests"),
}
_MEANING = {name: meaning for meaning, names in _NAMES.items() for name in names}
# Around such a name, as in training_set, test-images and train2017.
_PADDING = re.compile(r"[\W_]+|(19|20)\d\d$|(?<=[a-z])(set|data|images?|imgs?|split|folder|dir)$")


@dataclass(frozen=True)
class Part:
    """The folder of one part of a data set.

    Attributes:
        root: its path.
        notes: what the user should know about the choice.
    """

    root: str
    notes: list[str]


def meaning(name: str) -> str | None:
    """`"train"`, `"validation"` or `"test"` if the name of a folder means that, such as `Training_Set`; else `None`."""
    name = name.lower().strip()
    while name not in _MEANING:
        shorter = _PADDING.sub("", name)
        if shorter == name:
            return None
        name = shorter
    return _MEANING[name]


def find_part(path: str, split: str) -> Part:
    """Finds the folder of a split: one with such a name, in any spelling, or `path` itself if there are no splits.

    A folder that holds nothing but one other, as an unpacked archive often does, is looked into.

    Raises:
        ValueError: if there is no such split, or it is not clear which folders are splits.
    """
    outer, notes = _unpacked(path, stop_at_splits=True)
    parts = [name for name in folders_in(outer) if meaning(name)]
    if not parts or _are_classes(outer, parts):
        if split != "train":
            raise ValueError(
                f"{printable(path)} has only the split 'train', which is all of it, not {split!r}; "
                "for more, put the images into folders named train and test."
            )
        return Part(outer, notes)
    chosen = _choose(path, parts, split)
    others = [name for name in parts if name != chosen]
    root, more = _unpacked(os.path.join(outer, chosen), stop_at_splits=False)
    beside = f": {listed(others)} beside it {'is' if len(others) == 1 else 'are'} not" if others else ""
    return Part(root, [*notes, f"Only {printable(os.path.join(outer, chosen))} is used{beside}.", *more])


def _unpacked(path: str, *, stop_at_splits: bool) -> tuple[str, list[str]]:
    """`path`, or the folder below it that holds several, if there is nothing but a single folder in each until then."""
    root = path
    while not images_in(root):
        names = folders_in(root)
        if stop_at_splits and any(meaning(name) for name in names):
            break
        holding = list(itertools.islice((name for name in names if holds_image(os.path.join(root, name))), 2))
        if len(holding) != 1:
            break
        root = os.path.join(root, holding[0])
    if root == path or images_in(root):  # images in a single folder: that is a class, or part of one
        return path, []
    return root, [f"{printable(root)} was opened, the only folder with images in {printable(path)}."]


def _are_classes(path: str, parts: list[str]) -> bool:
    """Whether folders named like splits are classes all the same, as `train` is beside `bus`.

    Raises:
        ValueError: if that is not clear.
    """
    others = [name for name in folders_in(path) if name not in parts and holds_image(os.path.join(path, name))]
    loose = images_in(path)
    filled = [name for name in parts if holds_image(os.path.join(path, name))]
    if not others and not loose:
        return False
    if not filled or all(meaning(name) == "train" and images_in(os.path.join(path, name)) for name in filled):
        return True
    raise ValueError(
        f"{printable(path)} holds {listed(filled)}, named like a part of a data set, beside other images, in "
        f"{listed(others or loose)}: give the folder that is meant, such as "
        f"{printable(os.path.join(path, filled[0]))}, or move "
        "the others away."
    )


def _choose(path: str, parts: list[str], split: str) -> str:
    """The folder of a split: the one of that name, or the only one whose name means the same."""
    for same in (lambda name: name == split, lambda name: name.lower() == split.lower()):
        if any(map(same, parts)):
            return next(filter(same, parts))
    found = [name for name in parts if meaning(name) == meaning(split)]
    if not found:
        raise ValueError(f"{printable(path)} has no split {split!r}; it has {listed(parts)}.")
    if len(found) > 1:
        raise ValueError(f"{printable(path)} has several parts for the split {split!r}: ask for {listed(found, 'or')}.")
    return found[0]

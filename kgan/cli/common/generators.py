"""Exported generators, in the folder of a run or wherever else."""

import os
import pathlib
from collections.abc import Callable

from kgan.cli.common import checksums
from kgan.export.generator import ExportedGenerator
from kgan.foreign_text import printable, shell_word


def load(path: str | os.PathLike, say: Callable[[str], object] = lambda sentence: None) -> ExportedGenerator:
    """Loads a generator, whose bytes are those that the run wrote.

    Args:
        path: folder of a run, or of the SavedModel itself.
        say: see `ExportedGenerator`.

    Raises:
        ValueError: if there is no such generator, or it is damaged.
    """
    return ExportedGenerator(_find(pathlib.Path(path).expanduser()), say)


def _find(path: pathlib.Path) -> pathlib.Path:
    for folder in (path, path / "generator"):
        if (folder / "saved_model.pb").is_file():
            checksums.check(folder.parent, folder)
            return folder
    if (path / "config.json").is_file():
        raise ValueError(
            f"{printable(path)} has no exported generator yet: `kgan train --resume {shell_word(path)}` finishes the "
            f"run, and `kgan export {shell_word(path)}` exports its last checkpoint."
        )
    raise ValueError(
        f"{printable(path)} is neither the folder of a run nor of a SavedModel."
        if path.exists()
        else f"there is no {printable(path)}."
    )

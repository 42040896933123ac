"""Writing files so that a reader, or a crash, never sees half of one."""

import os
import pathlib
from collections.abc import Callable


def write_whole(path: str | os.PathLike, write: Callable[[pathlib.Path], object]) -> None:
    """Calls `write` with a temporary path beside `path`, and gives the file its name once it is on the disk.

    Args:
        path: where the file goes; an existing one is replaced. Missing folders are made.
        write: writes a file at the path that it gets, which ends as `path` does.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".unfinished-{path.name}")
    try:
        write(temporary)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` to `path` as UTF-8, whole or not at all."""
    write_whole(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))

"""`SHA256SUMS` in the folder of a run: what its results were when they were written.

It has the form of the tool of that name: `sha256sum --check SHA256SUMS` in the folder compares them too.
"""

import pathlib
import re
from collections.abc import Iterable

from kgan.files import checksum, reason, write_text
from kgan.foreign_text import shell_word

NAME = "SHA256SUMS"
_LINE = re.compile("([0-9a-f]{64})  (.+)")


def write(run: pathlib.Path, results: Iterable[pathlib.Path]) -> None:
    """Notes the checksums of files, and of all files in folders, that lie in the folder of a run."""
    sums = _without(run, results)
    for result in results:
        for file in [result] if result.is_file() else sorted(path for path in result.rglob("*") if path.is_file()):
            sums[file.relative_to(run).as_posix()] = checksum(file)
    _write(run, sums)


def forget(run: pathlib.Path, results: Iterable[pathlib.Path]) -> None:
    """Takes the checksums of results away that are about to be replaced: a process may be killed in between."""
    if (run / NAME).exists():
        _write(run, _without(run, results))


def check(run: pathlib.Path, result: pathlib.Path) -> bool:
    """Compares a result with its checksums.

    Args:
        run: folder of the run.
        result: a file or a folder in it.

    Returns:
        Whether there are checksums of it: what is no run, and runs that wrote none, have nothing to compare.

    Raises:
        ValueError: if a file is not what it was when it was written.
    """
    if not (run / "config.json").is_file():  # others keep files of this name too
        return False
    sums = read(run)
    noted = [name for name in sums if _belongs(run / name, result)]
    for name in noted:
        try:
            same = checksum(run / name) == sums[name]
        except OSError as error:
            raise ValueError(f"{run} is incomplete: {reason(error)}, though {NAME} lists it.") from None
        if not same:
            raise ValueError(
                f"{run / name} is damaged or was changed: its bytes are not those that the run wrote (see "
                f"{run / NAME}), and `kgan train --resume {shell_word(run)}` makes it again."
            )
    return bool(noted)


def read(run: pathlib.Path) -> dict[str, str]:
    """The checksum of each file, by its path within the folder of the run; nothing if there is no such file.

    Raises:
        ValueError: if it is damaged.
    """
    path = run / NAME
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}.") from None
    found = [_LINE.fullmatch(line) for line in lines]
    if None in found:
        raise ValueError(f"{path} is damaged: a line is no checksum and name.")
    return {match[2]: match[1] for match in found}


def _without(run, results):
    return {name: sum_ for name, sum_ in read(run).items() if not any(_belongs(run / name, r) for r in results)}


def _belongs(file: pathlib.Path, result: pathlib.Path) -> bool:
    return file == result or result in file.parents


def _write(run, sums):
    write_text(run / NAME, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))

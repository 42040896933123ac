"""Whole files and folders, or none: whatever happens while one is written, its place holds the old or the new one.

Everything is written in a folder of its own beside its place, `.kgan-unfinished-...`, and gets its name by one
renaming. A process that is killed leaves that folder behind, without the lock that the process held on it: by that
`clear_unfinished` tells it from what others are writing now.

An old folder and its new one change places in one step where the system can do that (Linux, on most local file
systems). Elsewhere there is a moment without either; a process that is killed then leaves the old one aside, and
`clear_unfinished` puts it back.
"""

import contextlib
import ctypes
import errno
import hashlib
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator

from kgan.memory import in_words

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and what a killed process left behind stays
    fcntl = None

_UNFINISHED = re.compile(r"\.kgan-unfinished-(.{0,20})-[a-z0-9_]{8}", re.DOTALL)
_ASIDE = "aside"  # in such a folder: an old folder, for the moment between two renamings
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of disk space is used up",
    errno.EFBIG: "a file may not be so large",
}


def write_file(path: str | os.PathLike, write: Callable[[pathlib.Path], object], size: int | None = None) -> None:
    """Calls `write` with a temporary path, and gives the file its name once it is on the disk.

    Args:
        path: where the file goes; an existing one is replaced. Its folder must exist: one that somebody has removed
            does not come back half empty.
        write: writes a file at the path that it gets, whose name is that of `path`.
        size: how many bytes that will be, if it is known, for the message when the disk is full.

    Raises:
        OSError: if the file cannot be written; the old one is still there then.
    """
    path = pathlib.Path(path)
    with _sentences(path, size), unfinished(path) as temporary:
        write(temporary)
        _onto_disk(temporary)
        os.replace(temporary, path)
        _onto_disk(path.parent)


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Writes `content` to `path`, whole or not at all."""
    write_file(path, lambda temporary: temporary.write_bytes(content), len(content))


def write_text(path: str | os.PathLike, text: str) -> None:
    """Writes `text` to `path` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_folder(path: str | os.PathLike, write: Callable[[pathlib.Path], object]) -> None:
    """Calls `write` with the path of a temporary folder to make, and gives it its name once all of it is on the disk.

    Args:
        path: where the folder goes; an existing one is replaced, with all that is in it. The folder around it must
            exist.
        write: makes a folder at the path that it gets, whose name is that of `path`.

    Raises:
        OSError: if the folder cannot be written; the old one is still there then.
    """
    path = pathlib.Path(path)
    clear_unfinished(path.parent, path.name)
    with _sentences(path), unfinished(path) as temporary:
        write(temporary)
        for folder, _, names in os.walk(temporary):
            for name in names:
                _onto_disk(os.path.join(folder, name))
            _onto_disk(folder)
        _replace_folder(temporary, path)
        _onto_disk(path.parent)


@contextlib.contextmanager
def unfinished(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A path for what is to become `path`: of the same name, in a folder beside it that vanishes at the end."""
    path = pathlib.Path(path)
    with contextlib.ExitStack() as stack:
        # The folder is locked as soon as there is one, and another process may clear it away just before.
        while True:
            folder = tempfile.mkdtemp(prefix=f".kgan-unfinished-{path.name[:20]}-", dir=path.parent)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                if stack.enter_context(_lock(folder)) is not False and os.path.isdir(folder):
                    break
        yield pathlib.Path(folder, path.name)


def clear_unfinished(folder: str | os.PathLike, name: str | None = None) -> None:
    """Removes what killed processes have left in a folder, and puts back what one of them had moved aside.

    Args:
        folder: where to look; what another process is writing there now stays.
        name: only what was to become a file or folder of this name; all by default.
    """
    folder = pathlib.Path(folder)
    for path in folder.iterdir() if folder.is_dir() else ():
        match = _UNFINISHED.fullmatch(path.name)
        if match is None or (name is not None and match[1] != name[:20]):
            continue
        with contextlib.suppress(OSError), _lock(path) as ours:
            if ours:  # and not where nobody can tell
                _put_back(path)
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def alone_in(folder: str | os.PathLike) -> Iterator[None]:
    """Keeps other processes out of a folder, as far as they ask; the system ends that with the process, if not before.

    File systems that cannot lock a folder, as some of networks, let everybody in.

    Raises:
        ValueError: if another process is in there.
    """
    with _lock(folder) as ours:
        if ours is False:
            raise ValueError(f"another kgan process is writing into {folder}: wait until it has ended, or stop it.")
        yield


def checksum(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def reason(error: OSError) -> str:
    """Why something could not be read or written, as a part of a sentence."""
    text = error.strerror or str(error)
    return text if error.filename is None else f"{error.filename}: {text}"


@contextlib.contextmanager
def _sentences(path, size=None):
    """Says of a full disk which file it was, and how much is missing if that is known."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        takes = "" if size is None else f" takes {in_words(size)} and"
        free = f", {in_words(shutil.disk_usage(path.parent).free)} is free there" if error.errno == errno.ENOSPC else ""
        raise OSError(error.errno, f"{_FULL[error.errno]}: {path}{takes} cannot be written{free}") from error


@contextlib.contextmanager
def _lock(folder) -> Iterator[bool | None]:
    """Takes the lock of a folder for as long as the context lasts.

    Yields:
        `True` if it is ours, `False` if another process or thread holds it, `None` where there are no locks.
    """
    if fcntl is None:
        yield None
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        ours = True
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            ours = False
        except OSError:  # file systems of networks lock no folders
            ours = None
        yield ours
    finally:
        os.close(number)


def _onto_disk(path) -> None:
    """Waits until a file or the entries of a folder are on the disk, where the system can tell."""
    windows = os.name == "nt"
    if windows and os.path.isdir(path):
        return
    number = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some file systems cannot, for folders
            raise
    finally:
        os.close(number)


def _replace_folder(new: pathlib.Path, path: pathlib.Path) -> None:
    """Gives `new` the name of `path`; an old folder there comes to lie in the folder of `new`."""
    if not path.exists():
        os.rename(new, path)
        return
    if _exchange(new, path):
        return
    aside = new.parent / _ASIDE
    try:
        aside.mkdir()
        os.rename(path, aside / path.name)
        os.rename(new, path)
    except BaseException:
        _put_back(new.parent)
        raise


def _put_back(unfinished: pathlib.Path) -> None:
    """Gives what was moved aside its name back, if nothing else has it."""
    for old in (unfinished / _ASIDE).iterdir() if (unfinished / _ASIDE).is_dir() else ():
        if not (unfinished.parent / old.name).exists():
            os.rename(old, unfinished.parent / old.name)


def _exchange(first: pathlib.Path, second: pathlib.Path) -> bool:
    """Gives two paths each other's name at one stroke; `False` where the system or the file system cannot.

    Linux has a call for that, renameat2(2), for which Python has no name.
    """
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # another system, or an old C library
        return False
    return rename(here, os.fsencode(first), here, os.fsencode(second), exchange) == 0

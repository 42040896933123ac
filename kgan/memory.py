"""What memory can hold: asked before work that takes more, so that a slip of the keyboard gets a sentence.

Without the question TensorFlow ends in a long report about one allocation, or the system kills the process.
"""

import pathlib

import psutil

# Of control groups, versions 2 and 1, as a container sees its own.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def available() -> int:
    """Bytes of memory that this process could take now, as far as the system tells."""
    return min([psutil.virtual_memory().available, *filter(None, map(_limit, _LIMITS))])


def check_fits(size: int, what: str, remedy: str) -> None:
    """Refuses what memory cannot hold.

    Args:
        size: bytes that it takes at least.
        what: what takes them, as the beginning of a sentence, such as `"1,000,000,000 images of 28x28x1"`.
        remedy: what to do, such as `"ask for fewer at a time"`.

    Raises:
        ValueError: if `size` is more than `available()`.
    """
    free = available()
    if size > free:
        raise ValueError(f"{what} would take {in_words(size)} of memory, but {in_words(free)} are free: {remedy}.")


def in_words(size: float) -> str:
    """A number of bytes as people write it, such as `"1.5 GB"`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:,.0f} bytes" if unit == "bytes" else f"{size:,.{0 if size >= 100 else 1}f} {unit}"
        size /= 1000


def _limit(path: str) -> int | None:
    try:
        return int(pathlib.Path(path).read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None

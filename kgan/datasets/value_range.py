"""Notices images that are nearly of one colour because their values mean something else than 0..255."""

from kgan.datasets.images import BrokenImageError
from kgan.datasets.source import Source
from kgan.foreign_text import printable

_SAMPLE = 64  # images that are looked at; almost always the first one will do
_SPAN = 64  # of 255 levels: 14 bits in a 16-bit file use no more


def note_on_range(source: Source) -> str | None:
    """A sentence with the range of the pixels of some images, spread over all, if it is a quarter of 0..255 or less."""
    low, high, seen = 255, 0, 0
    for index in sorted({number * source.size // _SAMPLE for number in range(_SAMPLE)}):
        try:
            pixels = source.peek(index)
        except BrokenImageError:
            continue
        low, high, seen = min(low, int(pixels.min())), max(high, int(pixels.max())), seen + 1
        if high - low > _SPAN:
            return None
    if not seen:
        return None
    name = printable(source.name)
    which = f"of {name}" if seen == source.size else f"of {seen} images taken from {name}"
    return (
        f"All pixels {which} lie between {low} and {high} of 0..255, so that little can be seen: if their numbers mean "
        "something else, as 12 bits in a 16-bit file or masks of 0 and 1 do, scale them to 0..255 first."
    )

"""Pillow's warnings, kept away from the user: what they tell is in our reports, or no matter of pixels."""

import contextlib
import threading
import warnings
from collections.abc import Iterator

_lock = threading.Lock()
_inside = 0
_filter = None


@contextlib.contextmanager
def pillow_warnings_dropped() -> Iterator[None]:
    """Drops what the modules of Pillow warn of; many threads may be inside at once.

    `warnings.catch_warnings` is for one thread: of two, the last one to leave would put back what the other had set.
    """
    global _inside, _filter
    with _lock:
        _inside += 1
        if _inside == 1:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            _filter = warnings.filters[0]
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            # It is gone already where somebody has put other filters in place meanwhile.
            if not _inside and _filter in warnings.filters:
                warnings.filters.remove(_filter)

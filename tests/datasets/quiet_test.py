"""Warnings of Pillow's are dropped while somebody is inside, in any thread, and nobody else's."""

import threading
import warnings

import pytest

from kgan.datasets.quiet import pillow_warnings_dropped


def say(module):
    """What is heard when `module` warns."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.warn_explicit("words", UserWarning, "file.py", 1, module)
    return len(heard)


@pytest.fixture(autouse=True)
def always():
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        yield


def test_only_pillow_is_not_heard_and_only_inside():
    assert say("PIL.PngImagePlugin") == say("mine") == 1
    with pillow_warnings_dropped():
        assert say("PIL.PngImagePlugin") == 0
        assert say("mine") == say("PILLOW") == 1
    assert say("PIL.PngImagePlugin") == 1


def test_the_filters_are_as_they_were_after_an_error_too():
    before = list(warnings.filters)
    with pytest.raises(KeyError), pillow_warnings_dropped(), pillow_warnings_dropped():
        raise KeyError
    assert warnings.filters == before


def test_the_first_thread_to_leave_does_not_end_it_for_the_others():
    before, come, leave, left = list(warnings.filters), *(threading.Event() for _ in range(3))

    def visit():
        with pillow_warnings_dropped():
            come.set()
            leave.wait(10)
        left.set()

    threading.Thread(target=visit).start()
    come.wait(10)
    with pillow_warnings_dropped():
        leave.set()
        left.wait(10)
        assert say("PIL.Image") == 0
    assert warnings.filters == before


def test_filters_that_somebody_else_has_put_in_place_meanwhile_stay():
    with warnings.catch_warnings():
        with pillow_warnings_dropped():
            warnings.resetwarnings()
            warnings.simplefilter("error")
            mine = list(warnings.filters)
        assert warnings.filters == mine

"""Warnings point to the user's line: the innermost one that is neither kgan's nor Keras's nor TensorFlow's."""

import threading
import warnings
from functools import partial

import pytest

from kgan import notices

INSIDE = "def call(function):\n    return function()\n"


def at(filename):
    """A function that calls another one from a file of that name."""
    names = {"__name__": "anything"}
    exec(compile(INSIDE, filename, "exec"), names)
    return names["call"]


def said(say):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        say("words")
    return [(str(one.message), one.category, one.filename, one.lineno) for one in heard]


KGAN = notices.__file__.replace("notices.py", "models/model.py")
# What a function of kgan makes of being called.
from_kgan = eval(compile("lambda: notices.from_the_users_line()", KGAN, "eval"))


@pytest.mark.parametrize("library", [KGAN, "/x/site-packages/keras/a.py", "/x/site-packages/tensorflow/python/b.py"])
def test_files_between_are_passed(library):
    inner, outer = at(library), at("/home/user/train.py")
    assert said(inner(partial(outer, partial(inner, from_kgan)))) == [("words", UserWarning, "/home/user/train.py", 2)]


@pytest.mark.parametrize("mine", ["/x/site-packages/kerastuner/a.py", "/home/me/keras/a.py", "/home/me/kgan/train.py"])
def test_other_files_are_the_users(mine):
    assert said(at(mine)(from_kgan)) == [("words", UserWarning, mine, 2)]


def test_it_may_be_said_later_from_another_thread():
    say, heard = at("/home/user/train.py")(from_kgan), []
    thread = threading.Thread(target=lambda: heard.extend(said(say)))
    thread.start()
    thread.join()
    assert heard == [("words", UserWarning, "/home/user/train.py", 2)]


def test_where_all_is_inside_the_outermost_line_is_taken():
    heard = []
    names = {"__name__": "anything", "notices": notices, "keep": heard.append}
    exec(compile("keep(notices.from_the_users_line())", KGAN, "exec"), names)
    ((_, _, filename, _),) = said(heard[0])
    assert filename == __file__

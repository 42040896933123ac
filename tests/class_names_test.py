import numpy as np
import pytest
import tensorflow as tf

from kgan.class_names import as_class_names

RIGHT = ["cat", "dog", "emu"]


@pytest.mark.parametrize(
    "names",
    [
        RIGHT,
        tuple(RIGHT),
        iter(RIGHT),
        np.array(RIGHT),
        np.array(RIGHT, object),
        tf.constant(RIGHT),
        [b"cat", b"dog", b"emu"],
        [np.str_(name) for name in RIGHT],
        {2: "emu", 0: "cat", 1: "dog"},
        {np.int64(2): "emu", np.int64(0): "cat", np.int64(1): "dog"},
        {"2": "emu", "0": "cat", "1": "dog"},
        {"emu": 2, "cat": 0, "dog": 1},
        {"emu": np.int64(2), "cat": np.int32(0), "dog": 1},
        dict(zip(RIGHT, range(3), strict=True)).keys(),
    ],
)
def test_every_form_gives_the_names_in_the_order_of_the_ids(names):
    found = as_class_names(names, 3)
    assert found == RIGHT and all(type(name) is str for name in found)


def test_names_that_are_numbers_stay_names():
    assert as_class_names(range(3), 3) == ["0", "1", "2"]
    assert as_class_names(np.array([7, 3]), 2) == ["7", "3"]
    # class_indices of folders called 1, 2 and 10, which Keras sorts as text.
    assert as_class_names({"1": 0, "10": 1, "2": 2}, 3) == ["1", "10", "2"]
    assert as_class_names([b"caf\xe9", "tea"], 2) == ["caf\\xe9", "tea"]


@pytest.mark.parametrize(
    "names,sentence",
    [
        (set(RIGHT), "which a set does not keep: give a list"),
        (frozenset(RIGHT), "which a set does not keep"),
        (RIGHT[:2], "must name the 3 classes, got 2 names"),
        ("cat", "must be a list of names"),
        (b"cat", "must be a list of names"),
        (3, "must be a list of names"),
        (np.array([RIGHT]), "must be a list of names"),
        (np.array("cat"), "must be a list of names"),
        (["cat", "dog", "cat"], "'cat' is there more than once"),
        (["cat", None, "emu"], "must be text, got None"),
        (["cat", " ", "emu"], "must be text, got ' '"),
        (["cat", 1.5, "emu"], "must be text, got 1.5"),
        (["cat", True, "emu"], "must be text, got True"),
        ({1: "cat", 2: "dog", 3: "emu"}, "must give the ids 0 to 2 names"),
        ({0: "cat", 1: "dog", "2": "emu"}, "must give the ids 0 to 2 names"),
        ({"cat": 0, "dog": 1, "emu": 1}, "must give the ids 0 to 2 names"),
        ({"cat": "a", "dog": "b", "emu": "c"}, "must give the ids 0 to 2 names"),
        ({}, "must name the 3 classes|must give the ids"),
    ],
)
def test_what_has_no_order_or_no_names_is_refused_in_a_sentence(names, sentence):
    with pytest.raises(ValueError, match=sentence) as error:
        as_class_names(names, 3)
    assert "\n" not in str(error.value)

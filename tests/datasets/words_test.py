import itertools
import os
import random

import pytest

from kgan.datasets.words import joined, listed, natural_key


def test_numbers_are_sorted_by_what_they_count():
    names = ["a", "img10.png", "img2.png", "2", "010", "10", "1", "img02.png", "b10c2", "b10c10", "b9c99"]
    expected = ["1", "2", "010", "10", "a", "b9c99", "b10c2", "b10c10", "img02.png", "img2.png", "img10.png"]
    for seed in range(20):
        shuffled = random.Random(seed).sample(names, len(names))
        assert sorted(shuffled, key=natural_key) == expected


def test_folders_stay_together():
    paths = [os.path.join(*parts) for parts in (("2", "1"), ("2", "10"), ("2 b", "1"), ("10", "1"))]
    assert sorted(reversed(paths), key=natural_key) == paths  # as plain text, "2 b/1" comes before "2/1"


def test_different_names_have_different_keys():
    names = ["1", "01", "001", "a1", "a01", "A1", "", "٣", "3"]  # an Arabic 3 is text
    for one, other in itertools.combinations(names, 2):
        assert natural_key(one) != natural_key(other)
        assert (natural_key(one) < natural_key(other)) != (natural_key(other) < natural_key(one))


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, ""), (1, "a"), (2, "a and b"), (3, "a, b and c"), (5, "a, b, c, d and e"), (6, "a, b, c, d and 2 more")],
)
def test_names_in_a_sentence(count, words):
    assert listed("abcdefgh"[:count]) == words


def test_of_a_thousand_names_four_are_shown_and_what_could_harm_is_escaped():
    shown = listed(["x\ny", *map(str, range(999))], last="or")
    assert shown == r"x\ny, 0, 1, 2 or 996 more"
    assert joined(["one", "two", "three"], "or") == "one, two or three"

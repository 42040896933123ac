"""Class folders: what is held out, and batches of either part."""

import numpy as np
import pytest

from kgan import datasets
from kgan.datasets import class_folders


@pytest.mark.parametrize("share", [0.01, 0.2, 0.5, 0.99])
def test_the_split_is_disjoint_and_takes_the_share_of_every_class(share):
    targets = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [2, 3, 40, 500]))
    training, held_out = class_folders.split(targets, share, seed=1)
    assert sorted([*training, *held_out]) == list(range(545))
    for label, size in enumerate([2, 3, 40, 500]):
        number = (targets[held_out] == label).sum()
        assert 1 <= number <= size - 1 and (abs(number - share * size) <= 0.5 or number in (1, size - 1))
    again, other = (class_folders.split(targets, share, seed=seed)[1] for seed in (1, 2))
    assert np.array_equal(again, held_out) and not np.array_equal(other, held_out)


def test_batches_hold_the_wanted_rows_and_are_watched_as_they_are_handed_out():
    images = np.arange(20, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 2, 1), "uint8")
    source = datasets.Source("numbers", images, targets=np.arange(20) % 3, num_classes=3)
    rows, seen = np.array([1, 4, 5, 9, 11, 16, 19]), []
    batches = class_folders.batches(source, rows, 3, watch=seen.append)
    for number, (x, y) in enumerate(batches):
        assert seen == [0, 3, 6][: number + 1]
        np.testing.assert_array_equal(x[:, 0, 0, 0], rows[3 * number : 3 * number + 3])
        np.testing.assert_array_equal(y, x[:, 0, 0, 0].numpy() % 3)
    assert int(batches.cardinality()) == 3
    start = 0
    shuffled = class_folders.batches(source, rows, 3, seed=0, position=lambda: start)
    first, again = ([int(i) for x, _ in shuffled for i in x[:, 0, 0, 0]] for _ in range(2))
    start = 1
    other = [int(i) for x, _ in shuffled for i in x[:, 0, 0, 0]]
    assert first == again != other and sorted(first) == sorted(other) == rows.tolist()

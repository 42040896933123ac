"""Class ids that have gaps, wherever labels come from."""

import numpy as np
import pytest

from kgan.datasets import open_source

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 4, 4), dtype="uint8")


def npz(path, **labels):
    """A file with 12 images for each of `y`, `y_test` ..."""
    np.savez(path, **{key.replace("y", "x"): IMAGES for key in labels}, **labels)
    return path


@pytest.mark.parametrize(
    "ids, shown",
    [
        ([1, 2, 3, 4], "1 to 4"),
        ([3, 8], "3 and 8"),
        ([0, 2], "0 and 2"),
        ([5], "5"),
        ([0, 1000, 70000], "0, 1000 and 70000"),
        ([0, 2, 4, 6, 8, 10], "0, 2, 4, 6 and 2 more"),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_ids_with_gaps_are_renumbered_in_their_order_and_named(tmp_path, ids, shown, dtype):
    if max(ids) > np.iinfo(dtype).max:
        dtype = "uint32"
    labels = np.resize(ids, 12).astype(dtype)[::-1]
    source = open_source(npz(tmp_path / "a.npz", y=labels), labels=True)
    assert source.num_classes == len(ids) and source.class_names == [str(number) for number in ids]
    assert [int(source.class_names[target]) for target in source.targets] == labels.tolist()
    assert source.targets.dtype == np.int32 and set(source.targets) == set(range(len(ids)))
    (note,) = source.notes
    assert f"The labels of {tmp_path / 'a.npz'} are {shown}: they were renumbered" in note


def test_ids_that_count_up_from_0_stay_without_a_word(tmp_path):
    source = open_source(npz(tmp_path / "a.npz", y=np.arange(12) % 3), labels=True)
    assert source.targets.tolist() == [0, 1, 2] * 4 and not source.notes and source.class_names is None


def test_a_class_has_the_same_number_in_all_splits(tmp_path):
    train, test = np.resize([2, 4, 6], 12), np.resize([4, 6], 12)
    path = npz(tmp_path / "a.npz", y_train=train, y_test=test)
    found = [open_source(path, split=split, labels=True) for split in ("train", "test")]
    assert [source.class_names for source in found] == [["2", "4", "6"]] * 2
    assert found[0].targets.tolist() == [0, 1, 2] * 4 and found[1].targets.tolist() == [1, 2] * 6
    # A test split that lacks a class is no reason to renumber.
    path = npz(tmp_path / "b.npz", y_train=np.arange(12) % 3, y_test=test % 4)
    source = open_source(path, split="test", labels=True)
    assert source.targets.tolist() == [0, 2] * 6 and source.num_classes == 3 and not source.notes


def test_a_limit_that_leaves_a_class_out_renumbers_nothing(tmp_path):
    source = open_source(npz(tmp_path / "a.npz", y=np.arange(12) % 4), labels=True, limit=3)
    assert source.targets.tolist() == [0, 0, 0] and source.num_classes == 4 and not source.notes

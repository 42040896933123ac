"""Which folders are splits, which are classes, and which are neither."""

import numpy as np
import pytest
from PIL import Image

from kgan.datasets import open_source


def tree(root, *folders):
    """Two pictures in each folder; the first pixel of all tells which folder it is."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        for name in "ab":
            pixels = np.full((4, 4, 3), number, "uint8")
            pixels[-1, -1] = 255
            Image.fromarray(pixels).save(root / folder / f"{name}.png")
    return root


def classes(path, **options):
    return open_source(path, labels=True, **options).class_names


def seen(path, **options):
    """The numbers of the folders that are opened."""
    return sorted(set(open_source(path, **options).images[:, 0, 0, 0].tolist()))


TRAIN = ["train", "Train", "TRAIN", "training", "Training", "training_set", "train-images", "train2017", "TrainSet"]
VALIDATION = ["val", "valid", "Validation", "dev", "DevSet", "eval", "Evaluation", "val2017", "validation_data"]
TEST = ["test", "Testing", "TEST", "test_set", "testset", "test images"]


@pytest.mark.parametrize("train", TRAIN)
def test_a_part_for_training_in_any_spelling(tmp_path, train):
    tree(tmp_path, f"{train}/cat", f"{train}/dog", "test/cat", "test/dog")
    assert classes(tmp_path) == ["cat", "dog"] and seen(tmp_path) == [0, 1] and seen(tmp_path, split="test") == [2, 3]
    assert open_source(tmp_path).notes == [f"Only {tmp_path / train} is used: test beside it is not."]


@pytest.mark.parametrize("split, names", [("validation", VALIDATION), ("test", TEST)])
def test_other_parts_in_any_spelling(tmp_path, split, names):
    for name in names:
        root = tree(tmp_path / name.replace(" ", "_"), "Training/cat", "Training/dog", f"{name}/cat", f"{name}/dog")
        assert classes(root) == ["cat", "dog"] and seen(root) == [0, 1]
        assert seen(root, split=split) == seen(root, split=name) == [2, 3]


@pytest.mark.parametrize("name", ["trains", "testament", "value", "developers", "set", "2017", "contest", "1"])
def test_names_that_only_resemble_those_of_splits_are_classes(tmp_path, name):
    tree(tmp_path, name, "zebra")
    assert classes(tmp_path) == [name, "zebra"]


@pytest.mark.parametrize("beside", ["__MACOSX/train", ".git", "@eaDir/SYNO", ".ipynb_checkpoints", "lost+found"])
def test_system_folders_beside_splits_and_classes(tmp_path, beside):
    assert classes(tree(tmp_path / "splits", "train/cat", "train/dog", "test/cat", beside)) == ["cat", "dog"]
    assert classes(tree(tmp_path / "classes", "cat", "dog", beside)) == ["cat", "dog"]


def test_folders_without_images_beside_splits(tmp_path):
    tree(tmp_path, "train/cat", "train/dog", "test/cat")
    for folder, file in (("docs", "readme.md"), ("labels", "train.txt"), ("empty", None)):
        (tmp_path / folder).mkdir()
        if file:
            (tmp_path / folder / file).write_text("words")
    assert classes(tmp_path) == ["cat", "dog"]


def test_a_split_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    tree(tmp_path, "Training/cat", "Testing/cat")
    with pytest.raises(ValueError, match="no split 'validation'; it has Testing and Training"):
        open_source(tmp_path, split="validation")
    with pytest.raises(ValueError, match="no split 'train'; it has test"):
        open_source(tree(tmp_path / "other", "test/cat"))


def test_two_parts_of_one_meaning_are_asked_for_by_name(tmp_path):
    tree(tmp_path, "train/cat", "dev/cat", "eval/cat")
    with pytest.raises(ValueError, match="several parts for the split 'validation': ask for dev or eval"):
        open_source(tmp_path, split="validation")
    assert seen(tmp_path, split="eval") == [2] and seen(tmp_path, split="DEV") == [1]


def test_a_class_called_train_is_a_class(tmp_path):
    tree(tmp_path, "bus", "train")
    assert classes(tmp_path) == ["bus", "train"]
    with pytest.raises(ValueError, match="has only the split 'train'.*not 'test'"):
        open_source(tmp_path, split="test")


@pytest.mark.parametrize(
    "folders",
    [("train/cat", "test/cat", "extra"), ("cat", "dog", "test"), ("train/cat", "figures"), ("train", "test", "")],
)
def test_splits_beside_other_images_are_asked_about(tmp_path, folders):
    root = tmp_path / "data"
    root.mkdir()
    tree(root, *filter(None, folders))
    if "" in folders:
        Image.new("L", (4, 4)).save(root / "loose.png")
    for labels in (False, True):
        with pytest.raises(
            ValueError, match=r"named like a part of a data set, beside .*: give the folder that is meant"
        ):
            open_source(root, labels=labels)


def test_a_folder_that_holds_a_single_one_is_looked_into(tmp_path):
    tree(tmp_path, "archive/pets/cat", "archive/pets/dog", "archive/__MACOSX/pets")
    (tmp_path / "archive" / "readme.txt").write_text("words")
    assert classes(tmp_path) == ["cat", "dog"]
    inner = tmp_path / "archive" / "pets"
    assert open_source(tmp_path).notes == [f"{inner} was opened, the only folder with images in {tmp_path}."]
    # Splits within, and the folder of an archive within a split.
    root = tree(tmp_path / "other", "data/train/train/cat", "data/train/train/dog", "data/test/test/cat")
    assert classes(root) == ["cat", "dog"] and seen(root, split="test") == [2]


def test_a_single_class_stays_one_class(tmp_path):
    tree(tmp_path, "cat/2019")
    assert classes(tmp_path) == ["cat"] and open_source(tmp_path).notes == []

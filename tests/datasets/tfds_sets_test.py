"""TFDS sets prepared here by small builders, without a network."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from kgan.datasets import available, download, load, open_source
from kgan.datasets import source as source_module


def picture(number, size=(5, 6)):
    return np.random.default_rng(number).integers(0, 256, (*size, 3), dtype="uint8")


class Toyset(tfds.core.GeneratorBasedBuilder):
    """Twenty pictures with labels among other features."""

    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = None
    sizes = [(5, 6)]

    def _info(self):
        features = {
            "comment": tfds.features.Text(),
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=["even", "odd"]),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(20), "test": self._generate_examples(3)}

    def _generate_examples(self, count):
        for number in range(count):
            image = picture(number, self.sizes[number % len(self.sizes)])
            yield number, {"comment": "words", "image": image, "label": number % 2}


class Mixedsizes(Toyset):
    """The same with two sizes."""

    VERSION = tfds.core.Version("1.0.0")
    sizes = [(5, 6), (12, 8)]


class Lettersset(Toyset):
    """Names for six classes, of which three occur, one of them in the test split only."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(None, None, 3)),
            "label": tfds.features.ClassLabel(names=list("abcdef")),
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, dl_manager):
        splits = {"train": [1, 5], "test": [1, 3], "unlabelled": [-1, 1]}
        return {split: self._labelled(labels) for split, labels in splits.items()}

    def _labelled(self, labels):
        for number in range(6):
            yield number, {"image": picture(number), "label": labels[number % 2]}


class Wordset(tfds.core.GeneratorBasedBuilder):
    """A set without images."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"text": tfds.features.Text()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager):
        return {"train": iter([(0, {"text": "words"})])}

    def _generate_examples(self):
        return iter(())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folders = {}
    for file_format in ("tfrecord", "array_record"):
        folders[file_format] = str(tmp_path_factory.mktemp(file_format))
        for builder in (Toyset, Mixedsizes, Lettersset, Wordset):
            builder(data_dir=folders[file_format], file_format=file_format).download_and_prepare()
    return folders


@pytest.fixture(params=["tfrecord", "array_record"])
def data_dir(request, prepared, monkeypatch):
    folder = prepared[request.param]
    original = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: original(name, data_dir=folder))
    monkeypatch.setenv("TFDS_DATA_DIR", folder)
    return folder


def stored(split, data_dir):
    """Images and labels as TFDS itself reads them."""
    if "array_record" in data_dir:
        examples = tfds.data_source("toyset", split=split, data_dir=data_dir)
    else:
        one_by_one = tfds.ReadConfig(interleave_cycle_length=1)
        examples = tfds.as_numpy(tfds.load("toyset", split=split, data_dir=data_dir, read_config=one_by_one))
    images, labels = zip(*((example["image"], example["label"]) for example in examples), strict=True)
    return np.stack(images), np.array(labels)


@pytest.mark.parametrize("limit", [2**30, 0])
@pytest.mark.parametrize("split", ["train", "test", "train[3:9]", "train+test"])
def test_images_and_labels_are_those_of_tfds_in_its_order(data_dir, monkeypatch, split, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    source = open_source("tfds:toyset", split=split, labels=True)
    images, labels = stored(split, data_dir)
    assert source.in_memory == (limit > 0)
    assert source.image_shape == (5, 6, 3) and source.class_names == ["even", "odd"]
    np.testing.assert_array_equal(source.targets, labels)
    np.testing.assert_array_equal([source[index][0] for index in range(len(source))], images)
    loaded = list(load("tfds:toyset", split=split, labels=True).as_numpy_iterator())
    np.testing.assert_array_equal([image for image, _ in loaded], images)
    np.testing.assert_array_equal([label for _, label in loaded], labels)


def test_classes_without_images_are_left_out_alike_in_all_splits(data_dir):
    for split, letters in (("train", "bf"), ("test", "bd")):
        source = open_source("tfds:lettersset", split=split, labels=True)
        assert source.class_names == ["b", "d", "f"] and source.num_classes == 3
        assert {source.class_names[target] for target in source.targets} == set(letters)
        (note,) = source.notes
        assert "The labels of tfds:lettersset are 1, 3 and 5, of 6 classes that have names" in note
    assert open_source("tfds:lettersset", split="train[:1]", labels=True).class_names == ["b", "d", "f"]
    assert open_source("tfds:toyset", labels=True, limit=1).notes == []


def test_examples_without_a_label_are_refused(data_dir):
    with pytest.raises(ValueError, match="tfds:lettersset has examples without a label in the split 'unlabelled'"):
        open_source("tfds:lettersset", split="unlabelled", labels=True)
    assert open_source("tfds:lettersset", split="unlabelled").size == 6


def test_different_sizes_are_cropped_and_resized(data_dir):
    source = open_source("tfds:mixedsizes", image_size=4, labels=True)
    number = next(index for index in range(20) if source.targets[index] == 1)
    candidates = [picture(index, (12, 8)) for index in range(1, 20, 2)]
    resized = [
        np.asarray(Image.fromarray(c).resize((4, 4), Image.Resampling.LANCZOS, (0, 2, 8, 10))) for c in candidates
    ]
    assert any(np.array_equal(source.images[number], image) for image in resized)
    assert open_source("tfds:mixedsizes").image_shape == (64, 64, 3)


def test_a_limit_and_a_fingerprint(data_dir, monkeypatch):
    assert open_source("tfds:toyset", limit=7).size == 7
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    prints = {open_source("tfds:toyset", split=split, limit=3).fingerprint() for split in ("train", "test", "train")}
    assert len(prints) == 2


def test_an_unknown_split_is_refused(data_dir):
    with pytest.raises(ValueError, match="tfds:toyset has no split 'validation'; it has train and test"):
        open_source("tfds:toyset", split="validation")


def test_a_set_without_images_is_refused(data_dir):
    with pytest.raises(ValueError, match="tfds:wordset is no set of images: it has the features text"):
        open_source("tfds:wordset")


def test_available_lists_prepared_sets(data_dir):
    found = {info.name: info for info in available() if info.name.startswith("tfds:")}
    assert set(found) == {"tfds:toyset", "tfds:mixedsizes", "tfds:lettersset", "tfds:wordset"}
    assert found["tfds:toyset"].location.startswith(data_dir) and found["tfds:toyset"].available


def test_a_set_that_is_not_prepared_is_refused_in_one_helpful_sentence(tmp_path, monkeypatch):
    original = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: original(name, data_dir=str(tmp_path)))
    with pytest.raises(ValueError) as caught:
        open_source("tfds:cats_vs_dogs")
    for part in ("tfds:cats_vs_dogs", str(tmp_path / "cats_vs_dogs"), "--download tfds:cats_vs_dogs", "mnist5k"):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no set 'catsvsdogs' \(did you mean tfds:cats_vs_dogs\?\)"):
        open_source("tfds:catsvsdogs")


def test_download_prepares_a_set(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "builder", lambda name: Toyset(data_dir=str(tmp_path)))
    with pytest.raises(ValueError, match="not on this machine"):
        open_source("tfds:toyset")
    folder = download("tfds:toyset")
    assert folder.startswith(str(tmp_path)) and tf.io.gfile.exists(folder)
    assert open_source("tfds:toyset").size == 20


def test_a_failed_download_is_one_sentence(tmp_path, monkeypatch):
    def fail(self):
        raise ConnectionError("no route")

    monkeypatch.setattr(Toyset, "download_and_prepare", fail)
    monkeypatch.setattr(tfds, "builder", lambda name: Toyset(data_dir=str(tmp_path)))
    with pytest.raises(ValueError, match="tfds:toyset could not be downloaded to .*: no route"):
        download("tfds:toyset")

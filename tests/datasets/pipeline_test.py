import logging
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kgan.datasets import batches, load, open_source, to_float
from kgan.datasets import source as source_module

COUNT = 23


@pytest.fixture
def folder(tmp_path):
    """Images whose every pixel tells their number, in classes that their number tells too."""
    for number in range(COUNT):
        path = tmp_path / f"class{number % 3}" / f"{number:03}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 5, 3), number, "uint8")).save(path)
    return tmp_path


@pytest.fixture(params=["in memory", "streamed"])
def source(request, folder, monkeypatch):
    if request.param == "streamed":
        monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    source = open_source(folder, labels=True)
    assert source.in_memory == (request.param == "in memory")
    return source


def numbers(dataset):
    """The numbers of the images of each batch."""
    return [
        np.round((images[:, 0, 0, 0] + 1) * 127.5).astype(int).tolist() for images, _ in dataset.as_numpy_iterator()
    ]


@pytest.mark.slow
def test_load_gives_single_examples_in_stored_order():
    source = open_source("digits", labels=True)
    dataset = load("digits", labels=True)
    image_spec, label_spec = dataset.element_spec
    assert image_spec == tf.TensorSpec((8, 8, 1), tf.uint8) and label_spec == tf.TensorSpec((), tf.int32)
    images, labels = zip(*dataset.as_numpy_iterator(), strict=True)
    np.testing.assert_array_equal(images, source.images)
    np.testing.assert_array_equal(labels, source.targets)
    unlabelled = load("digits", limit=5)
    assert unlabelled.element_spec == image_spec and len(list(unlabelled)) == 5


def test_streaming_gives_the_same_images_as_memory(folder, monkeypatch):
    in_memory = list(load(folder, labels=True, image_size=(6, 3)).as_numpy_iterator())
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    dataset = load(folder, labels=True, image_size=(6, 3))
    assert dataset.element_spec[0] == tf.TensorSpec((6, 3, 3), tf.uint8)
    streamed = list(dataset.as_numpy_iterator())
    assert len(streamed) == COUNT
    for (image, label), (expected_image, expected_label) in zip(streamed, in_memory, strict=True):
        np.testing.assert_array_equal(image, expected_image)
        assert label == expected_label and label.dtype == np.int32


def test_batches_are_floats_of_static_shape(source):
    dataset = batches(source, 4)
    assert dataset.element_spec == (tf.TensorSpec((4, 4, 5, 3), tf.float32), tf.TensorSpec((4,), tf.int32))
    assert len(list(dataset)) == COUNT // 4


def test_batches_without_labels(folder):
    dataset = batches(open_source(folder), 4)
    assert dataset.element_spec == tf.TensorSpec((4, 4, 5, 3), tf.float32)


def test_each_example_comes_at_most_once_per_pass_and_all_come_over_time(source):
    dataset = batches(source, 4)
    seen = set()
    for _ in range(8):
        once = sum(numbers(dataset), [])
        assert len(once) == len(set(once)) == 20
        seen.update(once)
    assert seen == set(range(COUNT))


def test_labels_stay_with_their_images(source):
    for images, labels in batches(source, 5).as_numpy_iterator():
        expected = np.array([to_float(np.full((4, 5, 3), n, "uint8")) for n in range(COUNT)])
        for image, label in zip(images, labels, strict=True):
            (number,) = np.flatnonzero((expected == image).all(axis=(1, 2, 3)))
            assert number % 3 == label


def test_the_order_depends_on_seed_and_position_alone(source):
    progress = {"step": 0}
    dataset = batches(source, 4, seed=1, position=lambda: progress["step"])
    first = numbers(dataset)
    assert numbers(dataset) == first
    progress["step"] = 5
    later = numbers(dataset)
    assert later != first
    # A new pipeline that starts where the old one stands, as after a resume.
    assert numbers(batches(source, 4, seed=1, position=lambda: 5)) == later
    assert numbers(batches(source, 4, seed=2, position=lambda: 5)) != later
    progress["step"] = 0
    assert numbers(dataset) == first


def test_passes_differ_by_default_and_repeat_with_the_seed(source):
    dataset, again = batches(source, 4, seed=3), batches(source, 4, seed=3)
    first, second = numbers(dataset), numbers(dataset)
    assert first != second
    assert [numbers(again), numbers(again)] == [first, second]


def test_memory_and_stream_give_the_same_batches(folder, monkeypatch):
    in_memory = list(batches(open_source(folder), 4, seed=7).as_numpy_iterator())
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    streamed = list(batches(open_source(folder), 4, seed=7).as_numpy_iterator())
    np.testing.assert_array_equal(in_memory, streamed)


def test_too_few_examples_for_a_batch(source):
    with pytest.raises(ValueError, match="has 23 examples, which do not fill one batch of 24: choose .* 23 or less"):
        batches(source, 24)
    with pytest.raises(ValueError, match="batch_size must be a whole number of at least 1"):
        batches(source, 0)


@pytest.mark.slow
def test_broken_files_of_a_stream_are_skipped_and_named_at_the_end(folder, monkeypatch, caplog):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    (folder / "class1" / "007.png").write_text("words")
    (folder / "class0" / "021.png").write_bytes(b"")
    source = open_source(folder, labels=True)
    assert source.skipped == []
    for _ in range(3):
        order = sum(numbers(batches(source, 3)), [])
        assert len(order) == 21 and set(order) == set(range(COUNT)) - {7, 21}
    assert source.skipped == ["class0/021.png", "class1/007.png"]
    assert source.report() == (
        f"2 broken files were skipped in {folder}: class0/021.png (not an image), class1/007.png (not an image)."
    )
    with caplog.at_level(logging.WARNING):
        loaded = iter(load(folder, labels=True))
        next(loaded)
        assert "skipped" not in caplog.text
        assert len(list(loaded)) == 20
    assert caplog.text.count("2 broken files were skipped") == 1


def test_load_names_the_broken_files_and_its_choices(folder, caplog):
    (folder / "class1" / "007.png").write_text("words")
    Image.new("RGB", (9, 9)).save(folder / "class1" / "large.png")
    assert len(list(load(folder))) == COUNT
    assert "1 broken file was skipped" in caplog.text and "class1/007.png" in caplog.text
    assert "they become 64x64" in caplog.text


def test_a_file_that_vanishes_while_streaming_is_skipped(folder, monkeypatch):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    source = open_source(folder, labels=True)
    os.remove(folder / "class1" / "010.png")
    assert 10 not in sum(numbers(batches(source, 2)), [])
    assert "class1/010.png (the file has vanished)" in source.report()


def test_fingerprints_tell_data_apart(folder, monkeypatch):
    def prints():
        return [
            open_source(folder, **options).fingerprint()
            for options in ({}, {"labels": True}, {"image_size": 3}, {"limit": 9})
        ]

    in_memory = prints()
    assert len(set(in_memory)) == 4 and in_memory == prints()
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    streamed = prints()
    assert len({*in_memory, *streamed}) == 8 and streamed == prints()
    os.rename(folder / "class0" / "000.png", folder / "class0" / "000b.png")
    assert not set(prints()) & set(streamed[:2])


@pytest.mark.parametrize("limit", [2**30, 0])
def test_fingerprints_cover_the_labels(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    prints = set()
    for labels in ([0, 1, 1, 0], [1, 0, 0, 1]):
        np.savez(tmp_path / "a.npz", x=np.zeros((4, 2, 2), "float32"), y=labels)
        prints.add(open_source(tmp_path / "a.npz", labels=True).fingerprint())
    assert len(prints) == 2


def test_batches_are_split_between_devices(source, two_devices):
    distributed = two_devices.experimental_distribute_dataset(batches(source, 4))
    shapes = {image.shape for images, _ in distributed for image in two_devices.experimental_local_results(images)}
    assert shapes == {(2, 4, 5, 3)}


MEASURE = """
import os, pathlib, re, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # images on their way are as many as there are cores
from kgan.datasets import batches, open_source, source

def peak_after(limit, memory):
    source.MEMORY_LIMIT = memory
    count = sum(1 for _ in batches(open_source(sys.argv[1], limit=limit), 2))
    assert count == limit // 2
    # Of this process alone: the peak that getrusage tells may be that of the process that started it.
    return re.search("VmHWM:[^0-9]*([0-9]+)", pathlib.Path("/proc/self/status").read_text())[1]

peak_after(60, 0)
print(*(peak_after(limit, memory) for limit, memory in ((60, 0), (120, 0), (120, 2**40))))
"""


@pytest.mark.slow
def test_twice_the_files_do_not_take_more_memory_when_a_folder_is_streamed(tmp_path):
    picture = Image.new("RGB", (600, 600), (200, 0, 0))  # 1.1 MB when it is decoded
    picture.save(tmp_path / "0.png")
    for number in range(1, 120):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    run = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True)
    half, streamed, in_memory = map(int, run.stdout.split())
    # Peaks only grow. The unit is that of the system, and the images in memory are the measure.
    assert streamed - half < (in_memory - streamed) / 4


def test_batches_of_a_name_are_those_of_its_source():
    of_name = batches("digits", 50, seed=3, labels=True, limit=100)
    of_source = batches(open_source("digits", labels=True, limit=100), 50, seed=3)
    for (images, labels), (same_images, same_labels) in zip(of_name, of_source, strict=True):
        np.testing.assert_array_equal(images, same_images)
        np.testing.assert_array_equal(labels, same_labels)

import os

import numpy as np
import pytest
from PIL import Image

from kgan.datasets import load, open_source
from kgan.datasets import source as source_module


def save(path, value=0, size=(4, 4)):
    """A picture that is `value` at its first pixel and white in its lower right quarter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, "uint8")
    pixels[size[0] // 2 :, size[1] // 2 :] = 255
    Image.fromarray(pixels).save(path)


def values(source):
    return source.images[:, 0, 0, 0].tolist()


@pytest.fixture
def classes(tmp_path):
    for index, name in enumerate(["cat/1.png", "cat/old/2.png", "dog/1.png", "bird/9.png", "dog/0.png"]):
        save(tmp_path / name, index)
    return tmp_path


def test_images_come_in_the_order_of_their_names(classes):
    source = open_source(classes)
    assert values(source) == [3, 0, 1, 4, 2]
    assert (source.labels, source.targets, source.num_classes, source.class_names) == (False, None, None, None)


def test_first_level_folders_are_classes(classes):
    source = open_source(classes, labels=True)
    assert source.class_names == ["bird", "cat", "dog"] and source.num_classes == 3
    assert source.targets.dtype == np.int32
    assert list(zip(values(source), source.targets.tolist(), strict=True)) == [(3, 0), (0, 1), (1, 1), (4, 2), (2, 2)]


def test_numbered_classes_and_files_come_in_the_order_of_their_numbers(tmp_path):
    for label in range(12):
        for number in (0, 1, 10, 9):
            save(tmp_path / str(label) / f"image{number}.png", 10 * label + number)
    source = open_source(tmp_path, labels=True)
    assert source.class_names == [str(label) for label in range(12)]
    assert source.targets.tolist() == np.repeat(range(12), 4).tolist()
    assert values(source) == [10 * label + number for label in range(12) for number in (0, 1, 9, 10)]


@pytest.mark.parametrize(
    "names",
    [
        ["002", "2", "01", "1", "10"][::-1],
        ["9 cats", "10 cats", "Cats", "cats", "cats 9", "cats 10"],
        ["a1b1", "a1b9", "a01b10", "b"],
    ],
)
def test_natural_order(tmp_path, names):
    for name in reversed(names):
        save(tmp_path / name / "a.png")
    expected = ["01", "1", "002", "2", "10"] if "002" in names else names
    assert open_source(tmp_path, labels=True).class_names == expected


def test_classes_keep_their_numbers_under_a_limit(classes):
    for limit, images, targets in ((2, [3, 1], [0, 1]), (3, [3, 0, 4], [0, 1, 2])):
        source = open_source(classes, labels=True, limit=limit)
        assert source.class_names == ["bird", "cat", "dog"]
        assert source.targets.tolist() == targets and values(source) == images


def test_labels_stay_with_their_images_when_a_file_is_broken(classes):
    (classes / "cat" / "1.png").write_bytes(b"no image")
    source = open_source(classes, labels=True)
    assert source.skipped == ["cat/1.png"]
    assert list(zip(values(source), source.targets.tolist(), strict=True)) == [(3, 0), (1, 1), (4, 2), (2, 2)]


def test_a_flat_folder_has_no_classes(tmp_path):
    save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="has no classes: for labels, put the images of each class into a folder"):
        open_source(tmp_path, labels=True)


def test_images_outside_of_the_classes_are_refused_with_labels(classes):
    save(classes / "loose.png")
    with pytest.raises(ValueError, match="outside of its class folders, such as loose.png"):
        open_source(classes, labels=True)
    assert open_source(classes).size == 6


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no image: expected files ending in .png, .jpg"):
        open_source(tmp_path)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("words")
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    with pytest.raises(ValueError, match="holds no image"):
        open_source(tmp_path)


@pytest.mark.parametrize("limit", [2**30, 0])
def test_a_folder_of_broken_images_is_refused_before_training(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    for name in "abc":
        (tmp_path / f"{name}.png").write_text("words")
    with pytest.raises(ValueError, match=r"no readable image: all 3 image files are broken, .* a.png \(not an image\)"):
        open_source(tmp_path)


def test_hidden_and_foreign_files_are_left_out(tmp_path):
    save(tmp_path / "good.png", 7)
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".cache" / "b.png")
    save(tmp_path / "__MACOSX" / "c.png")
    (tmp_path / "._good.png").write_bytes(b"resource fork")
    (tmp_path / ".DS_Store").write_bytes(b"finder")
    (tmp_path / "readme.txt").write_text("words")
    os.mkfifo(tmp_path / "pipe.png")  # opening it would wait for ever
    (tmp_path / "folder.png").mkdir()
    source = open_source(tmp_path)
    assert values(source) == [7] and source.skipped == []


def test_symbolic_links_are_followed_once(tmp_path):
    data = tmp_path / "data"
    save(data / "b" / "1.png", 1)
    save(tmp_path / "elsewhere" / "2.png", 2)
    (data / "b" / "loop").symlink_to(data)
    (data / "a_link_to_b").symlink_to(data / "b")
    (data / "z_link_to_b").symlink_to(data / "b")
    (data / "c").symlink_to(tmp_path / "elsewhere")
    (data / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    source = open_source(data, labels=True)
    assert source.class_names == ["b", "c"] and values(source) == [1, 2]


def test_a_common_size_is_kept(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png", size=(5, 9))
    source = open_source(tmp_path)
    assert source.image_shape == (5, 9, 3) and source.notes == []


def test_different_sizes_become_64_and_it_is_said(tmp_path):
    save(tmp_path / "a.png", size=(5, 9))
    save(tmp_path / "b.png", size=(9, 5))
    source = open_source(tmp_path)
    assert source.image_shape == (64, 64, 3)
    assert source.notes == [f"The images in {tmp_path} have different sizes; they become 64x64 (see image_size)."]
    assert open_source(tmp_path, image_size=16).notes == []


@pytest.mark.parametrize("image_size, shape", [(16, (16, 16, 3)), ((8, 12), (8, 12, 3))])
def test_image_size(tmp_path, image_size, shape):
    save(tmp_path / "a.png", size=(5, 9))
    assert open_source(tmp_path, image_size=image_size).image_shape == shape


@pytest.mark.parametrize("image_size", [0, -3, (8,), (8, 0), (8, 8, 3), 8.5, "64"])
def test_impossible_image_sizes_are_refused(tmp_path, image_size):
    with pytest.raises(ValueError, match="image_size must be a positive integer or a pair"):
        open_source(tmp_path, image_size=image_size)


def test_grey_and_colour_together_become_colour(tmp_path):
    Image.fromarray(np.full((4, 4), 9, "uint8")).save(tmp_path / "a.png")
    assert open_source(tmp_path).image_shape == (4, 4, 1)
    save(tmp_path / "b.png", 5)
    source = open_source(tmp_path)
    assert source.image_shape == (4, 4, 3)
    np.testing.assert_array_equal(source.images[0], np.full((4, 4, 3), 9))  # grey is spread over the channels


def test_file_names_that_are_not_unicode(tmp_path, caplog):
    save(tmp_path / "a.png", 1)
    with open(os.fsencode(tmp_path) + b"/\xff.png", "wb") as file:
        file.write(b"no image")
    list(load(tmp_path))
    assert open_source(tmp_path).skipped == [os.fsdecode(b"\xff.png")]
    assert "1 broken file was skipped" in caplog.text and "\\udcff.png (not an image)" in caplog.text

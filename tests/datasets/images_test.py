"""Single image files of every kind, seen through a folder."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kgan.datasets import open_source

RAMP = np.arange(48, dtype="uint8").reshape(6, 8) * 5


def picture(height=6, width=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype="uint8")


def only_image(folder, **options):
    source = open_source(folder, **options)
    assert source.size == 1 and not source.skipped
    assert source.images.dtype == np.uint8
    return source.images[0]


@pytest.mark.parametrize("extension", ["png", "bmp", "webp", "PNG", "Bmp"])
def test_lossless_colour_files_keep_every_pixel(tmp_path, extension):
    Image.fromarray(picture()).save(tmp_path / f"a.{extension}", lossless=True)
    np.testing.assert_array_equal(only_image(tmp_path), picture())


@pytest.mark.parametrize("extension", ["jpg", "JPEG"])
def test_jpeg(tmp_path, extension):
    smooth = np.broadcast_to(np.linspace(50, 200, 64)[:, None, None], (64, 48, 3)).astype("uint8")
    Image.fromarray(smooth).save(tmp_path / f"a.{extension}", quality=95)
    assert np.abs(only_image(tmp_path).astype(int) - smooth).max() < 6


def test_grey_stays_grey(tmp_path):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    np.testing.assert_array_equal(only_image(tmp_path), RAMP[..., None])


def test_black_and_white(tmp_path):
    bits = picture()[..., 0] > 127
    Image.fromarray(bits).save(tmp_path / "a.png")
    np.testing.assert_array_equal(only_image(tmp_path), 255 * bits[..., None].astype("uint8"))


def test_16_bit_grey_is_scaled_to_8_bits(tmp_path):
    wide = np.array([[0, 256, 257, 1000], [128 * 257, 65000, 65278, 65535]], dtype="uint16")
    Image.fromarray(wide).save(tmp_path / "a.png")
    expected = np.round(wide / 257.0)
    np.testing.assert_array_equal(only_image(tmp_path), expected[..., None])


def test_transparency_lies_on_white(tmp_path):
    colours = picture(4, 4)
    alpha = np.array([[0, 64, 128, 255]] * 4, dtype="uint8")
    Image.fromarray(np.dstack([colours, alpha])).save(tmp_path / "a.png")
    share = alpha[..., None] / 255.0
    expected = share * colours + (1 - share) * 255
    assert np.abs(only_image(tmp_path) - expected).max() <= 1


def test_grey_with_transparency(tmp_path):
    grey = np.dstack([RAMP, np.full_like(RAMP, 255)])
    grey[0, 0] = 0, 0
    Image.fromarray(grey).save(tmp_path / "a.png")
    expected = RAMP.copy()
    expected[0, 0] = 255
    np.testing.assert_array_equal(only_image(tmp_path), expected[..., None])


@pytest.mark.parametrize("extension", ["png", "gif"])
def test_palette_with_a_transparent_colour(tmp_path, extension):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype="uint8"))
    image.putpalette([10, 20, 30, 200, 0, 0, 0, 0, 255])
    image.save(tmp_path / f"a.{extension}", transparency=1)
    expected = [[[10, 20, 30], [255, 255, 255]], [[0, 0, 255], [255, 255, 255]]]
    np.testing.assert_array_equal(only_image(tmp_path), expected)


def test_grey_palette_counts_as_grey(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype="uint8"))
    image.putpalette([10, 10, 10, 200, 200, 200, 90, 90, 90])
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(only_image(tmp_path), [[[10], [200]], [[90], [200]]])


def test_an_animation_gives_its_first_frame(tmp_path):
    frames = [Image.fromarray(np.full((4, 4, 3), colour, "uint8")) for colour in ([255, 0, 0], [0, 255, 0])]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(only_image(tmp_path), np.full((4, 4, 3), [255, 0, 0]))


def test_cmyk_jpeg(tmp_path):
    # Pure cyan ink: no red, full green and blue.
    Image.fromarray(np.full((16, 16, 4), [255, 0, 0, 0], "uint8"), mode="CMYK").save(tmp_path / "a.jpg", quality=100)
    image = only_image(tmp_path)
    assert image[..., 0].max() < 10 and image[..., 1:].min() > 245


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation(tmp_path, orientation):
    # How a camera stores the upright picture for each value of the EXIF tag.
    upright = picture(4, 6)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.transpose(1, 0, 2), 6: np.rot90(upright, 1), 7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(only_image(tmp_path), upright)


@pytest.mark.parametrize(
    "size, box", [((5, 5), (10, 0, 30, 20)), ((5, 20), (0, 5, 40, 15)), ((10, 20), (0, 0, 40, 20))]
)
def test_crop_at_the_centre_then_resize_with_antialiasing(tmp_path, size, box):
    image = Image.fromarray(picture(20, 40))
    image.save(tmp_path / "a.png")
    expected = image.resize(size[::-1], Image.Resampling.LANCZOS, box=box)
    np.testing.assert_array_equal(only_image(tmp_path, image_size=size), np.asarray(expected))


def test_resizing_is_antialiased(tmp_path):
    # Single-pixel stripes average to grey; a resize without antialiasing would pick black or white.
    stripes = np.tile(np.array([0, 255], "uint8"), (64, 32))
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert np.abs(only_image(tmp_path, image_size=8).astype(int) - 127).max() < 8


@pytest.mark.parametrize("scale", [1, 2, 5, 12])
def test_a_large_jpeg_resizes_like_its_pixels(tmp_path, scale):
    # Detail of the size of a pixel of the result, which decoding at too small a size would lose.
    detail = Image.fromarray(picture(48, 64)).resize((64 * scale, 48 * scale), Image.Resampling.BICUBIC)
    detail.save(tmp_path / "a.jpg", quality=100, subsampling=0)
    expected = detail.resize((48, 48), Image.Resampling.LANCZOS, box=(8 * scale, 0, 56 * scale, 48 * scale))
    difference = only_image(tmp_path, image_size=48).astype(int) - np.asarray(expected)
    assert np.abs(difference).mean() < 2.5


def broken_files(folder):
    Image.fromarray(picture(64, 64)).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("these are words, not pixels")
    (folder / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 30)
    (folder / "postscript.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n")
    # A picture of 2.5 gigapixels in a file of a few hundred bytes.
    _png_of_declared_size(folder / "bomb.png", 50000, 50000)
    return ["bomb.png", "empty.png", "header.png", "postscript.png", "text.png", "truncated.jpg"]


def _png_of_declared_size(path, width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_broken_files_are_skipped_counted_and_named(tmp_path):
    broken = broken_files(tmp_path)
    source = open_source(tmp_path)
    assert source.size == 1
    assert source.skipped == broken
    assert source.report().startswith(f"6 broken files were skipped in {tmp_path}: bomb.png (")
    for name in broken:
        assert name in source.report()
    assert "\n" not in source.report()


def test_a_picture_a_little_too_large_is_broken_too(tmp_path):
    # Pillow itself only warns between one and two times its limit.
    Image.fromarray(picture()).save(tmp_path / "a.png")
    _png_of_declared_size(tmp_path / "large.png", 10000, 10000)
    with pytest.warns(Image.DecompressionBombWarning):
        source = open_source(tmp_path)
    assert source.skipped == ["large.png"] and "more than 89478485 pixels" in source.report()

"""Single image files of every kind, seen through a folder."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin, features

import kgan
from kgan.datasets import open_source, read_image

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
    _png_of_declared_size(tmp_path / "larger.png", 20000, 10000)  # which Pillow refuses to open
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what Pillow warns of is in the report
        source = open_source(tmp_path)
    assert source.skipped == ["large.png", "larger.png"]
    assert source.report().count(f"(more than {Image.MAX_IMAGE_PIXELS} pixels; PIL.Image.MAX_IMAGE_PIXELS sets") == 2


def test_pillows_limit_is_read_when_an_image_is(tmp_path, monkeypatch):
    Image.fromarray(picture()).save(tmp_path / "a.png")  # 48 pixels
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 47)
    with pytest.raises(ValueError, match="more than 47 pixels"):
        read_image(tmp_path / "a.png")
    for limit in (48, None):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture())


# Other types of files


@pytest.mark.parametrize(
    "extension, options",
    [
        *[("tif", {}), ("TIFF", {"compression": "tiff_lzw"}), ("tif", {"compression": "tiff_adobe_deflate"})],
        *[("ppm", {}), ("dib", {"format": "BMP"}), ("jp2", {"irreversible": False})],
    ],
)
def test_more_lossless_files_keep_every_pixel(tmp_path, extension, options):
    image = picture(40, 48)  # JPEG 2000 wants to halve it a few times
    Image.fromarray(image).save(tmp_path / f"a.{extension}", **options)
    np.testing.assert_array_equal(only_image(tmp_path), image)


@pytest.mark.parametrize("extension", ["jfif", "jpe", "avif"])
def test_more_lossy_files(tmp_path, extension):
    assert features.check("avif")
    smooth = np.broadcast_to(np.linspace(50, 200, 64)[:, None, None], (64, 48, 3)).astype("uint8")
    Image.fromarray(smooth).save(tmp_path / f"a.{extension}", None if extension == "avif" else "JPEG", quality=95)
    assert np.abs(only_image(tmp_path).astype(int) - smooth).max() < 6


@pytest.mark.parametrize("extension", ["tif", "pgm"])
def test_16_bit_grey_of_other_types(tmp_path, extension):
    wide = np.array([[0, 257, 1000], [128 * 257, 65278, 65535]], dtype="uint16")
    Image.fromarray(wide).save(tmp_path / f"a.{extension}")
    np.testing.assert_array_equal(only_image(tmp_path)[..., 0], np.round(wide / 257.0))


@pytest.mark.parametrize(
    "pixels, reason",
    [
        (np.linspace(0, 1, 12, dtype="float32").reshape(3, 4), "floating-point numbers of an unknown range"),
        (np.arange(12, dtype="int32").reshape(3, 4) - 1024, "from -1024 to -1013, are no 16-bit grey"),
        (np.arange(12, dtype="int32").reshape(3, 4) * 10000, "from 0 to 110000, are no 16-bit grey"),
    ],
)
def test_numbers_that_are_no_grey_levels_are_named_and_not_clipped(tmp_path, pixels, reason):
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=reason):
        read_image(tmp_path / "a.tif")


# Metadata


def exif_block(orientation=None, damaged=False):
    """An EXIF block with an orientation and, if `damaged`, a resolution of -1/0 that no writer can write again."""
    entries = [struct.pack("<HHLHH", 0x0112, 3, 1, orientation, 0)] if orientation else []
    if damaged:
        entries.append(struct.pack("<HHLL", 282, 10, 1, 14 + 12 * (len(entries) + 1)))
    body = b"II*\0" + struct.pack("<LH", 8, len(entries)) + b"".join(entries) + struct.pack("<Lll", 0, -1, 0)
    return b"Exif\0\0" + body


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("extension", ["jpg", "webp", "tif", "avif"])
def test_exif_rotation_of_other_types(tmp_path, extension, orientation):
    # Four plain quarters, so that a lossy file cannot blur which is where.
    stored = np.kron(np.array([[10, 90], [160, 240]], "uint8"), np.ones((16, 24), "uint8"))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.stack([stored] * 3, -1))
    image.save(tmp_path / f"a.{extension}", exif=exif)
    turned = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.T,
        6: np.rot90(stored, -1), 7: stored[::-1, ::-1].T, 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    found = only_image(tmp_path)  # of the size that the header told
    assert found.shape[:2] == turned.shape
    corners = np.s_[4 :: turned.shape[0] - 9, 4 :: turned.shape[1] - 9]
    assert np.abs(found[..., 0].astype(int)[corners] - turned[corners]).max() < 12


def damaged_png(path, image, *, chunk=None, at="IDAT", checksum=True, **options):
    """A PNG file with a chunk more, in front of that of the name `at`."""
    image.save(path, **options)
    content = path.read_bytes()
    place = content.index(at.encode()) - 4
    kind, data = chunk
    end = struct.pack(">I", zlib.crc32(kind + data) ^ (not checksum))
    path.write_bytes(content[:place] + struct.pack(">I", len(data)) + kind + data + end + content[place:])


def jpeg_with(path, image, segment, data):
    """A JPEG file with a segment more, at its beginning."""
    image.save(path, quality=95)
    content = path.read_bytes()
    path.write_bytes(content[:2] + bytes([0xFF, segment]) + struct.pack(">H", len(data) + 2) + data + content[2:])


@pytest.mark.parametrize(
    "kind", ["long text", "long profile", "no text", "checksum", "exif", "exif checksum", "late", "density"]
)
def test_damaged_metadata_of_a_png_cost_nothing(tmp_path, kind):
    image, path = Image.fromarray(picture()), tmp_path / "a.png"
    if kind == "long text":
        info = PngImagePlugin.PngInfo()
        info.add_text("workflow", "x" * 2_000_000, zip=True)
        image.save(path, pnginfo=info)
    elif kind == "long profile":
        image.save(path, icc_profile=b"\0" * 2_000_000)
    else:
        chunk = {
            "no text": (b"zTXt", b"key\0\0 no deflate stream"), "checksum": (b"tEXt", b"key\0value"),
            "exif": (b"eXIf", b"II*\0 nothing"), "exif checksum": (b"eXIf", b"II*\0 nothing"),
            "late": (b"zTXt", b"key\0\0" + zlib.compress(b"x" * 2_000_000)),
            "density": (b"pHYs", b"\0"),
        }[kind]  # fmt: skip
        at = "IEND" if kind == "late" else "IDAT"
        damaged_png(path, image, chunk=chunk, at=at, checksum="checksum" not in kind)
    np.testing.assert_array_equal(only_image(tmp_path), picture())


def plain(path):
    """What Pillow reads of a file without metadata."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("extension", ["png", "jpg", "webp"])
def test_a_damaged_exif_block_costs_neither_the_picture_nor_its_orientation(tmp_path, extension, orientation):
    image, folder = Image.fromarray(picture(16, 24)), tmp_path / "data"
    folder.mkdir()
    image.save(tmp_path / f"plain.{extension}")
    image.save(folder / f"a.{extension}", exif=exif_block(orientation, damaged=True))
    upright = np.rot90(plain(tmp_path / f"plain.{extension}"), {1: 0, 3: 2, 6: -1}[orientation])
    np.testing.assert_array_equal(only_image(folder), upright)


@pytest.mark.parametrize("segment, data", [
    (0xE1, b"Exif\0\0II*\0" + b"\xff" * 20), (0xE1, b"Exif\0\0"), (0xE2, b"ICC_PROFILE\0\x01\x09 torn"),
    (0xE2, b"ICC_PROFILE\0\x01"), (0xE2, b"MPF\0II*\0" + b"\xff" * 12), (0xE2, b"MPF\0"),
    (0xED, b"Photoshop 3.0\0" + b"8BIM" + b"\xff" * 9), (0xFE, b"\xff" * 40),
])  # fmt: skip
def test_damaged_metadata_of_a_jpeg_cost_nothing(tmp_path, segment, data):
    folder = tmp_path / "data"
    folder.mkdir()
    jpeg_with(folder / "a.jpg", Image.fromarray(picture(16, 24)), segment, data)
    Image.fromarray(picture(16, 24)).save(tmp_path / "plain.jpg", quality=95)
    np.testing.assert_array_equal(only_image(folder), plain(tmp_path / "plain.jpg"))


def test_damaged_pixels_are_broken_whatever_the_metadata(tmp_path):
    image = Image.fromarray(picture(64, 64))
    damaged_png(tmp_path / "a.png", image, chunk=(b"zTXt", b"key\0\0" + zlib.compress(b"x" * 2_000_000)))
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[:-3000])
    with pytest.raises(ValueError, match="cannot be read as an image: "):
        read_image(tmp_path / "a.png")


# One function for training and for serving


def test_read_image_is_what_training_sees(tmp_path):
    image = picture(30, 40)
    Image.fromarray(np.dstack([image, image[..., 0]])).save(tmp_path / "a.png")
    for size in (None, 16, (9, 12), [12, 9], np.int64(16), (np.int32(9), 12)):
        found = read_image(tmp_path / "a.png", size)
        np.testing.assert_array_equal(found, only_image(tmp_path, image_size=size))
    with open(tmp_path / "a.png", "rb") as file:
        np.testing.assert_array_equal(read_image(file, (9, 12)), read_image(str(tmp_path / "a.png"), (9, 12)))
    grey = read_image(tmp_path / "a.png", channels=1)
    assert grey.shape == (30, 40, 1) and grey.dtype == np.uint8
    expected = read_image(tmp_path / "a.png") @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(
    "path, options, message",
    [
        ("nowhere.png", {}, "nowhere.png cannot be read as an image: the file has vanished"),
        ("words.png", {}, "words.png cannot be read as an image: not an image"),
        ("words.png", {"channels": 4}, "channels must be 1 for grey or 3 for RGB, got 4"),
        ("words.png", {"image_size": 0}, "image_size must be a positive integer or a pair"),
        ("words.png", {"image_size": True}, "image_size must be a positive integer or a pair"),
    ],
)
def test_what_read_image_cannot_do_is_a_sentence(tmp_path, path, options, message):
    (tmp_path / "words.png").write_text("words")
    with pytest.raises(ValueError, match=message):
        read_image(tmp_path / path, **options)


def save_photo(path):
    """A picture of a kind that is easily read otherwise than training did, by the name of its file."""
    image = Image.fromarray(picture(6, 8)).resize((80, 60))
    if path.name == "wide.png":
        Image.fromarray(np.asarray(image.convert("L"), "uint16") * 257).save(path)
    elif path.name == "turned.jpg":
        image.save(path, exif=exif_block(6), quality=95)
    elif path.name == "glass.png":
        image.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 80, dtype="uint8"), (60, 1))))
        image.save(path)
    elif path.name == "palette.gif":
        image.quantize(8).save(path, transparency=3)
    else:
        image.convert("CMYK").save(path, quality=95)


@pytest.mark.parametrize("name", ["wide.png", "turned.jpg", "glass.png", "palette.gif", "ink.jpg"])
def test_the_lines_for_a_machine_without_kgan_give_the_same_pixels(tmp_path, name):
    save_photo(tmp_path / name)
    lines = kgan.datasets.read_image.__doc__.split("```python\n")[1].split("```")[0].replace("photo.jpg", name)
    program = "\n".join(line.removeprefix("    ") for line in lines.splitlines())
    names = {"np": np, "Image": Image, "ImageOps": ImageOps, "height": 24, "width": 40}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        exec(program, names)
    np.testing.assert_array_equal(names["image"], read_image(tmp_path / name, (24, 40)))

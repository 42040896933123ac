"""What is left of picture files without their metadata, against chunks and segments put together by hand."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kgan.datasets.metadata import stripped

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 7, 3), "uint8")


def encoded(kind, **options):
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, **options)
    return file.getvalue()


def orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def segment(kind, data):
    return struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data


def test_a_png_keeps_its_pixels_and_first_its_exif():
    info = PngInfo()
    info.add_text("comment", "words")
    content = encoded("PNG", pnginfo=info, exif=orientation(6), dpi=(72, 72), icc_profile=b"no profile")
    with_exif, without = stripped(content)
    for left, expected in ((with_exif, 6), (without, None)):
        with Image.open(io.BytesIO(left)) as image:
            np.testing.assert_array_equal(image, PIXELS)
            assert image.getexif().get(0x0112) == expected
        assert not any(kind in left for kind in (b"tEXt", b"pHYs", b"iCCP"))


def test_a_plain_png_is_left_as_it_is_but_for_what_follows_its_end():
    plain = encoded("PNG")
    assert list(stripped(plain + b"tail")) == [plain, plain]
    start, end = plain[:33], plain[33:]  # the signature and IHDR, and what comes after
    for wanted in (b"PLTE", b"tRNS"):
        content = start + chunk(wanted, b"abc") + end
        assert list(stripped(content)) == [content, content]
    exif = chunk(b"eXIf", b"MM")
    assert list(stripped(start + exif + chunk(b"gAMA", b"1234") + end)) == [start + exif + end, plain]


def test_a_jpeg_keeps_its_pixels_and_first_its_exif():
    plain = encoded("JPEG", quality=95)
    exif = segment(0xE1, b"Exif\0\0MM")
    photoshop, xmp, words = segment(0xED, b"8BIM"), segment(0xE1, b"http://ns.adobe.com"), segment(0xFE, b"words")
    start, end = plain[:2], plain[2:]  # SOI, and JFIF with all that it needs
    with_exif, without = stripped(start + b"\xff" + exif + photoshop + xmp + words + end)
    assert without == plain and with_exif == start + exif + end


def test_the_segment_of_adobe_tells_of_colours_and_stays():
    plain = encoded("JPEG")
    adobe = segment(0xEE, b"Adobe" + bytes(7))
    content = plain[:2] + adobe + plain[2:]
    assert list(stripped(content)) == [content, content]


@pytest.mark.parametrize("content", [b"", b"words", b"GIF89a", encoded("BMP"), encoded("GIF")])
def test_other_files_are_not_touched(content):
    assert list(stripped(content)) == []


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_that_is_cut_off_anywhere_ends_without_an_error(kind):
    content = encoded(kind)
    for length in range(len(content)):
        for left in stripped(content[:length]):
            assert content.startswith(left)

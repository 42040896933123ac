"""Image files of any common kind, and arrays of any size, made into uint8 pixels of one size (Pillow)."""

import os
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

EXTENSIONS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
# Only these parsers look at a file: Pillow would otherwise hand a disguised EPS to Ghostscript.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
_MAX_PIXELS = Image.MAX_IMAGE_PIXELS
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 mean that the picture lies on its side


class BrokenImageError(Exception):
    """An image that cannot be read; its message says why."""


class Header(NamedTuple):
    """What a file says before any pixel is decoded: height and width of the upright image, and whether it is grey."""

    height: int
    width: int
    grey: bool


def read_header(file: str | os.PathLike | BinaryIO) -> Header:
    """Reads size and kind of an image file without decoding it.

    Raises:
        BrokenImageError: if the file is no readable image.
    """
    try:
        with Image.open(file, formats=_FORMATS) as image:
            width, height = image.size
            if image.getexif().get(_ORIENTATION, 1) >= 5:
                width, height = height, width
            return Header(height, width, _is_grey(image))
    except Exception as error:
        raise BrokenImageError(_reason(error)) from error


def decode(file: str | os.PathLike | BinaryIO, size: tuple[int, int], channels: int) -> np.ndarray:
    """Decodes an image file, upright, cropped at the centre to the wanted aspect and resized with antialiasing.

    Transparent images lie on white; 16-bit grey is scaled to 8 bits; of an animation the first frame is taken.

    Args:
        file: a path or a binary file.
        size: wanted `(height, width)`.
        channels: 1 for grey, 3 for RGB.

    Returns:
        uint8 array of shape `(height, width, channels)`.

    Raises:
        BrokenImageError: if the file is missing, truncated, no image, or unreasonably large.
    """
    # Pillow raises OSError, SyntaxError, ValueError, struct.error and more on damaged files: all mean the same here.
    try:
        with Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > _MAX_PIXELS:
                raise BrokenImageError(f"more than {_MAX_PIXELS} pixels")
            # A JPEG decodes several times faster at 1/2, 1/4 or 1/8 of its size; twice the wanted size is enough.
            image.draft(None, (2 * max(size), 2 * max(size)))
            image = _flatten(ImageOps.exif_transpose(image)).convert("L" if channels == 1 else "RGB")
    except BrokenImageError:
        raise
    except Exception as error:
        raise BrokenImageError(_reason(error)) from error
    return np.asarray(_fit(image, size), dtype="uint8").reshape(*size, channels)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Crops an array to the wanted aspect at its centre and resizes it with antialiasing.

    Args:
        pixels: uint8 array of shape `(h, w, c)`, with any number of channels.
        size: wanted `(height, width)`.

    Returns:
        uint8 array of shape `(height, width, c)`.
    """
    if pixels.shape[:2] == tuple(size):
        return pixels
    bands = [np.asarray(_fit(Image.fromarray(pixels[..., band]), size)) for band in range(pixels.shape[-1])]
    return np.stack(bands, axis=-1)


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def _flatten(image: Image.Image) -> Image.Image:
    """Scales 16-bit grey to 8 bits and lays a transparent image on white."""
    if image.mode.startswith("I"):
        levels = np.asarray(image, dtype="float64")
        return Image.fromarray(np.clip(np.round(levels / 257.0), 0, 255).astype("uint8"))
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA") or image.mode.startswith("I")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file has vanished"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image"
    return str(error).strip() or type(error).__name__

"""Image files of any common kind, and arrays of any size, made into uint8 pixels of one size (Pillow)."""

import io
import os
from collections.abc import Callable
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, features

from kgan.datasets.metadata import stripped
from kgan.datasets.quiet import pillow_warnings_dropped
from kgan.foreign_text import first_line, printable
from kgan.scalars import is_count

# Only these parsers look at a file: Pillow would otherwise hand a disguised EPS to Ghostscript.
_ENDINGS = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "WEBP": (".webp",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
# A Pillow that was built without their libraries cannot read these.
_ENDINGS |= {"AVIF": (".avif",)} if features.check("avif") else {}
_ENDINGS |= {"JPEG2000": (".jp2", ".j2k")} if features.check("jpg_2000") else {}
_FORMATS = tuple(_ENDINGS)
EXTENSIONS = tuple(ending for endings in _ENDINGS.values() for ending in endings)
_ORIENTATION = 0x0112  # the EXIF tag; 5 to 8 mean that the picture lies on its side
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


_TOO_LARGE = "more than {} pixels; PIL.Image.MAX_IMAGE_PIXELS sets the limit"


class BrokenImageError(Exception):
    """An image that cannot be read; its message says why."""


class Header(NamedTuple):
    """What a file says before any pixel is decoded: height and width of the upright image, and whether it is grey."""

    height: int
    width: int
    grey: bool


def read_image(
    path: str | os.PathLike | BinaryIO, image_size: int | tuple[int, int] | None = None, channels: int = 3
) -> np.ndarray:
    """Reads an image file exactly as training on a folder does.

    The picture is turned upright as its EXIF orientation says; 16-bit grey is divided by 257 and rounded; a transparent
    picture is laid on white; of an animation the first frame is taken; then it becomes grey or RGB, is cropped at the
    centre to the wanted aspect and resized with an antialiasing Lanczos filter. Damaged metadata are ignored.

    Args:
        path: of the file, or a binary file.
        image_size: height and width, or one number for both; by default the picture keeps its size.
        channels: 3 for RGB, or 1 for grey, as a folder is read all of whose pictures are grey.

    Returns:
        uint8 array of shape `(height, width, channels)` with values 0..255.

    Raises:
        ValueError: if the file is missing, damaged, no image, or has more pixels than `PIL.Image.MAX_IMAGE_PIXELS`,
            or the arguments are impossible.

    Examples:

    >>> image = kgan.datasets.read_image("photo.jpg", (224, 224))
    >>> probabilities = classifier.serve(image[None])

    On a machine without kgan, this gives the same pixels, but for large JPEG files, which are decoded at a smaller
    size first, where they differ a little:

    ```python
    picture = ImageOps.exif_transpose(Image.open("photo.jpg"))
    if picture.mode.startswith("I"):
        levels = np.round(np.asarray(picture, "float64") / 257)
        picture = Image.fromarray(np.clip(levels, 0, 255).astype("uint8"))
    picture = picture.convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    image = np.array(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))
    ```
    """
    size = as_image_size(image_size)
    if not is_count(channels) or channels not in (1, 3):
        raise ValueError(f"channels must be 1 for grey or 3 for RGB, got {channels!r}.")
    try:
        return decode(path, size, int(channels))
    except BrokenImageError as error:
        name = getattr(path, "name", "the file") if hasattr(path, "read") else os.fspath(path)
        raise ValueError(f"{printable(name)} cannot be read as an image: {error}.") from error


def as_image_size(image_size) -> tuple[int, int] | None:
    """`image_size`, a number or a pair, as `(height, width)`; `None` stays `None`.

    Raises:
        ValueError: for anything else.
    """
    if image_size is None:
        return None
    sides = (image_size, image_size) if is_count(image_size) else image_size
    try:
        height, width = sides
        good = not isinstance(sides, (str, bytes)) and is_count(height) and is_count(width)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ValueError(f"image_size must be a positive integer or a pair (height, width), but is {image_size!r}.")
    return int(height), int(width)


def read_header(file: str | os.PathLike | BinaryIO) -> Header:
    """Reads size and kind of an image file without decoding it.

    Raises:
        BrokenImageError: if the file is no readable image.
    """

    def header(image):
        width, height = image.size
        # Pillow has turned the size of a TIFF file already.
        if image.format != "TIFF" and _orientation(image) >= 5:
            width, height = height, width
        return Header(height, width, _is_grey(image))

    return _opened(file, header)


def decode(file: str | os.PathLike | BinaryIO, size: tuple[int, int] | None, channels: int) -> np.ndarray:
    """Decodes an image file as `read_image` does, which says how.

    Args:
        file: a path or a binary file.
        size: wanted `(height, width)`, or `None` for that of the file.
        channels: 1 for grey, 3 for RGB.

    Returns:
        uint8 array of shape `(height, width, channels)`.

    Raises:
        BrokenImageError: if the file is missing, truncated, no image, or unreasonably large.
    """

    def picture(image):
        limit = Image.MAX_IMAGE_PIXELS  # read here: setting it to None is how a user lifts it
        if limit is not None and image.width * image.height > limit:
            raise BrokenImageError(_TOO_LARGE.format(limit))
        if size is not None:
            # A JPEG decodes several times faster at 1/2, 1/4 or 1/8 of its size; twice the wanted size is enough.
            image.draft(None, (2 * max(size), 2 * max(size)))
        image.load()
        return _flatten(_upright(image)).convert("L" if channels == 1 else "RGB")

    image = _opened(file, picture)
    pixels = np.asarray(image if size is None else _fit(image, size), dtype="uint8")
    return pixels.reshape(*pixels.shape[:2], channels)


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


def _opened(file, use: Callable[[Image.Image], object]):
    with pillow_warnings_dropped():
        return _opened_twice(file, use)


def _opened_twice(file, use: Callable[[Image.Image], object]):
    """What `use` makes of the image in a file; once more without its metadata if that fails, as they may be damaged."""
    # Pillow raises OSError, SyntaxError, ValueError, struct.error and more on damaged files: all mean the same here.
    try:
        with Image.open(file, formats=_FORMATS) as image:
            return use(image)
    except BrokenImageError:
        raise
    except Exception as error:
        first = error
    try:
        for content in stripped(_content(file)):
            try:
                with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
                    return use(image)
            except BrokenImageError:
                raise
            except Exception:
                pass
    except OSError:
        pass
    raise BrokenImageError(_reason(first)) from first


def _content(file) -> bytes:
    if hasattr(file, "read"):
        file.seek(0)
        return file.read()
    with open(file, "rb") as opened:
        return opened.read()


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # struct.error, SyntaxError, ...: an EXIF block that cannot be read says nothing
        return 1


def _upright(image: Image.Image) -> Image.Image:
    # Not ImageOps.exif_transpose, which writes the EXIF block anew and fails on its odd numbers.
    turn = _UPRIGHT.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    height, width = size
    if image.size == (width, height):
        return image
    return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)


def _flatten(image: Image.Image) -> Image.Image:
    """Scales 16-bit grey to 8 bits and lays a transparent image on white."""
    if image.mode.startswith("F"):
        raise BrokenImageError("it holds floating-point numbers of an unknown range: save 8 or 16 bits instead")
    if image.mode.startswith("I"):
        levels = np.asarray(image, dtype="float64")
        if not 0 <= levels.min() <= levels.max() <= 65535:
            raise BrokenImageError(
                f"its numbers, from {levels.min():.0f} to {levels.max():.0f}, are no 16-bit grey from 0 to 65535"
            )
        return Image.fromarray(np.round(levels / 257.0).astype("uint8"))
    if not image.has_transparency_data:
        return image
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


def _is_grey(image: Image.Image) -> bool:
    if image.mode == "P":
        palette = np.asarray(image.getpalette("RGB")).reshape(-1, 3)
        return bool((palette == palette[:, :1]).all())
    return image.mode in ("1", "L", "LA", "La") or image.mode.startswith("I")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file has vanished"
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image"
    if isinstance(error, Image.DecompressionBombError):  # twice the limit, and Pillow does not even open it
        return _TOO_LARGE.format(Image.MAX_IMAGE_PIXELS)
    return first_line(error)

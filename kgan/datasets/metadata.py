"""PNG and JPEG files without what is not their pixels: a damaged profile, comment or EXIF block costs no picture."""

import struct
from collections.abc import Iterator

_PNG = b"\x89PNG\r\n\x1a\n"
# What decides about pixels: https://www.w3.org/TR/png-3/#4Concepts.FormatTypes
_PNG_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_JPEG = b"\xff\xd8"
# APP0 (JFIF) and APP14 (Adobe) tell how colours are stored: https://www.w3.org/Graphics/JPEG/jfif3.pdf, ITU-T T.872
_JPEG_METADATA = {*range(0xE1, 0xEE), 0xEF, 0xFE}
_JPEG_EXIF = 0xE1
_JPEG_SCAN = 0xDA


def stripped(content: bytes) -> Iterator[bytes]:
    """Yields what is left of a PNG or JPEG file without its metadata: first with its EXIF block, then without.

    Nothing for any other file, and nothing that could not be read as its chunks or segments.
    """
    strip = _strip_png if content.startswith(_PNG) else _strip_jpeg if content.startswith(_JPEG) else None
    if strip is not None:
        for keep_exif in (True, False):
            try:
                yield strip(content, keep_exif)
            except (struct.error, IndexError):
                return


def _strip_png(content: bytes, keep_exif: bool) -> bytes:
    """Each chunk is the length of its data, four letters, the data, and a checksum."""
    kept, start = [_PNG], len(_PNG)
    wanted = (*_PNG_PIXELS, b"eXIf") if keep_exif else _PNG_PIXELS
    while start < len(content):
        length, kind = struct.unpack_from(">I4s", content, start)
        end = start + 12 + length
        if kind in wanted:
            kept.append(content[start:end])
        if kind == b"IEND":
            break
        start = end
    return b"".join(kept)


def _strip_jpeg(content: bytes, keep_exif: bool) -> bytes:
    """Each segment is 0xFF, its kind, its length with these two bytes, and its data; a scan begins the pixels."""
    kept, start = [_JPEG], len(_JPEG)
    while content[start] == 0xFF and content[start + 1] != _JPEG_SCAN:
        if content[start + 1] == 0xFF:  # any number of these may come before a segment
            start += 1
            continue
        kind = content[start + 1]
        (length,) = struct.unpack_from(">H", content, start + 2)
        end = start + 2 + length
        is_exif = kind == _JPEG_EXIF and content[start + 4 :].startswith(b"Exif\0")
        if kind not in _JPEG_METADATA or (keep_exif and is_exif):
            kept.append(content[start:end])
        start = end
    return b"".join(kept) + content[start:]

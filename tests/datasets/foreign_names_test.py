"""Names of files, folders and arrays, and other libraries, forge no line: in errors, notes and reports."""

import os
import pathlib
import warnings

import numpy as np
import pytest
from PIL import Image

from kgan import memory
from kgan.datasets import load, open_source, read_image
from kgan.foreign_text import printable

EVIL = "\x1b[2J\x1b[31mEVIL\nkgan: all fine\u202e"
SHOWN = r"\x1b[2J\x1b[31mEVIL\nkgan: all fine\u202e"


def picture(path, size=(8, 8), value=100):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, "uint8")
    pixels[0, 0] = 255 - value
    Image.fromarray(pixels).save(path, "PNG")


def refused(*arguments, **options) -> str:
    with pytest.raises(ValueError) as caught:
        open_source(*arguments, **options)
    message = str(caught.value)
    assert printable(message) == message and SHOWN in message
    return message


def test_errors_about_folders(tmp_path):
    root = tmp_path / EVIL
    assert refused(root / "missing").startswith("There is no data set or path '")
    root.mkdir()
    (root / f"{EVIL}.heic").write_bytes(b"")
    assert "holds no image" in refused(root)
    picture(root / f"{EVIL}.png")
    assert "has no classes" in refused(root, labels=True)
    assert "has only the split 'train'" in refused(root, split="test")
    picture(root / f"a{EVIL}" / "1.png")
    assert "outside of its class folders" in refused(root, labels=True)
    (root / f"{EVIL}.png").unlink()
    picture(root / "b" / "1.png")
    (root / f"c{EVIL}").mkdir()
    assert "the class folder 'c" in refused(root, labels=True)
    (root / f"c{EVIL}" / "x.png").write_bytes(b"no image")
    assert "has no readable image" in refused(root, labels=True)
    picture(root / "val" / "1.png")
    assert "named like a part of a data set" in refused(root)
    with pytest.raises(ValueError, match="cannot be read as an image: not an image") as caught:
        read_image(root / f"c{EVIL}" / "x.png")
    assert printable(caught.value) == str(caught.value)


def test_notes_and_reports_about_folders(tmp_path, caplog):
    root = tmp_path / EVIL
    picture(root / "train" / EVIL / "1.png", value=100)
    picture(root / "train" / "b" / "2.png", size=(9, 9), value=110)
    picture(root / "test" / "b" / "2.png")
    (root / "train" / "b" / f"{EVIL}.heic{EVIL}").write_bytes(b"")
    (root / "train" / "b" / f"{EVIL}.png").write_bytes(b"no image")
    source = open_source(root, labels=True)
    assert len(source.notes) == 3 and all(printable(note) == note and SHOWN in note for note in source.notes)
    assert printable(source.report()) == source.report() and f"b/{SHOWN}.png (not an image)" in source.report()
    # What a program needs is as it is.
    assert source.skipped == [f"b/{EVIL}.png"] and source.class_names == [EVIL, "b"]
    list(load(root))
    assert SHOWN in caplog.text and "\x1b" not in caplog.text


def test_errors_and_notes_about_arrays(tmp_path):
    path = tmp_path / f"{EVIL}.npz"
    images = np.zeros((4, 8, 8), "uint8")
    np.savez(path, **{EVIL: images, "b": images})
    assert f"but it holds {SHOWN} and b." in refused(path)
    np.savez(path, x=np.zeros((3, 3), "uint8"))
    assert "holds an array of shape (3, 3)" in refused(path)
    np.savez(path, x=images.astype([(EVIL, "<f4")]))
    assert "holds images of type [(" in refused(path)
    np.savez(path, x=images, y=np.array([0, 5, 9, 9]))
    source = open_source(path, labels=True)
    assert len(source.notes) == 2 and all(printable(note) == note and SHOWN in note for note in source.notes)
    path.write_bytes(b"no zip")
    assert "cannot be read as a numpy file: it is none" in refused(path)


def test_an_npz_that_unpacks_to_more_than_memory_holds_is_refused(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((1000, 100, 100), "uint8"), y=np.zeros(1000, "int64"))
    assert os.path.getsize(tmp_path / "bomb.npz") < 20_000
    monkeypatch.setattr(memory, "available", lambda: 9_000_000)
    with pytest.raises(ValueError, match="bomb.npz, unpacked, would take 10.0 MB of memory, but 9.0 MB are free: save"):
        open_source(tmp_path / "bomb.npz")


@pytest.mark.parametrize("shape", [(10**12, 8, 8), (-5, 8, 8), (2**62, 2**62, 4), (0, 8, 8), (10**15, 10**15)])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_a_header_that_claims_too_much_is_answered_in_a_sentence(tmp_path, shape, ending):
    path = tmp_path / f"a.{ending}"
    (np.save(path, np.zeros((1, 8, 8))) if ending == "npy" else np.savez(path, x=np.zeros((1, 8, 8))))
    content = path.read_bytes()
    old = b"'shape': (1, 8, 8), }" + b" " * 50
    new = f"'shape': {shape}, }}".encode().ljust(len(old))
    if ending == "npz":  # the checksum of the member has to agree, or zipfile is the one that refuses
        import io
        import zipfile

        with zipfile.ZipFile(path) as file:
            member = file.read("x.npy")
        assert old in member
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("x.npy", member.replace(old, new))
        path.write_bytes(packed.getvalue())
    else:
        assert old in content
        path.write_bytes(content.replace(old, new))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=r"a\.np[yz] ") as caught:
            open_source(path)
    assert "\n" not in str(caught.value)


def test_an_image_of_which_memory_holds_not_one_is_refused_before_it_is_read(tmp_path, monkeypatch):
    picture(tmp_path / "1.png")
    monkeypatch.setattr(memory, "available", lambda: 10**9)
    with pytest.raises(
        ValueError, match="one image of 99999x99999x3 from .* would take 30.0 GB .*use a smaller image_s"
    ):
        open_source(tmp_path, image_size=99999)
    np.save(tmp_path / "a.npy", np.zeros((1, 40, 40), "float32"))
    monkeypatch.setattr(memory, "available", lambda: 6000)
    with pytest.raises(ValueError, match="one image of 40x40x1 from .*a.npy would take 6.4 kB"):
        open_source(tmp_path / "a.npy")


def test_pillow_warns_of_nothing_and_filters_stay_as_they_were(tmp_path, monkeypatch):
    for i in range(300):  # more than one thread reads
        picture(tmp_path / f"{i}.png", size=(4, 8 + i % 2))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 35)  # between one and two times this Pillow warns
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        source = open_source(tmp_path, image_size=8)
    assert not caught and source.size == 150 and len(source.skipped) == 150
    assert warnings.filters == before
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(tmp_path / "1.png")

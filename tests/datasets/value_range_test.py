"""Images whose numbers mean something else than 0..255."""

import numpy as np
import pytest
from PIL import Image

from kgan.datasets import open_source
from kgan.datasets import source as source_module

RANDOM = np.random.default_rng(0)


def ranges(source):
    return [note for note in source.notes if "0..255" in note]


@pytest.mark.parametrize("limit", [2**30, 0])
@pytest.mark.parametrize("bits, expected", [(10, 4), (12, 16), (14, 64), (15, None), (16, None)])
def test_files_of_fewer_bits_than_16_are_noted_with_their_range(tmp_path, monkeypatch, limit, bits, expected):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    for number in range(3):
        pixels = RANDOM.integers(0, 2**bits, (16, 16), dtype="uint16")
        pixels[0, :2] = 0, 2**bits - 1
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    notes = ranges(open_source(tmp_path))
    assert [note.split(", so")[0] for note in notes] == (
        [f"All pixels of {tmp_path} lie between 0 and {expected} of 0..255"] if expected else []
    )


@pytest.mark.parametrize(
    "pixels, expected",
    [
        (RANDOM.integers(0, 2, (9, 8, 8), dtype="uint8"), "between 0 and 1 of"),
        (RANDOM.integers(100, 103, (9, 8, 8), dtype="uint8"), "between 100 and 102 of"),
        (RANDOM.integers(0, 2, (9, 8, 8), dtype="uint8") * 255, None),
        (RANDOM.random((9, 8, 8)) / 255, "between 0 and 1 of"),
        (RANDOM.random((9, 8, 8)), None),
    ],
)
def test_arrays(tmp_path, pixels, expected):
    np.savez(tmp_path / "a.npz", x=pixels)
    notes = ranges(open_source(tmp_path / "a.npz"))
    assert len(notes) == bool(expected) and all(expected in note for note in notes)


def test_one_bright_image_is_enough_and_a_sample_of_many_is_looked_at(tmp_path, monkeypatch):
    images = np.zeros((1000, 8, 8), "uint8")
    images[0, 0, 0] = 200
    np.save(tmp_path / "a.npy", images)
    assert not ranges(open_source(tmp_path / "a.npy"))
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    images[0] = 0
    images[1:3] = 200  # too few for a sample to meet
    np.save(tmp_path / "a.npy", images)
    (note,) = ranges(open_source(tmp_path / "a.npy"))
    assert note.startswith(f"All pixels of 64 images taken from {tmp_path / 'a.npy'} lie between 0 and 0 ")


def test_the_look_at_a_stream_reports_no_broken_file(tmp_path, monkeypatch):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    for name in "ac":
        Image.fromarray(RANDOM.integers(0, 9, (8, 8), dtype="uint8")).save(tmp_path / f"{name}.png")
    (tmp_path / "b.png").write_text("words")
    source = open_source(tmp_path)
    assert ranges(source) and source.skipped == []

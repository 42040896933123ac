"""`Source`: in memory or read on demand, with files among them that are broken."""

import threading

import numpy as np
import pytest

from kgan import memory
from kgan.datasets import source as source_module
from kgan.datasets.images import BrokenImageError
from kgan.datasets.source import Reader, Source, check_image_fits

PIXELS = np.random.default_rng(0).integers(0, 256, (150, 4, 3, 1), "uint8")
LABELS = np.arange(150) % 3


def reader(broken=(), pixels=PIXELS, seen=None):
    def read(index):
        if seen is not None:
            seen.append((index, threading.get_ident()))
        if index in broken:
            raise BrokenImageError(f"number {index} is no picture")
        return pixels[index]

    return Reader(
        len(pixels), pixels.shape[1:], read, lambda index: f"{index}.png", lambda: map(str, range(len(pixels)))
    )


@pytest.fixture(params=["in memory", "streamed"])
def limit(request, monkeypatch):
    """Both ways of keeping the same images."""
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", PIXELS.nbytes - (request.param == "streamed"))
    return request.param


def test_what_fits_into_the_limit_is_read_once_and_the_rest_every_time(limit):
    seen = []
    source = Source("a", reader(seen=seen), targets=LABELS)
    assert source.in_memory == (limit == "in memory") and (source.images is None) == (limit == "streamed")
    assert (len(source), source.image_shape) == (150, (4, 3, 1))
    seen.clear()
    for i in (0, 149, 77):
        image, label = source[i]
        np.testing.assert_array_equal(image, PIXELS[i])
        assert label == LABELS[i]
    assert [index for index, _ in seen] == ([] if limit == "in memory" else [0, 149, 77])


def test_broken_files_are_left_out_with_their_labels(monkeypatch):
    source = Source("a", reader(broken={0, 64, 149}), targets=LABELS)
    good = np.delete(np.arange(150), [0, 64, 149])
    np.testing.assert_array_equal(source.images, PIXELS[good])
    np.testing.assert_array_equal(source.targets, LABELS[good])
    assert len(source) == 147 and source.skipped == ["0.png", "149.png", "64.png"]
    assert source.report() == (
        "3 broken files were skipped in a: 0.png (number 0 is no picture), 149.png (number 149 is no picture), "
        "64.png (number 64 is no picture)."
    )


def test_a_stream_meets_broken_files_one_by_one(monkeypatch):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", 0)
    source = Source("a", reader(broken={3, 5}))
    assert len(source) == 150 and source.report() is None
    with pytest.raises(BrokenImageError):
        source.peek(5)
    assert source.skipped == []
    with pytest.raises(BrokenImageError, match="number 3 is no picture"):
        source[3]
    assert source.report() == "1 broken file was skipped in a: 3.png (number 3 is no picture)."


def test_a_report_names_ten_files():
    report = Source("a", reader(broken=set(range(12)))).report()
    assert report.startswith("12 broken files were skipped in a: 0.png (") and report.endswith(" and 2 more.")
    assert report.count(".png") == 10


def test_where_nothing_can_be_read_the_first_file_says_why(limit):
    with pytest.raises(ValueError, match=r"a holds no readable image: all 150 .* are broken, the first one is 0.png"):
        Source("a", reader(broken=set(range(150))))


def test_the_fingerprint_follows_the_data(limit):
    def of(targets=None, **options):
        return Source("name", reader(**options), targets=targets).fingerprint()

    other = PIXELS.copy()
    other[7, 0, 0] ^= 1
    assert of() == Source("another name", reader()).fingerprint() and len(of()) == 16 and int(of(), 16) >= 0
    different = [of(), of(LABELS), of(LABELS[::-1]), of(pixels=PIXELS.reshape(150, 3, 4, 1)), of(pixels=PIXELS[:149])]
    if limit == "in memory":  # of a stream names and sizes are known, which are the same here
        different += [of(pixels=other), of(broken={3})]
    assert len(set(different)) == len(different)


def test_classes_are_known_with_labels_alone():
    named = Source("a", PIXELS, targets=LABELS, class_names="xyz")
    assert (named.class_names, named.num_classes, named.targets.dtype) == (["x", "y", "z"], 3, np.int32)
    counted = Source("a", PIXELS, targets=LABELS, num_classes=5)
    assert (counted.class_names, counted.num_classes) == (None, 5)
    without = Source("a", PIXELS, class_names="xyz")
    assert (without.class_names, without.num_classes, without.targets, without.labels) == (None, None, None, False)
    np.testing.assert_array_equal(without[2], PIXELS[2])


def test_an_image_that_memory_cannot_hold_is_refused_before_it_is_read(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1000)
    check_image_fits("a", (10, 25, 4))
    with pytest.raises(ValueError, match="one image of 10x25x4 from a would take 4.0 kB .*: use a smaller image_size"):
        check_image_fits("a", (10, 25, 4), itemsize=4)
    seen = []
    with pytest.raises(ValueError, match="one image of 40x30x1 from a would take 1.2 kB"):
        Source("a", reader(pixels=np.zeros((2, 40, 30, 1), "uint8"), seen=seen))
    assert seen == []

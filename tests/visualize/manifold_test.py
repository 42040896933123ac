import keras
import numpy as np
import pytest

from kgan.visualize import image_grid, manifold


class Decoder:
    """Images of one pixel whose red is the first number and whose green is the second."""

    def __call__(self, codes):
        self.codes = codes
        return np.concatenate([codes, 0 * codes[:, :1]], axis=1)[:, None, None, :]


def pixels(picture, n):
    scale = picture.shape[0] // n
    assert picture.shape == (n * scale, n * scale, 3)
    return picture[scale // 2 :: scale, scale // 2 :: scale, :2]


def test_equal_steps_go_to_the_right_and_up():
    decoder = Decoder()
    shown = pixels(manifold(decoder, low=0, high=1, n=6), 6)
    levels = [0, 51, 102, 153, 204, 255]
    for row in range(6):
        assert shown[row, :, 0].tolist() == levels
        assert shown[:, row, 1].tolist() == levels[::-1]
    assert decoder.codes.dtype == np.float32


def test_every_axis_may_have_its_own_range():
    decoder = Decoder()
    manifold(decoder, low=(0, -1), high=(2, 5), n=3)
    assert decoder.codes.tolist() == [[x, y] for y in (5, 2, -1) for x in (0, 1, 2)]


def test_quantiles_put_as_many_codes_into_every_column_and_row():
    codes = np.random.default_rng(0).normal(size=(1000, 2)) ** 3
    decoder = Decoder()
    manifold(decoder, codes=codes, n=5)
    grid = decoder.codes.reshape(5, 5, 2)
    for axis, places in enumerate((grid[0, :, 0], grid[::-1, 0, 1])):
        assert (np.diff(places) > 0).all()
        # Below the middle of the first of five equal parts lies a tenth, and a fifth between two middles.
        assert np.abs(np.searchsorted(np.sort(codes[:, axis]), places) - [100, 300, 500, 700, 900]).max() <= 1


def test_a_keras_decoder_of_rows_of_numbers_and_of_any_range():
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(12, activation="tanh")])
    picture = manifold(decoder, low=-1, high=1, n=2, image_shape=(2, 2, 3), value_range=(-1, 1))
    codes = np.array([[-1, 1], [1, 1], [-1, -1], [1, -1]], "float32")
    expected = image_grid(decoder.predict(codes, verbose=0).reshape(4, 2, 2, 3), columns=2, padding=0)
    np.testing.assert_allclose(picture.astype(int), expected.astype(int), atol=1)


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "either codes, or low and high"),
        ({"low": 0}, "either codes, or low and high"),
        ({"codes": np.zeros((4, 2)), "low": 0, "high": 1}, "either codes, or low and high"),
        ({"codes": np.zeros((4, 3))}, r"shape \(m, 2\)"),
        ({"codes": np.full((4, 2), np.nan)}, "finite"),
        ({"low": 0, "high": (1, 0)}, "low < high"),
        ({"low": (0, 0, 0), "high": 1}, "pairs"),
        ({"low": 0, "high": 1, "n": 1}, "n must be"),
        ({"low": 0, "high": 1, "value_range": (1, 1)}, "value_range"),
    ],
)
def test_bad_grids_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        manifold(Decoder(), **options)

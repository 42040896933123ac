import numpy as np
import pytest

from kgan.visualize import overlay

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
MAPS = RNG.uniform(0, 1, (3, 4, 5))


def test_cold_places_show_the_image_in_grey_and_hot_ones_the_heat():
    heat = np.zeros((3, 4, 5))
    heat[0, 1, 2] = 7
    result = overlay(IMAGES, heat, opacity=1)
    assert (result.dtype, result.shape) == (np.uint8, (3, 4, 5, 3))
    assert result[0, 1, 2, 0] > 240 and result[0, 1, 2, 2] < 200  # yellow
    cold = heat == 0
    assert (result[cold] == result[cold][:, :1]).all()
    # The image's own order of grey levels is kept.
    order = np.argsort(IMAGES[cold].mean(axis=-1))
    assert (np.diff(result[cold][order, 0].astype(int)) >= 0).all()
    assert np.ptp(result[cold]) > 100


def test_the_hotter_the_brighter_over_black():
    heat = np.linspace(0, 1, 20).reshape(1, 1, 20)
    result = overlay(np.zeros((1, 1, 20, 1)), heat)
    assert (np.diff(result[0, 0].astype(int).sum(axis=-1)) > 0).all()


def test_the_scale_of_a_map_does_not_matter_and_that_of_an_image_is_given():
    np.testing.assert_array_equal(overlay(IMAGES, MAPS), overlay(IMAGES, MAPS * [[[5]], [[0.01]], [[1]]]))
    np.testing.assert_array_equal(overlay(IMAGES, MAPS), overlay(IMAGES / 255, MAPS))
    np.testing.assert_array_equal(overlay(IMAGES, MAPS), overlay(IMAGES / 127.5 - 1, MAPS, value_range=(-1, 1)))


def test_opacity_is_how_far_the_hottest_places_hide_the_image():
    hot = np.ones((1, 4, 5))
    hidden, half, clear = (overlay(IMAGES[:1], hot, opacity=o).astype(int) for o in (1, 0.5, 0))
    assert len(np.unique(hidden.reshape(-1, 3), axis=0)) == 1
    np.testing.assert_array_equal(clear, overlay(IMAGES[:1], 0 * hot))
    np.testing.assert_allclose(half, (hidden + clear) / 2, atol=1)


@pytest.mark.parametrize(
    "maps, options, message",
    [
        (MAPS[:2], {}, "one for each pixel"),
        (MAPS[..., None], {}, "one for each pixel"),
        (-MAPS, {}, "from 0 up"),
        (MAPS * np.nan, {}, "finite"),
        (MAPS, {"opacity": 2}, "opacity"),
    ],
)
def test_maps_that_do_not_fit_are_refused(maps, options, message):
    with pytest.raises(ValueError, match=message):
        overlay(IMAGES, maps, **options)

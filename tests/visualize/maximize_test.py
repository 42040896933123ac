import keras
import numpy as np
import pytest

import kgan
from kgan.visualize import maximize_unit

L = keras.layers
PLAIN = {"total_variation": 0, "norm": 0, "jitter": 0}


@pytest.fixture(scope="module")
def network():
    """A small network of images of 10 x 12 x 2 with random weights."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((10, 12, 2)),
            L.Conv2D(6, 3, activation="tanh", name="conv"),
            L.Flatten(),
            L.Dense(5, activation="softmax", name="classes"),
        ]
    )


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (0, 255)])
def test_the_best_image_of_a_linear_unit_is_black_and_white_by_the_signs_of_its_weights(value_range):
    model = kgan.networks.linear_classifier((6, 7, 3), 4)
    kernel = model.layers[-1].kernel
    # Weights of one size, so that no pixel is left on its way.
    kernel.assign(np.sign(kernel.numpy()))
    images = maximize_unit(model, None, [2, 0], value_range=value_range, steps=40, **PLAIN)
    assert (images.shape, images.dtype) == ((2, 6, 7, 3), np.float32)
    low, high = value_range
    for image, unit in zip(images, (2, 0), strict=True):
        expected = np.where(kernel.numpy()[:, unit].reshape(6, 7, 3) > 0, high, low)
        np.testing.assert_allclose(image, expected, atol=1e-3 * (high - low))


def scores(model, images, units):
    """The mean over places of the unit of each image, without the softmax of the last layer."""
    last = model.layers[-1]
    activation, last.activation = last.activation, keras.activations.linear
    try:
        outputs = model(images).numpy()
    finally:
        last.activation = activation
    return np.array([outputs[i, ..., unit].mean() for i, unit in enumerate(units)])


@pytest.mark.slow
@pytest.mark.parametrize("layer, units", [(None, range(5)), ("conv", [5, 0, 3])])
def test_every_unit_prefers_its_image_to_a_thousand_random_ones(network, layer, units):
    images = maximize_unit(network, layer, units, steps=40, **PLAIN)
    model = network if layer is None else kgan.networks.feature_extractor(network, layer)
    random = np.random.default_rng(0).uniform(0, 1, (1000, 10, 12, 2))
    best = scores(model, images, units)
    for unit, score in zip(units, best, strict=True):
        assert score > scores(model, random, [unit] * 1000).max()
    # The regularisers cost some of it.
    assert (scores(model, maximize_unit(network, layer, units, steps=40), units) < best).all()


def variation(images):
    return np.abs(np.diff(images, axis=1)).sum() + np.abs(np.diff(images, axis=2)).sum()


@pytest.mark.slow
def test_regularisers_make_images_smooth_and_keep_them_near_grey(network):
    plain = maximize_unit(network, None, range(5), steps=60, **PLAIN)
    smooth = maximize_unit(network, None, range(5), steps=60, **PLAIN | {"total_variation": 0.5})
    faint = maximize_unit(network, None, range(5), steps=60, **PLAIN | {"norm": 3})
    assert variation(smooth) < 0.6 * variation(plain)
    assert np.abs(faint - 0.5).mean() < 0.6 * np.abs(plain - 0.5).mean()


@pytest.mark.slow
def test_with_jitter_an_image_does_not_depend_on_where_the_unit_looks():
    """A unit that sees one pixel alone: shifts spread what it likes over its neighbours."""
    model = kgan.networks.linear_classifier((9, 9, 1), 2)
    kernel = np.zeros((9, 9, 1, 2), "float32")
    kernel[4, 4] = 1
    model.layers[-1].kernel.assign(kernel.reshape(81, 2))
    start = maximize_unit(model, None, 1, steps=1, **PLAIN)  # the other unit has no gradient
    for jitter in (0, 1):
        images = maximize_unit(model, None, 0, steps=60, **PLAIN | {"jitter": jitter})
        changed = np.argwhere(images[0, ..., 0] != start[0, ..., 0])
        assert len(changed) == (2 * jitter + 1) ** 2
        assert (changed.min(), changed.max()) == (4 - jitter, 4 + jitter)


@pytest.mark.slow
def test_the_seed_decides(network):
    first, again, other = (maximize_unit(network, "conv", 1, steps=3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_unit_that_never_switches_on_stays_grey():
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(2, 2, activation="relu", bias_initializer=switched_off)])
    image = maximize_unit(model, None, 1, steps=60, value_range=(0, 255))
    assert np.abs(image - 127.5).max() < 5


def switched_off(shape, dtype=None):
    return keras.ops.full(shape, -100.0, dtype)


def test_a_model_of_rows_of_numbers_is_given_the_shape():
    images = keras.Input((4, 5, 1))
    dense = L.Dense(3, activation="sigmoid")
    of_images = keras.Model(images, dense(L.Flatten()(images)))
    rows = keras.Input((20,))
    of_rows = keras.Model(rows, dense(rows))
    np.testing.assert_array_equal(
        maximize_unit(of_rows, None, [0, 2], image_shape=(4, 5, 1), steps=5),
        maximize_unit(of_images, None, [0, 2], steps=5),
    )


def test_a_confident_unit_has_a_gradient_because_the_score_is_taken_before_its_sigmoid():
    model = keras.Sequential([keras.Input((3, 3, 1)), L.Flatten(), L.Dense(1, activation="sigmoid")])
    model.layers[-1].kernel.assign(np.full((9, 1), 1000.0))
    model.layers[-1].bias.assign([-5000.0])
    np.testing.assert_allclose(maximize_unit(model, None, 0, steps=40, **PLAIN), 1, atol=1e-3)


def test_a_flat_activation_of_a_class_is_named_and_that_of_a_hidden_unit_is_meant(recwarn):
    model = keras.Sequential([keras.Input((3, 3, 1)), L.Flatten(), L.Dense(2, "tanh", name="hidden"), L.Dense(2)])
    maximize_unit(model, "hidden", 0, steps=1)
    maximize_unit(model, None, 0, steps=1)
    assert not list(recwarn)
    with pytest.warns(UserWarning, match="ends in 'tanh', which is flat") as said:
        maximize_unit(keras.Sequential([model, L.Activation("tanh")]), None, 0, steps=2)
    assert [warning.filename for warning in said] == [__file__]


def test_numbers_of_numpy_are_numbers(network):
    options = {"steps": 3, "jitter": 1, "norm": 0.25, "total_variation": 0.5, "seed": 2, "value_range": (0.0, 1.0)}
    of_numpy = {name: np.float32(v) if isinstance(v, float) else v for name, v in options.items()}
    of_numpy |= {name: np.int64(options[name]) for name in ("steps", "jitter", "seed")}
    expected = maximize_unit(network, None, 1, **options)
    np.testing.assert_array_equal(maximize_unit(network, None, np.int64(1), **of_numpy), expected)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.network = kgan.networks.linear_classifier((4, 4, 1), 3)

    def call(self, images):
        return self.network(images)


def test_the_output_of_a_model_without_a_graph_can_be_maximised():
    model = Subclassed()
    np.testing.assert_array_equal(
        maximize_unit(model, None, 1, image_shape=(4, 4, 1), steps=5), maximize_unit(model.network, None, 1, steps=5)
    )


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        (("model", None, 0), {}, "keras.Model"),
        ((None, None, 5), {}, "from 0 to 4"),
        ((None, None, []), {}, "units must be"),
        ((None, "conv", 0.5), {}, "units must be"),
        ((None, "cnov", 0), {}, "has no layer 'cnov'.*conv"),
        ((None, None, 0), {"value_range": (1, 0)}, "value_range"),
        ((None, None, 0), {"steps": 0}, "steps must be"),
        ((None, None, 0), {"jitter": 1.5}, "jitter must be"),
        ((None, None, 0), {"norm": -1}, "norm must be"),
        ((None, None, 0), {"total_variation": np.inf}, "total_variation must be"),
        ((Subclassed, None, 0), {}, "give image_shape"),
        ((lambda: kgan.networks.dcgan_discriminator((8, 8, 1), num_classes=2), None, 0), {}, "2 inputs"),
    ],
)
def test_bad_arguments_are_refused(network, arguments, options, message):
    model, *rest = arguments
    model = model() if callable(model) else network if model is None else model
    with pytest.raises(ValueError, match=message):
        maximize_unit(model, *rest, **options)

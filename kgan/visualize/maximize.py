"""Activation maximisation: images that a unit responds to most."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from kgan import backend
from kgan.networks import feature_extractor
from kgan.scalars import as_count, as_real, as_seed
from kgan.visualize.filters import as_units
from kgan.visualize.images import as_value_range
from kgan.visualize.model_inputs import check_model, find_image_shape, scores_of

# Of the first step, as a share of half the range of the data; later steps shrink towards zero.
_STEP = 0.1
# Half-width of the noise that the search starts from, on the same scale.
_START = 0.1


def maximize_unit(
    model: keras.Model,
    layer: str | None,
    units: int | Sequence[int],
    *,
    value_range: tuple[float, float] = (0, 1),
    image_shape: tuple[int, int, int] | None = None,
    steps: int = 128,
    total_variation: float = 0.3,
    norm: float = 0.3,
    jitter: int = 2,
    seed: int = 0,
) -> np.ndarray:
    """Images that units respond to most, found by gradient ascent from faint noise around mid-grey.

    Each step goes up the unit's activation, down the total variation and towards mid-grey,

        x <- clip(x + step * (g / rms(g) - total_variation * dTV(x)/dx - norm * x)),   TV(x) = sum |neighbour - x|

    with `g` the gradient of the activation and `x` in -1..1, the range of the data; the gradient is scaled to a
    root mean square of 1, so that the weights mean the same in every layer. The activation of a channel of a
    convolution is the mean over all places, and that of a class is its score before the softmax.

    Sources: Erhan et al. 2009, "Visualizing higher-layer features of a deep network"; the norm: Simonyan et al. 2014,
    https://arxiv.org/abs/1312.6034; total variation: Mahendran and Vedaldi 2015, https://arxiv.org/abs/1412.0035;
    jitter: Mordvintsev et al. 2015, "Inceptionism".

    Args:
        model: functional or sequential model; with `layer=None` any model.
        layer: name, path, index or layer, as `kgan.networks.feature_extractor` takes it; `None` for the output of the
            model.
        units: number of the unit or channel, or a list of them. Their images are made together.
        value_range: `(low, high)` of the images that the model takes: `(0, 1)`, `(-1, 1)` for a discriminator, `(0,
            255)` for a `TransferClassifier`.
        image_shape: `(height, width, channels)`, where the model leaves them open or takes rows of numbers.
        steps: number of steps.
        total_variation: weight of smoothness.
        norm: weight of the pull towards mid-grey.
        jitter: each step sees the images shifted by up to so many pixels, round the edge; more for large images.
        seed: seed of the noise and of the shifts.

    Returns:
        float32 array of shape `(number of units, h, w, c)` in `value_range`, for `image_grid`. A unit without a
        gradient at any step, such as a ReLU that never switches on, gives plain grey.

    Raises:
        ValueError: for arguments that are not as above.

    Examples:

    ```python
    images = kgan.visualize.maximize_unit(classifier, None, range(10))
    kgan.visualize.save_image(kgan.visualize.image_grid(images, value_range=(0, 1)), "classes.png")
    ```
    """
    check_model(model)
    low, high = as_value_range(value_range)
    steps, jitter, seed = as_count(steps, "steps"), as_count(jitter, "jitter", 0), as_seed(seed)
    total_variation, norm = as_real(total_variation, "total_variation", 0), as_real(norm, "norm", 0)
    shape = find_image_shape(model, image_shape)
    # A hidden unit is asked for as it is, a class for its score.
    scores = scores_of(model, stacklevel=3) if layer is None else scores_of(feature_extractor(model, layer))

    def images_of(x):
        return (low + high) / 2 + (high - low) / 2 * x

    outputs = scores(images_of(ops.zeros((1, *shape))))
    units = as_units(list(units) if isinstance(units, range) else units, outputs.shape[-1])
    chosen = ops.one_hot(ops.convert_to_tensor(units), outputs.shape[-1])

    def activation(x):
        outputs = scores(images_of(x))
        # One mean over all places: a dense layer has a single one.
        return ops.sum(ops.mean(ops.reshape(outputs, (len(units), -1, outputs.shape[-1])), axis=1) * chosen, axis=-1)

    rng = np.random.default_rng(seed)
    x = rng.uniform(-_START, _START, (len(units), *shape)).astype("float32")
    for step in range(steps):
        shift = tuple(rng.integers(-jitter, jitter, 2, endpoint=True))
        shifted = ops.convert_to_tensor(np.roll(x, shift, (1, 2)))
        gradient = ops.convert_to_numpy(backend.value_and_input_gradient(activation, shifted)[1])
        gradient = np.roll(gradient, np.negative(shift), (1, 2))
        size = np.sqrt(np.mean(gradient**2, axis=(1, 2, 3), keepdims=True))
        ascent = np.divide(gradient, size, out=np.zeros_like(gradient), where=size > 0)
        ascent -= total_variation * _total_variation_gradient(x) + norm * x
        x = np.clip(x + _STEP * (1 - step / steps) * ascent, -1, 1)
    return images_of(x)


def _total_variation_gradient(x: np.ndarray) -> np.ndarray:
    gradient = np.zeros_like(x)
    for axis in (1, 2):
        # Each pixel is pulled up by a larger neighbour and down by a smaller one.
        gradient -= np.diff(np.sign(np.diff(x, axis=axis)), axis=axis, prepend=0, append=0)
    return gradient

"""Encoders and decoders of three generations of autoencoders: linear, deep fully connected, convolutional."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from kgan.layers import DenseTranspose, TiedConv2DTranspose
from kgan.networks.mlp import as_shape
from kgan.scalars import as_count

KERNEL = 4  # a multiple of the stride of 2, which avoids checkerboards
MOST_CHANNELS = 8  # times `filters`


def linear_autoencoder(
    input_shape, code_size: int, *, activation="sigmoid", output_activation="sigmoid", tied: bool = False
) -> tuple[keras.Model, keras.Model]:
    """One layer each way, linear and then a sigmoid.

    With `activation=None, output_activation=None` and the squared error it finds what principal component analysis
    finds: the same subspace and the same error (Baldi and Hornik 1989, https://doi.org/10.1016/0893-6080(89)90014-2).

    Args:
        input_shape: int or tuple, the shape of one input; inputs are flattened.
        code_size: how many numbers a code has.
        activation: activation of the code.
        output_activation: activation of the reconstruction; a sigmoid for data in 0..1.
        tied: whether the decoder uses the transposed kernel of the encoder, see `kgan.layers.DenseTranspose`.

    Returns:
        `(encoder, decoder)`, functional `keras.Model`s: `(batch, *input_shape)` to float32 `(batch, code_size)` and
        back, float32 too.

    Raises:
        ValueError: for a shape or a number that is not as above.

    Examples:
        >>> encoder, decoder = kgan.networks.linear_autoencoder((28, 28, 1), 32, tied=True)
    """
    return _fully_connected(input_shape, [as_count(code_size, "code_size")], None, activation, output_activation, tied)


def dense_autoencoder(
    input_shape,
    units: Sequence[int] = (256, 128, 32),
    *,
    activation="relu",
    output_activation="sigmoid",
    tied: bool = False,
) -> tuple[keras.Model, keras.Model]:
    """Several fully connected layers each way, with a linear code in the middle.

    Source: Hinton and Salakhutdinov 2006, https://doi.org/10.1126/science.1127647 (there with sigmoid units).

    Args:
        input_shape: int or tuple, the shape of one input; inputs are flattened.
        units: number of units of each layer of the encoder. The last one is the size of the code; the decoder goes
            through the others in reverse.
        activation: activation of the hidden layers, as Keras takes it: a name, a function, a layer (of which each gets
            a copy) or a config.
        output_activation: activation of the reconstruction; a sigmoid for data in 0..1.
        tied: whether the decoder uses the transposed kernels of the encoder, see `kgan.layers.DenseTranspose`.

    Returns:
        `(encoder, decoder)`, functional `keras.Model`s: `(batch, *input_shape)` to float32 `(batch, units[-1])` and
        back, float32 too.

    Raises:
        ValueError: for a shape or a number that is not as above.

    Examples:
        >>> encoder, decoder = kgan.networks.dense_autoencoder((28, 28, 1), units=(256, 64, 2))
    """
    if not isinstance(units, Sequence | np.ndarray) or isinstance(units, str) or not len(units):
        raise ValueError(f"units must be a list of the number of units of each layer, got {units!r}.")
    units = [as_count(count, "each of units") for count in units]
    return _fully_connected(input_shape, units, activation, None, output_activation, tied)


def conv_autoencoder(
    input_shape, code_size: int = 32, *, filters: int = 32, tied: bool = False
) -> tuple[keras.Model, keras.Model]:
    """Strided convolutions with ReLU down to a linear code, and transposed ones back up to the image.

    Each convolution halves height and width (rounded up) until the shorter side is 4 to 7.

    Args:
        input_shape: `(height, width, channels)`; height and width from 8 up, odd ones included.
        code_size: how many numbers a code has.
        filters: channels of the first layer; each layer after has twice as many, up to 8 times.
        tied: whether the decoder uses the transposed kernels of the encoder, see `kgan.layers.TiedConv2DTranspose`.

    Returns:
        `(encoder, decoder)`, functional `keras.Model`s: images `(batch, *input_shape)` to float32 codes `(batch,
        code_size)`, and codes to float32 images in 0..1 of exactly `input_shape`.

    Raises:
        ValueError: for a shape or a number that is not as above.

    Examples:
        >>> encoder, decoder = kgan.networks.conv_autoencoder((28, 28, 1), 16)
    """
    height, width, channels = _as_image_shape(input_shape)
    code_size, filters = as_count(code_size, "code_size"), as_count(filters, "filters")
    sizes, convs = [(height, width)], []
    while min(sizes[-1]) >= 8:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
        maps = filters * min(2 ** len(convs), MOST_CHANNELS)
        convs.append(layers.Conv2D(maps, KERNEL, 2, padding="same", activation="relu"))
    images = x = keras.Input((height, width, channels), name="images")
    for conv in convs:
        x = conv(x)
    features = x.shape[1:]
    code = layers.Dense(code_size, dtype="float32", name="code")
    encoder = keras.Model(images, code(layers.Flatten()(x)), name="encoder")

    codes = keras.Input((code_size,), name="codes")
    x = (DenseTranspose(code) if tied else layers.Dense(math.prod(features)))(codes)
    x = layers.Reshape(features)(layers.ReLU()(x))
    for level in reversed(range(len(convs))):
        if tied:
            x = TiedConv2DTranspose(convs[level])(x)
        else:
            x = _upscale(x, convs[level - 1].filters if level else channels, sizes[level])
        x = layers.ReLU()(x) if level else layers.Activation("sigmoid", dtype="float32", name="reconstruction")(x)
    return encoder, keras.Model(codes, x, name="decoder")


def _fully_connected(input_shape, units, activation, code_activation, output_activation, tied):
    input_shape = as_shape(input_shape, "input")
    inputs = keras.Input(input_shape)
    x = layers.Flatten()(inputs) if len(input_shape) > 1 else inputs
    down = [layers.Dense(count, activation=own_activation(activation)) for count in units[:-1]]
    down.append(layers.Dense(units[-1], activation=own_activation(code_activation), dtype="float32", name="code"))
    for layer in down:
        x = layer(x)
    encoder = keras.Model(inputs, x, name="encoder")

    codes = x = keras.Input((units[-1],), name="codes")
    for level in reversed(range(len(down))):
        how = {"activation": own_activation(activation if level else output_activation)}
        how |= {} if level else {"dtype": "float32"}
        count = units[level - 1] if level else math.prod(input_shape)
        x = (DenseTranspose(down[level], **how) if tied else layers.Dense(count, **how))(x)
    if len(input_shape) > 1:
        x = layers.Reshape(input_shape, dtype="float32")(x)
    return encoder, keras.Model(codes, x, name="decoder")


def _upscale(x, maps: int, size):
    """Twice the height and width, and cropped to `size` where that is odd."""
    x = layers.Conv2DTranspose(maps, KERNEL, 2, padding="same")(x)
    surplus = tuple((0, have - want) for have, want in zip(x.shape[1:3], size, strict=True))
    return layers.Cropping2D(surplus)(x) if surplus != ((0, 0), (0, 0)) else x


def own_activation(activation):
    """An activation for one layer: a copy of it where it is a layer itself, which may have weights."""
    activation = keras.activations.get(activation)
    if not isinstance(activation, keras.Layer):
        return activation
    return type(activation).from_config(activation.get_config())


def _as_image_shape(shape) -> tuple:
    shape = as_shape(shape, "input")
    if len(shape) != 3 or min(shape[:2]) < 8:
        raise ValueError(f"input_shape must be (height, width, channels) with sides of at least 8, got {shape}.")
    return shape

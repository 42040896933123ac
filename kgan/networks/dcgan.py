"""The convolutional generator and discriminator of DCGAN, for images of any size from 8 up.

Source: Radford et al. 2016, https://arxiv.org/abs/1511.06434: strided convolutions instead of pooling, batch norm
everywhere but in the generator's last and the discriminator's first layer, no hidden dense layers, ReLU and tanh in
the generator, LeakyReLU of slope 0.2 in the discriminator, weights from N(0, 0.02^2). Kernels are 4 x 4 instead of 5
x 5, a multiple of the stride, which avoids checkerboards.
"""

import keras
from keras import layers

from kgan.layers import SpectralNormalization
from kgan.scalars import as_count, is_count

NORMALIZATIONS = ("batch", "layer", "group", "none")
DISCRIMINATOR_NORMALIZATIONS = (*NORMALIZATIONS, "spectral")
MOST_CHANNELS = 8  # times `filters`: the widest layer of the paper


def dcgan_generator(
    image_shape,
    latent_dim: int = 100,
    *,
    filters: int = 64,
    num_classes: int | None = None,
    normalization: str | None = "batch",
) -> keras.Model:
    """Latent vectors to images.

    Args:
        image_shape: `(height, width, channels)`; height and width from 8 up, 1 to 4 channels.
        latent_dim: how many numbers a latent vector has.
        filters: channels of the last hidden layer; each layer before has twice as many, up to 8 times.
        num_classes: number of classes for a conditional generator, whose class embedding is concatenated to the
            latent vector.
        normalization: `"batch"` (synchronised between devices), `"layer"`, `"group"`, or `"none"`.

    Returns:
        A functional `keras.Model`: `(batch, latent_dim)` to float32 images `(batch, height, width, channels)` in
        -1..1. A conditional one takes `[latents, labels]` with int32 labels of shape `(batch,)`.

    Raises:
        ValueError: for a shape, a number or a normalization that is not as above.

    Examples:
        >>> generator = kgan.networks.dcgan_generator((28, 28, 1))
        >>> generator.summary()
    """
    if normalization == "spectral":
        raise ValueError(
            "normalization='spectral' bounds how fast the output of a discriminator changes; for the generator use one "
            f"of {', '.join(map(repr, NORMALIZATIONS))}."
        )
    _check_normalization(normalization, NORMALIZATIONS)
    sizes, image_channels = _sizes(image_shape)
    latent_dim, filters = as_count(latent_dim, "latent_dim"), as_count(filters, "filters")
    num_classes = _classes(num_classes)
    latents = keras.Input((latent_dim,), name="latents")
    inputs, x = latents, latents
    if num_classes:
        labels = keras.Input((), dtype="int32", name="labels")
        inputs = [latents, labels]
        embedded = layers.Embedding(
            num_classes, latent_dim, embeddings_initializer="random_normal", name="class_embedding"
        )(labels)
        x = layers.Concatenate()([latents, embedded])

    depth = len(sizes) - 1
    height, width = sizes[-1]
    channels = _channels(filters, depth)
    bias = _needs_bias(normalization)
    x = layers.Dense(height * width * channels[-1], use_bias=bias, kernel_initializer=_weights(normalization))(x)
    x = layers.Reshape((height, width, channels[-1]))(x)
    x = layers.ReLU()(_normalize(x, normalization))
    for level in range(depth - 1, 0, -1):
        x = _upscale(x, channels[level - 1], sizes[level], bias, _weights(normalization))
        x = layers.ReLU()(_normalize(x, normalization))
    # From `filters` channels straight to the image: the last layer at full size is the cheapest one.
    x = _upscale(x, image_channels, sizes[0], True, _weights(normalization))
    images = layers.Activation("tanh", dtype="float32", name="images")(x)
    return keras.Model(inputs, images, name="dcgan_generator")


def dcgan_discriminator(
    image_shape,
    *,
    filters: int = 64,
    num_classes: int | None = None,
    normalization: str | None = "batch",
) -> keras.Model:
    """Images to logits: large for images that look real.

    Args:
        image_shape: `(height, width, channels)`; height and width from 8 up, 1 to 4 channels.
        filters: channels of the first layer; each layer after has twice as many, up to 8 times.
        num_classes: number of classes for a conditional discriminator, which adds the projection of its features on
            the embedding of the class (Miyato and Koyama 2018, https://arxiv.org/abs/1802.05637).
        normalization: `"batch"` (synchronised between devices), `"layer"`, `"group"`, or `"none"`; or `"spectral"`,
            which divides all kernels by their largest singular values (`kgan.layers.SpectralNormalization`). Batch
            norm lets the samples of a batch influence each other, which gradient penalties do not expect.

    Returns:
        A functional `keras.Model`: images `(batch, height, width, channels)` in -1..1 to float32 logits `(batch,
        1)`. A conditional one takes `[images, labels]` with int32 labels of shape `(batch,)`.

    Raises:
        ValueError: for a shape, a number or a normalization that is not as above.
    """
    _check_normalization(normalization, DISCRIMINATOR_NORMALIZATIONS)
    sizes, image_channels = _sizes(image_shape)
    filters, num_classes = as_count(filters, "filters"), _classes(num_classes)
    depth = len(sizes) - 1
    images = keras.Input((*sizes[0], image_channels), name="images")
    x = images
    for level, channels in enumerate(_channels(filters, depth)):
        normalized = level > 0
        bias = not normalized or _needs_bias(normalization)
        conv = layers.Conv2D(channels, 4, 2, padding="same", use_bias=bias, kernel_initializer=_weights(normalization))
        x = _wrap(conv, normalization)(x)
        x = layers.LeakyReLU(0.2)(_normalize(x, normalization) if normalized else x)
    features = layers.Flatten(dtype="float32", name="features")(x)
    dense = layers.Dense(1, dtype="float32", kernel_initializer=_weights(normalization), name="logits")
    logits = _wrap(dense, normalization)(features)
    if not num_classes:
        return keras.Model(images, logits, name="dcgan_discriminator")
    labels = keras.Input((), dtype="int32", name="labels")
    # Zeros have no direction that spectral normalization could keep.
    start = _weights(normalization) if normalization == "spectral" else "zeros"
    embedding = layers.Embedding(
        num_classes, features.shape[-1], embeddings_initializer=start, dtype="float32", name="class_embedding"
    )
    embedded = _wrap(embedding, normalization)(labels)
    projection = layers.Dot(axes=1, dtype="float32", name="projection")([features, embedded])
    return keras.Model([images, labels], layers.Add(dtype="float32")([logits, projection]), name="dcgan_discriminator")


def _sizes(image_shape) -> tuple[list, int]:
    """Heights and widths from the image to the smallest feature map, whose shorter side is 4 to 7; and the channels."""
    shape = tuple(image_shape)
    if len(shape) != 3 or not all(map(is_count, shape)) or min(shape[:2]) < 8 or shape[2] > 4:
        raise ValueError(
            f"image_shape must be (height, width, channels) with sides of at least 8 and 1 to 4 channels, got "
            f"{image_shape}."
        )
    shape = tuple(map(int, shape))
    sizes = [shape[:2]]
    while min(sizes[-1]) >= 8:
        sizes.append(tuple((side + 1) // 2 for side in sizes[-1]))
    return sizes, shape[2]


def _classes(num_classes) -> int | None:
    return None if num_classes is None else as_count(num_classes, "num_classes", 2)


def _check_normalization(normalization, right):
    if normalization is not None and normalization not in right:
        raise ValueError(f"unknown normalization {normalization!r}: use one of {', '.join(map(repr, right))}.")


def _channels(filters: int, depth: int) -> list:
    return [filters * min(2**level, MOST_CHANNELS) for level in range(depth)]


def _needs_bias(normalization) -> bool:
    """Batch norm subtracts the mean of each channel, and a bias with it."""
    return normalization != "batch"


def _weights(normalization):
    """N(0, 0.02^2) as in the paper; without any normalization the signal would fade, and He et al.'s scale keeps it."""
    if (normalization or "none") == "none":
        return "he_normal"
    return keras.initializers.RandomNormal(stddev=0.02)


def _wrap(layer, normalization):
    # Under its own name the layer is found in the model, whatever the normalization.
    return SpectralNormalization(layer, name=layer.name) if normalization == "spectral" else layer


def _normalize(x, normalization):
    match normalization:
        case "batch":
            return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, synchronized=True)(x)
        case "layer":
            return layers.GroupNormalization(groups=1)(x)
        case "group":
            groups = max(n for n in range(1, min(32, x.shape[-1]) + 1) if x.shape[-1] % n == 0)
            return layers.GroupNormalization(groups=groups)(x)
    return x


def _upscale(x, channels, size, bias, initializer):
    x = layers.Conv2DTranspose(channels, 4, 2, padding="same", use_bias=bias, kernel_initializer=initializer)(x)
    surplus = tuple((0, have - want) for have, want in zip(x.shape[1:3], size, strict=True))
    return layers.Cropping2D(surplus)(x) if surplus != ((0, 0), (0, 0)) else x

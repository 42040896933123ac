"""From pictures as people have them, 0..255 and of any size, to what a pretrained network expects."""

import difflib
import inspect
import sys
from collections.abc import Callable

import keras
from keras import ops

from kgan.backend import keras_internals
from kgan.scalars import as_count


@keras.saving.register_keras_serializable(package="kgan")
class ImageResizing(keras.layers.Layer):
    """Brings images of any size to one size, and grey ones to colour if wanted; values stay as they are, as float32
    unless another dtype is given.

    Bilinear interpolation, with antialiasing where images become smaller. The aspect is not kept: crop first where it
    matters. Images that have the wanted size pass unchanged.

    Args:
        height: wanted height in pixels.
        width: wanted width in pixels.
        channels: 3 for RGB, to which grey images are repeated, or 1 for grey images only.

    Examples:
        >>> kgan.layers.ImageResizing(224, 224)(photos).shape  # photos: uint8, (2, 427, 640, 3)
        TensorShape([2, 224, 224, 3])
    """

    def __init__(self, height: int, width: int, channels: int = 3, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # bfloat16 cannot tell neighbouring pixel values apart
        self.height, self.width = as_count(height, "height"), as_count(width, "width")
        self.channels = as_count(channels, "channels")
        self.resizing = keras.layers.Resizing(self.height, self.width, antialias=True, dtype="float32")
        self.supports_jit = False  # XLA cannot resize images whose size it does not know
        keras_internals.built_without_weights(self)

    def call(self, inputs):
        """Shape `(batch, h, w, channels)` or `(batch, h, w, 1)`, any dtype, to `(batch, height, width, channels)`."""
        images = ops.cast(inputs, "float32")
        if images.shape[1:3] != (self.height, self.width):
            images = self.resizing(images)
        # Where batches of grey and RGB images take turns, a graph does not know the number of channels.
        images = ops.broadcast_to(images, (*ops.shape(images)[:-1], self.channels))
        return ops.cast(images, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.height, self.width, self.channels)

    def get_config(self) -> dict:
        return {**super().get_config(), "height": self.height, "width": self.width, "channels": self.channels}


@keras.saving.register_keras_serializable(package="kgan")
class BackbonePreprocessing(keras.layers.Layer):
    """What a network of `keras.applications` was trained to see: its own `preprocess_input`, as a layer.

    It works on tensors, so the array that it is given stays as it is; `preprocess_input` overwrites numpy arrays.

    Args:
        backbone: a name as for `find_application`.

    Examples:
        >>> kgan.layers.BackbonePreprocessing("vgg16")(images)  # RGB 0..255 to BGR minus ImageNet's mean
    """

    def __init__(self, backbone: str, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.backbone = backbone
        self._preprocess = sys.modules[find_application(backbone).__module__].preprocess_input
        keras_internals.built_without_weights(self)

    def call(self, inputs):
        """Shape `(batch, h, w, 3)`, RGB 0..255, to the same shape, float32 unless another dtype was given."""
        seen = self._preprocess(ops.cast(inputs, "float32"), data_format="channels_last")
        return ops.cast(seen, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "backbone": self.backbone}


def find_application(name: str) -> Callable:
    """The function of `keras.applications` that makes the network called `name`.

    Args:
        name: as Keras writes it, or in small letters with or without underscores: `"VGG16"`, `"mobilenet_v2"`.

    Returns:
        A function such as `keras.applications.VGG16`.

    Raises:
        ValueError: for a name that Keras does not have, with names that look like it.
    """
    known = {_plain(key): value for key, value in vars(keras.applications).items() if inspect.isfunction(value)}
    found = known.get(_plain(name)) if isinstance(name, str) else None
    if found is None:
        near = difflib.get_close_matches(_plain(str(name)), known, n=3, cutoff=0.5)
        names = [known[key].__name__ for key in near or ("vgg16", "resnet50", "mobilenetv2", "efficientnetb0")]
        raise ValueError(
            f"keras.applications has no network called {name!r}: choose one such as {', '.join(names)}, or give a "
            "keras.Model."
        )
    return found


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")

"""Where in an image a class is seen: saliency and Grad-CAM."""

from __future__ import annotations

import contextlib

import keras
import numpy as np
from keras import ops

from kgan import backend
from kgan.networks.features import find_layer, layer_paths
from kgan.scalars import as_count
from kgan.visualize.model_inputs import check_model, scores_of


def saliency(model: keras.Model, images: np.ndarray, classes=None, *, batch_size: int = 32) -> np.ndarray:
    """How much the score of a class changes with each pixel: the size of the gradient, `max_c |ds / dx_c|`.

    The score is the one before a last softmax or sigmoid. Where a model ends in another activation that is flat where
    the model is certain, such as tanh, it is that activation, and a warning says so. A map tells which pixels the
    answer is sensitive to, not which of them argue for the class.

    Source: Simonyan et al. 2014, https://arxiv.org/abs/1312.6034, section 3.

    Args:
        model: model of images `(n, h, w, c)`, or of rows of `h * w * c` numbers, to scores `(n, classes)`.
        images: array `(n, h, w, c)` as the model takes them.
        classes: number of the class, or of one for each image, `(n,)`; by default that of the largest score.
        batch_size: images at a time.

    Returns:
        float32 array `(n, h, w)` from 0 up, in units of score per unit of a pixel; see `overlay`.

    Raises:
        ValueError: if the images or the classes do not fit the model.
    """
    check_model(model)
    scores = scores_of(model, stacklevel=4)

    def one_batch(images, classes):
        _, gradient = backend.value_and_input_gradient(lambda x: _class_scores(scores(x), classes), images)
        return ops.max(ops.abs(gradient), axis=-1)

    return _in_batches(one_batch, scores, images, classes, batch_size)


def grad_cam(model: keras.Model, images: np.ndarray, classes=None, layer=None, *, batch_size: int = 32) -> np.ndarray:
    """Where the last convolutional layer sees a class: `ReLU(sum_k a_k A_k)`, `a_k = mean over places of ds / dA_k`.

    `A_k` are the feature maps of the layer and `s` is the score of the class before a last softmax or sigmoid. The sum
    is enlarged to the images' size by bilinear interpolation. It suits networks that average over all places before
    they score; where a `Flatten` lets each place count for itself, much of a map may be zero: see `saliency` then.

    Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391, equations 1 and 2.

    Args:
        model: model of images `(n, h, w, c)` to scores `(n, classes)`, a `TransferClassifier` included.
        images: array `(n, h, w, c)` as the model takes them.
        classes: number of the class, or of one for each image, `(n,)`; by default that of the largest score.
        layer: name, path such as `"vgg16/block5_conv3"`, index or layer with an output `(n, height, width, channels)`;
            by default the last such layer of the model that does no pooling.
        batch_size: images at a time.

    Returns:
        float32 array `(n, h, w)` from 0 up, in units of score; see `overlay`.

    Raises:
        ValueError: if the images, the classes or the layer do not fit the model.
    """
    check_model(model)
    scores = scores_of(model, stacklevel=4)
    layer = _last_feature_maps(model) if layer is None else find_layer(model, layer)[-1]

    def one_batch(images, classes):
        with _outputs_of(layer) as outputs:
            scores(images)
        if len(outputs) != 1 or len(outputs[0].shape) != 4:
            shapes = ", ".join(str(tuple(output.shape)) for output in outputs) or "nothing"
            raise ValueError(
                f"Grad-CAM needs a layer that gives (n, h, w, channels) once, but {layer.name!r} gave {shapes}."
            )

        def shifted(shift):
            with _outputs_of(layer, shift):
                return _class_scores(scores(images), classes)

        # The gradient by what is added to the feature maps is the one by the feature maps.
        _, gradient = backend.value_and_input_gradient(shifted, ops.zeros_like(outputs[0]))
        maps, gradient = (ops.cast(tensor, "float32") for tensor in (outputs[0], gradient))
        importance = ops.mean(gradient, axis=(1, 2), keepdims=True)
        cam = ops.relu(ops.sum(importance * maps, axis=-1, keepdims=True))
        return ops.image.resize(cam, images.shape[1:3], interpolation="bilinear")[..., 0]

    return _in_batches(one_batch, scores, images, classes, batch_size)


@contextlib.contextmanager
def _outputs_of(layer, shift=None):
    """While it is open, lists what `layer` gives out, and adds `shift` to it.

    This reaches layers of models in models, and of models that are written as Python, where there is no graph to cut.
    """
    outputs, call = [], layer.call

    def watched(*args, **kwargs):
        output = call(*args, **kwargs)
        outputs.append(output)
        return output if shift is None else output + shift

    layer.call = watched
    try:
        yield outputs
    finally:
        del layer.call


def _last_feature_maps(model):
    pooling = keras.layers.AveragePooling2D | keras.layers.MaxPooling2D
    pooling |= keras.layers.GlobalAveragePooling2D | keras.layers.GlobalMaxPooling2D
    for path in reversed(layer_paths(model).values()):
        layer = path[-1]
        if not isinstance(layer, keras.Model | pooling) and _gives_feature_maps(layer):
            return layer
    raise ValueError(f"{model.name!r} has no layer with an output (n, height, width, channels): use saliency instead.")


def _gives_feature_maps(layer) -> bool:
    try:
        return len(layer.output.shape) == 4
    except (AttributeError, ValueError):  # a layer outside any graph, or in several
        return False


def _in_batches(one_batch, scores, images, classes, batch_size) -> np.ndarray:
    images = np.asarray(images)
    if images.ndim != 4 or not len(images) or images.dtype.kind in "OSU":
        raise ValueError(f"images must be numbers of shape (n, height, width, channels), got {images.shape}.")
    maps, batch_size = [], as_count(batch_size, "batch_size")
    for start in range(0, len(images), batch_size):
        batch = ops.convert_to_tensor(images[start : start + batch_size], dtype="float32")
        outputs = scores(batch)
        if start == 0:
            classes = _as_classes(classes, len(images), outputs.shape)
        of_batch = ops.argmax(outputs, axis=-1) if classes is None else classes[start : start + batch_size]
        maps.append(ops.convert_to_numpy(one_batch(batch, of_batch)).astype("float32"))
    return np.concatenate(maps)


def _class_scores(outputs, classes):
    return ops.take_along_axis(outputs, ops.expand_dims(ops.cast(classes, "int32"), -1), axis=-1)


def _as_classes(classes, n: int, output_shape):
    if len(output_shape) != 2:
        raise ValueError(f"model must give scores (n, classes), but its output has the shape {tuple(output_shape)}.")
    if classes is None:
        return None
    numbers = np.asarray(classes)
    if numbers.dtype.kind not in "iu" or numbers.shape not in ((), (n,)):
        raise ValueError(f"classes must be a whole number, or one for each of the {n} images, got {classes!r:.80}.")
    if numbers.min() < 0 or numbers.max() >= output_shape[1]:
        raise ValueError(
            f"classes must be from 0 to {output_shape[1] - 1}, but they are {numbers.min()} to {numbers.max()}."
        )
    return np.broadcast_to(numbers, (n,))

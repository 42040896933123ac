"""Pretrained networks cut at a layer, as models from images 0..255 to feature vectors."""

import difflib
import os
import traceback
import warnings

import keras
import numpy as np

from kgan.layers.preprocessing import BackbonePreprocessing, find_application
from kgan.models.transfer.softmax_head import are_answers
from kgan.models.transfer.weights_file import WeightsFile

# At this size every network of keras.applications can be made, and the first fully connected layer is small.
_SMALL = (75, 75, 3)
_DEFAULT = (224, 224, 3)
# How the warning about a base that is a whole classifier begins.
ANSWERS = "the features are the answers of a classifier"


def named_backbone(name: str, weights, cut: str | None, input_shape: tuple) -> keras.Model:
    """A network of `keras.applications` with its own preprocessing, up to the layer `cut`.

    The classification layers are made, and their weights needed, only if the cut lies among them.

    Args:
        name: as for `kgan.layers.preprocessing.find_application`.
        weights: `"imagenet"`, which Keras downloads unless it did so before, `None` for random ones, or the path of a
            `.weights.h5` or legacy `.h5` file.
        cut: name of the last layer, or `None` for the last one before the classification layers.
        input_shape: `(height, width, 3)`.

    Returns:
        Model of float images 0..255 `(batch, height, width, 3)` to vectors `(batch, features)`, see `cut_at`.

    Raises:
        ValueError: for a name, weights, cut or shape that do not fit together.
        FileNotFoundError: if the weights are neither there nor can be downloaded.
    """
    find_application(name)
    file = None if weights is None or weights == "imagenet" else WeightsFile(weights)
    if input_shape[-1] != 3:
        raise ValueError(f"input_shape of {name} must be (height, width, 3), got {input_shape}.")
    model = _construct(name, input_shape)
    in_top = cut is not None and not _has(model, cut)
    if in_top and weights == "imagenet":
        _layer(_construct(name, _SMALL, include_top=True), cut, name)  # before anything is downloaded
    if file is not None:
        file.check(model, name, cut if in_top else None)
    if in_top or weights == "imagenet":
        classes = file.num_classes(model) if file else 1000
        keras_weights = None if file else weights
        model = _construct(name, input_shape, include_top=in_top, weights=keras_weights, classes=classes)
    if in_top:
        _layer(model, cut, name)
    if file is not None:
        file.load_into(model, name)
    return cut_at(model, cut, name)


def cut_at(model: keras.Model, cut: str | None, name: str | None = None) -> keras.Model:
    """`model` up to the layer `cut`, as vectors: the axes between the first and the last one are averaged.

    Averaging ("global average pooling", Lin et al. 2013, https://arxiv.org/abs/1312.4400) keeps the vectors short
    and fits any image size. A `Flatten` layer inside the model keeps the places apart instead.

    Args:
        model: built model with one input; the result shares its layers.
        cut: name of one of its layers, or `None` for its output.
        name: what error messages call the model.

    Returns:
        A functional model with an output of shape `(batch, features)`.

    Raises:
        ValueError: if there is no such layer, or its output is not one tensor with a fixed number of features.
    """
    name = name or model.name
    if cut is None:
        outputs = model.outputs
    else:
        outputs = keras.tree.flatten(_layer(model, cut, name).output)
    if len(outputs) != 1 or not 2 <= len(outputs[0].shape) <= 4 or outputs[0].shape[-1] is None:
        raise ValueError(
            f"{'the output' if cut is None else f'the layer {cut!r}'} of {name} must be one tensor of 2 to 4 axes with "
            f"a fixed number of features, got {', '.join(str(tuple(o.shape)) for o in outputs)}: choose another cut."
        )
    (output,) = outputs
    pooling = {2: None, 3: keras.layers.GlobalAveragePooling1D, 4: keras.layers.GlobalAveragePooling2D}
    pooling = pooling[len(output.shape)]
    return keras.Model(model.inputs[0], pooling()(output) if pooling else output, name=model.name)


def own_backbone(model: keras.Model, cut: str | None, input_shape: tuple) -> keras.Model:
    """A user's model, up to the layer `cut`.

    Args:
        model: built model of images 0..255; what scaling it needs is part of it.
        cut: as for `cut_at`.
        input_shape: `(height, width, channels)`, for what the model leaves open.

    Returns:
        As `cut_at`.

    Raises:
        ValueError: as `cut_at`, and for a model that takes no images.
    """
    if not getattr(model, "inputs", None):  # a subclass of keras.Model
        if cut is not None:
            raise ValueError(
                f"{model.name} is a subclass of keras.Model, whose layers cannot be cut apart: give cut=None for its "
                "output, or a functional model."
            )
        inputs = keras.Input(input_shape)
        return cut_at(keras.Model(inputs, model(inputs), name=model.name), None)
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] not in (1, 3):
        shapes = ", ".join(str(tuple(i.shape)) for i in model.inputs)
        raise ValueError(
            f"base must take images (batch, height, width, 1 or 3), but {model.name} takes {shapes}: give a model of "
            "images."
        )
    cut_model = cut_at(model, cut)
    if cut is None:
        _warn_of_answers(model, image_shape(cut_model, input_shape))
    return cut_model


def _warn_of_answers(model: keras.Model, shape: tuple):
    """A whole classifier is a poor base: what it sees has become its own few answers."""
    if len(model.outputs) == 1 and len(model.outputs[0].shape) == 2:
        if are_answers(model(np.zeros((1, *shape), "float32"), training=False)):
            last = [layer.name for layer in model.layers][-3:]
            warnings.warn(
                f"{ANSWERS} ({model.name}), which hold little of what it sees: give cut the name of an earlier layer "
                f"than the last ones, {', '.join(last)}.",
                stacklevel=4,
            )


def image_shape(base: keras.Model, input_shape: tuple) -> tuple:
    """`(height, width, channels)` of the images that `base` gets: its own, or where it takes any, `input_shape`."""
    own = base.input_shape[1:]
    shape = tuple(given if mine is None else mine for mine, given in zip(own, input_shape, strict=True))
    if shape != input_shape and input_shape != _DEFAULT:
        raise ValueError(f"the base takes images of shape {own}, not {input_shape}: leave input_shape out.")
    return shape


def _construct(name, input_shape, *, include_top=False, weights=None, classes=1000) -> keras.Model:
    """The network with its preprocessing in front, in one flat graph."""
    inputs = keras.Input(input_shape, name="images")
    network = find_application(name)
    try:
        return network(
            include_top=include_top,
            weights=weights,
            input_tensor=BackbonePreprocessing(name, name="preprocessing")(inputs),
            input_shape=input_shape,
            classes=classes,
        )
    except Exception as error:
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        fetching = [frame.f_locals for frame in frames if frame.f_code.co_name == "get_file"]
        if fetching:
            raise _not_fetched(name, error, fetching[0].get("download_target")) from None
        if isinstance(error, ValueError) and include_top and weights == "imagenet":
            raise ValueError(
                f"{name} up to its fully connected layers, with its ImageNet weights, takes images of the size that "
                f"it was trained on, not {input_shape}: leave input_shape at (224, 224, 3) for most networks, or give "
                "cut=None or the name of an earlier layer."
            ) from None
        if isinstance(error, ValueError):
            reason = " ".join(str(error).split())
            raise ValueError(f"{name} cannot be made for input_shape {input_shape}: {reason}") from None
        raise


def _not_fetched(name, error, target) -> FileNotFoundError:
    folder, file = os.path.split(target or "")
    reason = str(error).split(": ")[-1].removeprefix("None -- ").rstrip(".")
    return FileNotFoundError(
        f"the ImageNet weights of {name} could not be downloaded ({reason}): put the file {file} into the folder "
        f"{folder}, or give weights=path to a weights file, or weights=None for random ones."
    )


def _has(model, layer: str) -> bool:
    return any(own.name == layer for own in model.layers)


def _layer(model, layer: str, name: str):
    if _has(model, layer):
        return model.get_layer(layer)
    names = [own.name for own in model.layers]
    near = difflib.get_close_matches(str(layer), names, n=3, cutoff=0.6) or names[-3:]
    raise ValueError(
        f"{name} has no layer {layer!r}: give cut=None for its output before the classification layers, or the name of "
        f"one of its layers, such as {', '.join(near)}."
    )

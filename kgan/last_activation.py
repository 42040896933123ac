"""What a network ends in: the name of its last activation, and the numbers that can come out of it."""

import keras
import numpy as np
from keras import layers, ops

from kgan.backend import keras_internals

EVERYTHING = (-np.inf, np.inf)
_OF_ANY_RANK = [
    getattr(layers, f"{kind}{rank}D")
    for kind in ("Cropping", "UpSampling", "ZeroPadding", "AveragePooling", "MaxPooling", "SpatialDropout")
    for rank in (1, 2, 3)
]
_OF_ANY_RANK += [getattr(layers, f"Global{kind}Pooling{rank}D") for kind in ("Average", "Max") for rank in (1, 2, 3)]
# Layers whose outputs, in inference, are numbers of their inputs, means of them or zeros.
_PASSING = (
    *_OF_ANY_RANK,
    *(layers.Reshape, layers.Flatten, layers.Permute, layers.RepeatVector, layers.Identity, layers.Masking),
    *(layers.Dropout, layers.GaussianDropout, layers.GaussianNoise, layers.ActivityRegularization),
)
_PASSING_OPERATIONS = ("Reshape", "Squeeze", "ExpandDims", "Transpose", "Cast", "GetItem", "Ravel", "Moveaxis")
_ACTIVATION_LAYERS = (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax)
_NAMES = {name.replace("_", ""): name for name in dir(keras.activations)} | {"clip": "clip"}


def ends_in(network) -> str | None:
    """The name of the last activation of a network: of `Dense(1, "sigmoid")`, `Activation("tanh")`, `Softmax()`.

    What only changes the shape, the mean over places and dropout may follow it, and models may lie in models.

    Args:
        network: Keras layer or model.

    Returns:
        The name as in `keras.activations`, or that of a function of the user's. `None` if the network ends without an
        activation, or if nothing can be said, as for models that are written as Python (for those, `logits_behind`
        finds a softmax or sigmoid in the outputs).
    """
    name = _last_activation(network)[0]
    return None if name == "linear" else name


def ends_linearly(network) -> bool:
    """Whether it is sure that no activation ends a network: it gives weighted sums, such as logits."""
    return _last_activation(network)[0] == "linear"


def reach(network) -> tuple[float, float]:
    """The lowest and the highest number that can come out of a network, by its last activation.

    Args:
        network: Keras layer or model.

    Returns:
        `(low, high)`, such as `(0, 1)` for a sigmoid; infinite on a side that has no limit, and where nothing can be
        said. A network squashes when both are finite.
    """
    _, activation, rescalings = _last_activation(network)
    ends = np.array(EVERYTHING if activation is None else _reach_of(activation))
    for scale, offset in rescalings:
        ends = np.multiply.outer(ends, np.asarray(scale, "float64")) + offset
        ends = np.array([ends.min(), ends.max()])
    return EVERYTHING if np.isnan(ends).any() else (float(ends[0]), float(ends[1]))


def _last_activation(network):
    """`(name, function, [(scale, offset), ...])` of the last activation and of the rescalings behind it."""
    rescalings = []
    for operation in _from_the_end(network):
        if isinstance(operation, layers.Rescaling):
            rescalings.insert(0, (operation.scale, operation.offset))
            continue
        if _passes(operation):
            continue
        name, function = _activation_of(operation)
        if name == "linear" and isinstance(operation, layers.Activation):
            continue  # such as the one that makes float32 of what is behind it
        return (name, None, []) if name in (None, "linear") else (name, function, rescalings)
    return None, None, []


def _from_the_end(network, output: int = 0):
    """The layers and operations of a network from its output back, as long as each has one input; `None` ends them."""
    if not _runs_code_of_keras(network):
        yield network
    elif isinstance(network, keras.Sequential):
        for layer in reversed(network.layers):
            yield from _from_the_end(layer)
    elif isinstance(network, keras.Model) and getattr(network, "outputs", None):
        tensors = [network.outputs[output]]
        while tensors:
            if len(tensors) != 1:
                yield None
                return
            operation, output, tensors = keras_internals.source_of(tensors[0])
            if isinstance(operation, layers.InputLayer):
                return
            yield from _from_the_end(operation, output)
    elif isinstance(network, layers.Wrapper):
        yield from _from_the_end(network.layer)
    else:
        yield network


def _passes(operation) -> bool:
    if isinstance(operation, keras.Layer):
        return isinstance(operation, _PASSING) and _runs_code_of_keras(operation)
    return type(operation).__name__ in _PASSING_OPERATIONS


def _activation_of(operation):
    """`(name, function)` of the activation that an operation ends in, or `(None, None)`."""
    if operation is None or not _runs_code_of_keras(operation):
        return None, None
    if not isinstance(operation, keras.Layer):  # such as keras.ops.sigmoid in a functional model
        name = _NAMES.get(type(operation).__name__.lower())
        return name, operation if name else None
    function = operation if isinstance(operation, _ACTIVATION_LAYERS) else getattr(operation, "activation", None)
    if isinstance(function, keras.Layer):
        if not isinstance(function, layers.Activation):
            kind = type(function).__name__.lower()
            return _NAMES.get(kind, kind), function
        function = function.activation
    return getattr(function, "__name__", None if function is None else type(function).__name__), function


def _runs_code_of_keras(operation) -> bool:
    """Whether what it computes is known: a subclass with a `call` of its own may do anything after the activation."""
    owner = next((kind for kind in type(operation).__mro__ if "call" in vars(kind)), None)
    return owner is not None and owner.__module__.split(".")[0] in ("keras", "kgan")


def _reach_of(function) -> tuple[float, float]:
    """The lowest and the highest value of a function of one number, or of rows of numbers as softmax, by trying."""
    if isinstance(function, keras.Layer):
        if isinstance(function, layers.PReLU) or not _runs_code_of_keras(function):
            return EVERYTHING
        function = type(function).from_config(function.get_config())  # a copy, so that it is not built here
    steps = np.geomspace(1e-3, 1e6, 400)
    x = np.concatenate([-steps[::-1], [0], steps])
    rows = ops.convert_to_tensor(np.stack([x, np.zeros_like(x)], axis=1), dtype="float32")
    try:
        values = ops.convert_to_numpy(ops.cast(function(rows), "float64")).reshape(len(x), -1)
    except Exception:  # a user's function may want anything
        return EVERYTHING
    if np.isnan(values).any():
        return EVERYTHING
    # What still grows between 1e4 and 1e6, or is as large as the largest number tried, has no limit.
    values = np.clip(values, -1e6, 1e6).round(4)
    low, high, near = values.min(), values.max(), values[np.abs(x) <= 1e4]
    slack = 0.01 * max(1, np.ptp(near))
    return (
        -np.inf if low == -1e6 or near.min() - low > slack else low,
        np.inf if high == 1e6 or high - near.max() > slack else high,
    )

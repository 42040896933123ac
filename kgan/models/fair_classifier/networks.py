"""The networks of `FairClassifier`: what it asks of given ones, and those it makes for tables."""

import math

import keras
import numpy as np
from keras import tree

from kgan import backend, last_activation
from kgan.attacks import class_scores
from kgan.networks.mlp import mlp

# Chosen on UCI Adult, see benchmarks/.
REPRESENTATION = 32
HIDDEN = (64,)


def complete(x, encoding, networks: dict, *, on: str, equalised_odds: bool, seed: int) -> dict:
    """`{"encoder", "predictor", "adversary"}`, each as it was given, or made where it is `None`.

    Args:
        x: inputs in any structure, arrays or a batched dataset of these.
        encoding: the `Encoding` of the labels; without sensitive columns there is no adversary.
        networks: what is given.
        on: what the adversary sees, `"representation"` or `"prediction"`.
        equalised_odds: whether it sees the true class, too.
        seed: integer that decides the first weights of what is made.

    Raises:
        ValueError: for networks that do not fit the data or each other.
    """
    encoder, predictor, adversary = (networks[name] for name in ("encoder", "predictor", "adversary"))
    classes = len(encoding.classes)
    specs = x.element_spec if backend.is_dataset(x) else x
    inputs = tree.map_structure(lambda of: keras.Input(of.shape[1:], dtype=_dtype(of)), specs)
    if encoder is None:
        encoder = _table_encoder(x, inputs, seed)
    representation = _applied(encoder, inputs, "encoder")
    if predictor is None:
        predictor = _with_first_weights(
            mlp(_shape(representation, "encoder"), classes, (), name="predictor"), seed + 100
        )
    logits = _applied(predictor, representation, "predictor")
    _refuse_other_shape(logits, (classes,), "predictor", "one logit for each class of the target")
    _refuse_squashed(predictor, "predictor", "logits")
    if not encoding.columns:
        return {"encoder": encoder, "predictor": predictor, "adversary": None}
    seen = representation if on == "representation" else logits
    true_class = keras.Input((classes,)) if equalised_odds else None
    if adversary is None:
        shape = _shape(seen, "encoder")
        adversary = mlp(math.prod(shape) + classes * equalised_odds, encoding.width, HIDDEN, name="adversary")
        adversary = _with_class(shape, _with_first_weights(adversary, seed + 200), true_class)
    outputs = _applied(adversary, seen if true_class is None else [seen, true_class], "adversary")
    _refuse_other_shape(outputs, (encoding.width,), "adversary", _explained(encoding.columns))
    _refuse_squashed(adversary, "adversary", "logits and unbounded numbers")
    return {"encoder": encoder, "predictor": predictor, "adversary": adversary}


def _table_encoder(x, inputs, seed: int) -> keras.Model:
    """Standardisation with the mean and variance of the first data, and a hidden layer."""
    if tree.is_nested(inputs) or len(inputs.shape) != 2 or inputs.shape[1] is None:
        shapes = " and ".join(str(tuple(of.shape)) for of in tree.flatten(inputs))
        raise ValueError(
            f"without an encoder x must be a table, shape (n, columns), but it has shape {shapes}: give an encoder, a "
            "keras.Model that makes a representation of such inputs."
        )
    mean, variance = _moments(x)
    inputs = keras.Input(inputs.shape[1:], name="x")
    # In float32 whatever the dtype policy: half precision would blur large numbers before they are centred.
    standardized = keras.layers.Normalization(mean=mean, variance=variance, dtype="float32")(inputs)
    network = mlp(inputs.shape[1], REPRESENTATION, HIDDEN, output_activation="relu")
    return keras.Model(inputs, _with_first_weights(network, seed)(standardized), name="encoder")


def _moments(x):
    """Mean and variance of each column, as lists; a variance of 1 for a column that does not vary."""
    batches = x.as_numpy_iterator() if backend.is_dataset(x) else [x]
    rows, total, squares, shift = 0, 0.0, 0.0, None
    for batch in batches:
        batch = np.asarray(batch, "float64")
        # Close to the mean, so that squares of large numbers do not swallow the variance.
        shift = batch.mean(axis=0) if shift is None else shift
        rows, total = rows + len(batch), total + (batch - shift).sum(axis=0)
        squares = squares + ((batch - shift) ** 2).sum(axis=0)
    variance = squares / rows - (total / rows) ** 2
    constant = variance <= 1e-12 * (1 + (shift + total / rows) ** 2)
    return (shift + total / rows).tolist(), np.where(constant, 1.0, variance).tolist()


def _with_class(shape, network, true_class):
    """`network` of one vector as a model of what the adversary sees, and of the true class if it sees that."""
    seen = keras.Input(shape)
    parts = [keras.layers.Flatten()(seen) if len(shape) > 1 else seen]
    if true_class is None:
        return keras.Model(seen, network(parts[0]), name="adversary")
    true_class = keras.Input(true_class.shape[1:])
    return keras.Model([seen, true_class], network(keras.layers.Concatenate()([*parts, true_class])), name="adversary")


def _with_first_weights(network: keras.Model, seed: int) -> keras.Model:
    for i, layer in enumerate(layer for layer in network.layers if isinstance(layer, keras.layers.Dense)):
        layer.kernel.assign(keras.initializers.GlorotUniform(seed + i)(layer.kernel.shape))
    return network


def _applied(network, inputs, what: str):
    if not isinstance(network, keras.Layer):
        raise ValueError(f"the {what} must be a keras.Model, got {network!r}.")
    try:
        outputs = network(inputs)
    except (ValueError, TypeError) as error:
        shapes = " and ".join(str(tuple(of.shape)) for of in tree.flatten(inputs))
        reason = str(error).splitlines()[0]
        raise ValueError(f"the {what} cannot take inputs of shape {shapes}: {reason}") from error
    if tree.is_nested(outputs):
        raise ValueError(f"the {what} must have one output, but it has {len(tree.flatten(outputs))}.")
    return outputs


def _shape(tensor, what: str) -> tuple:
    if None in tensor.shape[1:]:
        raise ValueError(
            f"the output of the {what} has no fixed shape, {tuple(tensor.shape)}: give the other networks."
        )
    return tuple(tensor.shape[1:])


def _refuse_other_shape(outputs, wanted: tuple, what: str, why: str):
    if tuple(outputs.shape[1:]) != wanted:
        shape = tuple(outputs.shape)
        raise ValueError(f"the {what} must make outputs of shape {(None, *wanted)}, {why}, but makes {shape}.")


def _refuse_squashed(network, what: str, wanted: str):
    """Refuses outputs in narrow limits, unless these come of a softmax or sigmoid that one can look behind."""
    low, high = last_activation.reach(network)
    if not (np.isfinite(low) and np.isfinite(high)):
        return
    examples = tree.map_structure(lambda of: np.zeros((1, *(n or 1 for n in of.shape[1:])), "float32"), network.input)
    if class_scores.logits_behind(network(examples)) is None:
        raise ValueError(
            f"the {what} has to give {wanted}, but ends in {last_activation.ends_in(network)!r}, which gives only "
            f"{low:g} to {high:g}: leave this activation out."
        )


def _explained(columns) -> str:
    return "for " + ", ".join(f"{column.name} ({column.kind}) {column.width}" for column in columns)


def _dtype(of):
    return keras.backend.standardize_dtype(of.dtype)

"""New layers that turn features into the probabilities of classes."""

import itertools

import keras
import numpy as np
from keras.initializers import GlorotUniform

from kgan import memory
from kgan.attacks.class_scores import logits_behind


def softmax_head(features: int, layers, num_classes: int, seed: int) -> keras.Sequential:
    """Hidden layers and a softmax layer, which gives float32 whatever the dtype policy.

    The softmax layer starts at zero, with all classes equally probable: of random weights, those that the few images
    say nothing about would stay as they are and blur the answers.

    Args:
        features: how many numbers the head gets.
        layers: numbers of units of fully connected layers (ReLU), or Keras layers.
        num_classes: how many probabilities it gives.
        seed: integer from which the first weights of the layers that are made here flow.

    Raises:
        ValueError: if the layers do not fit, or memory cannot hold their weights.
    """
    # How many numbers a layer of the user's own gives is not known before it is built.
    sizes = [features, *(layer if isinstance(layer, int) else None for layer in layers), num_classes]
    weights = sum(inputs * outputs for inputs, outputs in itertools.pairwise(sizes) if inputs and outputs)
    units = ", ".join(f"{layer:,}" for layer in layers if isinstance(layer, int))
    what = f"a head of {units}" if units else f"a head for {num_classes:,} classes"
    memory.check_fits(4 * weights, f"the weights of {what} on {features:,} features", "use a smaller head")
    # One seed for two layers of one shape would give them the same weights.
    hidden = [
        keras.layers.Dense(layer, activation="relu", kernel_initializer=GlorotUniform(seed + i))
        if isinstance(layer, int)
        else layer
        for i, layer in enumerate(layers)
    ]
    softmax = keras.layers.Dense(
        num_classes, activation="softmax", kernel_initializer="zeros", dtype="float32", name="probabilities"
    )
    try:
        head = keras.Sequential([keras.Input((features,)), *hidden, softmax], name="head")
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"head cannot take the {features} features of the base: {reason}") from None
    if head.output_shape != (None, num_classes):
        raise ValueError(
            f"head must give one vector per image, but with the softmax layer it gives {head.output_shape}."
        )
    for layer in layers:
        if isinstance(layer, keras.Layer):
            _refuse_answers(layer, features, num_classes)
    return head


def learning_rate(features: int) -> float:
    """The rate of Adam at which a softmax layer on so many standardised features learns well.

    A step of Adam moves each weight by about the rate, and so a score by about the rate times the number of features:
    with this rate by about one, or less for few features. `benchmarks/transfer.py` shows what comes of it.
    """
    return 0.01 * min(1.0, 128 / features)


def are_answers(outputs, num_classes: int | None = None) -> bool:
    """Whether outputs `(n, units)` of a layer look like the answer of a classifier, where features are expected.

    Args:
        outputs: eager tensor, straight from the layer.
        num_classes: how many units such an answer has, if that is known.
    """
    if logits_behind(outputs) is None or len(outputs.shape) != 2:
        return False
    units = outputs.shape[-1]
    sums = np.asarray(keras.ops.cast(outputs, "float32")).sum(-1)
    return units in (1, num_classes) or bool(np.allclose(sums, 1, atol=1e-2))  # a softmax, of half precision too


def _refuse_answers(layer, features, num_classes):
    """A softmax layer on top of one learns slowly and badly, without a word."""
    if are_answers(layer(np.ones((1, features), "float32"), training=False), num_classes):
        raise ValueError(
            "head ends in a softmax or sigmoid that answers already, but the softmax layer is put on top of it: leave "
            "the last layer of head out."
        )

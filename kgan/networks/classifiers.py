"""The two classifiers that deep ones are compared with: a linear one, and one with a hidden layer."""

import keras

from kgan.networks.mlp import mlp
from kgan.scalars import as_count


def linear_classifier(input_shape, num_classes: int, *, classifier_activation="softmax") -> keras.Model:
    """Scores that are linear in the input: `softmax(x W + b)`, one column of W per class.

    For CIFAR-10 these are ten images of 32 x 32 x 3 = 3072 numbers: a template for each class, to be multiplied with
    the image. (Where images are columns, the matrix is written as 10 x 3072; here it is its transpose.) Trained by
    gradient descent on the cross-entropy it is multinomial logistic regression.

    Args:
        input_shape: int or tuple, the shape of one input; inputs are flattened.
        num_classes: number of classes.
        classifier_activation: activation of the output, as in `keras.applications`; `None` for logits.

    Returns:
        A functional `keras.Model`, `(batch, *input_shape)` to float32 `(batch, num_classes)`.

    Raises:
        ValueError: for a shape or a number that is not as above.

    Examples:
        >>> model = kgan.networks.linear_classifier((32, 32, 3), 10)
        >>> model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        >>> model.fit(images, labels, epochs=10)          # images in 0..1, int labels
        >>> templates = model.layers[-1].kernel           # (3072, 10)
    """
    num_classes = as_count(num_classes, "num_classes", 2)
    return mlp(input_shape, num_classes, hidden=(), output_activation=classifier_activation, name="linear_classifier")


def two_layer_classifier(
    input_shape, num_classes: int, hidden: int = 100, *, classifier_activation="softmax"
) -> keras.Model:
    """A hidden layer of ReLU units between input and scores: `softmax(max(0, x W1 + b1) W2 + b2)`.

    For CIFAR-10 with 100 hidden units, 3072 numbers become 100 and then 10: each class may add up several templates.

    Args:
        input_shape: int or tuple, the shape of one input; inputs are flattened.
        num_classes: number of classes.
        hidden: number of hidden units.
        classifier_activation: activation of the output, as in `keras.applications`; `None` for logits.

    Returns:
        A functional `keras.Model`, `(batch, *input_shape)` to float32 `(batch, num_classes)`.

    Raises:
        ValueError: for a shape or a number that is not as above.
    """
    num_classes, hidden = as_count(num_classes, "num_classes", 2), as_count(hidden, "hidden")
    return mlp(
        input_shape, num_classes, (hidden,), output_activation=classifier_activation, name="two_layer_classifier"
    )

"""The losses of `FairClassifier`: what the adversary minimises, and how its opponent answers."""

from keras import ops

from kgan import backend

OBJECTIVES = ("projection", "reversal", "uniform", "negative")


def _of_each(columns, outputs):
    """Each column with its share of the adversary's outputs."""
    start = 0
    for column in columns:
        yield column, outputs[:, start : start + column.width]
        start += column.width


def _errors(column, truth, outputs):
    """What the outputs of one column cost, `(batch,)`; `truth` has their shape.

    Cross-entropy in nats, of two categories with one logit and of more with a logit for each; squared error, in units
    of the variance in the first data, of numbers.
    """
    if column.kind == "continuous":
        return ops.square(outputs - truth)[:, 0]
    if column.kind == "binary":
        return ops.binary_crossentropy(truth, outputs, from_logits=True)[:, 0]
    return ops.categorical_crossentropy(truth, outputs, from_logits=True)


def adversary_loss(columns, sensitive, outputs):
    """How badly the outputs tell the sensitive columns, summed over these, and what to log of each.

    Args:
        columns: list of `SensitiveColumn`.
        sensitive: their encoded values, `(batch, columns)`.
        outputs: what the adversary makes, `(batch, width)`.

    Returns:
        `(scalar, logs)`.
    """
    total, logs = 0.0, {}
    for i, (column, of) in enumerate(_of_each(columns, outputs)):
        value, name = sensitive[:, i], f"_{column.name}" if len(columns) > 1 else ""
        truth = ops.one_hot(ops.cast(value, "int32"), column.width) if column.kind == "categorical" else value[:, None]
        loss = ops.mean(_errors(column, truth, of))
        total += loss
        if column.kind == "continuous":
            logs[f"adversary_squared_error{name}"] = loss
        else:
            guess = ops.argmax(of, axis=1) if column.kind == "categorical" else of[:, 0] > 0
            logs[f"adversary_accuracy{name}"] = ops.mean(ops.cast(ops.cast(guess, "float32") == value, "float32"))
    return total, logs


def distance_from_prior(columns, prior, outputs):
    """How far the outputs are from telling nothing: cross-entropy towards the prior, squared error towards the mean.

    It is smallest, the entropy of the prior, where the adversary can only repeat the frequencies of the data.

    Args:
        columns: list of `SensitiveColumn`.
        prior: probabilities and means of the rows, `(batch, width)`.
        outputs: what the adversary makes, `(batch, width)`.
    """
    pairs = zip(_of_each(columns, prior), _of_each(columns, outputs), strict=True)
    return sum(ops.mean(_errors(column, truth, of)) for (column, truth), (_, of) in pairs)


def projected(target: list, adversary: list, alpha) -> list:
    """`g_t - proj_a g_t - alpha * g_a`, with the whole gradient as one vector.

    Without the part along the adversary's gradient, a step for the target does not help the adversary; the last term
    hurts it. Source: Zhang, Lemoine & Mitchell 2018, https://arxiv.org/abs/1801.07593, equation 1.

    Args:
        target: gradient of the target's loss, one tensor per variable, of this device.
        adversary: gradient of the adversary's loss with respect to the same variables.
        alpha: number or scalar tensor.

    Returns:
        List of tensors, whose sum over the devices is the above for the gradients of the global batch.
    """
    # The quotient of the products is that of the summed gradients, whichever multiple of them is taken.
    whole = backend.replica_mean([*target, *adversary])
    whole_target, whole_adversary = whole[: len(target)], whole[len(target) :]
    along = ops.divide_no_nan(_product(whole_target, whole_adversary), _product(whole_adversary, whole_adversary))
    return [t - (along + alpha) * a for t, a in zip(target, adversary, strict=True)]


def _product(first: list, second: list):
    return sum(ops.sum(a * b) for a, b in zip(first, second, strict=True))

"""What the adversary of `FairClassifier` answers, and what its answers cost."""

import dataclasses
import functools
from typing import Any

from keras import ops


@dataclasses.dataclass(frozen=True)
class Answers:
    """What the adversary makes of a batch; see `kgan.losses.HidingObjective.opposing_loss`.

    Args:
        columns: list of `SensitiveColumn`.
        outputs: what the adversary makes, `(batch, width)`.
        sensitive: the encoded values of the columns, `(batch, columns)`.
        prior: probabilities and means of the rows, `(batch, width)`.
    """

    columns: list
    outputs: Any
    sensitive: Any
    prior: Any

    @functools.cached_property
    def loss_and_logs(self):
        return adversary_loss(self.columns, self.sensitive, self.outputs)

    @property
    def loss(self):
        """How badly the outputs tell the sensitive columns, a scalar."""
        return self.loss_and_logs[0]

    @property
    def distance_from_prior(self):
        """How far the outputs are from telling nothing, a scalar."""
        return distance_from_prior(self.columns, self.prior, self.outputs)


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

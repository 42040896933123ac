"""The loss and the metrics of one of several views of the data."""

import keras
from keras import ops, tree

from kgan import backend


class Scores:
    """Keras's loss and metrics, for a model that reports them more than once.

    They are kept by a `keras.Model` without layers, Keras's public way from names to losses and metrics. This object is
    not a Keras one, because Keras would save and list as a part of a model what is an attribute of it.

    Args:
        prefix: what the names of the loss and of the metrics begin with.
        loss: as in `keras.Model.compile`.
        metrics: as in `keras.Model.compile`; instances are copied.
        weighted_metrics: as in `keras.Model.compile`; instances are copied.
    """

    def __init__(self, prefix: str, loss, metrics=None, weighted_metrics=None):
        metrics, weighted_metrics = (tree.map_structure(_copy, given) for given in (metrics, weighted_metrics))
        self._judge = keras.Model()
        self._judge.compile(optimizer=None, loss=loss, metrics=metrics, weighted_metrics=weighted_metrics)
        self._mean_loss = self._judge.metrics[0]
        self._prefix, self._built = prefix, False

    def build(self, y, outputs):
        """Makes the variables of the metrics, which cannot be done within a step, from targets and outputs alike."""
        if self._built:
            return
        self._judge.compute_metrics(None, y, outputs)
        self._judge.reset_metrics()
        for metric in self._judge.metrics:
            for inner in getattr(metric, "metrics", [metric]):
                inner.name = self._prefix + inner.name
        self._built = True

    @property
    def metrics(self) -> list:
        """The trackers: that of the loss, and those of the metrics."""
        return self._judge.metrics

    def loss(self, y, outputs, sample_weight=None):
        """The mean loss over the batch of this device."""
        # Keras divides by the number of devices what it is about to sum over them.
        return self._judge.compute_loss(None, y, outputs, sample_weight) * backend.num_replicas()

    def track(self, loss, y, outputs, sample_weight=None):
        """Adds a batch and its loss to the trackers."""
        self._mean_loss.update_state(loss, sample_weight=ops.shape(outputs)[0])
        self._judge.compute_metrics(None, y, outputs, sample_weight)

    def results(self) -> dict:
        """The means so far, by name."""
        return self._judge.get_metrics_result()


def _copy(metric):
    return type(metric).from_config(metric.get_config()) if isinstance(metric, keras.metrics.Metric) else metric

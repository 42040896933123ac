"""All that the mathematics needs from TensorFlow: gradients, replicas, compiled steps and batches.

Everything else is `keras.ops`, so that these few functions are all there is to port.
"""

from kgan.backend.batches import (
    array_batches,
    as_float32,
    is_dataset,
    is_dense,
    is_endless,
    map_targets,
    python_result,
    rounds_of,
    rows_in_order,
    shuffled_range,
    shuffled_rows,
    watched,
    with_shape,
    without_one_tuples,
)
from kgan.backend.gradients import (
    TurnScope,
    scaled_gradients,
    value_and_gradients,
    value_and_input_gradient,
    with_zeros,
)
from kgan.backend.random import normal_rows
from kgan.backend.replicas import as_numbers, assign, assign_moved, num_replicas, replica_mean, replica_slice
from kgan.backend.steps import NotFiniteError, after, compiled, first_not_finite, only_if_finite, trace_outputs

__all__ = [
    "NotFiniteError",
    "after",
    "array_batches",
    "as_float32",
    "as_numbers",
    "assign",
    "assign_moved",
    "compiled",
    "is_dataset",
    "is_dense",
    "is_endless",
    "first_not_finite",
    "map_targets",
    "normal_rows",
    "num_replicas",
    "python_result",
    "only_if_finite",
    "replica_mean",
    "replica_slice",
    "rounds_of",
    "rows_in_order",
    "shuffled_range",
    "shuffled_rows",
    "trace_outputs",
    "TurnScope",
    "scaled_gradients",
    "value_and_gradients",
    "value_and_input_gradient",
    "watched",
    "with_shape",
    "with_zeros",
    "without_one_tuples",
]

"""The one place for what Keras and TensorFlow do not publish: private names, each with the version it was seen in.

`tests/backend/keras_internals_test.py` says which of them is gone. No other file of kgan uses one; hooks that classes
of kgan override stand with their classes, and in `OVERRIDDEN`.
"""

import contextlib
import io

import keras
import tensorflow as tf
from keras.src.backend import AutocastScope, get_stateless_scope
from keras.src.saving import saving_lib
from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
from tensorflow.python.framework import op_def_registry

# Private hooks of Keras that classes of kgan override where these stand, with the class of Keras that has them.
OVERRIDDEN = {
    # Keras 3.15: `_lock_state`, by `Rounds`, because a game makes metrics when it first sees data.
    "_lock_state": keras.Layer,
}

# Optimizers


def served_variables(optimizer) -> list:
    """The variables that an optimizer was built for, in their order. Keras 3.15: `_trainable_variables`."""
    return list(getattr(getattr(optimizer, "inner_optimizer", optimizer), "_trainable_variables", []))


def positions_of(optimizer, variables) -> list:
    """The positions of variables among those that an optimizer was built for; others it refuses in Keras's words.

    The variables that come with gradients may be a part of them. Keras 3.15: `_check_variables_are_known`,
    `_get_variable_index`.
    """
    optimizer._check_variables_are_known(variables)
    return [optimizer._get_variable_index(variable) for variable in variables]


# Layers and what they compute


def built_without_weights(layer):
    """Marks a layer as built at the end of its constructor, so that Keras does not ask for a `build` that has nothing
    to do; not where a subclass has one. Keras 3.15: `_build_at_init`.
    """
    layer._build_at_init()


@contextlib.contextmanager
def weights_exchanged(layer):
    """Forgets the weights of a built layer; within the context it may get others. Keras 3.15: `_untrack_variable`,
    `_tracker`.
    """
    for variable in layer.weights:
        layer._untrack_variable(variable)
    layer._tracker.unlock()
    yield
    layer._tracker.lock()


def layers_within(layer) -> list:
    """A layer and all layers inside it. Keras 3.15: `_flatten_layers`."""
    return list(layer._flatten_layers())


def added_losses(layer) -> set:
    """The identities of what the last calls of a layer within a scope gave to `add_loss`. Keras 3.15: `_loss_ids`."""
    return {identity for inner in layers_within(layer) for identity in inner._loss_ids}


def source_of(tensor):
    """What made a symbolic tensor: `(operation, number of its output, its input tensors)`, which tells of networks that
    are no list of layers; `None` for other tensors. Keras 3.15: `_keras_history`, `_inbound_nodes`.
    """
    operation, node, output = getattr(tensor, "_keras_history", (None, None, None))
    return None if operation is None else (operation, output, operation._inbound_nodes[node].input_tensors)


def mask_of(tensor):
    """The mask that a layer gave to its output, `None` without one: losses leave out what it hides. Keras 3.15:
    `_keras_mask`.
    """
    return getattr(tensor, "_keras_mask", None)


def logits_behind(outputs):
    """What went into the softmax or sigmoid that made `outputs`, where Keras has kept it for its own losses.

    Probabilities are no substitute: those of a confident classifier round to 0 and 1, where no gradient is left.
    Keras 3.15: `_keras_logits`.
    """
    return getattr(outputs, "_keras_logits", None)


def words_of(loss_or_metric) -> dict:
    """The keyword arguments with which a loss or a metric calls its function, such as `from_logits`: the configs of
    losses have others besides. Keras 3.15: `_fn_kwargs`.
    """
    return getattr(loss_or_metric, "_fn_kwargs", {})


# Scopes


def scope_of_calls() -> keras.StatelessScope | None:
    """The innermost `keras.StatelessScope` that is entered: a layer may do a thing once for all of its calls there.
    Keras 3.15: `get_stateless_scope`.
    """
    return get_stateless_scope()


def autocast_to(dtype):
    """A context in which weights are read in `dtype`, whatever a layer computes in. Keras 3.15: `AutocastScope`."""
    return AutocastScope(dtype)


# Training


def refuse_uncompiled(model, method: str):
    """Answers a method of a model that is not compiled in Keras's own words. Keras 3.15: `_assert_compile_called`."""
    model._assert_compile_called(method)


def called_by_fit(arguments: dict) -> bool:
    """Whether `evaluate` got these keyword arguments from `fit`, which has read and prepared the data. Keras 3.15:
    `_use_cached_eval_dataset`.
    """
    return bool(arguments.get("_use_cached_eval_dataset"))


def set_epoch(backup: keras.callbacks.BackupAndRestore, epoch: int):
    """Says which epoch is running: the callback counts from 0 until one ends. Keras 3.15: `_current_epoch`."""
    backup._current_epoch = epoch


def track_loss(model, loss, rows):
    """Adds the loss of a batch to the mean that a compiled model logs as `loss`. Keras 3.15: `_loss_tracker`."""
    model._loss_tracker.update_state(loss, sample_weight=rows)


# Files


def weights_as_hdf5(model, without=()) -> bytes:
    """What `model.save_weights` writes into a `.weights.h5` file. Keras 3.15: `saving_lib`, `H5IOStore`,
    `_save_state`.

    h5py ends the process with a segmentation fault when the disk fills up under it, so what goes to the disk is made in
    memory first.

    Args:
        model: the model.
        without: layers whose weights are left out.
    """
    content = io.BytesIO()
    store = saving_lib.H5IOStore(content, mode="w")
    visited = {id(layer) for layer in without}
    saving_lib._save_state(model, weights_store=store, assets_store=None, inner_path="", visited_saveables=visited)
    store.close()
    return content.getvalue()


def load_weights_without(model, path, without):
    """Loads what `weights_as_hdf5` wrote without the same layers. Keras 3.15: `saving_lib`, `H5IOStore`,
    `_load_state`.
    """
    store = saving_lib.H5IOStore(path, mode="r")
    try:
        # Keras before 3.15 needs a place to put errors, where it goes on after them.
        how = {"visited_saveables": {id(layer) for layer in without}, "failed_saveables": set(), "error_msgs": {}}
        saving_lib._load_state(model, weights_store=store, assets_store=None, inner_path="", **how)
    finally:
        store.close()
    for _, error in how["error_msgs"].values():
        raise error


# Data


class _EpochByEpoch(PyDatasetAdapter):
    """Tells a `keras.utils.PyDataset` where epochs begin and end. Keras 3.15: `_get_iterator`, `_within_epoch`."""

    def _get_iterator(self):
        self._within_epoch = False  # an earlier pass may have been left before its end
        self.on_epoch_begin()
        try:
            yield from super()._get_iterator()
        finally:
            self.on_epoch_end()


def py_dataset_as_dataset(data: keras.utils.PyDataset, shuffle: bool):
    """A `tf.data.Dataset` of the batches of `data`, read by its own workers, in a random order if `shuffle`.

    Keras 3.15: `PyDatasetAdapter`.
    """
    batches = _EpochByEpoch(data, shuffle=shuffle and data.num_batches is not None).get_tf_dataset()
    length = tf.data.INFINITE_CARDINALITY if data.num_batches is None else data.num_batches
    return batches.apply(tf.data.experimental.assert_cardinality(length))


def generator_as_dataset(generator):
    """A `tf.data.Dataset` of what a Python generator still yields: it can be read once.

    Keras 3.15: `GeneratorDataAdapter`.
    """
    tuples = (batch if isinstance(batch, tuple) else (batch,) for batch in generator)
    return GeneratorDataAdapter(tuples).get_tf_dataset()


# TensorFlow


def operation_named(name: str):
    """What TensorFlow's registry says of an operation, such as whether it is stateful; `None` if there is none of this
    name. TensorFlow 2.21: `op_def_registry`.
    """
    return op_def_registry.get(name)

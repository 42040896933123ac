"""The one place for what Keras does not publish: private names, each with the version it was seen in."""

import io

import keras
import tensorflow as tf
from keras.src.saving import saving_lib
from keras.src.trainers.data_adapters.generator_data_adapter import GeneratorDataAdapter
from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter


def served_variables(optimizer) -> list:
    """The variables that an optimizer was built for, in their order. Keras 3.15: `_trainable_variables`."""
    return list(getattr(getattr(optimizer, "inner_optimizer", optimizer), "_trainable_variables", []))


def layers_within(layer) -> list:
    """A layer and all layers inside it. Keras 3.15: `_flatten_layers`."""
    return list(layer._flatten_layers())


def added_losses(layer) -> set:
    """The identities of what the last calls of a layer gave to `add_loss`. Keras 3.15: `_loss_ids`."""
    return {identity for inner in layers_within(layer) for identity in inner._loss_ids}


def set_epoch(backup: keras.callbacks.BackupAndRestore, epoch: int):
    """Says which epoch is running: the callback counts from 0 until one ends. Keras 3.15: `_current_epoch`."""
    backup._current_epoch = epoch


def track_loss(model, loss, rows):
    """Adds the loss of a batch to the mean that a compiled model logs as `loss`. Keras 3.15: `_loss_tracker`."""
    model._loss_tracker.update_state(loss, sample_weight=rows)


def weights_as_hdf5(model, without=()) -> bytes:
    """What `model.save_weights` writes into a `.weights.h5` file. Keras 3.15: `H5IOStore`, `_save_state`.

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
    """Loads what `weights_as_hdf5` wrote without the same layers. Keras 3.15: `H5IOStore`, `_load_state`."""
    store = saving_lib.H5IOStore(path, mode="r")
    try:
        visited = {id(layer) for layer in without}
        saving_lib._load_state(model, weights_store=store, assets_store=None, inner_path="", visited_saveables=visited)
    finally:
        store.close()


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
    """A `tf.data.Dataset` of the batches of `data`, read by its own workers, in a random order if `shuffle`."""
    batches = _EpochByEpoch(data, shuffle=shuffle and data.num_batches is not None).get_tf_dataset()
    length = tf.data.INFINITE_CARDINALITY if data.num_batches is None else data.num_batches
    return batches.apply(tf.data.experimental.assert_cardinality(length))


def generator_as_dataset(generator):
    """A `tf.data.Dataset` of what a Python generator still yields: it can be read once."""
    tuples = (batch if isinstance(batch, tuple) else (batch,) for batch in generator)
    return GeneratorDataAdapter(tuples).get_tf_dataset()

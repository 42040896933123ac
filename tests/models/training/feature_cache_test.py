import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from kgan import backend
from kgan.models.training import feature_cache
from kgan.models.training.feature_cache import compute_features

ROWS = np.random.default_rng(0).normal(size=(70, 6)).astype("float32")
LABELS = np.arange(70, dtype="int32")


@pytest.fixture
def model():
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(4, activation="tanh"), keras.layers.Dropout(0.5), keras.layers.Dense(3)]
    )


def by_hand(model):
    first, _, second = model.layers
    return np.tanh(ROWS @ np.asarray(first.kernel) + np.asarray(first.bias)) @ np.asarray(second.kernel)


def test_features_of_an_array_are_the_inference_outputs_in_order(model):
    features, labels = compute_features(model, ROWS, LABELS)
    np.testing.assert_allclose(features, by_hand(model), atol=1e-6)
    assert labels is LABELS


def test_features_of_a_dataset_come_with_its_targets(model):
    data = tf.data.Dataset.from_tensor_slices((ROWS, LABELS)).shuffle(70, seed=0).batch(16)
    features, labels = compute_features(model, data)
    np.testing.assert_allclose(features, by_hand(model)[labels], atol=1e-6)
    assert sorted(labels) == list(range(70))


def test_many_features_go_to_a_file_that_leaves_no_trace(model, monkeypatch, tmp_path):
    in_memory, _ = compute_features(model, ROWS)
    monkeypatch.setattr(feature_cache, "MEMORY_LIMIT", 300)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    on_disk, _ = compute_features(model, ROWS)
    assert isinstance(on_disk, np.memmap) and not isinstance(in_memory, np.memmap)
    np.testing.assert_array_equal(on_disk, in_memory)
    assert os.listdir(tmp_path) == []


def test_batches_of_a_memory_mapped_array_are_those_of_the_array(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS.astype("float64"))
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    batches = backend.array_batches((mapped, LABELS), backend.shuffled_rows(70, 16, 3, lambda: 5, drop_incomplete=True))
    assert batches.element_spec[0].shape == (16, 6) and batches.element_spec[0].dtype == tf.float32
    for rows, labels in batches:
        np.testing.assert_array_equal(rows, ROWS[labels])


def test_an_endless_dataset_is_refused(model):
    with pytest.raises(ValueError, match="repeats forever"):
        compute_features(model, tf.data.Dataset.from_tensor_slices(ROWS).batch(8).repeat())


def test_no_rows_are_refused(model):
    with pytest.raises(ValueError, match="no rows"):
        compute_features(model, ROWS[:0])

"""What a frozen model makes of data, computed once: in memory, or in a temporary file when that is too small."""

import tempfile

import keras
import numpy as np
from keras import ops

from kgan import backend
from kgan.models.training import data_checks, finite

# Features of up to this many bytes are kept in memory; more go to a file in the folder for temporary files (TMPDIR).
MEMORY_LIMIT = 2**30


def compute_features(model, x, y=None, *, batch_size: int | None = None, verbose: int = 0, network=None):
    """Runs `model` on all of `x` once, in inference mode.

    Args:
        model: a built model with one output, or a function of a batch, such as one from `backend.compiled`.
        x: array, or a finite batched `tf.data.Dataset` of inputs or of `(inputs, targets)`.
        y: array of targets, which is passed on; a dataset brings its own.
        batch_size: rows per batch of arrays; 32 by default.
        verbose: 1 for a progress bar.
        network: the model that a function runs, for the message about features that are NaN.

    Returns:
        `(features, y)`: float32, one row per row of `x`, and the targets in the same order, or `None`. Features of
        more than `MEMORY_LIMIT` bytes are a `numpy.memmap` of a file without a name, which is gone with the array.

    Raises:
        ValueError: for a dataset that repeats forever, and for data that is NaN or infinite.
        FloatingPointError: for features of other data that are.
        OSError: if the file does not fit on the disk.
    """
    forward = model
    if isinstance(model, keras.Layer):
        forward = backend.compiled(lambda batch: model(batch, training=False))
    store, targets = _Store(), []
    if backend.is_dataset(x):
        refuse_endless(x)
        with_targets = isinstance(x.element_spec, tuple) and len(x.element_spec) == 2
        batches, steps = (element if with_targets else (element, None) for element in x), int(x.cardinality())
    else:
        batch_size = batch_size or 32
        batches = ((x[start : start + batch_size], None) for start in range(0, len(x), batch_size))
        with_targets, steps = False, -(-len(x) // batch_size)
    bar = keras.utils.Progbar(steps if steps > 0 else None, unit_name="batch") if verbose else None
    for inputs, target in batches:
        features = np.asarray(ops.cast(forward(ops.convert_to_tensor(inputs)), "float32"))
        if not np.isfinite(features).all():
            raise _not_finite(inputs, model if network is None else network)
        store.append(features)
        if with_targets:
            targets.append(np.asarray(target))
        if bar is not None:
            bar.add(1)
    return store.array(), np.concatenate(targets) if targets else y


def refuse_endless(data):
    """Refuses a dataset that repeats forever; arrays pass."""
    if backend.is_dataset(data) and int(data.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ValueError("the dataset repeats forever, so that its end would never be reached: leave out .repeat().")


def _not_finite(inputs, network) -> Exception:
    """Whose fault it is that features are NaN or infinite."""
    if not np.isfinite(np.asarray(ops.cast(inputs, "float32"))).all():
        return ValueError(data_checks.not_finite())
    found = finite.spoiled(network)
    cause = f"because {found} holds such numbers: load or set" if found else "which are too large for its dtype: take"
    return FloatingPointError(f"{network.name!r} gives NaN or infinite features, {cause} other weights.")


class _Store:
    """Rows that arrive in parts, written to a file once they are too many for memory."""

    def __init__(self):
        self.parts, self.file = [], None
        self.bytes = self.rows = 0

    def append(self, part: np.ndarray):
        self.rows, self.row_shape, self.bytes = self.rows + len(part), part.shape[1:], self.bytes + part.nbytes
        self.parts.append(part)
        if self.bytes > MEMORY_LIMIT:
            # Without a name, so that nothing is left behind however the process ends. Written, not mapped, because a
            # full disk under a mapped file kills the process.
            self.file = self.file or tempfile.TemporaryFile()
            for part in self.parts:
                self.file.write(np.ascontiguousarray(part).data)
            self.parts = []

    def array(self) -> np.ndarray:
        if not self.rows:
            raise ValueError("there are no rows to compute features of.")
        if self.file is None:
            return np.concatenate(self.parts)
        self.file.flush()
        return np.memmap(self.file, "float32", mode="r", shape=(self.rows, *self.row_shape))

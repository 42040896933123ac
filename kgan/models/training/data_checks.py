"""What every model asks of the arrays and datasets that it gets, each answered by one sentence when it is not so."""

import types

import keras
import numpy as np
from keras import tree

from kgan import array_kinds, backend


def refuse_unless_arrays(data):
    """Refuses whatever is no array, and no structure of arrays."""
    leaves = tree.flatten(data)
    if not leaves or not all(hasattr(leaf, "shape") and hasattr(leaf, "__array__") for leaf in leaves):
        kinds = ", ".join(sorted({type(leaf).__name__ for leaf in leaves})) or "nothing"
        raise ValueError(
            f"data must be arrays or a batched tf.data.Dataset, got {kinds}; a keras.utils.PyDataset or a generator of "
            "batches will do as well."
        )


def refuse_unless_numbers(parts):
    """Refuses arrays, or parts of a dataset's `element_spec`, that hold nothing, or something else than numbers."""
    for position, part in enumerate(tree.flatten(parts)):
        name = name_of(position, parts)
        if 0 in tuple(part.shape):
            raise ValueError(f"{name} holds nothing, its shape is {tuple(part.shape)}: give at least one row.")
        array_kinds.refuse_unless_numbers(part.dtype, name)


def refuse_unless_inputs(x, network=None):
    """Refuses what `predict` cannot use: no arrays of numbers, or of another shape than `network` takes."""
    if isinstance(x, keras.utils.PyDataset | types.GeneratorType):
        return
    if backend.is_dataset(x):
        refuse_empty(x)
        parts = x.element_spec[0] if isinstance(x.element_spec, tuple) else x.element_spec
        if not all(backend.is_dense(part) and part.shape.rank for part in tree.flatten(parts)):
            return
    else:
        refuse_unless_arrays(x)
        parts = tree.map_structure(lambda a: a if hasattr(a, "dtype") else np.asarray(a), x)
    refuse_unless_numbers(parts)
    refuse_other_shapes(parts, network)


def refuse_other_shapes(parts, network):
    """Refuses inputs, arrays or parts of an `element_spec`, of another shape than `network` takes, if that is known."""
    known, parts = getattr(network, "inputs", None), tree.flatten(parts)
    if not known or len(known) != len(parts):
        return
    for wanted, part in zip(known, parts, strict=True):
        given, wanted = tuple(part.shape[1:]), tuple(wanted.shape[1:])
        if given[-1:] == (1,) and len(given) == len(wanted) + 1:
            given = given[:-1]  # Keras drops such an axis
        if wanted[-1:] == (1,) and len(wanted) == len(given) + 1:
            given = (*given, 1)  # and adds it
        if len(given) != len(wanted) or any(None not in (a, b) and a != b for a, b in zip(wanted, given, strict=True)):
            raise ValueError(f"x must have shape {_shape(wanted)}, as the network takes it, but has {_shape(given)}.")


def _shape(shape) -> str:
    return f"({', '.join(['n', *('any' if side is None else str(side) for side in shape)])})"


def name_of(position: int, data) -> str:
    """What a part of the data is called in a sentence."""
    parts = len(tree.flatten(data))
    return "the data" if parts == 1 else f"array {position + 1} of {parts} in the data"


def refuse_empty(dataset):
    """Refuses a dataset that is known to be empty."""
    if int(dataset.cardinality()) == 0:
        raise ValueError("the dataset is empty.")


def with_shapes(dataset):
    """Refuses a dataset that does not say what it holds, or that holds other things than dense tensors."""
    for spec in tree.flatten(dataset.element_spec):
        if not backend.is_dense(spec):
            raise ValueError(
                f"the dataset holds {type(spec).__name__.removesuffix('Spec')}s, but must hold dense tensors: map "
                "tf.sparse.to_dense or .to_tensor() over it."
            )
    shapes = [getattr(spec, "shape", None) for spec in tree.flatten(dataset.element_spec)]
    if any(shape is None or shape.rank is None for shape in shapes):
        raise ValueError(
            "the dataset does not say which shapes its batches have: give tf.data.Dataset.from_generator an "
            "output_signature, such as tf.TensorSpec((None, 28, 28, 1), tf.float32)."
        )
    return dataset


def not_finite(what: str = "the data", where: str = "") -> str:
    """What to say of NaN and infinite numbers, as float32 sees them, in `what`."""
    return f"{what} holds NaN or infinite numbers{where}: remove or replace them first."


def first_not_finite(array) -> int | None:
    """The first row that holds NaN or infinite numbers, or numbers too large for float32."""
    start = 0
    for part in in_parts(array):
        part = as_narrow(part)
        if not np.isfinite(part).all():
            return start + int(np.argwhere(~np.isfinite(part))[0, 0])
        start += len(part)
    return None


def as_narrow(array):
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as such
        return array.astype("float32") if array.dtype.kind == "f" and array.dtype.itemsize > 4 else array


def in_parts(array):
    """`array` in parts that the processor's cache holds; it may be a memory-mapped file that is larger than memory."""
    step = max(1, 2**17 // max(1, array[:1].size))
    return (array[start : start + step] for start in range(0, len(array), step))

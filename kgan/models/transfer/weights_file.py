"""Files with the weights of a network, read as far as the network needs them."""

import warnings
from collections import Counter
from pathlib import Path

import h5py
import keras


class WeightsFile:
    """An HDF5 file of weights that Keras wrote: `.weights.h5`, or the older `.h5`, where layers are listed in order.

    Args:
        path: path of the file.

    Raises:
        ValueError: if there is no such file, or it holds no weights.
    """

    def __init__(self, path):
        self.path = Path(path) if isinstance(path, str | Path) else None
        if self.path is None or not self.path.is_file():
            raise ValueError(
                f"weights must be 'imagenet', None or the path of a .weights.h5 or .h5 file, but there is no file "
                f"{str(path)!r}."
            )
        with self._open() as file:
            self.legacy = _is_legacy(_root(file))
            self.kernels = Counter(a.shape for path, a in _arrays(_root(file)).items() if a.ndim > 1)
        if not self.kernels:
            raise ValueError(f"{self.path} holds no weights of a network.")
        if self.legacy == self.path.name.endswith(".weights.h5") or self.path.suffix not in (".h5", ".hdf5"):
            ending = ".h5" if self.legacy else ".weights.h5"
            raise ValueError(f"{self.path} is a file of the kind that Keras knows by the ending {ending}: rename it.")

    def check(self, model: keras.Model, name: str, cut: str | None):
        """Refuses a file that does not hold the weights of `model`, a network called `name` without its classification
        layers, or lacks those that the layer `cut` among these needs.
        """
        missing = _kernels(model) - self.kernels
        if missing:
            shape = next(iter(missing))
            raise ValueError(
                f"{self.path} does not hold the weights of {name}: it has too few arrays of shape {shape}."
            )
        if cut is not None and not self.kernels - _kernels(model):
            raise ValueError(
                f"{self.path} ends before the classification layers of {name}, one of which is {cut!r}: give the file "
                f"with them (Keras writes 'notop' into the names of those without), or cut=None, or "
                f"cut={model.layers[-1].name!r}."
            )

    def num_classes(self, model: keras.Model) -> int:
        """How many classes the classification layers of the file tell apart.

        Args:
            model: the network without these layers.
        """
        top = self.kernels - _kernels(model)
        inputs, outputs = ({shape[axis] for shape in top} for axis in (-2, -1))
        return min(outputs - inputs or outputs)  # what no further layer takes up

    def load_into(self, model: keras.Model, name: str):
        """Loads the weights of all layers of `model`; further layers in the file, after these, are left alone."""
        try:
            if self.legacy:
                self._load_in_order(model)
            else:
                with warnings.catch_warnings(action="ignore"):  # what matters is raised
                    model.load_weights(self.path)
        except (ValueError, KeyError, IndexError, OSError) as error:
            shape = model.inputs[0].shape[1:]
            raise ValueError(
                f"{self.path} does not fit {name} with input_shape {shape}: give the weights of {name} itself, and "
                "with fully connected layers the input_shape that they were trained with, mostly (224, 224, 3) "
                f"({_first_words(error)})."
            ) from None

    def _load_in_order(self, model):
        layers = [layer for layer in model.layers if layer.weights]
        with self._open() as file:
            arrays = _arrays(_root(file))
            names = [name for name in _listed(_root(file), "layer_names") if _listed(_root(file)[name], "weight_names")]
            for layer, name in zip(layers, names[: len(layers)], strict=True):
                found = [arrays[f"{name}/{weight}"] for weight in _listed(_root(file)[name], "weight_names")]
                # The order in which Keras 2 wrote them.
                for weight, array in zip(layer.trainable_weights + layer.non_trainable_weights, found, strict=True):
                    if weight.shape != array.shape:
                        raise ValueError(f"{layer.name} expects shape {weight.shape}, the file has {array.shape}")
                    weight.assign(array[()])
                if hasattr(layer, "finalize_state"):
                    layer.finalize_state()

    def _open(self):
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise ValueError(
                f"{self.path} cannot be read as an HDF5 file of weights ({_first_words(error)})."
            ) from None


def _root(file):
    """Where the layers are: a whole model of Keras 2 has them in a group."""
    return file["model_weights"] if not _is_legacy(file) and "model_weights" in file else file


def _is_legacy(group) -> bool:
    return any(name.startswith("layer_names") for name in group.attrs)


def _listed(group, name: str) -> list:
    """An attribute that is a list of strings; long ones are written in pieces with a number after the name."""
    pieces = [name] if name in group.attrs else [f"{name}{i}" for i in range(len(group.attrs))]
    found = [text for piece in pieces if piece in group.attrs for text in group.attrs[piece]]
    return [text.decode("utf8") if isinstance(text, bytes) else str(text) for text in found]


def _arrays(group) -> dict:
    """`{path: array}` of the weights in the file itself: what it refers to in other files is left out."""
    arrays = {}

    def note(path, item):
        if isinstance(item, h5py.Dataset) and not item.external and not path.startswith("optimizer"):
            arrays[path] = item

    group.visititems(note)
    return arrays


def _kernels(model) -> Counter:
    return Counter(tuple(weight.shape) for weight in model.weights if len(weight.shape) > 1)


def _first_words(error) -> str:
    return " ".join(str(error).split("\n")[0].split())[:200].rstrip(".: ")

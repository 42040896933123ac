"""The classifier that `kgan attack` attacks: loaded, and asked for its input, its classes and its range."""

import dataclasses
import math
import os
import pathlib
import warnings

import keras

from kgan.cli.common import checksums
from kgan.datasets.input_range import RANGES, told_range
from kgan.foreign_text import first_line, printable
from kgan.models import RobustClassifier, TransferClassifier
from kgan.scalars import is_count, is_real
from kgan_command.json_file import read_json


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A loaded classifier.

    Attributes:
        path: its file.
        model: maps a batch of inputs to a score for each class.
        input_shape: of one input: numbers, or `None` where any size will do.
        num_classes: how many classes it knows.
        bounds: the range of the images that it takes, as far as the model tells; `None` if it does not.
        config: the `config.json` beside it, if `kgan transfer` wrote it; else `{}`.
    """

    path: pathlib.Path
    model: keras.Model
    input_shape: tuple[int | None, ...]
    num_classes: int
    bounds: tuple[float, float] | None
    config: dict

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, in their order, if they are known."""
        return self.config.get("data", {}).get("class_names")


def load(path: str) -> Classifier:
    """Loads a classifier, without running code that its file may hold.

    Args:
        path: a `.keras` file, or the folder of a run of `kgan transfer`.

    Raises:
        ValueError: if there is none, or it is no classifier of images.
    """
    file = _find(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters of a damaged or foreign file is raised
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # of zipfile, json, h5py and Keras, as the file is damaged or foreign
        text = str(error)
        if "unsafe" in text or "arbitrary code" in text:
            raise ValueError(
                f"{printable(file)} holds Python code of its own, such as a Lambda layer, which is not run: save "
                "the model with registered layers in its place."
            ) from None
        raise ValueError(f"{printable(file)} cannot be loaded: {first_line(error)}.") from None
    bounds = None
    if isinstance(model, RobustClassifier):
        bounds, model = _finite(model.ascent.bounds), model.model
    if isinstance(model, TransferClassifier):
        input_shape = (model.resizing.height, model.resizing.width, model.resizing.channels)
        num_classes, bounds = model.num_classes, bounds or RANGES[2]
    else:
        input_shape, output_shape = _shapes(model, file)
        num_classes, bounds = max(2, output_shape[-1]), bounds or told_range(model)
    return Classifier(file, model, input_shape, num_classes, bounds, _config_beside(file, num_classes))


def _find(path: str) -> pathlib.Path:
    found = pathlib.Path(path).expanduser()
    if (found / "saved_model.pb").is_file():
        raise ValueError(
            f"{printable(path)} is a SavedModel, which does not tell its gradients: give the .keras file of the model."
        )
    if found.is_dir():
        if not (found / "model.keras").is_file():
            raise ValueError(
                f"{printable(path)} holds no model.keras: give a .keras file, or the folder of a kgan transfer run."
            )
        checksums.check(found, found / "model.keras")
        return found / "model.keras"
    if not found.is_file():
        raise ValueError(f"there is no {printable(path)}: give a .keras file, or the folder of a kgan transfer run.")
    if found.suffix != ".keras":
        raise ValueError(f"{printable(path)} is no .keras file: write one with model.save('model.keras').")
    return found


def _shapes(model, file):
    """The shapes of one input and of one output."""
    try:
        (given,), (scores,) = model.inputs, model.outputs
        input_shape, output_shape = tuple(given.shape[1:]), tuple(scores.shape[1:])
        ok = 1 <= len(input_shape) <= 3 and len(output_shape) == 1 and output_shape[0] is not None
    except (AttributeError, TypeError, ValueError):
        ok = False
    if not ok:
        raise ValueError(
            f"{printable(file)} is no classifier of images: it takes a model with one input, of images, and one "
            "output, a score for each class."
        )
    return input_shape, output_shape


def _config_beside(file: pathlib.Path, num_classes: int) -> dict:
    path = file.with_name("config.json")
    if file.name != "model.keras" or not path.is_file():
        return {}
    config = read_json(path)
    settings = config.get("settings") if isinstance(config, dict) else None
    if not isinstance(settings, dict) or "held_out" not in settings:
        return {}  # of another command
    data, share, limit = config.get("data"), settings["held_out"], settings.get("limit")
    names = data.get("class_names") if isinstance(data, dict) else None
    good = isinstance(names, list) and len(names) == num_classes and all(isinstance(name, str) for name in names)
    good = good and isinstance(settings.get("folder"), str) and is_count(settings.get("seed"), 0)
    if not (good and is_real(share) and 0 < share < 1 and (limit is None or is_count(limit))):
        raise ValueError(
            f"{printable(path)} is damaged or belongs to another model: it must hold folder, limit, held_out and seed "
            f"of the run, and the names of {num_classes} classes."
        )
    return config | {"data": data | {"class_names": [printable(name) for name in names]}}


def is_held_out_data(classifier: Classifier, data: str) -> bool:
    """Whether a run of `kgan transfer` learned from a part of `data`, and held out the rest."""
    folder = classifier.config.get("settings", {}).get("folder")
    return folder is not None and os.path.abspath(os.path.expanduser(data)) == folder


def _finite(bounds) -> tuple[float, float] | None:
    return tuple(bounds) if all(map(math.isfinite, bounds)) else None

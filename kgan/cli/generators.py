"""Exported generators, used through plain TensorFlow."""

import difflib
import os
import pathlib

import numpy as np
import tensorflow as tf

from kgan.layers import draw_latents

_BATCH = 256  # images made at a time, so that any number fits into memory
_LISTED = 50  # names of classes in an error


class Generator:
    """A SavedModel that `kgan.export.export_generator` wrote.

    Args:
        path: folder of a run, or of the SavedModel itself.

    Attributes:
        path: folder of the SavedModel.
        latent_dim: how many random numbers make an image.
        num_classes: number of classes; `None` without classes.
        class_names: list of their names, in the order of their ids; `None` if the export does not hold them.

    Raises:
        ValueError: if there is no such generator.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = _find(pathlib.Path(path).expanduser())
        try:
            self._loaded = tf.saved_model.load(str(self.path))
            inputs = self._loaded.signatures["serve"].structured_input_signature[1]
            self.latent_dim = inputs["latents"].shape[-1]
            self.num_classes = int(self._loaded.num_classes) or None
            names = getattr(self._loaded, "class_names", None)
            self.class_names = None if names is None else [name.decode() for name in names.numpy()]
        except (OSError, KeyError, AttributeError, tf.errors.OpError) as error:
            raise ValueError(f"{self.path} is no generator that kgan exported: {_first_line(error)}.") from None
        self._conditional = "labels" in inputs

    def latents(self, n: int, seed: int) -> np.ndarray:
        """The latent vectors from which `sample(n, seed)` makes its images, float32 of shape `(n, latent_dim)`."""
        return np.asarray(draw_latents(n, self.latent_dim, seed))

    def class_ids(self, text: str) -> list[int]:
        """The ids of classes that are given as `"cat"`, `"cat,dog"` or `"3,5"`.

        Where classes have names these come first: of folders called 10, 20 and 30, `"10"` is the first one, and
        their ids, which could be mistaken for names, are not taken.

        Raises:
            ValueError: for a class that is not there, with the right ones.
        """
        self._check_conditional()
        ids = [str(number) for number in range(self.num_classes)]
        names = self.class_names or ids
        if text in names:  # a name may hold a comma
            return [names.index(text)]
        parts = [part.strip() for part in text.split(",")]
        if names == ids and not all(part.isdecimal() for part in parts):
            raise ValueError(f"labels must be whole numbers with commas between them, such as 0,1,2, not {text!r}.")
        known = {} if all(name.isdecimal() for name in names) else {name: i for i, name in enumerate(ids)}
        known |= {name: i for i, name in enumerate(names)}
        for part in parts:
            if part in known:
                continue
            if names == ids:
                raise ValueError(f"{self.path} knows the classes 0 to {self.num_classes - 1}, not {part}.")
            near = difflib.get_close_matches(part, names, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            listed = ", ".join(names[:_LISTED]) + more
            raise ValueError(f"{self.path} knows no class {part!r}{hint}: its classes are {listed}.")
        return [known[part] for part in parts]

    def labels(self, n: int, wanted: list[int] | None) -> np.ndarray | None:
        """`n` class ids that take turns, of all classes or of those wanted; `None` without classes."""
        if not self._conditional:
            return None
        self._check_conditional()
        return np.resize(np.asarray(range(self.num_classes) if wanted is None else wanted, "int32"), n)

    def _check_conditional(self):
        if not self._conditional:
            raise ValueError(f"{self.path} was trained without classes: leave labels out.")
        if self.num_classes is None:
            raise ValueError(f"{self.path} does not tell how many classes it knows: export it again with num_classes.")

    def images(self, latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """uint8 images of latent vectors, and of labels if there are classes."""
        inputs = [latents] if labels is None else [latents, labels]
        parts = [[a[start : start + _BATCH] for a in inputs] for start in range(0, len(latents), _BATCH)]
        return np.concatenate([np.asarray(self._loaded.serve(*map(tf.constant, part))) for part in parts])


def _find(path: pathlib.Path) -> pathlib.Path:
    for folder in (path, path / "generator"):
        if (folder / "saved_model.pb").is_file():
            return folder
    if (path / "config.json").is_file():
        raise ValueError(
            f"{path} has no exported generator yet: kgan train --resume {path} finishes the run, or kgan export {path} "
            "exports its last checkpoint."
        )
    raise ValueError(
        f"{path} is neither the folder of a run nor of a SavedModel." if path.exists() else f"there is no {path}."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")

"""From a target and sensitive columns as people have them to numbers that a network can be trained on, and back."""

import dataclasses

import numpy as np

from kgan.tables import columns

# More different whole numbers than this in a sensitive column are a quantity or a mistake, rather than categories.
MANY_WHOLE_NUMBERS = 50


@dataclasses.dataclass(frozen=True)
class SensitiveColumn:
    """A sensitive column and its encoding: the place of a category in `categories`, or `(value - mean) / scale`."""

    name: str
    kind: str  # "binary", "categorical" or "continuous"
    categories: tuple = ()
    mean: float = 0.0
    scale: float = 1.0

    @classmethod
    def learn(cls, name: str, given) -> "SensitiveColumn":
        """Finds out what kind of column it is. Floating-point numbers of more than two values are continuous."""
        what = f"the sensitive column {name!r}"
        values = columns.as_column(given, what)
        found = columns.sorted_unique(values)
        if len(found) < 2:
            raise ValueError(f"{what} has the value {found[0]!r} in every row: there is nothing to hide, leave it out.")
        if len(found) == 2:
            return cls(name, "binary", found)
        if values.dtype.kind == "f" and not columns.is_category(given):
            numbers = values.astype("float64")
            return cls(name, "continuous", mean=float(numbers.mean()), scale=float(numbers.std()))
        if values.dtype.kind in "iu" and len(found) > MANY_WHOLE_NUMBERS and not columns.is_category(given):
            raise ValueError(
                f"{what} has {len(found)} different whole numbers: give it as floats if it is a quantity, or as "
                "strings if these are categories."
            )
        return cls(name, "categorical", found)

    @property
    def width(self) -> int:
        """How many outputs of the adversary belong to it."""
        return len(self.categories) if self.kind == "categorical" else 1

    def encode(self, given) -> np.ndarray:
        """`(n,)` float32."""
        what = f"the sensitive column {self.name!r}"
        values = columns.as_column(given, what)
        if self.kind == "continuous":
            if values.dtype.kind not in "fiub":
                raise ValueError(f"{what} held numbers in the first fit, but now holds {values.dtype}.")
            return ((values - self.mean) / self.scale).astype("float32")
        return columns.ids(values, self.categories, what).astype("float32")


@dataclasses.dataclass(frozen=True)
class Encoding:
    """What the first data told of the target and of the sensitive columns.

    Attributes:
        classes: the classes of the target, sorted.
        columns: a `SensitiveColumn` for each; none for a model without an adversary.
        prior: for each class of the target a row with the probabilities of the categories (of the second one if there
            are two) and the means of encoded numbers, column after column; the same in each row unless conditional.
        features: the names of the columns of x, if it was a data frame.
    """

    classes: tuple
    columns: tuple = ()
    prior: tuple = ()
    features: tuple | None = None

    @classmethod
    def learn(cls, labels: dict, *, conditional: bool, features=None) -> "Encoding":
        """Learns from all labels of the first data.

        Args:
            labels: `{"target": ..., "sensitive": ...}`.
            conditional: whether the prior is that within each class of the target.
            features: see above.
        """
        classes = columns.sorted_unique(columns.as_classes(labels["target"]))
        if len(classes) < 2:
            raise ValueError(f"the target has one class only, {classes[0]!r}: a classifier needs two or more.")
        given = columns.by_name(labels["sensitive"]) if "sensitive" in labels else {}
        learned = tuple(SensitiveColumn.learn(name, values) for name, values in given.items())
        encoding = cls(classes, learned, features=features)
        encoded = encoding.encode(labels)
        if not learned:
            return encoding
        outputs = np.concatenate([_as_outputs(c, encoded["sensitive"][:, i]) for i, c in enumerate(learned)], axis=1)
        rows = [outputs[encoded["target"] == i] if conditional else outputs for i in range(len(classes))]
        return dataclasses.replace(encoding, prior=tuple(tuple(of.mean(axis=0).tolist()) for of in rows))

    @property
    def width(self) -> int:
        """How many outputs the adversary has."""
        return sum(column.width for column in self.columns)

    def encode(self, labels: dict) -> dict:
        """`{"target": int32 (n,), "sensitive": float32 (n, columns)}`, the second only if there are such columns.

        Raises:
            ValueError: for labels that are missing, misaligned, or unlike those of the first data.
        """
        target = columns.ids(columns.as_classes(labels["target"]), self.classes, "the target").astype("int32")
        if not self.columns:
            return {"target": target}
        given = columns.by_name(labels["sensitive"])
        names = [column.name for column in self.columns]
        if set(given) != set(names):
            raise ValueError(f"the sensitive columns are {', '.join(given)}, but must be {', '.join(names)}.")
        for name, values in given.items():
            if len(values) != len(target):
                raise ValueError(
                    f"the target has {len(target)} rows, but the sensitive column {name!r} has {len(values)}: each row "
                    "needs one of both."
                )
        encoded = [column.encode(given[column.name]) for column in self.columns]
        return {"target": target, "sensitive": np.stack(encoded, axis=1)}

    def get_config(self) -> dict:
        # Lists throughout: Keras gives back no tuples that are nested in a config.
        return {
            "classes": list(self.classes),
            "columns": [{**dataclasses.asdict(c), "categories": list(c.categories)} for c in self.columns],
            "prior": [list(row) for row in self.prior],
            "features": None if self.features is None else list(self.features),
        }

    @classmethod
    def from_config(cls, config: dict) -> "Encoding":
        learned = [
            SensitiveColumn(**{**column, "categories": tuple(column["categories"])}) for column in config["columns"]
        ]
        prior, features = tuple(map(tuple, config["prior"])), config["features"]
        return cls(tuple(config["classes"]), tuple(learned), prior, None if features is None else tuple(features))


def _as_outputs(column: SensitiveColumn, encoded: np.ndarray) -> np.ndarray:
    """What an adversary that knows the column would put out, `(n, width)`; probabilities of categories."""
    if column.kind == "categorical":
        return np.eye(column.width)[encoded.astype(int)]
    return encoded[:, None].astype("float64")

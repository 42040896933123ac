"""Tables and their columns, from lists, arrays and pandas, as numpy arrays that are known to be complete."""

import numpy as np

from kgan.array_kinds import as_array, in_words

# Squares and their sums stay far inside float64 below this size.
LARGEST = 1e100


def is_frame(x) -> bool:
    """Whether `x` is a pandas data frame; pandas itself is not imported."""
    return hasattr(x, "iloc") and hasattr(x, "columns")


def is_category(values) -> bool:
    """Whether a pandas column says itself that it holds categories."""
    return str(getattr(values, "dtype", "")) == "category"


def as_matrix(frame) -> np.ndarray:
    """A data frame of numbers as float32 `(n, columns)`.

    Raises:
        ValueError: for a column that does not hold numbers, or has missing ones.
    """
    matrix = np.empty(frame.shape, "float32")
    for i, name in enumerate(frame.columns):
        column, what = frame.iloc[:, i], f"the column {str(name)!r} of x"
        refuse_missing(column, what)
        values = np.asarray(column)
        if values.dtype == object and not is_category(column):  # numbers that pandas keeps with a mask
            values = np.asarray(values.tolist())
        if values.dtype.kind not in "buif" or is_category(column):
            raise ValueError(
                f"{what} holds {column.dtype}, not numbers: turn it into columns of 0 and 1 first, with "
                "pandas.get_dummies or scikit-learn's OneHotEncoder."
            )
        with np.errstate(over="ignore"):  # what is too large for float32 is infinite there, and refused as such
            matrix[:, i] = values
    return matrix


def by_name(given) -> dict:
    """One column or several, `{name: column}`, from a dict, a data frame, a pandas series or an array."""
    if isinstance(given, dict):
        named = {str(name): values for name, values in given.items()}
    elif is_frame(given):
        named = {str(name): given.iloc[:, i] for i, name in enumerate(given.columns)}
        if len(named) < given.shape[1]:
            raise ValueError(
                f"two sensitive columns have one name, of {', '.join(map(str, given.columns))}: rename one."
            )
    elif hasattr(given, "iloc"):
        named = {str(given.name or "sensitive"): given}
    else:
        array = as_array(given, "the sensitive columns")
        if array.ndim == 2 and array.shape[1] > 1:
            named = {f"sensitive_{i}": array[:, i] for i in range(array.shape[1])}
        elif array.ndim in (1, 2):
            named = {"sensitive": array}
        else:
            raise ValueError(
                f"the sensitive columns must be (n,), (n, columns), a data frame or a dict, got shape {array.shape}."
            )
    if not named:
        raise ValueError("there are no sensitive columns: give at least one.")
    return named


def as_column(values, what: str) -> np.ndarray:
    """`(n,)` bools, whole numbers, finite floats or strings.

    Raises:
        ValueError: for anything else, and for missing values.
    """
    as_array(values, what)
    refuse_missing(values, what)
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{what} must hold one value per row, shape (n,), got shape {array.shape}.")
    if array.dtype == object:
        array = _from_objects(array, what)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    array = np.array(array.tolist()) if array.dtype.kind == "T" else array  # text of any length, as NumPy's StringDType
    if array.dtype.kind not in "buifU":
        raise ValueError(f"{what} must hold numbers or strings, not {in_words(array.dtype)}.")
    if array.dtype.kind == "f" and np.abs(array).max() > LARGEST:
        raise ValueError(f"{what} holds numbers beyond {LARGEST:g}, whose squares cannot be computed: scale it down.")
    return array


def as_classes(values) -> np.ndarray:
    """A target: one class per row."""
    shape = as_array(values, "the target").shape
    if len(shape) == 2 and shape[1] > 1:
        raise ValueError(
            f"the target must hold one class per row, shape (n,), got shape {shape}: np.argmax(target, axis=1) makes "
            "classes of one-hot rows."
        )
    array = as_column(values, "the target")
    if array.dtype.kind == "f" and np.any(array != np.floor(array)):
        raise ValueError(f"the target must hold classes, but {array[array != np.floor(array)][0]:g} is not one.")
    return array


def refuse_missing(values, what: str):
    """NaN, None and pandas' NA and NaT are missing; infinite numbers cannot be used either."""
    if hasattr(values, "isna"):
        missing = np.asarray(values.isna())
    else:
        array = np.asarray(values)
        if array.dtype.kind == "U" and not hasattr(values, "dtype"):
            array = np.array(values, dtype=object)  # as it was given: NumPy has made strings of what is missing
        missing = np.zeros(len(array) if array.ndim else 1, bool)
        if array.dtype.kind == "U":
            missing = (array == "nan").ravel()
        elif array.dtype.kind in "OT":
            missing = np.array([value is None or value != value for value in array.ravel()], bool)
    array = np.asarray(values)
    if array.dtype.kind == "f":
        missing = ~np.isfinite(array)
    if missing.any():
        raise ValueError(
            f"{what} has {int(missing.sum())} missing or infinite values, the first in row "
            f"{int(np.argwhere(missing)[0][0])}: fill them in or leave these rows out."
        )


def _from_objects(array, what):
    kinds = {"strings" if isinstance(value, str | bytes) else type(value).__name__ for value in array}
    if "strings" in kinds:
        if len(kinds) > 1:
            raise ValueError(f"{what} mixes {' and '.join(sorted(kinds))}: give all of its values one type.")
        return np.array([value.decode() if isinstance(value, bytes) else value for value in array])
    return np.array(array.tolist())


def sorted_unique(values: np.ndarray) -> tuple:
    """The different values of a column, as Python's own types."""
    return tuple(np.unique(values).tolist())


def ids(values: np.ndarray, categories: tuple, what: str) -> np.ndarray:
    """The place of each value in `categories`.

    Raises:
        ValueError: for a value that is not one of them.
    """
    found, inverse = np.unique(values, return_inverse=True)
    place = {category: i for i, category in enumerate(categories)}
    unknown = [value for value in found.tolist() if value not in place]
    if unknown:
        known = ", ".join(map(repr, categories[:5])) + (", ..." if len(categories) > 5 else "")
        raise ValueError(f"{what} holds {unknown[0]!r}, which the data of the first fit did not: it had {known}.")
    return np.array([place[value] for value in found.tolist()])[inverse]

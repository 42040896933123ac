"""Columns of tables as arrays, against the same columns by hand and by pandas."""

import numpy as np
import pandas as pd
import pytest

from kgan.tables import columns


def test_a_frame_becomes_a_matrix_as_pandas_makes_it():
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, -1.5], "c": [True, False], 4: np.array([7, 8], "uint8")})
    matrix = columns.as_matrix(frame)
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, frame.astype("float32").to_numpy())
    masked = pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": pd.array([True, False], "boolean")})
    np.testing.assert_array_equal(columns.as_matrix(masked), [[1, 1], [2, 0]])


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (["x", "y"], "'a' of x holds .*, not numbers: turn it into columns of 0 and 1 first"),
        (pd.Categorical([1, 2]), "'a' of x holds category, not numbers"),
        ([1.0, None], "'a' of x has 1 missing or infinite values, the first in row 1"),
        ([np.inf, np.nan], "'a' of x has 2 missing or infinite values, the first in row 0"),
        (pd.array([pd.NA, 2], "Int64"), "'a' of x has 1 missing .* the first in row 0"),
        (pd.to_datetime(["2020", "2021"]), "'a' of x holds datetime.*, not numbers"),
    ],
)
def test_a_frame_of_something_else_is_refused_by_the_name_of_the_column(column, sentence):
    with pytest.raises(ValueError, match=f"^the column {sentence}"):
        columns.as_matrix(pd.DataFrame({"good": [1, 2], "a": column}))


def test_columns_have_names_wherever_they_come_from():
    values = np.arange(6).reshape(3, 2)
    for given, names in (
        ({"a": values[:, 0], 7: values[:, 1]}, ["a", "7"]),
        (pd.DataFrame(values, columns=["a", "b"]), ["a", "b"]),
        (values, ["sensitive_0", "sensitive_1"]),
        (values.tolist(), ["sensitive_0", "sensitive_1"]),
    ):
        found = columns.by_name(given)
        assert list(found) == names
        np.testing.assert_array_equal(np.stack(list(found.values()), axis=1), values)
    for given, name in (
        (values[:, 0], "sensitive"),
        (values[:, :1], "sensitive"),
        (pd.Series(values[:, 0]), "sensitive"),
        (pd.Series(values[:, 0], name="sex"), "sex"),
    ):
        ((found, column),) = columns.by_name(given).items()
        assert found == name and np.ravel(column).tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "there are no sensitive columns"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two sensitive columns have one name, of a, a"),
        ([[1], [1, 2]], "the sensitive columns must be one array, but its rows have different lengths"),
    ],
)
def test_what_is_no_set_of_columns_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        columns.by_name(given)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3, 1], np.array([3, 1])),
        ([True, False], np.array([True, False])),
        ([0.5, -1e99], np.array([0.5, -1e99])),
        ([[3], [1]], np.array([3, 1])),
        (["a", "nan"], None),
        (np.array(["a", "b"]), np.array(["a", "b"])),
        (["a", "b"], np.array(["a", "b"])),
        ([b"a", "ä".encode()], np.array(["a", "ä"])),
        (np.array(["a", b"b"], object), np.array(["a", "b"])),
        (np.array([1, 2], object), np.array([1, 2])),
        (np.array(["a", "b"], np.dtypes.StringDType()), np.array(["a", "b"])),
        (pd.Series(["a", "b"], dtype="category"), np.array(["a", "b"])),
    ],
)
def test_a_column_of_any_kind_is_a_plain_array(values, expected):
    found = columns.as_column(values, "it")
    expected = np.array(values) if expected is None else expected  # a name may be "nan" where all are given as text
    assert found.dtype.kind == expected.dtype.kind
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1.0, np.nan, 3.0, np.inf], "it has 2 missing or infinite values, the first in row 1"),
        (["a", None], "it has 1 missing .* the first in row 1"),
        (["a", float("nan")], "it has 1 missing .* the first in row 1"),  # which NumPy makes the text "nan" of
        (np.array(["nan", "a"]), "it has 1 missing .* the first in row 0"),
        (pd.Series(["a", pd.NA]), "it has 1 missing .* the first in row 1"),
        (np.array(["a", np.nan], np.dtypes.StringDType(na_object=np.nan)), "it has 1 missing .* the first in row 1"),
        (np.array(["a", 1], object), "it mixes int and strings: give all of its values one type"),
        (np.zeros((2, 2)), r"must hold one value per row, shape \(n,\), got shape \(2, 2\)"),
        (np.zeros(0), r"got shape \(0,\)"),
        (np.float64(3), r"got shape \(\)"),
        (np.array([1j]), "it must hold numbers or strings, not complex numbers"),
        (np.array(["2020"], "datetime64[Y]"), "not dates"),
        ([1e101, 0.0], r"it holds numbers beyond 1e\+100, whose squares cannot be computed"),
    ],
)
def test_what_is_no_column_is_refused(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        columns.as_column(values, "it")


def test_classes_are_whole():
    assert columns.as_classes([2.0, 1.0]).tolist() == [2.0, 1.0] and columns.as_classes(["a"]).tolist() == ["a"]
    with pytest.raises(ValueError, match="the target must hold classes, but 1.5 is not one"):
        columns.as_classes([2.0, 1.5])
    with pytest.raises(ValueError, match=r"got shape \(3, 3\): np.argmax\(target, axis=1\)"):
        columns.as_classes(np.eye(3))


def test_ids_are_places_among_the_categories():
    categories = columns.sorted_unique(np.array(["b", "c", "a", "b"]))
    assert categories == ("a", "b", "c") and {type(name) for name in categories} == {str}
    values = np.array(list("cabba"))
    found = columns.ids(values, categories, "it")
    assert [categories[i] for i in found] == list(values)
    with pytest.raises(ValueError, match="it holds 'd', which the data of the first fit did not: it had 'a', 'b', 'c'"):
        columns.ids(np.array(["a", "d"]), categories, "it")
    with pytest.raises(ValueError, match="holds 9, .*: it had 0, 1, 2, 3, 4, [.]{3}[.]$"):
        columns.ids(np.array([9]), tuple(range(7)), "it")

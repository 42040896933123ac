"""What `FairClassifier` makes of targets and sensitive columns of all kinds, and which it refuses."""

import json

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from kgan.models.fair_classifier import FairClassifier
from kgan.tables.sensitive import Encoding

N = 12
X = np.arange(N * 2.0).reshape(N, 2)
Y = np.array([0, 1] * 6)
S = np.array(list("aabbcc") * 2)
EXAMPLES = tf.data.Dataset.from_tensor_slices((X, {"target": Y, "sensitive": S}))


def read(x=X, target=Y, sensitive=S, model=None):
    """The arrays that the players would get, and the model that read them."""
    model = model or FairClassifier()
    data, _ = model.read_data(x, {"target": target, "sensitive": sensitive})
    return data, model


def encoded(sensitive, **options):
    (_, labels), model = read(sensitive=sensitive, **options)
    return labels["sensitive"].T.tolist(), [c["kind"] for c in model.get_config()["encoding"]["columns"]]


@pytest.mark.parametrize(
    ("column", "kind", "numbers"),
    [
        (["m", "f"] * 6, "binary", [1, 0] * 6),
        (np.array([True, False] * 6), "binary", [1, 0] * 6),
        (np.array([7.5, -1.0] * 6), "binary", [1, 0] * 6),
        (np.array([5, 3, 9] * 4), "categorical", [1, 0, 2] * 4),
        (np.array([5, 3, 9] * 4, dtype=object), "categorical", [1, 0, 2] * 4),
        (np.array([b"x", b"z", b"y"] * 4), "categorical", [0, 2, 1] * 4),
        (np.array(list("xzy") * 4)[:, None], "categorical", [0, 2, 1] * 4),
        (pd.Series(["x", "z", "y"] * 4), "categorical", [0, 2, 1] * 4),
        (pd.Series([2.5, 1.5, 3.5] * 4).astype("category"), "categorical", [1, 0, 2] * 4),
        (pd.Series([2, 1, 3] * 4, dtype="Int64"), "categorical", [1, 0, 2] * 4),
        (tf.constant(["x", "z", "y"] * 4), "categorical", [0, 2, 1] * 4),
        (np.array([1.0, 2.0, 3.0] * 4), "continuous", [-np.sqrt(1.5), 0, np.sqrt(1.5)] * 4),
    ],
)
def test_columns_of_every_kind_become_numbers(column, kind, numbers):
    got, kinds = encoded(column)
    np.testing.assert_allclose(got, [numbers], atol=1e-6)
    assert kinds == [kind]


@pytest.mark.parametrize(
    "several",
    [
        {"sex": ["m", "f"] * 6, "age": np.linspace(20, 60, N)},
        pd.DataFrame({"sex": ["m", "f"] * 6, "age": np.linspace(20, 60, N)}),
        np.c_[[1.0, 0.0] * 6, np.linspace(20, 60, N)],
    ],
)
def test_several_columns_come_as_a_dict_a_frame_or_an_array(several):
    (sex, age), kinds = encoded(several)
    assert kinds == ["binary", "continuous"] and sex == [1, 0] * 6
    np.testing.assert_allclose([np.mean(age), np.std(age)], [0, 1], atol=1e-6)
    assert np.all(np.diff(age) > 0)


@pytest.mark.parametrize(
    ("target", "classes"),
    [
        (np.array([3, 1] * 6), [1, 3]),
        (np.array([3.0, 1.0, 2.0] * 4), [1, 2, 3]),
        (["no", "yes"] * 6, ["no", "yes"]),
        (pd.Series(["no", "yes"] * 6, dtype="category"), ["no", "yes"]),
        ([True, False] * 6, [False, True]),
        (np.array([3, 1] * 6)[:, None], [1, 3]),
    ],
)
def test_targets_of_every_kind_become_class_ids(target, classes):
    (_, labels), model = read(target=target)
    assert labels["target"].dtype == np.int32
    np.testing.assert_array_equal(model.classes_, classes)
    np.testing.assert_array_equal(model.classes_[labels["target"]], np.ravel(target))


def test_later_data_are_read_as_the_first_were():
    _, model = read(sensitive={"s": S, "age": np.arange(12.0)})
    (_, labels), _ = read(X[:2], [1, 1], {"age": [11.0, 5.5], "s": ["c", "b"]}, model)
    np.testing.assert_allclose(labels["sensitive"], [[2, 5.5 / np.std(np.arange(12.0))], [1, 0]], rtol=1e-6)
    assert labels["target"].tolist() == [1, 1]


def test_an_encoding_reads_alike_after_a_file():
    _, model = read(sensitive={"s": S, "age": np.arange(12.0)}, model=FairClassifier(equalised_odds=True))
    config = model.get_config()["encoding"]
    again = Encoding.from_config(json.loads(json.dumps(config)))
    later = {"target": [1, 1], "sensitive": {"age": [11.0, 5.5], "s": ["c", "b"]}}
    (_, expected), _ = read(X[:2], **later, model=model)
    np.testing.assert_array_equal(again.encode(later)["sensitive"], expected["sensitive"])
    np.testing.assert_array_equal(again.encode(later)["target"], [1, 1])
    assert again.get_config() == config and np.shape(again.prior) == (2, 4)
    with pytest.raises(ValueError, match="column 's' holds 'd', which the data of the first fit did not"):
        again.encode(later | {"sensitive": {"age": [1.0, 2.0], "s": ["c", "d"]}})


def test_frames_of_numbers_become_matrices():
    frame = pd.DataFrame({"age": np.arange(12), "rich": [True, False] * 6, "n": pd.array(range(12), dtype="Int64")})
    (x, _), model = read(frame)
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, np.c_[np.arange(12), [1, 0] * 6, np.arange(12)])
    with pytest.raises(ValueError, match=r"columns of the first fit, in their order \(age, rich, n\), but it has 'n'"):
        read(frame[["age", "n", "rich"]], model=model)
    with pytest.raises(ValueError, match="but it has '2 columns' instead"):
        read(frame[["age", "rich"]], model=model)


def nan_at(row, values):
    values = np.array(values, "float64")
    values[row] = np.nan
    return values


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sensitive": ["a"] * N}, "the sensitive column 'sensitive' has the value 'a' in every row"),
        ({"sensitive": {"sex": S, "age": nan_at(5, range(N))}}, "column 'age' has 1 missing .* the first in row 5"),
        ({"sensitive": pd.DataFrame({"s": ["a", None] * 6})}, "column 's' has 6 missing .* the first in row 1"),
        ({"sensitive": pd.Series([1, pd.NA, 2] * 4, dtype="Int64")}, "4 missing or infinite values"),
        ({"sensitive": np.array(["a", None, 1] * 4, object)}, "4 missing or infinite values"),
        ({"sensitive": np.array(["a", 1, 2] * 4, object)}, "mixes int and strings"),
        ({"sensitive": np.array(["2020-01-01", "2020-01-02"] * 6, "datetime64[D]")}, "must hold numbers or strings"),
        ({"sensitive": S[:-1]}, "the target has 12 rows, but the sensitive column 'sensitive' has 11"),
        ({"sensitive": np.zeros((N, 2, 2))}, r"must be \(n,\), \(n, columns\), a data frame or a dict, got shape"),
        ({"sensitive": {}}, "there are no sensitive columns"),
        ({"target": [1] * N}, "the target has one class only, 1"),
        ({"target": Y[:-1], "sensitive": S[:-1]}, "x has 12 rows, but the target has 11"),
        ({"target": nan_at(3, Y)}, "the target has 1 missing or infinite values, the first in row 3"),
        ({"target": np.eye(3)[[0, 1, 2] * 4]}, r"got shape \(12, 3\): np.argmax"),
        ({"target": np.linspace(0, 1, N)}, "must hold classes, but 0.0909091 is not one"),
        ({"x": np.array([["a", "b"]] * N)}, "x holds text, not numbers: turn strings"),
        ({"x": pd.DataFrame({"a": range(N), "job": ["x", "y"] * 6})}, "the column 'job' of x holds .*get_dummies"),
        ({"x": pd.DataFrame({"a": nan_at(2, range(N))})}, "the column 'a' of x has 1 missing .* row 2"),
        ({"x": nan_at(2, X)}, "NaN or infinite"),
    ],
)
def test_data_that_cannot_be_used_are_refused_in_a_sentence(changes, sentence):
    model = FairClassifier()
    with pytest.raises(ValueError, match=sentence):
        read(**changes, model=model)
    assert model.get_config()["encoding"] is None


def test_many_whole_numbers_are_a_quantity_or_categories():
    ages = np.arange(60)
    changes = {"x": np.zeros((60, 2)), "target": ages % 2}
    with pytest.raises(ValueError, match="has 60 different whole numbers: give it as floats"):
        read(**changes, sensitive=ages)
    assert encoded(ages.astype(float), **changes)[1] == ["continuous"]
    assert encoded(ages.astype(str), **changes)[1] == ["categorical"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"target": [0, 2]}, "the target holds 2, which the data of the first fit did not: it had 0, 1"),
        ({"sensitive": {"s": ["a", "d"], "age": [1.0, 2.0]}}, "column 's' holds 'd', which the data of the first fit"),
        ({"sensitive": {"s": ["a", "b"]}}, "the sensitive columns are s, but must be s, age"),
        ({"sensitive": {"s": ["a", "b"], "age": ["old", "young"]}}, "held numbers in the first fit, but now holds <U5"),
    ],
)
def test_later_data_unlike_the_first_are_refused(changes, sentence):
    _, model = read(sensitive={"s": S, "age": np.arange(12.0)})
    later = {"x": X[:2], "target": [0, 1], "sensitive": {"s": ["a", "b"], "age": [1.0, 2.0]}}
    with pytest.raises(ValueError, match=sentence):
        read(**later | changes, model=model)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((X,), r'fit\(x, {"target": y, "sensitive": s}\), but the labels are nothing'),
        ((X, Y), "but the labels are ndarray"),
        ((X, {"target": Y}), "must have the keys 'target' and 'sensitive'.* but they have 'target'"),
        ((X, {"target": Y, "sensitive": S, "weight": Y}), "but they have 'target', 'sensitive', 'weight'"),
        (([[1.0, 2.0]] * N, {"target": Y, "sensitive": S}), "data must be arrays"),
        ((tf.data.Dataset.from_tensor_slices(X).batch(4),), "the dataset must give pairs"),
        ((tf.data.Dataset.from_tensor_slices((X, Y)).batch(4),), "but the labels are TensorSpec"),
        ((EXAMPLES,), "single examples: call .batch"),
        ((EXAMPLES.batch(4).repeat(),), "repeats for ever"),
        ((EXAMPLES.batch(4).take(0),), "is empty"),
    ],
)
def test_fit_refuses_what_is_no_pair_of_x_and_labels(arguments, sentence):
    model = FairClassifier()
    model.compile()
    with pytest.raises(ValueError, match=sentence):
        model.fit(*arguments, verbose=0)


@pytest.mark.slow
def test_validation_data_and_inputs_are_checked_before_any_training():
    model = FairClassifier()
    model.compile()
    labels = {"target": Y, "sensitive": S}
    for given, sentence in (
        ((X, Y), "but the labels are ndarray"),
        ((X[:, :1], labels), r"x must have shape \(n, 2\), as the network takes it, but has \(n, 1\)"),
        ((X, labels | {"sensitive": ["z"] * N}), "holds 'z'"),
    ):
        with pytest.raises(ValueError, match=sentence):
            model.fit(X, labels, validation_data=given, batch_size=4, verbose=0)
    assert model.rounds == 0
    model.fit(X, labels, validation_data=(X, labels), batch_size=4, verbose=0)
    for use in (model.predict, model.transform):
        with pytest.raises(ValueError, match="x must have shape"):
            use(X[:, :1])
        with pytest.raises(ValueError, match="NaN"):
            use(nan_at(0, X))


def test_a_column_that_the_probabilities_of_two_devices_would_hide():
    """Frequencies are those of all rows, and with equalised odds those within each class."""
    sensitive = {"s": S, "m": np.array([1, 0, 0, 0] * 3)}
    for conditional in (False, True):
        model = FairClassifier(equalised_odds=conditional)
        read(sensitive=sensitive, model=model)
        for row, c in zip(model.get_config()["encoding"]["prior"], (0, 1), strict=True):
            rows = Y == c if conditional else np.full(N, True)
            expected = [*(np.mean(S[rows] == v) for v in "abc"), np.mean(sensitive["m"][rows])]
            np.testing.assert_allclose(row, expected)


def test_keras_resolves_the_model_by_name():
    assert keras.saving.get_registered_name(FairClassifier) == "kgan>FairClassifier"


@pytest.mark.slow
def test_validation_split_is_the_same_as_the_last_rows_given_as_validation_data():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    target = np.where(x[:, 0] > 0, "hi", "lo")
    sensitive = {"age": 40 + 10 * x[:, 1].astype("float64"), "sex": np.where(x[:, 2] > 0, 2, 1)}
    logs = []
    for split in (True, False):
        model = FairClassifier(seed=0)
        model.compile("sgd", "sgd")
        labels = {"target": target, "sensitive": sensitive}
        part = {"target": target[48:], "sensitive": {name: of[48:] for name, of in sensitive.items()}}
        if split:
            found = model.fit(x, labels, validation_split=0.25, batch_size=16, verbose=0).history
        else:
            model.read_data(x, labels)  # the same data decide the encoding
            first = {"target": target[:48], "sensitive": {name: of[:48] for name, of in sensitive.items()}}
            found = model.fit(x[:48], first, validation_data=(x[48:], part), batch_size=16, verbose=0).history
        logs.append({name: values for name, values in found.items() if name.startswith("val_adversary")})
    assert len(logs[0]) >= 2 and logs[0].keys() == logs[1].keys()
    for name in logs[0]:
        np.testing.assert_allclose(logs[0][name], logs[1][name], rtol=1e-5)


@pytest.mark.parametrize("given", [list, np.array])
def test_missing_strings_are_refused(given):
    x = np.zeros((6, 2), "float32")
    holes = given(["a", "a", float("nan"), "b", "b", "b"])
    for labels in ({"target": [0, 1] * 3, "sensitive": holes}, {"target": holes, "sensitive": [0, 1] * 3}):
        model = FairClassifier()
        model.compile()
        with pytest.raises(ValueError, match="1 missing or infinite values, the first in row 2"):
            model.fit(x, labels, batch_size=2)


@pytest.mark.slow
def test_data_that_cannot_be_used_decide_nothing():
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    model = FairClassifier(seed=0)
    with pytest.raises(ValueError, match="compile"):
        model.fit(x, {"target": ["a", "b"] * 16, "sensitive": ["c", "d"] * 16})
    model.compile()
    with pytest.raises(ValueError, match="without an encoder x must be a table"):
        model.fit(np.zeros((32, 4, 4, 1)), {"target": ["a", "b"] * 16, "sensitive": ["c", "d"] * 16})
    with pytest.raises(ValueError, match="call fit first"):
        model.predict(x)
    model.fit(x, {"target": [0, 1] * 16, "sensitive": [3, 4] * 16}, batch_size=8, verbose=0)
    assert model.classes_.tolist() == [0, 1]


@pytest.mark.slow
def test_numbers_of_numpy_are_numbers():
    model = FairClassifier(alpha=np.float32(0.5), warmup_steps=np.int64(3))
    model.compile(adversary_steps=np.int64(2))
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    model.fit(x, {"target": [0, 1] * 16, "sensitive": [3, 4] * 16}, batch_size=8, verbose=0)
    assert model.rounds == 2


@pytest.mark.slow
def test_a_model_that_was_compiled_and_not_fitted_is_so_after_loading(tmp_path, assert_same_weights):
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    model = FairClassifier(seed=0)
    model.compile(keras.optimizers.SGD(0.5), "rmsprop", adversary_steps=2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for one in (model, loaded):
        one.fit(x, {"target": [0, 1] * 16, "sensitive": [3, 4] * 16}, batch_size=8, verbose=0)
    assert loaded.optimizers["classifier"].learning_rate == 0.5 and loaded.steps["adversary"] == 2
    assert_same_weights(model, loaded)


@pytest.mark.slow
def test_later_batches_of_a_dataset_that_hold_something_new_are_named_in_a_sentence():
    x = np.random.default_rng(0).normal(size=(32, 2)).astype("float32")
    labels = {"target": np.array([0, 1] * 16), "sensitive": np.array(["c", "d"] * 16)}
    new = {"target": labels["target"], "sensitive": np.array(["c"] * 31 + ["e"])}
    first, second = (tf.data.Dataset.from_tensor_slices((x, of)).batch(8) for of in (labels, new))
    model = FairClassifier(seed=0)
    model.compile()
    model.fit(first, verbose=0)
    for use in (lambda: model.fit(second, verbose=0), lambda: model.evaluate(second, verbose=0)):
        with pytest.raises(ValueError, match=r"^the sensitive column 'sensitive' holds 'e', which [^\n]*$"):
            use()
    with pytest.raises(ValueError, match=r"^the sensitive column 'sensitive' holds 'e', which [^\n]*$"):
        model.fit(first, validation_data=second, verbose=0)


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame([[0, 1], [1, 0]] * 8, columns=["sex", "sex"])
    model = FairClassifier()
    model.compile()
    with pytest.raises(ValueError, match="two sensitive columns have one name"):
        model.fit(np.zeros((16, 2)), {"target": [0, 1] * 8, "sensitive": frame})

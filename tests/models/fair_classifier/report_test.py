"""`FairClassifier.report`: the numbers of the model's own outputs, on labels as people have them."""

import numpy as np
import pytest
import tensorflow as tf
from fairlearn.metrics import demographic_parity_difference

import kgan

RNG = np.random.default_rng(0)
SEX = RNG.choice(["f", "m"], 600)
X = np.stack([RNG.normal(size=600), (SEX == "m") + 0.5 * RNG.normal(size=600), RNG.normal(size=600)], 1).astype(
    "float32"
)
INCOME = np.where(X[:, 0] + X[:, 1] + 0.3 * X[:, 2] > 0.5, ">50K", "<=50K")
LABELS = {"target": INCOME, "sensitive": {"sex": SEX}}


@pytest.fixture(scope="module")
def model():
    model = kgan.FairClassifier(alpha=0, seed=0)
    model.compile("adam")
    model.fit(X[:300], {"target": INCOME[:300]}, batch_size=50, epochs=10, verbose=0)
    return model


@pytest.fixture(scope="module")
def report(model):
    return model.report(X, LABELS)


def test_it_tells_what_the_predictions_are_like(model, report):
    predicted = np.array(["<=50K", ">50K"])[model.predict(X, verbose=0).argmax(axis=1)]
    assert report.accuracy.value == np.mean(predicted == INCOME) > 0.9
    parity = demographic_parity_difference(INCOME, predicted == ">50K", sensitive_features=SEX)
    np.testing.assert_allclose(report.differences["sex"].demographic_parity.value, parity)


def test_fresh_probes_read_the_representation_and_the_prediction(model, report):
    found = {(of.name, of.probe): of.auc.value for of in report.leakage}
    direct = kgan.metrics.leakage(model.transform(X), {"sex": SEX}, name="representation")
    assert [of for of in report.leakage if of.name == "representation"] == direct
    # Nothing was hidden: sex can be told from x at 0.92 (two normals that are two deviations apart).
    assert found["representation", "linear"] > 0.85 and found["representation", "trees"] > 0.8
    assert 0.6 < found["prediction", "linear"] < found["representation", "linear"]


def test_a_dataset_in_any_order_gives_the_same_differences(model, report):
    dataset = tf.data.Dataset.from_tensor_slices((X, LABELS)).shuffle(600, seed=0).batch(64)
    of_dataset = model.report(dataset)
    assert of_dataset.accuracy == report.accuracy and of_dataset.differences == report.differences


@pytest.mark.parametrize(
    ("x", "labels", "sentence"),
    [
        (X[:500], LABELS, "x has 500 rows, but the target has 600"),
        (X, {"target": INCOME}, "must have the keys 'target' and 'sensitive'"),
        (X, {"target": INCOME, "sensitive": {"sex": SEX[:10]}}, "'sex' has 10 rows"),
        (X, {"target": INCOME, "sensitive": {"sex": ["f"] * 600}}, "has the value 'f' in every row"),
        (X, {"target": np.where(X[:, 0] > 0, "rich", "poor"), "sensitive": SEX}, "holds 'poor', which"),
        (X[:, :2], LABELS, "x must have shape"),
    ],
)
def test_what_cannot_be_reported_is_refused_before_any_work(model, monkeypatch, x, labels, sentence):
    monkeypatch.setattr(model, "predict", lambda *args, **kwargs: pytest.fail("predicted before it checked"))
    with pytest.raises(ValueError, match=sentence):
        model.report(x, labels)


def test_a_model_that_has_not_learned_the_classes_says_so():
    with pytest.raises(ValueError, match="call fit first"):
        kgan.FairClassifier().report(X, LABELS)

"""`SKLearnFairClassifier` as scikit-learn sees it."""

import pickle
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import sklearn
import tensorflow as tf
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from kgan.models.fair_classifier import FairClassifier, SKLearnFairClassifier

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
S = np.where(X[:, 1] > 0, "a", "b")
Y = np.where(X[:, 0] > 0, "yes", "no")


def make(**settings):
    return SKLearnFairClassifier(**{"epochs": 3, "batch_size": 20, "random_state": 0, **settings})


@pytest.fixture
def eager():
    """Without compiling: for many short trainings that takes longer than the steps themselves."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


SGD = {"class_name": "SGD", "config": {"learning_rate": 0.2}}
FEW_STEPS = {"optimizer": SGD, "epochs": 1, "batch_size": 8}


class WithASensitiveColumn(SKLearnFairClassifier):
    """Hides a column that it draws from X, because scikit-learn's checks pass none to `fit`.

    It is the third decimal of the first column, odd or even: one that told the class would cost the accuracy that
    `check_classifiers_train` asks for, rightly.
    """

    def fit(self, X, y, sensitive_features=None):
        return super().fit(X, y, self.column(X) if sensitive_features is None else sensitive_features)

    @staticmethod
    def column(X):
        try:
            first = np.asarray(X, "float64")[:, 0]
            odd = np.floor(1000 * first) % 2
            return odd if 0 < odd.sum() < len(odd) else np.arange(len(first)) % 2
        except (TypeError, ValueError, IndexError):  # what the checks expect fit to refuse for itself
            return np.arange(2)


def run_all_checks(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail="raise")
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert len(results) > 50 and "check_classifiers_train" in passed
    # The array API is for estimators that compute with it; these networks run in TensorFlow.
    assert {result["check_name"] for result in results} - passed <= {"check_array_api_input"}


@pytest.mark.slow
def test_scikit_learns_own_checks_pass(eager):
    run_all_checks(make(alpha=0, **FEW_STEPS))


@pytest.mark.slow
def test_scikit_learns_own_checks_pass_with_a_sensitive_column(eager):
    run_all_checks(WithASensitiveColumn(alpha=0.5, random_state=0, on="prediction", **FEW_STEPS))


@pytest.mark.slow
def test_it_is_the_model_with_the_same_settings():
    adam = keras.optimizers.Adam(0.01)
    ours = make(
        alpha=0.5, objective="uniform", optimizer=adam, adversary_optimizer="adam", adversary_steps=np.int64(2)
    ).fit(X, Y, S)
    model = FairClassifier(alpha=0.5, objective="uniform", seed=ours.model_.seed)
    model.compile(keras.optimizers.Adam(0.01), "adam", adversary_steps=2)
    history = model.fit(X, {"target": Y, "sensitive": S}, batch_size=20, epochs=3, verbose=0).history
    assert ours.history_ == history and not adam.built
    np.testing.assert_allclose(ours.predict_proba(X), model.predict(X, verbose=0), atol=1e-6)
    np.testing.assert_allclose(ours.transform(X), model.transform(X), atol=1e-6)
    np.testing.assert_array_equal(ours.predict(X), ours.classes_[model.predict(X, verbose=0).argmax(axis=1)])
    assert ours.score(X, Y) == np.mean(ours.predict(X) == Y)
    names = ours.get_feature_names_out()
    assert len(names) == ours.transform(X).shape[1] and names[0] == "sklearnfairclassifier0"


@pytest.mark.slow
def test_it_works_in_a_pipeline_with_frames():
    frame = pd.DataFrame(X, columns=list("abcd"))
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), make())
    pipeline.fit(frame, Y, sklearnfairclassifier__sensitive_features=pd.DataFrame({"s": S, "age": X[:, 2]}))
    assert set(pipeline.predict(frame)) <= {"yes", "no"} and pipeline.score(frame, Y) > 0.6
    assert "adversary_accuracy_s" in pipeline[-1].history_
    with pytest.raises(ValueError, match="feature names"):
        pipeline[-1].predict(frame[["b", "a", "c", "d"]])
    frame["job"] = "clerk"
    with pytest.raises(ValueError, match="the column 'job' of x holds"):
        make().fit(frame, Y, S)


@pytest.mark.slow
def test_metadata_routing_brings_the_sensitive_features_to_every_fold(monkeypatch):
    got = []
    fit = SKLearnFairClassifier.fit

    def noting(self, X, y, sensitive_features=None):
        got.append((X, sensitive_features))
        return fit(self, X, y, sensitive_features)

    monkeypatch.setattr(SKLearnFairClassifier, "fit", noting)
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = make(epochs=1).set_fit_request(sensitive_features=True)
        scores = cross_val_score(estimator, X, Y, cv=2, params={"sensitive_features": S})
        pipeline = make_pipeline(StandardScaler(), estimator)
        search = GridSearchCV(pipeline, {"sklearnfairclassifier__alpha": [0.1, 1.0]}, cv=2)
        search.fit(X, Y, sensitive_features=S)
    assert scores.shape == (2,) and np.isfinite(scores).all()
    assert search.predict(X).shape == (200,) and len(got) == 2 + 4 + 1
    for x, sensitive in got:  # each row with its own: "a" where the second column is positive
        above = x[:, 1] > np.sort(x[:, 1])[(sensitive == "b").sum() - 1]  # scaled or not
        np.testing.assert_array_equal(sensitive == "a", above)
    with sklearn.config_context(enable_metadata_routing=True), pytest.raises(ValueError, match="sensitive_features"):
        cross_val_score(make(epochs=1), X, Y, cv=2, params={"sensitive_features": S})


def test_wrong_numbers_are_refused_before_any_work():
    for name in ("epochs", "batch_size", "adversary_steps"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number of at least 1, got 0"):
            make(**{name: 0}).fit(X, Y, S)


@pytest.mark.slow
def test_without_sensitive_features_nothing_but_alpha_0_is_trained():
    with pytest.raises(ValueError, match="fit needs sensitive_features"):
        make().fit(X, Y)
    plain = make(alpha=0).fit(X, Y)
    assert "adversary_loss" not in plain.history_ and plain.predict_proba(X).shape == (200, 2)


@pytest.mark.slow
def test_clones_copies_and_pickles():
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu")])
    before = encoder.get_weights()
    estimator = make(encoder=encoder, objective="reversal", on="prediction")
    estimator.fit(X, Y, S)
    for a, b in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert estimator.transform(X).shape == (200, 3)
    again = clone(estimator)
    assert again.get_params().keys() == estimator.get_params().keys() and not hasattr(again, "model_")
    again.fit(X, Y, S)
    np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))
    assert np.any(again.set_params(random_state=1).fit(X, Y, S).predict_proba(X) != estimator.predict_proba(X))
    loaded = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(loaded.predict_proba(X), estimator.predict_proba(X))
    np.testing.assert_array_equal(loaded.classes_, ["no", "yes"])

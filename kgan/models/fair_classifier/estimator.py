"""`SKLearnFairClassifier`: `FairClassifier` as a scikit-learn estimator."""

import copy

import keras
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_random_state, column_or_1d, validate_data

from kgan import scalars
from kgan.models.fair_classifier import defaults
from kgan.models.fair_classifier.model import FairClassifier
from kgan.tables import columns

# Rows per call of the networks where nothing is learned: one shape, so that they are traced once.
CHUNK = 1024


class SKLearnFairClassifier(ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A classifier, and a transformer, for scikit-learn's pipelines and searches, see `kgan.FairClassifier`.

    It takes tables of numbers; `fit` has to get the sensitive features, in a pipeline as
    `pipeline.fit(X, y, name_of_step__sensitive_features=s)`, in a search by scikit-learn's metadata routing. With
    `alpha=0` it does without them and trains the plain classifier, the baseline: it is this form that scikit-learn's
    own checks of estimators can run on.

    Args:
        encoder: Keras model of `(batch, columns)` to a representation; `fit` trains a copy, which begins with its
            weights. `None` makes a small one, which standardises X. The other two networks likewise.
        predictor: model of the representation to one logit per class.
        adversary: model of what it sees to its opinion, see `kgan.FairClassifier`.
        alpha: non-negative number, how much hiding counts.
        objective: `"projection"`, `"reversal"`, `"uniform"`, `"negative"`, or a `kgan.losses.HidingObjective`.
        on: `"representation"` or `"prediction"`, what the adversary sees.
        equalised_odds: whether it sees the true class, too.
        warmup_steps: number of training steps over which alpha rises from 0.
        optimizer: Keras optimizer of the classifier: instance, name or config; `fit` uses a copy. `None` is Adam whose
            learning rate falls from 1e-3 to 0 over the whole training.
        adversary_optimizer: the same for the adversary, which has to be the quicker one; `None` is Adam at 5e-3.
        adversary_steps: updates of the adversary for each one of the classifier; `None` for 3 on representations and 1
            otherwise.
        epochs: passes over the data; `None` for as many as make 1,000 steps (3,000 on representations), which hiding
            takes be the table ever so small, and at least 5.
        batch_size: rows per minibatch, or all there are if these are fewer. An incomplete last one is left out.
        verbose: as in `keras.Model.fit`.
        random_state: integer, for the same result each time; `None` or a `numpy.random.RandomState`.

    Attributes:
        model_: the fitted `kgan.FairClassifier`.
        classes_: the classes, in the order of the columns of `predict_proba`.
        history_: dict of names to the logged values of each epoch.

    Examples:
        >>> from sklearn.pipeline import make_pipeline
        >>> classifier = kgan.SKLearnFairClassifier(alpha=1.0, on="prediction", random_state=0)
        >>> pipeline = make_pipeline(OneHotEncoder(sparse_output=False), classifier)
        >>> pipeline.fit(X, y, sklearnfairclassifier__sensitive_features=X["sex"])
        >>> pipeline.predict(X_test)
    """

    def __init__(
        self,
        encoder=None,
        predictor=None,
        adversary=None,
        *,
        alpha=1.0,
        objective="projection",
        on="representation",
        equalised_odds=False,
        warmup_steps=0,
        optimizer=None,
        adversary_optimizer=None,
        adversary_steps=None,
        epochs=None,
        batch_size=64,
        verbose=0,
        random_state=None,
    ):
        self.encoder = encoder
        self.predictor = predictor
        self.adversary = adversary
        self.alpha = alpha
        self.objective = objective
        self.on = on
        self.equalised_odds = equalised_odds
        self.warmup_steps = warmup_steps
        self.optimizer = optimizer
        self.adversary_optimizer = adversary_optimizer
        self.adversary_steps = adversary_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X, y, sensitive_features=None):
        """Trains from the beginning.

        Args:
            X: numbers `(n, columns)`, array or data frame.
            y: classes `(n,)`.
            sensitive_features: one column or several: array, series, data frame or dict of columns, see
                `kgan.FairClassifier`. May be left out with `alpha=0`.

        Returns:
            The estimator.

        Raises:
            ValueError: for data that cannot be used, and without sensitive features.
        """
        if sensitive_features is None and self.alpha != 0:
            raise ValueError(
                "fit needs sensitive_features, what the representation is to hide: fit(X, y, sensitive_features=s), "
                "and in a pipeline name_of_step__sensitive_features=s; only with alpha=0 nothing is hidden."
            )
        if columns.is_frame(X):
            columns.as_matrix(X)  # which names the column that holds no numbers
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=False)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        labels = {"target": y} | ({} if sensitive_features is None else {"sensitive": sensitive_features})
        model = FairClassifier(
            *(_copy(network) for network in (self.encoder, self.predictor, self.adversary)),
            alpha=self.alpha,
            objective=self.objective,
            on=self.on,
            equalised_odds=self.equalised_odds,
            warmup_steps=self.warmup_steps,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
        )
        adversary_steps = defaults.adversary_steps(self.adversary_steps, model)
        batch_size = max(1, min(scalars.as_count(self.batch_size, "batch_size"), len(X) // adversary_steps))
        epochs, copies, steps = defaults.plan(self.epochs, model, len(X), batch_size * adversary_steps)
        optimizer = _copy(self.optimizer)
        if optimizer is None:
            optimizer = defaults.falling_adam(steps)
        model.compile(optimizer, _copy(self.adversary_optimizer), adversary_steps)
        model._copies = copies
        try:
            history = model.fit(X, labels, batch_size=batch_size, epochs=epochs, verbose=self.verbose)
        finally:
            model._copies = 1
        self.model_, self.history_ = model, history.history
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        """Probabilities `(n, classes)` of `X`, in the order of `classes_`."""
        return self._run(X, lambda rows: self.model_(rows))

    def predict(self, X):
        """The most probable class of each row, `(n,)`."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def transform(self, X):
        """The representation of `X`, `(n, features)`."""
        representation = self._run(X, lambda rows: self.model_.encoder(rows, training=False))
        return representation.reshape(len(representation), -1)

    def _run(self, X, network):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        found = [self._padded(X[start : start + CHUNK], network) for start in range(0, len(X), CHUNK)]
        return np.concatenate(found)

    @staticmethod
    def _padded(rows, network):
        # The same number of rows each time: the results of a row do not depend on those beside it, to the last bit.
        whole = np.zeros((CHUNK, rows.shape[1]), "float32")
        whole[: len(rows)] = rows
        return keras.ops.convert_to_numpy(network(whole)).astype("float32")[: len(rows)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.model_.encoder.compute_output_shape((None, self.n_features_in_))[1:]))


def _copy(of):
    """A network with its weights, or an optimizer without its state, for `fit` to leave the given one as it is."""
    if isinstance(of, keras.Model):
        network = keras.models.clone_model(of)
        network.set_weights(of.get_weights())
        return network
    if isinstance(of, keras.optimizers.Optimizer):
        return type(of).from_config(of.get_config())
    return copy.deepcopy(of)  # Keras writes into a config that it reads

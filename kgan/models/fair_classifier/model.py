"""`FairClassifier`: a classifier whose representation hides what an adversary tries to read from it."""

import keras
import numpy as np
from keras import ops, tree

from kgan import backend, losses, scalars
from kgan.metrics.fairness_report import FairnessReport, fairness_report
from kgan.metrics.leakage import check_columns
from kgan.models.fair_classifier import networks, probing, reading
from kgan.models.fair_classifier.players import ClassifierAndAdversary, as_logits
from kgan.models.training import data_checks
from kgan.tables import columns
from kgan.tables.sensitive import Encoding


@keras.saving.register_keras_serializable(package="kgan")
class FairClassifier(ClassifierAndAdversary):
    """Predicts a target from a representation in which an adversary cannot find sensitive features.

    Two players: the classifier (an encoder and a predictor), and the adversary, which learns to tell the sensitive
    features from the representation, or from the prediction. L_t is the cross-entropy of the target, L_a the
    adversary's loss: the sum over the sensitive columns of the cross-entropy of categories, or the squared error of
    standardised numbers. The adversary descends L_a; the classifier answers by its `objective`:

    - `"projection"`: a step along `g_t - proj_{g_a} g_t - alpha * g_a`, where g_t and g_a are the gradients of L_t and
      L_a with respect to all of its weights: what would help the adversary is left out of the target's gradient;
    - `"reversal"`: `L_t - alpha * L_a` by gradient reversal, both players in one pass. The quickest;
    - `"uniform"`: `L_t + alpha * H`, where H says how far the adversary is from having no opinion. Bounded;
    - `"negative"`: `L_t - alpha * L_a` in turns. It has no lower bound, and may run away.

    Their formulas and papers are in `kgan.losses.Projection`, `Reversal`, `Uniform` and `Negative`.

    The classes of the target and the kinds of the sensitive columns are learned from the first data that `fit` or
    `evaluate` gets, and saved with the model, and so are networks that are not given. Sensitive columns may be binary,
    categorical (strings, bools, whole numbers, pandas categories) and continuous (floats of more than two values).

    Logs: `classifier_loss`, `target_loss` (L_t), `accuracy`, `adversary_loss` (L_a), `adversary_accuracy` or, of
    numbers, `adversary_squared_error` (1: it knows nothing), followed by the name of the column where there are
    several; and `alpha` while it may change. **How much a representation leaks is not told by the adversary that was
    trained along**, but by a fresh classifier that is trained on `transform(x)`.

    Inputs are an array, a data frame or any structure of arrays, with `{"target": y, "sensitive": s}` as labels: the
    classes `(n,)`, and one sensitive column `(n,)` or several, as a dict, a data frame or `(n, columns)`; or a batched
    `tf.data.Dataset` of both. After `fit` a fresh linear probe is asked, on a sample of at most 2,000 rows, what it
    reads from the representation or the prediction. A warning says so if that is clearly more than the adversary reads,
    or, with an alpha of 1 or more, than the true target alone would tell: then the adversary did not keep up, and
    nothing made the classifier hide it. Nobody is asked with fewer than 200 rows, or after fewer than 2,000 rows of
    training in all epochs together.

    Args:
        encoder: `keras.Model` of x to a representation; `None` makes a small one for tables, which standardises x.
        predictor: model of the representation to logits `(batch, classes)`; `None` for a linear one.
        adversary: model of what it sees to `(batch, outputs)`: for each sensitive column, in their order, one logit if
            it is binary, one for each category (sorted) if there are more, and one number if it is continuous. `None`
            makes a small one. With `equalised_odds` it takes `[what it sees, one-hot target (batch, classes)]`.
        alpha: non-negative number, how much hiding counts. With 0 the classifier is trained plainly, whatever the
            objective; `fit(x, {"target": y})` then does without sensitive columns.
        objective: see above: a name, or a `kgan.losses.HidingObjective`, which may be one of your own.
        on: what the adversary sees: `"representation"`, or `"prediction"`: the logits minus their mean over the
            classes, which are as much as `predict` tells, without its saturation.
        equalised_odds: whether the adversary sees the true class of the target, so that sensitive features are hidden
            within each class only, instead of everywhere.
        warmup_steps: number of rounds (steps of `fit`) over which alpha rises from 0 to its value, linearly, after
            `compile`.
        seed: integer from which the first weights of the networks that are made and the order of the data flow; `None`
            draws one.
        name: name of the model.

    Raises:
        ValueError: for arguments that do not fit.

    Examples:
        >>> model = kgan.FairClassifier(alpha=1.0)
        >>> model.compile("adam", "adam")
        >>> model.fit(x, {"target": income, "sensitive": table[["sex", "race"]]}, batch_size=256, epochs=10)
        >>> model.predict(x)                          # (n, 2): probabilities of model.classes_
        >>> model.transform(x)                        # (n, 32): the representation
    """

    def __init__(
        self,
        encoder: keras.Model | None = None,
        predictor: keras.Model | None = None,
        adversary: keras.Model | None = None,
        *,
        alpha: float = 1.0,
        objective: "str | losses.HidingObjective" = "projection",
        on: str = "representation",
        equalised_odds: bool = False,
        warmup_steps: int = 0,
        seed: int | None = None,
        name: str | None = None,
    ):
        reading.check_arguments(alpha, on, warmup_steps)
        super().__init__(seed=scalars.as_seed(seed), name=name)
        self.autocast = False  # each network casts for itself: half precision would blur large numbers of a table
        self.encoder, self.predictor, self.adversary = encoder, predictor, adversary
        self.alpha, self.objective, self.on = float(alpha), losses.get_hiding_objective(objective), on
        self.equalised_odds, self.warmup_steps = bool(equalised_odds), int(warmup_steps)
        self._encoding = None
        # How often an epoch takes each row: those of a small table cost more than their steps.
        self._copies = 1

    def after_fit(self, data, batch_size, rounds: int):
        super().after_fit(data, batch_size, rounds)
        if self.adversary is not None and self.alpha > 0:
            if self._copies > 1:
                data = tree.map_structure(lambda part: part[: len(part) // self._copies], data)
            probing.warn_if_read(self, data, rounds * self.minibatches_per_round, batch_size or 32)

    # The data

    def read_data(self, x, y=None, sample_weight=None, batch_size=None):
        """What `fit` and `evaluate` got, with numbers in place of labels; the first data decide which."""
        encoding = self._encoding
        need_sensitive = self.alpha > 0 if encoding is None else bool(encoding.columns)
        x, labels = reading.split(x, y, batch_size, need_sensitive=need_sensitive)
        if encoding is None:
            encoding = reading.learn(x, labels, conditional=self.equalised_odds)
        data = reading.encoded(x, labels, encoding, batch_size)
        self._encoding = encoding
        if self._copies > 1:
            data = tree.map_structure(lambda part: np.concatenate([part] * self._copies), data)
        return data, batch_size

    def prepare_players(self, data, method: str):
        try:
            super().prepare_players(data, method)
        except BaseException:
            if not self.players:
                self._encoding = None  # data that cannot be used decide nothing
            raise

    def build_players(self, data):
        x = data.map(lambda x, labels: x) if backend.is_dataset(data) else data[0]
        self._make_players(x)

    def _make_players(self, x):
        names = ("encoder", "predictor", "adversary")
        with self.distribute_strategy.scope():
            made = networks.complete(
                x,
                self._encoding,
                {name: getattr(self, name) for name in names},
                on=self.on,
                equalised_odds=self.equalised_odds,
                seed=self.seed,
            )
        for name, network in made.items():
            setattr(self, name, network)
        self._set_players()

    def _set_players(self):
        players = {"adversary": self.adversary} if self._encoding.columns else {}
        self.set_players({**players, "classifier": [self.encoder, self.predictor]})

    def check_data(self, data):
        x = data.element_spec[0] if backend.is_dataset(data) else data[0]
        data_checks.refuse_other_shapes(x, self.encoder)

    # Use

    @property
    def classes_(self) -> np.ndarray:
        """The classes of the target, in the order of the columns of `predict`."""
        self._refuse_before_fit("classes_")
        return np.array(self._encoding.classes)

    def call(self, inputs, training=False):
        """Probabilities of the target, `(batch, classes)`, float32, of a batch of inputs."""
        logits = self.predictor(self.encoder(inputs, training=training), training=training)
        return ops.softmax(as_logits(logits))

    def predict(self, x, batch_size=None, verbose="auto", **kwargs):
        """Probabilities of the target.

        Args:
            x: inputs as in `fit`, or a batched dataset of inputs or of what `fit` takes.
            batch_size, verbose, **kwargs: as in `keras.Model.predict`.

        Returns:
            `(n, classes)` float32 array, in the order of `classes_`.
        """
        x = self._read_x(x, "predict")
        return super().predict(x, batch_size=batch_size, verbose=verbose, **kwargs)

    def transform(self, x, batch_size: int | None = None, verbose=0) -> np.ndarray:
        """The representation of `x`, inputs as in `predict`, as the encoder makes it: `(n, ...)`."""
        return self.encoder.predict(self._read_x(x, "transform"), batch_size=batch_size, verbose=verbose)

    def report(self, x, y=None, *, batch_size: int | None = None, seed: int = 0) -> FairnessReport:
        """How right the predictions are, how much they differ between groups, and how much leaks to fresh probes.

        Give it rows that were held out of training. What leaks is told by new classifiers, linear ones and trees, that
        are trained on half of these rows and tested on the other half; never by the model's own adversary.

        Args:
            x: inputs, or a batched dataset, as in `fit`.
            y: `{"target": ..., "sensitive": ...}` as in `fit`. The sensitive columns may be others than the hidden
                ones, and a model that hides none may be asked, too.
            batch_size: rows per call of the networks.
            seed: of the probes, see `kgan.metrics.leakage`.

        Returns:
            A `kgan.metrics.FairnessReport`: `print` it, or take its numbers. What leaks is read from
            `"representation"` and from `"prediction"`, the probabilities.

        Raises:
            ValueError: for data that cannot be used.

        Examples:
            >>> print(model.report(x_test, {"target": income_test, "sensitive": table_test[["sex", "race"]]}))
        """
        self._refuse_before_fit("report")
        x, labels = reading.split(x, y, batch_size, need_sensitive=True)
        if backend.is_dataset(x):
            x, labels = reading.collected(x)
        x = self._read_x(x, "report")
        target = columns.as_classes(labels["target"])
        reading.refuse_misaligned(x, target)
        columns.ids(target, self._encoding.classes, "the target")  # or refuses
        check_columns(labels["sensitive"], len(target))
        probabilities = self.predict(x, batch_size=batch_size, verbose=0)
        shown = {"representation": self.transform(x, batch_size=batch_size), "prediction": probabilities}
        predicted = self.classes_[probabilities.argmax(axis=1)]
        return fairness_report(target, predicted, labels["sensitive"], shown, seed=seed)

    def _read_x(self, x, method: str):
        self._refuse_before_fit(method)
        x = reading.inputs(x, features=self._encoding.features)
        parts = x.element_spec if backend.is_dataset(x) else x
        data_checks.refuse_other_shapes(parts[0] if isinstance(parts, tuple) else parts, self.encoder)
        return x

    def _refuse_before_fit(self, what: str):
        if self._encoding is None:
            raise ValueError(f"{what} needs the classes of the target, which fit learns from the data: call fit first.")

    # Saving: what was learned of the labels belongs to it

    def get_config(self) -> dict:
        """The arguments of the constructor, with the classes and the kinds of sensitive columns that were learned."""
        networks = {"encoder": self.encoder, "predictor": self.predictor, "adversary": self.adversary}
        arguments = ("alpha", "on", "equalised_odds", "warmup_steps", "seed", "name")
        return {
            **keras.saving.serialize_keras_object({**networks, "objective": self.objective}),
            **{name: getattr(self, name) for name in arguments},
            "encoding": None if self._encoding is None else self._encoding.get_config(),
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        config = dict(config)
        encoding = config.pop("encoding")
        networks = {name: config[name] for name in ("encoder", "predictor", "adversary")}
        with keras.saving.custom_object_scope(custom_objects or {}):
            model = cls(**{**config, **keras.saving.deserialize_keras_object(networks)})
        if encoding is not None:
            model._encoding = Encoding.from_config(encoding)
            model._set_players()
        return model

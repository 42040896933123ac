"""Whether a new classifier reads, after training, what the adversary should have made the classifier hide."""

import dataclasses
import warnings

import numpy as np
from keras import ops, tree
from sklearn.linear_model import LogisticRegression, Ridge

from kgan import backend
from kgan.metrics import intervals
from kgan.metrics.probes import C

# A sample costs a few passes through the networks: at most so many rows, and at most a tenth of those trained on.
MOST_ROWS, SHARE_OF_TRAINING = 2000, 10
# Below it the interval of a probe's score is too wide to tell it from the adversary's.
FEWEST_ROWS = 200
# By how much the lower end of the probe's 95 % interval has to exceed a score that it is compared with.
MARGIN = 0.05
# From here on hiding is meant to leave less than the target itself tells; below it people trade some for accuracy.
SERIOUS_ALPHA = 1.0


@dataclasses.dataclass(frozen=True)
class Reading:
    """How well one sensitive column is read: the area under the ROC curve, 0.5 if nothing is, of more than two
    categories the mean over these; of numbers the squared correlation, with the sign of the correlation.

    Attributes:
        column: the `SensitiveColumn`.
        probe: by a new linear probe, an `Estimate`.
        adversary: by the adversary that took part in training.
        target: by a new linear probe from the true class alone.
    """

    column: object
    probe: intervals.Estimate
    adversary: float
    target: float

    @property
    def missed(self) -> bool:
        """Whether the probe is clearly better than the adversary."""
        return self.probe.low > max(self.adversary, self._nothing) + MARGIN

    @property
    def beyond_target(self) -> bool:
        """Whether clearly more is told than the true class alone would tell."""
        return self.probe.low > max(self.target, self._nothing) + MARGIN

    @property
    def _nothing(self) -> float:
        return 0.0 if self.column.kind == "continuous" else 0.5

    def __str__(self) -> str:
        name = "R2" if self.column.kind == "continuous" else "AUC"
        of = self.probe.value, self.adversary, self.target
        return f"{self.column.name!r} ({name} %.2f; the adversary %.2f, the true target alone %.2f)" % of


def sample(data, minibatches: int, batch_size: int, seed: int):
    """Some rows of what `fit` trained on.

    Args:
        data: `(x, labels)`, encoded: arrays, or a batched dataset, of which the first batches are taken.
        minibatches: how many of them training took, over all epochs.
        batch_size: their rows, if these are arrays.
        seed: integer, chooses among the rows of arrays.

    Returns:
        `(x, labels)` as arrays, or `None` if these are too few to judge by.
    """
    if not backend.is_dataset(data):
        rows = len(tree.flatten(data)[0])
        wanted = min(MOST_ROWS, rows, minibatches * batch_size // SHARE_OF_TRAINING)
        chosen = np.sort(np.random.default_rng(seed).permutation(rows)[:wanted])
        return tree.map_structure(lambda part: part[chosen], data) if wanted >= FEWEST_ROWS else None
    batches, found, wanted = [], 0, 1
    for batch in data.as_numpy_iterator() if minibatches else ():
        rows = len(tree.flatten(batch)[0])
        wanted = wanted if batches else min(MOST_ROWS, minibatches * rows // SHARE_OF_TRAINING)
        batches.append(batch)
        found += rows
        if found >= wanted:
            break
    if min(found, wanted) < FEWEST_ROWS:
        return None
    return tree.map_structure(lambda *parts: np.concatenate(parts)[:wanted], *batches)


def readings(columns, seen, outputs, sensitive, true_class, *, with_class: bool) -> list:
    """A `Reading` for each column of which the rows show enough.

    Probes are trained on every second row, and compared with the adversary on the others.

    Args:
        columns: list of `SensitiveColumn`.
        seen: what the adversary sees, `(n, ...)`.
        outputs: what it made of that, `(n, width)`.
        sensitive: the encoded columns, `(n, columns)`.
        true_class: one-hot target `(n, classes)`.
        with_class: whether the adversary sees it, too.
    """
    seen = np.asarray(seen, "float64").reshape(len(seen), -1)
    features = [np.concatenate([seen, true_class], axis=1) if with_class else seen, true_class]
    features = [_standardised(of) for of in features]
    found, start = [], 0
    for column, values in zip(columns, sensitive.T, strict=True):
        told = np.asarray(outputs, "float64")[:, start : start + column.width]
        start += column.width
        scores = (
            _of_numbers(features, told, values) if column.kind == "continuous" else _of_groups(features, told, values)
        )
        if scores is not None:
            probe, target, adversary = scores
            found.append(Reading(column, probe, adversary.value, target.value))
    return found


def _standardised(features):
    spread = features.std(axis=0)
    return (features - features.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)


def _of_numbers(features, told, values):
    """Scores of a probe on each of the features, and of what the adversary told."""
    train = np.arange(len(values)) % 2 == 0
    probes = [Ridge(alpha=of.shape[1] / C).fit(of[train], values[train]).predict(of[~train]) for of in features]
    return [_squared_correlation(guess, values[~train]) for guess in (*probes, told[~train, 0])]


def _of_groups(features, told, values):
    """The same of groups, or `None` where one of the halves has fewer than two rows of a group."""
    train = np.arange(len(values)) % 2 == 0
    groups, labels = np.unique(values.astype(int), return_inverse=True)
    if len(groups) < 2 or min(np.bincount(labels[half], minlength=len(groups)).min() for half in (train, ~train)) < 2:
        return None
    probes = [LogisticRegression(C=C / of.shape[1], max_iter=1000).fit(of[train], labels[train]) for of in features]
    guesses = [probe.predict_proba(of[~train]) for probe, of in zip(probes, features, strict=True)]
    if told.shape[1] == 1:
        guesses, told = [guess[:, 1] for guess in guesses], told[:, 0]
    else:
        told = told[:, groups]
    return [intervals.macro_auc(labels[~train], guess) for guess in (*guesses, told[~train])]


def _squared_correlation(guess, truth):
    """With the sign of the correlation; the interval is that of Fisher's transformation."""
    r = 0.0 if min(guess.std(), truth.std()) < 1e-12 else float(np.corrcoef(guess, truth)[0, 1])
    ends = np.tanh(np.arctanh(np.clip(r, -1 + 1e-9, 1 - 1e-9)) + np.array([-1.96, 1.96]) / np.sqrt(len(truth) - 3))
    return intervals.Estimate(*(float(e * abs(e)) for e in (r, *ends)))


def warn_if_read(model, data, minibatches: int, batch_size: int):
    """Warns if a new linear probe reads a sensitive column clearly better than the model's adversary, or, of a model
    that hides in earnest, better than it could from the target.

    Args:
        model: a trained `FairClassifier` with an adversary.
        data: what it was trained on, encoded.
        minibatches, batch_size: see `sample`.
    """
    rows = sample(data, minibatches, batch_size, model.seed)
    if rows is None:
        return
    labels, encoding = rows[1], model._encoding
    true_class = np.eye(len(encoding.classes))[labels["target"]]
    shown = model._seen_and_told(*rows)
    found = readings(encoding.columns, *shown, labels["sensitive"], true_class, with_class=model.equalised_odds)
    found = [of for of in found if of.missed or (of.beyond_target and model.alpha >= SERIOUS_ALPHA)]
    if not found:
        return
    rate = float(ops.convert_to_numpy(model.optimizers["adversary"].learning_rate))
    steps = "" if model.objective.together else "more adversary_steps, "
    warnings.warn(
        f"a fresh linear probe still reads from the {model.on} what is to be hidden, {', '.join(map(str, found))}: the "
        f"adversary did not keep up, so give adversary_optimizer a larger learning rate (it has {rate:.2g}), {steps}or "
        "more epochs.",
        stacklevel=3,
    )

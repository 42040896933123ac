"""A few images before and after the attack."""

import pathlib

import numpy as np
from keras import ops

from kgan import attacks
from kgan.attacks import class_scores
from kgan.cli.attack.classifier import Classifier
from kgan.cli.attack.data import Images
from kgan.cli.attack.report import Report
from kgan.visualize.attacks import plot_attacked

_EXAMPLES = 6


def draw(path: pathlib.Path, classifier: Classifier, images: Images, inputs, report: Report, how: dict) -> None:
    """Draws images that were right, one of each class in turn.

    They are attacked with the first epsilon that turns half of all right answers.
    """
    half = [e for e, right in zip(report.epsilons, report.right, strict=True) if e and right <= report.right[0] / 2]
    epsilon = half[0] if half else report.epsilons[-1]
    said = _probabilities(classifier.model, inputs, how["batch_size"])
    right = np.flatnonzero(said.argmax(axis=1) == images.targets)
    title = "images that were classified rightly" if len(right) else "no image was classified rightly before"
    if not len(right):
        right = np.arange(len(inputs))
    turn = np.zeros(len(right), int)  # the how-manieth of its class each image is
    for label in np.unique(images.targets[right]):
        own = images.targets[right] == label
        turn[own] = np.arange(own.sum())
    rows = np.sort(right[np.lexsort((images.targets[right], turn))[:_EXAMPLES]])
    x, y = inputs[rows], images.targets[rows]
    options = {name: value for name, value in how.items() if name not in ("attack", "seed")}
    if how["attack"] == "pgd":
        options["seed"] = how["seed"]
    attacked = getattr(attacks, how["attack"])(classifier.model, x, y, epsilon, **options)
    low, high = how["bounds"]
    before, after = ((part.reshape(images.pixels[rows].shape) - low) / (high - low) for part in (x, attacked))
    plot_attacked(
        before,
        after,
        (said[rows], _probabilities(classifier.model, attacked, how["batch_size"])),
        path,
        targets=y,
        class_names=images.class_names,
        title=f"{report.attack}, epsilon {epsilon:.4g} in {report.bounds}: {title}",
    )


def _probabilities(model, inputs, batch_size: int) -> np.ndarray:
    parts, logits = [], None
    for start in range(0, len(inputs), batch_size):
        outputs = model(inputs[start : start + batch_size], training=False)
        if logits is None:
            logits = class_scores.are_logits(outputs)
        scores = class_scores.two_or_more(outputs, logits)
        parts.append(np.asarray(ops.softmax(scores) if logits else scores))
    return np.concatenate(parts)

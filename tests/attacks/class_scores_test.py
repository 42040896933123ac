"""Logits or probabilities: what is told from outputs, and what is asked about."""

import keras
import numpy as np
import pytest
from scipy.special import expit, softmax

from kgan.attacks import class_scores

LOGITS = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
PROBABILITIES = softmax(LOGITS, axis=1)
ONE = LOGITS[:, :1]


def through(activation, values):
    """The outputs of an activation of Keras, which remember what went into them."""
    return getattr(keras.activations, activation)(keras.ops.convert_to_tensor(values))


@pytest.mark.parametrize(
    ("outputs", "said", "found"),
    [
        (LOGITS, None, True),
        (LOGITS, True, True),
        (PROBABILITIES, None, False),
        (PROBABILITIES, False, False),
        (PROBABILITIES.astype("float16"), None, False),
        (np.eye(3, dtype="float32"), None, False),
        (PROBABILITIES * 1.1, None, True),  # rows that do not sum to 1
        (ONE, None, True),
        (ONE, True, True),
        (expit(ONE), True, True),
        (expit(ONE), False, False),
        (through("softmax", LOGITS), None, True),  # those behind it
        (through("sigmoid", ONE), None, True),
        (through("softmax", LOGITS), False, True),
    ],
)
def test_what_outputs_are(outputs, said, found):
    assert class_scores.are_logits(keras.ops.convert_to_tensor(outputs), said) is found


def test_sums_of_one_that_are_called_logits_are_warned_about():
    with pytest.warns(UserWarning, match="from_logits is True, but the model's scores sum to 1"):
        assert class_scores.are_logits(PROBABILITIES, True)


@pytest.mark.parametrize(
    ("outputs", "said", "sentence"),
    [
        (expit(ONE), None, "a single score between 0 and 1 may be a logit or a probability: give from_logits"),
        (LOGITS, False, "from_logits is False, but the model does not return probabilities"),
        (ONE, False, "from_logits is False, but the model does not return probabilities"),
        (through("softmax", LOGITS), True, "from_logits is True, but the model ends in a softmax or sigmoid"),
        (LOGITS[0], None, r"scores of shape \(batch, classes\), not \(3,\)"),
        ({"a": 1}, None, r"scores of shape \(batch, classes\), not {'a': 1}"),
        (np.where(LOGITS == LOGITS.max(), np.nan, LOGITS), None, "returns NaN or infinite numbers"),
    ],
)
def test_what_cannot_be_told_is_asked_about(outputs, said, sentence):
    with pytest.raises(ValueError, match=sentence):
        class_scores.are_logits(outputs, said)


@pytest.mark.parametrize("behind", [False, True])
def test_one_score_becomes_two_with_the_same_probabilities(behind):
    logits = class_scores.two_or_more(through("sigmoid", ONE) if behind else ONE, True)
    np.testing.assert_allclose(softmax(logits, axis=1)[:, 1:], expit(ONE), rtol=1e-5)
    if not behind:
        shares = np.array(class_scores.two_or_more(expit(ONE), False))
        np.testing.assert_allclose(shares, np.c_[1 - expit(ONE), expit(ONE)], rtol=1e-5)


def test_several_scores_are_those_before_a_softmax_in_float32():
    for outputs in (through("softmax", LOGITS), LOGITS, LOGITS.astype("float16")):
        found = class_scores.two_or_more(outputs, True)
        assert keras.backend.standardize_dtype(found.dtype) == "float32"
        np.testing.assert_allclose(found, LOGITS, atol=1e-3)

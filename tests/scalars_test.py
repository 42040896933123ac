"""What counts as a number, whichever library it comes from."""

import numpy as np
import pytest
import tensorflow as tf

from kgan import scalars

WHOLE = [3, np.int64(3), np.uint8(3), np.array(3), tf.constant(3)]
NO_NUMBERS = [True, np.True_, np.array(True), "3", b"3", None, [3], np.array([3]), 3j, float("nan"), np.float32("inf")]


@pytest.mark.parametrize("number", WHOLE, ids=repr)
def test_whole_numbers_of_every_library(number):
    assert scalars.as_count(number, "n") == 3 and type(scalars.as_count(number, "n")) is int
    assert scalars.as_real(number, "n") == 3.0 and type(scalars.as_real(number, "n")) is float
    assert scalars.as_seed(number) == 3


@pytest.mark.parametrize(
    "number", [0.25, np.float32(0.25), np.float64(0.25), np.array(0.25), tf.constant(0.25)], ids=repr
)
def test_real_numbers_of_every_library(number):
    assert scalars.as_real(number, "x") == scalars.as_share(number, "x") == 0.25
    assert not scalars.is_count(number)


@pytest.mark.parametrize("number", NO_NUMBERS, ids=repr)
def test_what_is_no_number(number):
    for check in (scalars.as_count, scalars.as_real, scalars.as_share):
        with pytest.raises(ValueError, match="^units must be a (whole |finite )?number"):
            check(number, "units")
    assert not scalars.is_count(number) and not scalars.is_real(number)


def test_limits():
    with pytest.raises(ValueError, match="n must be a whole number of at least 2, got 1"):
        scalars.as_count(1, "n", 2)
    with pytest.raises(ValueError, match="n must be a whole number from 1 to 4, got 5"):
        scalars.as_count(5, "n", 1, 4)
    with pytest.raises(ValueError, match="got 2.0"):  # a float that happens to be whole is a mistake more often
        scalars.as_count(2.0, "n")
    with pytest.raises(ValueError, match="rate must be a finite number above 0, got 0"):
        scalars.as_real(0, "rate", 0, above=True)
    with pytest.raises(ValueError, match="of at least 0 and below 1, got 1"):
        scalars.as_real(1, "rate", 0, 1, below=True)
    assert scalars.as_real(1, "rate", 0, 1) == scalars.as_share(1, "rate") == 1.0
    with pytest.raises(ValueError, match="at least 0 and below 1"):
        scalars.as_share(1, "rate", below=True)
    with pytest.raises(ValueError, match="seed must be a whole number from 0 to 2147483647"):
        scalars.as_seed(2**70)
    assert scalars.as_seed(None) is None

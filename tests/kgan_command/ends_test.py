"""How each kind of exception ends a command: a sentence for the user, or nothing for a fault in kgan."""

import errno
import os
import signal

import pytest
import tensorflow as tf
import typer

from kgan_command import ends, signals
from kgan_command.settings.sample import SampleSettings
from kgan_command.settings.train import TrainSettings


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyboardInterrupt(), TrainSettings.stopped),
        (MemoryError(), f"out of memory: {TrainSettings.smaller}."),
        (
            tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
            f"out of memory: {TrainSettings.smaller}.",
        ),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.npz"), "a.npz: No such file or directory."),
        (ValueError("images must be uint8."), "images must be uint8."),
        (ValueError("batch_size must be less."), "--batch-size must be less."),  # in the words of the command line
        (ImportError("onnx is missing."), "onnx is missing."),
        (FloatingPointError("the loss is NaN."), "the loss is NaN."),
        (typer.BadParameter("no number"), "Invalid value: no number"),
        (TypeError("a fault"), None),
        (KeyError("a fault"), None),
        (AssertionError(), None),
    ],
)
def test_what_is_said(error, sentence):
    assert ends.said_of(error, TrainSettings) == sentence


def test_each_command_has_its_own_words():
    assert SampleSettings.smaller != TrainSettings.smaller
    assert ends.said_of(MemoryError(), SampleSettings) == f"out of memory: {SampleSettings.smaller}."


def test_a_signal_decides_about_the_code_and_nothing_else_does():
    assert ends.exit_code(ValueError(), 2) == 2
    assert ends.exit_code(KeyboardInterrupt(), 2) == 128 + signal.SIGINT
    with signals.as_interrupts(), pytest.raises(KeyboardInterrupt) as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
    assert ends.exit_code(stopped.value, 2) == 128 + signal.SIGTERM


def test_which_errors_are_a_lack_of_memory():
    assert ends.is_out_of_memory(MemoryError()) and not ends.is_out_of_memory(OSError())
    assert not ends.is_out_of_memory(tf.errors.InvalidArgumentError(None, None, "no"))

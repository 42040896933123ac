"""A signal whose exception is dropped on its way, as Python does within destructors, still ends a run."""

import os
import signal

import pytest

from kgan.cli.common import training
from kgan_command import signals
from kgan_command.settings.train import TrainSettings


@pytest.fixture(autouse=True)
def usual_signals():
    """As a terminal has them: processes in the background begin with Ctrl-C ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def swallow(number):
    try:
        os.kill(os.getpid(), number)
    except signals.Terminated:
        pass


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_next_batch_stops_it(number, code):
    with signals.as_interrupts():
        callback = training.StopIfAsked()
        callback.on_train_batch_end(0)
        swallow(number)
        with pytest.raises(KeyboardInterrupt) as stopped:
            callback.on_train_batch_end(1)
    assert signals.exit_code(stopped.value) == code
    with signals.as_interrupts():
        callback.on_train_batch_end(0)  # forgotten when another command begins


@pytest.mark.parametrize("error", [ValueError("a library has caught it"), RuntimeError("or this one")])
def test_an_error_that_a_library_makes_of_it_is_no_error(error, capsys):
    from rich.console import Console

    def work():
        swallow(signal.SIGTERM)
        raise error

    with signals.as_interrupts():
        code = training.to_its_end(work, lambda goes_on: f"kept, {goes_on}", TrainSettings, Console())
    assert code == 143 and capsys.readouterr().err == "Stopped. kept, True\n"
    with signals.as_interrupts(), pytest.raises(type(error)):  # without a signal it is one
        training.to_its_end(lambda: (_ for _ in ()).throw(error), lambda goes_on: "", TrainSettings, Console())

"""All commands together, and what becomes of their errors."""

import os
import sys

import tensorflow as tf
import typer

from kgan import files
from kgan.cli import attack, datasets, export, sample, signals, train, transfer
from kgan.foreign_text import printable

app = typer.Typer(
    name="kgan",
    help="Generative adversarial networks, transfer learning and adversarial examples for Keras.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(train.train)
app.command()(sample.sample)
app.command()(export.export)
app.command()(transfer.transfer)
app.command()(attack.attack)
app.command()(datasets.datasets)


@app.callback()
def commands():
    """Generative adversarial networks (train, sample, export), classifiers of your own images (transfer, attack)."""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; an error of the user becomes one sentence on standard error.

    Args:
        arguments: what stands after `kgan`; from the command line by default.

    Returns:
        The exit code: 0, 1 if training failed, 2 for what cannot be done, 130 after Ctrl-C, 143 after SIGTERM.
    """
    command = typer.main.get_command(app)
    given = sys.argv[1:] if arguments is None else arguments
    try:
        # Not by `command.main`, which swallows Ctrl-C.
        with signals.as_interrupts(), command.make_context("kgan", list(given)) as context:
            code = command.invoke(context) or 0
            sys.stdout.flush()
            return code
    except typer.Exit as end:
        return end.exit_code
    except BrokenPipeError:
        # As in `kgan datasets | head -1`: who reads has read enough. Python would complain at the end that it cannot
        # write the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        message = f"{files.reason(error)}."
    except (ValueError, ImportError) as error:
        message = str(error)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        message = "out of memory: use a smaller batch_size, width or image_size, or ask for less at a time."
    except KeyboardInterrupt as stop:
        return _stopped(stop)
    except Exception as error:
        # What typer says of flags that it does not understand.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
    if message:  # `kgan` alone has shown its help
        print(f"kgan: {printable(message)}", file=sys.stderr)
    return 2


def _stopped(stop: KeyboardInterrupt) -> int:
    print("Stopped.", file=sys.stderr)
    return signals.exit_code(stop)

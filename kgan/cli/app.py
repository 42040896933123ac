"""All commands together, and what becomes of their errors."""

import sys

import typer

from kgan.cli import attack, datasets, export, sample, train, transfer

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
        The exit code: 0, 1 if training failed, 2 for what cannot be done, 130 after Ctrl-C.
    """
    command = typer.main.get_command(app)
    try:
        return command.main(arguments, prog_name="kgan", standalone_mode=False) or 0
    except (ValueError, ImportError, OSError) as error:
        message = str(error)
    except (KeyboardInterrupt, typer.Abort):
        print("Stopped.", file=sys.stderr)
        return 130
    except Exception as error:
        # What typer says of flags that it does not understand.
        if not hasattr(error, "format_message"):
            raise
        message = error.format_message()
    print(f"kgan: {message}", file=sys.stderr)
    return 2

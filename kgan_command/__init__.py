"""The command `kgan`: what it takes and how it ends; what it does is in `kgan.cli`, which is imported only then.

It lies beside the package `kgan`, whose import takes TensorFlow's seconds: help, the version, completion and the answer
to a wrong flag need nothing of it.
"""

import os
import sys

from kgan_command.loading import stopping_at_once


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; an error of the user becomes one sentence on standard error.

    Args:
        arguments: what stands after `kgan`; from the command line by default.

    Returns:
        The exit code: 0, 1 if training failed, 2 for what cannot be done, 130 after Ctrl-C, 143 after SIGTERM.
    """
    with stopping_at_once():
        import typer

        from kgan_command import ends, signals
        from kgan_command.app import SETTINGS, app
        from kgan_command.settings.command_settings import CommandSettings
        from kgan_command.text import printable

        command = typer.main.get_command(app)
    if arguments is None:
        if "_KGAN_COMPLETE" in os.environ:
            command.main(prog_name="kgan", complete_var="_KGAN_COMPLETE")  # answers the shell and exits
        arguments = sys.argv[1:]
    kind = SETTINGS.get(next((word for word in arguments if not word.startswith("-")), None), CommandSettings)
    try:
        # Not by `command.main`, which swallows Ctrl-C.
        with signals.as_interrupts(), command.make_context("kgan", list(arguments)) as context:
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
    except (KeyboardInterrupt, Exception) as error:
        message = ends.said_of(error, kind)
        if message is None:
            raise
        if message:  # `kgan` alone has shown its help
            before = "" if isinstance(error, KeyboardInterrupt) else "kgan: "
            print(f"{before}{printable(message)}", file=sys.stderr)
        return ends.exit_code(error, 2)

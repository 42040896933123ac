"""What becomes of errors: one sentence for those of the user and of the machine."""

import sys

from kgan_command import signals
from kgan_command.settings.command_settings import CommandSettings


def said_of(error: BaseException, kind: type[CommandSettings]) -> str | None:
    """The sentence for an exception that ends a command; `None` for a fault in kgan, which needs its traceback.

    Args:
        error: the exception.
        kind: the settings of the command: which flags it has, and what to do when memory is out.
    """
    if isinstance(error, KeyboardInterrupt):
        return kind.stopped
    if is_out_of_memory(error):
        return f"out of memory: {kind.smaller}."
    if isinstance(error, OSError):
        from kgan.files import reason

        return kind.in_flags(f"{reason(error)}.")
    if isinstance(error, ValueError | ImportError):
        return kind.in_flags(str(error))
    if isinstance(error, FloatingPointError):
        return str(error)
    # What typer says of flags that it does not understand.
    return error.format_message() if hasattr(error, "format_message") else None


def exit_code(error: BaseException, otherwise: int) -> int:
    """What a shell reports of a process that such a signal has ended; `otherwise` for other exceptions."""
    return signals.exit_code(error) if isinstance(error, KeyboardInterrupt) else otherwise


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or TensorFlow, if it is there, has no memory left."""
    tensorflow = sys.modules.get("tensorflow")
    return isinstance(error, MemoryError) or (
        tensorflow is not None and isinstance(error, tensorflow.errors.ResourceExhaustedError)
    )

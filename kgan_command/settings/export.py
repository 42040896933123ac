"""What decides about the work of `kgan export`."""

import dataclasses

from kgan_command.settings import rules
from kgan_command.settings.command_settings import CommandSettings, setting

_FORMATS = ("savedmodel", "onnx")


@dataclasses.dataclass(frozen=True)
class ExportSettings(CommandSettings):
    """The settings of `kgan export`.

    Raises:
        ValueError: by the constructor, for a value that cannot be, in one sentence.
    """

    run: str = setting(dataclasses.MISSING, None, "folder of a run, finished or not", metavar="RUN", argument=True)
    format: str = setting("savedmodel", None, ", ".join(_FORMATS), rules.one_of(_FORMATS))
    out: str | None = setting(None, None, "where to write; by default generator or generator.onnx in the run")
    ema: bool = setting(True, None, "the moving average of the generator, or the generator itself")

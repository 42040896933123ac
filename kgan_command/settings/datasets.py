"""What decides about the work of `kgan datasets`."""

import dataclasses

from kgan_command.settings.command_settings import CommandSettings, setting


@dataclasses.dataclass(frozen=True)
class DatasetsSettings(CommandSettings):
    """The settings of `kgan datasets`."""

    download: str | None = setting(None, None, "download this data set; nothing else does", metavar="NAME")

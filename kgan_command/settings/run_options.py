"""What commands that train have beside their settings: where a run is, and how it begins."""

import dataclasses

from kgan_command.settings.command_settings import CommandSettings, setting


@dataclasses.dataclass(frozen=True)
class NewRunOptions(CommandSettings):
    """The options of a run that begins, which say nothing about what it trains."""

    out: str | None = setting(None, "Run", "folder of the run; by default runs/DATA-N")
    dry_run: bool = setting(False, "Run", "say what would be done and stop")


@dataclasses.dataclass(frozen=True)
class RunOptions(NewRunOptions):
    """The options of a run that begins, or goes on."""

    resume: str | None = setting(None, "Run", "go on with the run in this folder, as if it had never stopped")
    config: str | None = setting(None, "Run", "take the settings from the config.json of another run; flags win")

    def check(self):
        if self.resume is not None and (self.out is not None or self.config is not None):
            raise ValueError("--resume goes on with a run as it is: leave out --out and --config.")

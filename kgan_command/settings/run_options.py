"""What commands that train have beside their settings: where a run is, and how it begins."""

import dataclasses

from kgan_command.settings.command_settings import CommandSettings, setting


@dataclasses.dataclass(frozen=True)
class RunOptions(CommandSettings):
    """The options of a run, which say nothing about what it trains."""

    out: str | None = setting(None, "Run", "folder of the run; by default runs/DATA-N")
    resume: str | None = setting(None, "Run", "go on with the run in this folder, as if it had never stopped")
    config: str | None = setting(None, "Run", "take the settings from the config.json of another run; flags win")
    dry_run: bool = setting(False, "Run", "say what would be done and stop")

    def check(self):
        if self.resume is not None and (self.out is not None or self.config is not None):
            raise ValueError("--resume goes on with a run as it is: leave out --out and --config.")

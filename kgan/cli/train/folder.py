"""What lies in the folder of a run of `kgan train`."""

from kgan.cli.common.run_folder import RunFolder
from kgan_command.settings.train import TrainSettings


class TrainFolder(RunFolder):
    """The files of a run, those of the samples among them."""

    command, settings, exported = "train", TrainSettings, "generator"

    def __init__(self, path):
        super().__init__(path)
        self.samples = self.path / "samples"
        self.last_samples = self.path / "samples.png"

    @property
    def files(self):
        return [*super().files, self.last_samples]

    @property
    def folders(self):
        return [self.samples, *super().folders]

    @property
    def made(self):
        return [*super().made, *self.samples.glob("*.png")]

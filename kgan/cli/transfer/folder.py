"""What lies in the folder of a run of `kgan transfer`."""

import dataclasses

from kgan import callbacks
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.common.run_folder import RunFolder
from kgan_command.settings.transfer import TransferSettings


@dataclasses.dataclass(frozen=True)
class TransferFacts(DataFacts):
    """What a run remembers of its images, how they were divided, and of a file of weights its checksum."""

    training_size: int = 0
    held_out_size: int = 0
    weights: str | None = None


class TransferFolder(RunFolder):
    """The files of a run, those of its test on held-out images among them."""

    command, settings, facts, exported = "transfer", TransferSettings, TransferFacts, "classifier"

    def __init__(self, path):
        super().__init__(path)
        self.fine_tuning = self.path / "checkpoint-fine-tuning"
        self.predictions = self.path / "predictions.csv"
        self.confusion_matrix = self.path / "confusion_matrix.png"

    @property
    def files(self):
        return [*super().files, self.predictions, self.confusion_matrix]

    @property
    def folders(self):
        return [*super().folders, self.fine_tuning]

    @property
    def checkpoints(self):
        return [*super().checkpoints, callbacks.ResumePoint(self.fine_tuning)]

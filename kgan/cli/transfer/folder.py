"""What lies in the folder of a run of `kgan transfer`."""

from kgan.cli.common.run_folder import RunFolder
from kgan_command.settings.transfer import TransferSettings


class TransferFolder(RunFolder):
    """The files of a run, those of its test on held-out images among them."""

    command, settings, exported = "transfer", TransferSettings, "classifier"

    def __init__(self, path):
        super().__init__(path)
        self.predictions = self.path / "predictions.csv"
        self.confusion_matrix = self.path / "confusion_matrix.png"

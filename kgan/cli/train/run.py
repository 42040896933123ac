"""The training of a GAN, and what its run leaves behind."""

import contextlib
import dataclasses
import functools
import math
import sys

from rich.console import Console

import kgan
from kgan import callbacks, files, visualize
from kgan.callbacks.history_file import read_history
from kgan.cli.common import checksums, training
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.common.screen import say
from kgan.cli.train import recipe
from kgan.cli.train.folder import TrainFolder
from kgan.foreign_text import shell_word
from kgan_command.settings.train import TrainSettings

_NO_LIMIT = sys.maxsize  # of epochs, when the minutes decide


@dataclasses.dataclass
class Run:
    """A run that can start: everything has been checked and built, nothing has been trained or written."""

    settings: TrainSettings
    source: kgan.datasets.Source
    data: DataFacts
    gan: kgan.GAN
    folder: TrainFolder | None = None  # made when training starts
    epochs_done: int = 0

    @functools.cached_property
    def point(self) -> callbacks.ResumePoint:
        """The checkpoint, of which the training that goes on must know that it was restored."""
        return callbacks.ResumePoint(self.folder.checkpoint)

    @property
    def seconds_done(self) -> float:
        """What earlier parts of this run took."""
        history = read_history(self.folder.history, self.epochs_done) if self.epochs_done else {}
        return history["seconds"][-1] if history.get("seconds") else 0.0

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to train."""
        epochs, minutes = self.settings.epochs, self.settings.minutes
        by_time = minutes is not None and self.seconds_done >= 60 * minutes
        return by_time or (epochs is not None and self.epochs_done >= epochs)

    def train(self, console: Console) -> int:
        """Trains, and writes what the run leaves behind; returns the exit code."""
        code = training.to_its_end(lambda: self._train(console), self._kept, TrainSettings, console)
        if not code:
            say(console, f"Samples: {self.folder.last_samples}")
            say(console, f"More of them: kgan sample {shell_word(self.folder.path)}")
        return code

    def _train(self, console: Console) -> None:
        grid = callbacks.SampleGrid(self.folder.samples)
        grid.set_model(self.gan)
        self.point.clear()
        if self.finished:
            say(
                console,
                f"{self.folder.path} has its {self.epochs_done} epochs: nothing is left to train. --epochs and "
                f"--minutes are totals: {self._longer()} goes on.",
            )
        else:
            shape = "x".join(map(str, self.data.image_shape))
            classes = f", {self.data.num_classes} classes" if self.data.num_classes else ""
            begin = f", from epoch {self.epochs_done + 1} on" if self.epochs_done else ""
            say(console, f"{self.data.size:,} images of {shape}{classes}, into {self.folder.path}{begin}")
            self._fit(console, grid)
        self._write_results(grid)

    def _fit(self, console: Console, grid: callbacks.SampleGrid) -> None:
        settings, seconds = self.settings, self.seconds_done
        progress = callbacks.Progress(settings.minutes, seconds_before=seconds, console=console)
        stopwatch = callbacks.Stopwatch(settings.minutes, seconds_before=seconds)
        history, notice = callbacks.HistoryFile(self.folder.history), callbacks.WinnerNotice(console=console)
        with contextlib.closing(progress):
            self.gan.fit(
                recipe.batches(settings, self.source, self.gan),
                epochs=settings.epochs or _NO_LIMIT,
                initial_epoch=self.epochs_done,
                # The checkpoint comes last: an epoch that counts as done has left everything else.
                callbacks=[training.StopIfAsked(), stopwatch, progress, history, grid, notice, self.point],
                verbose=0,
            )

    def _write_results(self, grid: callbacks.SampleGrid) -> None:
        """Writes what a finished run leaves behind, and notes the checksums of what is for use."""
        folder = self.folder
        grid.write(folder.last_samples)
        visualize.plot_history(training.curves(folder.history), folder.curves)
        checksums.forget(folder.path, folder.results)
        files.write_file(folder.model, self.gan.save)
        self.gan.export(folder.export)
        checksums.write(folder.path, folder.results)

    def _longer(self) -> str:
        """A flag with which a finished run would go on, for about a fifth longer."""
        if self.settings.epochs is None:
            return f"--minutes {math.ceil(1.2 * max(self.seconds_done / 60, self.settings.minutes))}"
        return f"--epochs {self.epochs_done + max(1, self.epochs_done // 5)}"

    def _kept(self, goes_on: bool) -> str:
        """What was kept, and how to go on where going on helps."""
        epochs = 0
        with contextlib.suppress(ValueError):  # whatever has happened to the folder
            epochs = self.point.epochs or 0
        return training.kept(self.folder, epochs, goes_on)

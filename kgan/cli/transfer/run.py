"""The training of `kgan transfer`, and what its run leaves behind."""

import contextlib
import dataclasses
import warnings

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from kgan import callbacks, files, visualize
from kgan.callbacks.history_file import read_history
from kgan.cli.common import checksums, training
from kgan.cli.common.image_bar import ImageBar
from kgan.cli.common.screen import say
from kgan.cli.transfer import report
from kgan.cli.transfer.folder import TransferFacts, TransferFolder
from kgan.cli.transfer.phase import Phase
from kgan.cli.transfer.progress import Progress
from kgan.datasets import Source, class_folders
from kgan.metrics.held_out import HeldOut
from kgan.models.transfer import TransferClassifier
from kgan_command.settings.transfer import TransferSettings


@dataclasses.dataclass
class TransferRun:
    """A run that can start: everything has been checked and built, nothing has been trained or written.

    Attributes:
        settings: of the run, complete.
        data: what it remembers of the images.
        classifier: compiled.
        source: the images.
        files: the name of each image.
        training: rows of the images to train on.
        held_out: rows of those to test on.
        folder: where it is to be, made when training starts.
        written: what the classifier that lies in the folder makes of these; `None` before there is one.
    """

    settings: TransferSettings
    data: TransferFacts
    classifier: TransferClassifier
    source: Source
    files: list[str]
    training: np.ndarray
    held_out: np.ndarray
    folder: TransferFolder | None = None
    written: HeldOut | None = None
    _phase: Phase | None = None
    _writing: bool = False

    def train(self, console: Console) -> int:
        """Trains the head, and then the base if that is wanted; returns the exit code."""
        # Keras says so at the end of every set whose length is not known, as when a broken file may turn up.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Your input ran out of data")
            return training.to_its_end(lambda: self._train(console), self._kept, TransferSettings, console)

    def _train(self, console: Console) -> None:
        settings, folder, before = self.settings, self.folder, None
        self._phase = Phase.of(self.classifier, folder.checkpoint, settings.patience, settings.epochs)
        tuning = callbacks.ResumePoint(folder.fine_tuning).epochs is not None
        if tuning:  # a run that goes on is past its head, whatever the number of epochs is now
            self._phase.go_back()
        else:
            self._fit(console)
            self._write(console)
        if settings.fine_tune is not None:
            before = read_history(folder.history, self._phase.kept).get("val_accuracy", [None])[-1]
            self._unfreeze(console, before)
            self._phase = Phase.of(
                self.classifier, folder.fine_tuning, settings.patience, settings.fine_tune_epochs, self._phase.done
            )
            self._fit(console)
            self._write(console)
        console.print()
        report.show(self.written, console, before)
        self._show_files(console)

    # Training

    def _fit(self, console: Console) -> None:
        """Trains to the end of the phase; the history in the folder grows with it."""
        phase, classifier = self._phase, self.classifier
        if phase.finished:
            phase.go_back()
            say(console, f"{self.folder.path} has its {phase.done} epochs: nothing is left to train here.")
            return
        progress, bars, watch, watch_held_out = Progress(console=console), [], None, None
        stopwatch = callbacks.Stopwatch(seconds_before=phase.seconds(self.folder.history))
        history, stopping = callbacks.HistoryFile(self.folder.history), [phase.stopping] if phase.stopping else []
        # What is cached is read once, and a run that goes on reads it in the order that it had at its beginning.
        position = (lambda: 0) if classifier.caches_features else (lambda: classifier.rounds_at_epoch_start)
        with contextlib.ExitStack() as screen:
            screen.callback(progress.close)
            if classifier.caches_features:
                size = len(self.training)
                bars = [screen.enter_context(ImageBar(console, "features", size + len(self.held_out)))]
                watch, watch_held_out = bars[0].watch, lambda images: bars[0].watch(images and size + images)
            classifier.fit(
                self._batches(self.training, seed=self.settings.seed, position=position, watch=watch),
                validation_data=self._batches(self.held_out, watch=watch_held_out),
                initial_epoch=phase.done,
                epochs=phase.last,
                # The checkpoint comes last: an epoch that counts as done has left everything else.
                callbacks=[training.StopIfAsked(), *bars, stopwatch, progress, history, *stopping, phase.point],
                verbose=0,
            )
        phase.done = phase.point.epochs
        if stopping:
            say(console, phase.stopping.in_words())

    def _unfreeze(self, console: Console, accuracy: float | None) -> None:
        self.classifier.unfreeze(self.settings.fine_tune)
        with self.classifier.distribute_strategy.scope():
            self.classifier.compile(keras.optimizers.Adam(self.settings.fine_tune_lr))
        number = sum(int(np.prod(weight.shape)) for weight in self.classifier.base.trainable_weights)
        so_far = "" if accuracy is None else f"held-out accuracy {100 * accuracy:.1f} %; "
        say(console, f"{so_far}now {number:,} parameters of {self.settings.fine_tune} train too")

    def _batches(self, rows, **options) -> tf.data.Dataset:
        return class_folders.batches(self.source, rows, self.settings.batch_size, **options)

    # What the run leaves behind

    def _write(self, console: Console) -> None:
        """Tests the classifier and writes it and what the test showed."""
        with ImageBar(console, "answers", len(self.held_out)) as bar:
            probabilities = self.classifier.predict(self._batches(self.held_out, watch=bar.watch), verbose=0)
            bar.finish()
        broken = set(self.source.skipped)  # of a large folder they are known only now
        rows = [row for row in self.held_out if self.files[row] not in broken]
        targets = self.source.targets
        largest = np.bincount(targets[self.training]).argmax()
        result = HeldOut(
            [self.files[i] for i in rows], targets[rows], probabilities, self.data.class_names, int(largest)
        )
        folder = self.folder
        self._writing = True
        with console.status("writing"):
            checksums.forget(folder.path, folder.results)
            files.write_file(folder.model, self.classifier.save)
            self.classifier.export(folder.export, class_names=self.data.class_names)
            checksums.write(folder.path, folder.results)
            report.write_predictions(result, folder.predictions)
            visualize.plot_confusion_matrix(result.counts, folder.confusion_matrix, class_names=self.data.class_names)
            visualize.plot_history(training.curves(folder.history), folder.curves)
        self.written, self._writing = result, False

    def _show_files(self, console: Console) -> None:
        def size(name):
            path = self.folder.path / name
            parts = path.rglob("*") if path.is_dir() else [path]
            return f"{sum(part.stat().st_size for part in parts) / 1e6:,.0f} MB"

        lines = [
            f"In {self.folder.path}:",
            "  confusion_matrix.png  which classes are mixed up",
            "  predictions.csv       what it says of each held-out image",
            "  history.png, .csv     the course of training",
            f"  model.keras           for Keras, with kgan imported ({size('model.keras')})",
            f"  classifier            SavedModel of uint8 images to probabilities ({size('classifier')})",
            "It takes uint8 images; these lines read a file as training did. The classifier itself needs no kgan:",
            *(f"  {line}" for line in report.serving_lines(self.folder.export, self.source.image_shape)),
        ]
        say(console, *lines)

    def _kept(self, goes_on: bool) -> str:
        """What was kept, and how to go on where going on helps."""
        epochs = self._phase.before if self._phase else 0
        with contextlib.suppress(ValueError):  # whatever has happened to the folder
            epochs = max(epochs, (self._phase and self._phase.point.epochs) or 0)
        kept, there = training.kept(self.folder, epochs, goes_on), self.folder.config.exists()
        if there and self._writing and self.written is not None:
            return f"Of the results some are from before and some from after fine-tuning. {kept}"
        if there and self.written is not None:
            return f"The classifier is there as it was before fine-tuning. {kept}"
        return kept

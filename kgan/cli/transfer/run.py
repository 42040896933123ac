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
from kgan.cli.common import checksums, run_folder, training
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.common.image_bar import ImageBar
from kgan.cli.common.screen import say
from kgan.cli.transfer import report
from kgan.cli.transfer.folder import TransferFolder
from kgan.cli.transfer.progress import Progress
from kgan.cli.transfer.stopping import BestEpoch
from kgan.datasets import Source, class_folders
from kgan.metrics.held_out import HeldOut
from kgan.models.transfer import TransferClassifier
from kgan.models.transfer.reading import default_batch_size
from kgan_command.settings.transfer import FINE_TUNING_STEPS, TransferSettings


@dataclasses.dataclass
class TransferRun:
    """A run that can start, in a folder that is empty.

    Attributes:
        folder: where it is to be.
        settings: of the run.
        class_names: of the classes, in their order.
        classifier: compiled.
        source: the images.
        files: the name of each image.
        training: rows of the images to train on.
        held_out: rows of those to test on.
        written: what the classifier that lies in the folder makes of these; `None` before there is one.
    """

    folder: TransferFolder
    settings: TransferSettings
    class_names: list[str]
    classifier: TransferClassifier
    source: Source
    files: list[str]
    training: np.ndarray
    held_out: np.ndarray
    written: HeldOut | None = None
    _writing: bool = False

    def train(self, console: Console) -> int:
        """Trains the head, and then the base if that is wanted; returns the exit code."""
        # Keras says so at the end of every set whose length is not known, as when a broken file may turn up.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Your input ran out of data")
            return training.to_its_end(lambda: self._train(console), self._kept, TransferSettings, console)

    def _train(self, console: Console) -> None:
        before = None
        self._write_config()
        self._fit(console, self.settings.epochs)
        self._write(console)
        if self.settings.fine_tune is not None:
            before = self.written
            self._unfreeze(console)
            self._fit(console, self.settings.fine_tune_epochs)
            self._write(console)
        console.print()
        report.show(self.written, console, before)
        self._show_files(console)

    # Training

    def _fit(self, console: Console, epochs: int) -> None:
        """Trains for so many more epochs; the history in the folder grows with them."""
        done, seed = self._epochs_done(), self.settings.seed
        progress, bars, watch, watch_held_out = Progress(console=console), [], None, None
        history = callbacks.HistoryFile(self.folder.history)
        stopping = [BestEpoch(self.settings.patience)] if self.settings.patience else []
        with contextlib.ExitStack() as screen:
            screen.callback(progress.close)
            if self.classifier.caches_features:
                size = len(self.training)
                bars = [screen.enter_context(ImageBar(console, "features", size + len(self.held_out)))]
                watch, watch_held_out = bars[0].watch, lambda images: bars[0].watch(images and size + images)
            self.classifier.fit(
                self._batches(
                    self.training, seed=seed, position=lambda: self.classifier.rounds_at_epoch_start, watch=watch
                ),
                validation_data=self._batches(self.held_out, watch=watch_held_out),
                initial_epoch=done,
                epochs=done + epochs,
                callbacks=[*bars, callbacks.Stopwatch(), progress, history, *stopping],
                verbose=0,
            )
        if stopping:
            say(console, stopping[0].in_words())

    def _unfreeze(self, console: Console) -> None:
        layers = self.settings.fine_tune
        self.classifier.unfreeze(layers)
        lr = self.settings.lr
        self.classifier.compile(None if lr is None else keras.optimizers.Adam(lr * FINE_TUNING_STEPS))
        number = sum(int(np.prod(weight.shape)) for weight in self.classifier.base.trainable_weights)
        say(
            console,
            f"held-out accuracy {100 * self.written.accuracy:.1f} %; now {number:,} parameters of {layers} train too",
        )

    def _batches(self, rows, **options) -> tf.data.Dataset:
        return class_folders.batches(self.source, rows, self._batch_size, **options)

    @property
    def _batch_size(self) -> int:
        return self.settings.batch_size or default_batch_size(len(self.training))

    # What the run leaves behind

    def _write_config(self) -> None:
        data = {
            **dataclasses.asdict(DataFacts.of(self.source)),
            "class_names": self.class_names,
            "training_size": len(self.training),
            "held_out_size": len(self.held_out),
        }
        chosen = {"batch_size": self._batch_size, "lr": float(f"{float(self.classifier.optimizer.learning_rate):.6g}")}
        run_folder.write_config(self.folder.config, self.settings.to_dict() | chosen, data)

    def _epochs_done(self) -> int:
        return len(read_history(self.folder.history).get("epoch", ()))

    def _write(self, console: Console) -> None:
        """Tests the classifier and writes it and what the test showed."""
        with ImageBar(console, "answers", len(self.held_out)) as bar:
            probabilities = self.classifier.predict(self._batches(self.held_out, watch=bar.watch), verbose=0)
            bar.finish()
        broken = set(self.source.skipped)  # of a large folder they are known only now
        rows = [row for row in self.held_out if self.files[row] not in broken]
        targets = self.source.targets
        largest = np.bincount(targets[self.training]).argmax()
        result = HeldOut([self.files[i] for i in rows], targets[rows], probabilities, self.class_names, int(largest))
        folder = self.folder
        self._writing = True
        with console.status("writing"):
            checksums.forget(folder.path, folder.results)
            files.write_file(folder.model, self.classifier.save)
            self.classifier.export(folder.export, class_names=self.class_names)
            checksums.write(folder.path, folder.results)
            report.write_predictions(result, folder.predictions)
            visualize.plot_confusion_matrix(result.counts, folder.confusion_matrix, class_names=self.class_names)
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
        """What was kept."""
        epochs = self._epochs_done()
        if not self.folder.config.exists():
            kept = "nothing: it was removed or renamed meanwhile"
        elif self.written is not None and self._writing:
            kept = "the classifier, in files of which some are from before and some from after fine-tuning"
        elif self.written is not None:
            kept = "the classifier as it was before fine-tuning"
        elif epochs:
            kept = f"the history of {epochs} {'epoch' if epochs == 1 else 'epochs'}, and no classifier"
        else:
            kept = "its settings, and no classifier"
        return f"{self.folder.path} keeps {kept}."

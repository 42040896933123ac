"""The training of `kgan transfer`, and what its run leaves behind."""

import contextlib
import dataclasses
import json
import pathlib
import warnings

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from kgan import callbacks, files, visualize
from kgan.callbacks.history_file import read_history
from kgan.cli import checksums, class_folders, run_folder, signals
from kgan.cli.screen import say
from kgan.cli.transfer_progress import ImageBar, Progress
from kgan.cli.transfer_report import HeldOut, serving_lines
from kgan.cli.transfer_settings import TransferSettings
from kgan.cli.transfer_stopping import BestEpoch
from kgan.datasets import Source
from kgan.models.transfer import TransferClassifier
from kgan.models.transfer.reading import default_batch_size

# Of the learning rate: weights that have learned from a million images are to be changed a little only.
FINE_TUNING_STEPS = 0.01


@dataclasses.dataclass
class TransferRun:
    """A run that can start, in a folder that is empty.

    Attributes:
        path: the folder.
        settings: of the run.
        class_names: of the classes, in their order.
        classifier: compiled.
        source: the images.
        files: the name of each image.
        training: rows of the images to train on.
        held_out: rows of those to test on.
        written: what the classifier that lies in the folder makes of these; `None` before there is one.
    """

    path: pathlib.Path
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
            return self._train(console)

    def _train(self, console):
        before = None
        try:
            self._write_config()
            self._fit(console, self.settings.epochs)
            self._write(console)
            if self.settings.fine_tune is not None:
                before = self.written
                self._unfreeze(console)
                self._fit(console, self.settings.fine_tune_epochs)
                self._write(console)
        except KeyboardInterrupt as stop:
            if console.is_terminal:
                console.print()  # the terminal has shown ^C on this line
            return self._stopped("Stopped.", signals.exit_code(stop))
        except FloatingPointError as error:
            return self._stopped(str(error), 1)
        except (MemoryError, tf.errors.ResourceExhaustedError):
            return self._stopped("Out of memory: use a smaller batch_size or image_size.", 1)
        except BrokenPipeError:  # of the screen, as in `kgan transfer | head -1`
            raise
        except OSError as error:
            return self._stopped(f"The run cannot be written: {files.reason(error)}.", 1)
        console.print()
        self.written.show(console, before)
        self._show_files(console)
        return 0

    # Training

    def _fit(self, console: Console, epochs: int) -> None:
        """Trains for so many more epochs; the history in the folder grows with them."""
        done, seed = self._epochs_done(), self.settings.seed
        progress, bars, watch, watch_held_out = Progress(console=console), [], None, None
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
                callbacks=[*bars, callbacks.Stopwatch(), progress, callbacks.HistoryFile(self._history), *stopping],
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
            "name": self.source.name,
            "fingerprint": self.source.fingerprint(),
            "size": self.source.size,
            "image_shape": self.source.image_shape,
            "num_classes": len(self.class_names),
            "class_names": self.class_names,
            "training_size": len(self.training),
            "held_out_size": len(self.held_out),
        }
        chosen = {"batch_size": self._batch_size, "lr": float(f"{float(self.classifier.optimizer.learning_rate):.6g}")}
        config = {"settings": self.settings.to_dict() | chosen, "data": data, "versions": run_folder.versions()}
        files.write_text(self.path / "config.json", json.dumps(config, indent=2) + "\n")

    @property
    def _history(self) -> pathlib.Path:
        return self.path / "history.csv"

    def _epochs_done(self) -> int:
        return len(read_history(self._history).get("epoch", ()))

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
        model, classifier = results = [self.path / "model.keras", self.path / "classifier"]
        self._writing = True
        with console.status("writing"):
            checksums.forget(self.path, results)
            files.write_file(model, self.classifier.save)
            self.classifier.export(classifier, class_names=self.class_names)
            checksums.write(self.path, results)
            result.write_predictions(self.path / "predictions.csv")
            visualize.plot_confusion_matrix(
                result.counts, self.path / "confusion_matrix.png", class_names=self.class_names
            )
            history = read_history(self._history)
            curves = {name: values for name, values in history.items() if name not in ("epoch", "seconds")}
            visualize.plot_history(curves, self.path / "history.png")
        self.written, self._writing = result, False

    def _show_files(self, console: Console) -> None:
        def size(name):
            path = self.path / name
            parts = path.rglob("*") if path.is_dir() else [path]
            return f"{sum(part.stat().st_size for part in parts) / 1e6:,.0f} MB"

        lines = [
            f"In {self.path}:",
            "  confusion_matrix.png  which classes are mixed up",
            "  predictions.csv       what it says of each held-out image",
            "  history.png, .csv     the course of training",
            f"  model.keras           for Keras, with kgan imported ({size('model.keras')})",
            f"  classifier            SavedModel of uint8 images to probabilities ({size('classifier')})",
            "It takes uint8 images; these lines read a file as training did. The classifier itself needs no kgan:",
            *(f"  {line}" for line in serving_lines(self.path / "classifier", self.source.image_shape)),
        ]
        say(console, *lines)

    def _stopped(self, why: str, code: int) -> int:
        """Says what was kept."""
        epochs = self._epochs_done()
        if not (self.path / "config.json").exists():
            kept = "nothing: it was removed or renamed meanwhile"
        elif self.written is not None and self._writing:
            kept = "the classifier, in files of which some are from before and some from after fine-tuning"
        elif self.written is not None:
            kept = "the classifier as it was before fine-tuning"
        elif epochs:
            kept = f"the history of {epochs} {'epoch' if epochs == 1 else 'epochs'}, and no classifier"
        else:
            kept = "its settings, and no classifier"
        with contextlib.suppress(OSError):  # of a terminal that has been closed
            say(Console(stderr=True), f"{why[0].upper()}{why[1:]} {self.path} keeps {kept}.")
        return code

"""`kgan train`: from a data set to a trained and exported generator."""

import contextlib
import dataclasses
import functools
import math
import sys

import tensorflow as tf
import typer
from rich.console import Console

import kgan
from kgan import callbacks, distribution, files, losses, visualize
from kgan.callbacks.history_file import read_history
from kgan.cli import checksums, plan, recipe, run_folder, signals
from kgan.cli.options import with_settings
from kgan.cli.recipe import DataFacts
from kgan.cli.run_folder import RunFolder
from kgan.cli.screen import say
from kgan.cli.settings import MAY_CHANGE_ON_RESUME, Settings
from kgan.foreign_text import shell_word

_NO_LIMIT = sys.maxsize  # of epochs, when the minutes decide


@dataclasses.dataclass
class Run:
    """A run that can start: everything has been checked and built, nothing has been trained or written."""

    settings: Settings
    source: kgan.datasets.Source
    data: DataFacts
    gan: kgan.GAN
    folder: RunFolder | None = None  # made when training starts
    epochs_done: int = 0

    @functools.cached_property
    def point(self) -> callbacks.ResumePoint:
        """The checkpoint, of which the training that goes on must know that it was restored."""
        return callbacks.ResumePoint(self.folder.checkpoint)

    @property
    def epochs_kept(self) -> int:
        """How many epochs lie in the folder now, whatever has happened to it."""
        try:
            return self.point.epochs or 0
        except ValueError:
            return 0

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

    @property
    def longer(self) -> str:
        """A flag with which a finished run would go on, for about a fifth longer."""
        if self.settings.epochs is None:
            return f"--minutes {math.ceil(1.2 * max(self.seconds_done / 60, self.settings.minutes))}"
        return f"--epochs {self.epochs_done + max(1, self.epochs_done // 5)}"


@with_settings
def train(
    given: dict,
    out: str | None = typer.Option(None, help="folder of the run; by default runs/DATA-N", rich_help_panel="Run"),
    resume: str | None = typer.Option(
        None, help="go on with the run in this folder, as if it had never stopped", rich_help_panel="Run"
    ),
    config: str | None = typer.Option(
        None, help="take the settings from the config.json of another run; flags win", rich_help_panel="Run"
    ),
    dry_run: bool = typer.Option(False, "--dry-run", help="print the plan and stop", rich_help_panel="Run"),
):
    """Trains a GAN on images and exports its generator.

    DATA is a name from `kgan datasets`, a folder of images, or an .npz or .npy file; by default mnist5k, 5,000
    handwritten digits that need no download.
    """
    console = Console()
    with contextlib.ExitStack() as alone:
        if resume is not None:
            if out is not None or config is not None:
                raise ValueError("--resume goes on with a run as it is: leave out --out and --config.")
            folder = RunFolder(resume)
            if not dry_run:
                alone.enter_context(folder.alone())
            run = _prepare_again(folder, given)
        else:
            settings = run_folder.read_settings(config) if config is not None else Settings()
            run = _prepare(settings.changed(**given))
        for note in run.source.notes:
            say(console, note, style="yellow")
        if dry_run:
            plan.show(console, run.settings, run.data, run.gan, in_memory=run.source.in_memory, done=run.epochs_done)
            return
        if run.folder is None:
            run.folder = run_folder.new_folder(run.settings.data, out)
            alone.enter_context(files.alone_in(run.folder.path))
            run_folder.refuse_used(run.folder.path)  # by another one that began at the same moment
        run.folder.write_config(run.settings, run.data)
        code = _train(run, console)
        if run.source.report():
            say(console, run.source.report(), style="yellow")
    raise typer.Exit(code)


def _prepare(settings: Settings) -> Run:
    """Opens the data and builds the model of a new run."""
    settings = settings.changed(data=recipe.with_full_path(settings.data))
    strategy = distribution.choose(settings.devices)
    source = recipe.open_data(settings)
    data = recipe.facts(source)
    settings = recipe.complete(settings, data, strategy)
    return Run(settings, source, data, recipe.build(settings, data, strategy))


def _prepare_again(folder: RunFolder, given: dict) -> Run:
    """Opens the data, builds the model and restores the last checkpoint of a run; refuses any change.

    Raises:
        ValueError: if a flag or the data do not agree with the run.
    """
    saved, saved_data, versions = folder.read_config()
    epochs_done = folder.check()
    if "data" in given:
        given["data"] = recipe.with_full_path(given["data"])
    length = {name: given.pop(name) for name in MAY_CHANGE_ON_RESUME if name in given}
    changed = saved.changed(**{name: value for name, value in given.items() if value not in (None, "auto")})
    changed = changed.with_weights(losses.auto_weight(saved_data.image_shape))
    changes = changed.differences(saved)
    if changes:
        was = ", ".join(f"{name} is {getattr(saved, name)}, not {getattr(changed, name)}" for name in changes)
        raise ValueError(
            f"{folder.path} cannot go on under changed settings ({was}): only epochs and minutes may change; "
            "leave the others out, or start a new run with --config."
        )
    run = _prepare(saved.changed(**length))
    if run.data.fingerprint != saved_data.fingerprint:
        raise ValueError(
            f"{folder.path} cannot go on, because the data {saved.data} have changed since it began: start a new run."
        )
    differences = [
        f"{name} {versions.get(name)}, now {now}"
        for name, now in run_folder.versions().items()
        if versions.get(name) != now
    ]
    if differences:
        run.source.notes.append(
            f"The run began with {'; '.join(differences)}: it may go on slightly differently than it would have."
        )
    if epochs_done and not folder.history.exists():
        run.source.notes.append(
            f"{folder.history} is missing: the history begins anew with epoch {epochs_done + 1}, and so do the minutes."
        )
    run.folder = folder
    run.epochs_done = run.point.restore(run.gan)
    return run


def _train(run: Run, console: Console) -> int:
    """Trains, and writes what the run leaves behind; returns the exit code."""
    folder = run.folder
    grid = callbacks.SampleGrid(folder.samples)
    grid.set_model(run.gan)
    try:
        run.point.clear()
        if run.finished:
            say(
                console,
                f"{folder.path} has its {run.epochs_done} epochs: nothing is left to train. --epochs and --minutes are "
                f"totals: {run.longer} goes on.",
            )
        else:
            shape = "x".join(map(str, run.data.image_shape))
            classes = f", {run.data.num_classes} classes" if run.data.num_classes else ""
            begin = f", from epoch {run.epochs_done + 1} on" if run.epochs_done else ""
            say(console, f"{run.data.size:,} images of {shape}{classes}, into {folder.path}{begin}")
            _fit(run, console, grid)
        _finish(run, grid)
    except KeyboardInterrupt as stop:
        if console.is_terminal:
            console.print()  # the terminal has shown ^C on this line
        return _stopped("Stopped.", run, signals.exit_code(stop))
    except FloatingPointError as error:
        return _stopped(str(error), run, 1, resume=False)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        return _stopped("Out of memory: use a smaller batch_size or width.", run, 1, resume=False)
    except BrokenPipeError:  # of the screen, as in `kgan train | head -1`
        raise
    except OSError as error:
        return _stopped(f"The run cannot be written: {files.reason(error)}.", run, 1)
    say(console, f"Samples: {folder.last_samples}")
    say(console, f"More of them: kgan sample {shell_word(folder.path)}")
    return 0


def _fit(run: Run, console: Console, grid: callbacks.SampleGrid) -> None:
    folder, settings, seconds = run.folder, run.settings, run.seconds_done
    progress = callbacks.Progress(settings.minutes, seconds_before=seconds, console=console)
    stopwatch = callbacks.Stopwatch(settings.minutes, seconds_before=seconds)
    notice = callbacks.WinnerNotice(console=console)
    with contextlib.closing(progress):
        run.gan.fit(
            recipe.batches(settings, run.source, run.gan),
            epochs=settings.epochs or _NO_LIMIT,
            initial_epoch=run.epochs_done,
            # The checkpoint comes last: an epoch that counts as done has left everything else.
            callbacks=[stopwatch, progress, callbacks.HistoryFile(folder.history), grid, notice, run.point],
            verbose=0,
        )


def _finish(run: Run, grid: callbacks.SampleGrid) -> None:
    """Writes what a finished run leaves behind, and notes the checksums of what is for use."""
    folder, gan = run.folder, run.gan
    grid.write(folder.last_samples)
    history = read_history(folder.history)
    curves = {name: values for name, values in history.items() if name not in ("epoch", "seconds")}
    visualize.plot_history(curves, folder.curves)
    checksums.forget(folder.path, folder.results)
    files.write_file(folder.model, gan.save)
    gan.export(folder.generator)
    checksums.write(folder.path, folder.results)


def _stopped(why: str, run: Run, code: int, *, resume: bool = True) -> int:
    """Says what was kept, and how to go on where going on helps."""
    path = run.folder.path
    if run.folder.config.exists():
        command = f"; go on with: kgan train --resume {shell_word(path)}" if resume else "."
        kept = run.epochs_kept
        number = {0: "no complete epoch is", 1: "1 complete epoch is"}.get(kept, f"{kept} complete epochs are")
        kept = f"In {path} {number} kept{command}"
    else:
        kept = f"Nothing is kept: {path} was removed or renamed meanwhile."
    with contextlib.suppress(OSError):  # of a terminal that has been closed
        say(Console(stderr=True), f"{why[0].upper()}{why[1:]} {kept}")
    return code

"""What `kgan train` does, in the order in which it happens."""

import contextlib

from rich.console import Console

from kgan import distribution, losses
from kgan.cli.common import resuming, run_folder
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.common.screen import note
from kgan.cli.train import plan, recipe
from kgan.cli.train.folder import TrainFolder
from kgan.cli.train.run import Run
from kgan_command.settings.run_options import RunOptions
from kgan_command.settings.train import TrainSettings


def begin(settings: TrainSettings, options: RunOptions) -> int:
    """Begins a run; returns the exit code."""
    console = Console()
    run_folder.check_new(options.out, TrainFolder.exported)
    run = _prepare(settings)
    note(console, run.source.notes)
    if options.dry_run:
        return _show_plan(console, run)
    run.folder = TrainFolder(run_folder.new_folder(run.settings.data, options.out))
    with run.folder.begun():
        return _train(console, run)


def resume(given: dict, options: RunOptions) -> int:
    """Goes on with a run as if it had never stopped; returns the exit code."""
    console, folder = Console(), TrainFolder(options.resume)
    with contextlib.nullcontext() if options.dry_run else folder.alone():
        if "data" in given:
            given["data"] = recipe.with_full_path(given["data"])
        saved = resuming.read(folder, given, _with_weights)
        run = _prepare(saved.settings)
        resuming.check_data(saved, run.data)
        run.folder = folder
        run.epochs_done = run.point.restore(run.gan)
        note(console, [*run.source.notes, *saved.notes])
        return _show_plan(console, run) if options.dry_run else _train(console, run)


def _prepare(settings: TrainSettings) -> Run:
    """Opens the data and builds the model: whatever cannot be is refused here, and nothing is written."""
    settings = settings.changed(data=recipe.with_full_path(settings.data))
    strategy = distribution.choose(settings.devices)
    source = recipe.open_data(settings)
    data = DataFacts.of(source)
    settings = recipe.complete(settings, data, strategy)
    return Run(settings, source, data, recipe.build(settings, data, strategy))


def _show_plan(console: Console, run: Run) -> int:
    plan.show(console, run.settings, run.data, run.gan, in_memory=run.source.in_memory, done=run.epochs_done)
    return 0


def _train(console: Console, run: Run) -> int:
    run.folder.write_config(run.settings, run.data)
    code = run.train(console)
    note(console, [run.source.report()])
    return code


def _with_weights(settings: TrainSettings, data: DataFacts) -> TrainSettings:
    return settings.with_weights(losses.auto_weight(data.image_shape))

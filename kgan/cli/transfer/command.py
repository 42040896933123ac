"""What `kgan transfer` does, in the order in which it happens."""

import contextlib

import keras
from rich.console import Console

from kgan import callbacks, distribution
from kgan.cli.common import resuming, run_folder
from kgan.cli.common.screen import note, say
from kgan.cli.transfer.folder import TransferFacts, TransferFolder
from kgan.cli.transfer.run import TransferRun
from kgan.datasets import class_folders
from kgan.datasets.class_folders import ClassFolders
from kgan.files import checksum
from kgan.models.transfer import TransferClassifier, freezing
from kgan.models.transfer.model import FINE_TUNING_RATE
from kgan.models.transfer.reading import default_batch_size
from kgan_command.settings.run_options import RunOptions
from kgan_command.settings.transfer import FINE_TUNING_STEPS, TransferSettings


def begin(settings: TransferSettings, options: RunOptions) -> int:
    """Begins a run; returns the exit code."""
    console = Console()
    run_folder.check_new(options.out, TransferFolder.exported)
    run = _prepare(console, settings, options)
    if run is None:
        return 0
    run.folder = TransferFolder(run_folder.new_folder(settings.folder, options.out))
    say(console, f"into {run.folder.path}", "")
    with run.folder.begun():
        return _train(console, run)


def resume(given: dict, options: RunOptions) -> int:
    """Goes on with a run as if it had never stopped; returns the exit code."""
    console, folder = Console(), TransferFolder(options.resume)
    with contextlib.nullcontext() if options.dry_run else folder.alone():
        saved = resuming.read(folder, given)
        _check_length(saved, given)
        saved.settings.check_files()
        run = _prepare(console, saved.settings, options, saved)
        if run is None:
            return 0
        run.folder = folder
        return _train(console, run)


def _prepare(console: Console, settings: TransferSettings, options: RunOptions, saved=None) -> TransferRun | None:
    """Builds the classifier, shows the plan and opens the images; `None` if it is to stop there.

    Whatever cannot be is refused here, and nothing is written.
    """
    strategy = distribution.choose(settings.devices)
    folders = class_folders.look_through(settings.folder, settings.limit)
    training, held_out = class_folders.split(folders.targets, settings.held_out, settings.seed)
    settings = settings.changed(devices=str(strategy.num_replicas_in_sync))
    classifier = _build(settings, len(folders.class_names), strategy)
    settings = _complete(settings, classifier, len(training), len(held_out))
    _show_plan(console, settings, folders, classifier)
    if options.dry_run:
        return None
    with console.status("reading images"):
        source, files = folders.open(settings.image_shape()[:2])
    # Once more: broken files are left out now.
    training, held_out = class_folders.split(source.targets, settings.held_out, settings.seed)
    weights = settings.weights_argument()
    data = TransferFacts.of(
        source,
        training_size=len(training),
        held_out_size=len(held_out),
        weights=None if weights in (None, "imagenet") else checksum(weights),
    )
    if saved is not None:
        resuming.check_data(saved, data)
        _check_parts(saved, data)
    note(console, [sentence for sentence in source.notes if sentence not in folders.notes])
    note(console, saved.notes if saved is not None else ())
    return TransferRun(settings, data, classifier, source, files, training, held_out)


def _train(console: Console, run: TransferRun) -> int:
    run.folder.write_config(run.settings, run.data)
    code = run.train(console)
    note(console, [run.source.report()])
    return code


def _complete(settings: TransferSettings, classifier: TransferClassifier, training: int, held_out: int):
    """Fills in what was left to choose, and refuses what does not go together."""
    devices = int(settings.devices)
    size = settings.batch_size or default_batch_size(training, devices)
    if size % devices:
        raise ValueError(f"--batch-size {size} cannot be divided evenly between {devices} devices.")
    if devices > 1 and min(training, held_out) < size:
        raise ValueError(
            f"on {devices} devices an incomplete batch is left out, but only {min(training, held_out)} images are "
            f"there to {'test' if held_out < training else 'train'} on: use a --batch-size of less than {size}."
        )
    tuning = settings.fine_tune_lr
    if tuning is None:
        tuning = FINE_TUNING_RATE if settings.lr is None else settings.lr * FINE_TUNING_STEPS
    lr = classifier.default_learning_rate if settings.lr is None else settings.lr
    return settings.changed(batch_size=size, lr=lr, fine_tune_lr=tuning)


def _check_length(saved: resuming.Saved, given: dict) -> None:
    """Refuses more epochs of the head when layers of the base have begun to train on it."""
    if "epochs" in given and callbacks.ResumePoint(saved.folder.fine_tuning).epochs is not None:
        raise ValueError(
            f"{saved.folder.path} is past its --epochs, fine-tuning has begun: leave --epochs out; --fine-tune-epochs "
            "may change."
        )


def _check_parts(saved: resuming.Saved, data: TransferFacts) -> None:
    """Refuses a file of weights that is not that of the run."""
    if data.weights != saved.data.weights:
        raise ValueError(
            f"{saved.folder.path} cannot go on, because the file of --weights has changed since it began: start a new "
            "run."
        )


def _build(settings: TransferSettings, num_classes: int, strategy) -> TransferClassifier:
    """The compiled classifier; refuses weights that are not there and layers that do not exist."""
    keras.utils.set_random_seed(settings.seed)
    with strategy.scope():
        classifier = TransferClassifier(
            num_classes,
            base=settings.base,
            weights=settings.weights_argument(),
            cut=settings.cut_layer(),
            head=settings.head_units(),
            input_shape=settings.image_shape(),
            seed=settings.seed,
        )
    if settings.fine_tune is not None:
        freezing.names_beginning(freezing.trainable_names(classifier.base), settings.fine_tune)  # or refuses
    with strategy.scope():
        classifier.compile(None if settings.lr is None else keras.optimizers.Adam(settings.lr))
    return classifier


def _show_plan(console: Console, settings: TransferSettings, folders: ClassFolders, classifier: TransferClassifier):
    training, held_out = class_folders.split(folders.targets, settings.held_out, settings.seed)
    base, random = classifier.base, settings.weights_argument() is None
    height, width, _ = settings.image_shape()
    units = base.output_shape[-1], *settings.head_units(), classifier.num_classes
    lines = [
        f"{settings.folder}: {len(folders.files):,} images of {classifier.num_classes} classes, {len(training):,} to "
        f"train on and {len(held_out):,} held out",
        f"{settings.base}{f' up to {settings.cut_layer()}' if settings.cut_layer() else ''}, "
        f"{'random weights' if random else f'weights {settings.weights}'}: images of {height}x{width}, "
        f"{base.count_params():,} parameters that stay as they are",
        f"on top {' > '.join(f'{n:,}' for n in units)}: {classifier.head.count_params():,} parameters to train",
    ]
    lines.append(f"learning rate {settings.lr:.2g}, batches of {settings.batch_size}, {settings.epochs_in_words()}")
    say(console, *lines)
    note(console, folders.notes)
    if random:
        baseline = "Random weights have seen no image yet: take the accuracy for a baseline, and --weights imagenet or "
        note(console, [f"{baseline}a file of weights for what transfer can do."])

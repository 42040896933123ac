"""What `kgan transfer` does, in the order in which it happens."""

import keras
from rich.console import Console

from kgan.cli.common import run_folder
from kgan.cli.common.screen import note, say
from kgan.cli.transfer.folder import TransferFolder
from kgan.cli.transfer.run import TransferRun
from kgan.datasets import class_folders
from kgan.datasets.class_folders import ClassFolders
from kgan.models.transfer import TransferClassifier, freezing
from kgan.models.transfer.reading import default_batch_size
from kgan_command.settings.run_options import NewRunOptions
from kgan_command.settings.transfer import TransferSettings


def begin(settings: TransferSettings, options: NewRunOptions) -> int:
    """Begins a run; returns the exit code."""
    console = Console()
    run_folder.check_new(options.out, TransferFolder.exported)
    folders = class_folders.look_through(settings.folder, settings.limit)
    classifier = _build(settings, len(folders.class_names))
    _show_plan(console, settings, folders, classifier)
    if options.dry_run:
        return 0
    with console.status("reading images"):
        source, files = folders.open(settings.image_shape()[:2])
    note(console, [sentence for sentence in source.notes if sentence not in folders.notes])
    training, held_out = class_folders.split(source.targets, settings.held_out, settings.seed)
    folder = TransferFolder(run_folder.new_folder(settings.folder, options.out))
    say(console, f"into {folder.path}", "")
    with folder.begun():
        run = TransferRun(folder, settings, folders.class_names, classifier, source, files, training, held_out)
        code = run.train(console)
    note(console, [source.report()])
    return code


def _build(settings: TransferSettings, num_classes: int) -> TransferClassifier:
    """The compiled classifier; refuses weights that are not there and layers that do not exist."""
    keras.utils.set_random_seed(settings.seed)
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
    rate, size = classifier.optimizer.learning_rate, settings.batch_size or default_batch_size(len(training))
    lines.append(f"learning rate {float(rate):.2g}, batches of {size}, {settings.epochs_in_words()}")
    say(console, *lines)
    note(console, folders.notes)
    if random:
        baseline = "Random weights have seen no image yet: take the accuracy for a baseline, and --weights imagenet or "
        note(console, [f"{baseline}a file of weights for what transfer can do."])

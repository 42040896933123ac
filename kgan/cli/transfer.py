"""`kgan transfer`: from a folder of class folders to a trained and exported classifier."""

import pathlib

import keras
import typer
from rich.console import Console

from kgan.cli import class_folders, run_folder
from kgan.cli.class_folders import ClassFolders
from kgan.cli.screen import say
from kgan.cli.transfer_run import FINE_TUNING_STEPS, TransferRun
from kgan.cli.transfer_settings import TransferSettings
from kgan.export import check_target
from kgan.files import alone_in, clear_unfinished
from kgan.models.transfer import TransferClassifier, freezing
from kgan.models.transfer.reading import default_batch_size


def transfer(
    folder: str = typer.Argument(metavar="FOLDER", help="a folder with a folder of images for each class"),
    held_out: float = typer.Option(0.2, help="share of each class that is kept for testing", rich_help_panel="Data"),
    limit: int | None = typer.Option(
        None, help="use only so many images, taken evenly from all", rich_help_panel="Data"
    ),
    base: str = typer.Option("vgg16", help="a network of keras.applications", rich_help_panel="Network"),
    weights: str = typer.Option(
        "imagenet", help="imagenet (Keras downloads them once), none, or a .h5 file", rich_help_panel="Network"
    ),
    cut: str | None = typer.Option(
        None,
        help="layer that gives the features, or none for all before the classification layers; by default fc1 of VGG, "
        "none of others",
        rich_help_panel="Network",
    ),
    image_size: str = typer.Option("224", help="SIDE or HEIGHTxWIDTH of what the base sees", rich_help_panel="Network"),
    head: str = typer.Option(
        "", help="units of new layers before the last one, such as 256,128; by default none", rich_help_panel="Network"
    ),
    epochs: int = typer.Option(20, help="passes over the features, at most", rich_help_panel="Training"),
    patience: int = typer.Option(
        5,
        help="stop after so many epochs in which nothing improves on the held-out images, and keep the best epoch; 0: "
        "train for all epochs and keep the last",
        rich_help_panel="Training",
    ),
    batch_size: int | None = typer.Option(
        None, help="images per update; by default 32, 16 or 8, by their number", rich_help_panel="Training"
    ),
    lr: float | None = typer.Option(
        None,
        help="learning rate; by default 0.01, less for more than 128 features, and 1e-5 for fine-tuning",
        rich_help_panel="Training",
    ),
    fine_tune: str | None = typer.Option(
        None,
        metavar="LAYERS",
        help="then train these layers of the base too: a name or its beginning, such as block5",
        rich_help_panel="Training",
    ),
    fine_tune_epochs: int = typer.Option(
        5,
        help=f"passes over the images for that, at lr * {FINE_TUNING_STEPS:g} if lr is given",
        rich_help_panel="Training",
    ),
    seed: int = typer.Option(0, help="decides what is held out and how training begins", rich_help_panel="Run"),
    out: str | None = typer.Option(None, help="folder of the run; by default runs/FOLDER-N", rich_help_panel="Run"),
    dry_run: bool = typer.Option(False, "--dry-run", help="say what would be done and stop", rich_help_panel="Run"),
):
    """Trains a classifier for your own images on what a pretrained network sees in them, and exports it.

    Some images of each class are held out. Training stops when nothing improves on these any more, goes back to the
    best epoch, and is tested on them; as they have chosen the epoch, new images may do a little worse.
    """
    settings = TransferSettings(
        folder=folder,
        held_out=held_out,
        limit=limit,
        base=base,
        weights=weights,
        cut=cut,
        image_size=image_size,
        head=head,
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        lr=lr,
        fine_tune=fine_tune,
        fine_tune_epochs=fine_tune_epochs,
        seed=seed,
    )
    console = Console()
    _refuse_used(out)
    folders = class_folders.look_through(settings.folder, settings.limit)
    classifier = _build(settings, len(folders.class_names))
    _show_plan(console, settings, folders, classifier)
    if dry_run:
        return
    with console.status("reading images"):
        source, files = folders.open(settings.image_shape()[:2])
    for note in source.notes:
        if note not in folders.notes:
            say(console, note, style="yellow")
    training, held_out_rows = class_folders.split(source.targets, settings.held_out, settings.seed)
    path = run_folder.new_folder(settings.folder, out).path
    say(console, f"into {path}", "")
    run = TransferRun(path, settings, folders.class_names, classifier, source, files, training, held_out_rows)
    with alone_in(path):
        code = run.train(console)
    if source.report():
        say(console, source.report(), style="yellow")
    raise typer.Exit(code)


def _refuse_used(out: str | None) -> None:
    path = pathlib.Path(out or "runs").expanduser()
    check_target(path / "classifier")  # before hours of training, after which it is written
    if out is not None:
        clear_unfinished(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(f"{path} is not empty: another --out starts a new run.")


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
    notes = list(folders.notes)
    if random:
        notes.append(
            "Random weights have seen no image yet: take the accuracy for a baseline, and --weights imagenet or a file "
            "of weights for what transfer can do."
        )
    for text, style in [*((line, None) for line in lines), *((note, "yellow") for note in notes)]:
        say(console, text, style=style)

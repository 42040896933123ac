"""All commands: what they are called, what they take, and which part of `kgan.cli` does the work."""

import typer

from kgan_command.loading import work_of
from kgan_command.options import with_options
from kgan_command.settings.attack import AttackSettings
from kgan_command.settings.datasets import DatasetsSettings
from kgan_command.settings.export import ExportSettings
from kgan_command.settings.run_options import RunOptions
from kgan_command.settings.sample import SampleSettings
from kgan_command.settings.train import TrainSettings
from kgan_command.settings.transfer import TransferSettings
from kgan_command.version import __version__

SETTINGS = {
    "train": TrainSettings,
    "sample": SampleSettings,
    "export": ExportSettings,
    "transfer": TransferSettings,
    "attack": AttackSettings,
    "datasets": DatasetsSettings,
}
app = typer.Typer(
    name="kgan",
    help="Generative adversarial networks, transfer learning and adversarial examples for Keras.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool):
    if wanted:
        typer.echo(f"kgan {__version__}")
        raise typer.Exit


@app.callback()
def commands(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="print the version"),
):
    """Generative adversarial networks (train, sample, export), classifiers of your own images (transfer, attack)."""


@app.command()
@with_options(TrainSettings, RunOptions)
def train(given: dict, run: dict):
    """Trains a GAN on images and exports its generator.

    DATA is a name from `kgan datasets`, a folder of images, or an .npz or .npy file; by default mnist5k, 5,000
    handwritten digits that need no download.
    """
    options = RunOptions(**run)
    if options.resume is not None:
        return work_of("train").resume(given, options)
    settings = TrainSettings.given(given, options.config)
    return work_of("train").begin(settings, options)


@app.command()
@with_options(SampleSettings)
def sample(given: dict):
    """Makes images with a trained generator.

    A SavedModel is a program, and TensorFlow runs it: of one that kgan did not export, kgan looks for operations that
    may write files, use the network or run code, and names them before anything runs. Use it only if you trust who
    made it.
    """
    settings = SampleSettings(**given)
    return work_of("sample")(settings)


@app.command()
@with_options(ExportSettings)
def export(given: dict):
    """Exports the generator of a run's last checkpoint: latent vectors (and labels) to uint8 images."""
    settings = ExportSettings(**given)
    return work_of("export")(settings)


@app.command()
@with_options(TransferSettings, RunOptions)
def transfer(given: dict, run: dict):
    """Trains a classifier for your own images on what a pretrained network sees in them, and exports it.

    Some images of each class are held out. Training stops when nothing improves on these any more, goes back to the
    best epoch, and is tested on them; as they have chosen the epoch, new images may do a little worse.
    """
    options = RunOptions(**run)
    if options.resume is not None:
        return work_of("transfer").resume(given, options)
    settings = TransferSettings.given(given, options.config)
    settings.check_files()
    return work_of("transfer").begin(settings, options)


@app.command()
@with_options(AttackSettings)
def attack(given: dict):
    """Attacks a trained classifier: its accuracy when every image moves a little, the worst way."""
    settings = AttackSettings(**given)
    return work_of("attack")(settings)


@app.command()
@with_options(DatasetsSettings)
def datasets(given: dict):
    """Lists the data sets and says whether each is on this machine."""
    settings = DatasetsSettings(**given)
    return work_of("datasets")(settings)

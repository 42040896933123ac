"""`kgan export`: the generator of a run, for use without kgan."""

import contextlib
import pathlib

from rich.console import Console

from kgan import GAN, callbacks, distribution
from kgan.cli.common import checksums
from kgan.cli.common.screen import say
from kgan.cli.train import recipe
from kgan.cli.train.folder import TrainFolder
from kgan.export import check_target, export_onnx
from kgan_command.settings.export import ExportSettings


def export(settings: ExportSettings) -> int:
    """Exports the generator of a run's last checkpoint; returns the exit code."""
    folder = TrainFolder(settings.run)
    trained, data, _ = folder.read_config()
    averaged = settings.ema and bool(trained.ema)  # without an average the generator itself makes the samples
    path = _target(settings, folder, of_samples=averaged or not trained.ema)
    point = callbacks.ResumePoint(folder.checkpoint)
    if point.check() is None:
        raise ValueError(f"{settings.run} has no checkpoint yet: train it first.")
    gan = recipe.build(trained.changed(devices="1"), data, distribution.choose(1))
    epochs = point.restore(gan)
    with contextlib.ExitStack() as alone:
        ours = path.resolve() == folder.export.resolve()
        if ours:
            alone.enter_context(folder.alone())
            checksums.forget(folder.path, [folder.export])
        if settings.format == "onnx":
            _write_onnx(path, gan, trained, data, averaged)
        else:
            gan.export(path, ema=averaged)
        if ours:
            checksums.write(folder.path, [folder.export])
    say(Console(), f"{path}  the generator after {epochs} epochs")
    return 0


def _target(settings: ExportSettings, folder: TrainFolder, *, of_samples: bool) -> pathlib.Path:
    """Where to write; refuses what cannot be replaced."""
    name = "generator" if of_samples else "generator_without_ema"
    if settings.out is not None:
        path = pathlib.Path(settings.out).expanduser()
    else:
        path = folder.path / (f"{name}.onnx" if settings.format == "onnx" else name)
    if settings.format != "onnx":
        check_target(path)
    elif path.is_dir():
        raise ValueError(f"{path} is a folder, but ONNX is a file: choose another --out.")
    return path


def _write_onnx(path: pathlib.Path, gan: GAN, trained, data, averaged: bool) -> None:
    # Whatever the run computed in, its weights are float32, and so is what ONNX runtimes compute in.
    plain = recipe.build(trained.changed(devices="1", precision="float32"), data, distribution.choose(1)).generator
    plain.set_weights((gan.ema_generator if averaged else gan.generator).get_weights())
    export_onnx(plain, path, num_classes=data.num_classes, class_names=data.class_names)

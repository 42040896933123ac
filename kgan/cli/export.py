"""`kgan export`: the generator of a run, for use without kgan."""

import contextlib
import pathlib

import typer

from kgan import callbacks, distribution
from kgan.cli import checksums, recipe
from kgan.cli.run_folder import RunFolder
from kgan.cli.settings import nearest
from kgan.export import check_target, export_onnx

_FORMATS = ("savedmodel", "onnx")


def export(
    run: str = typer.Argument(help="folder of a run, finished or not"),
    format: str = typer.Option("savedmodel", help=", ".join(_FORMATS)),
    out: str | None = typer.Option(None, help="where to write; by default generator or generator.onnx in the run"),
    ema: bool = typer.Option(True, help="the moving average of the generator, or the generator itself"),
):
    """Exports the generator of a run's last checkpoint: latent vectors (and labels) to uint8 images."""
    if format not in _FORMATS:
        raise ValueError(f"unknown format {format!r}{nearest(format, _FORMATS)}")
    folder = RunFolder(run)
    settings, data, _ = folder.read_config()
    if ema and not settings.ema:
        ema = False  # there is none, and what `generate` uses is the generator itself
    name = ("generator" if ema or not settings.ema else "generator_without_ema") + (".onnx" if format == "onnx" else "")
    path = pathlib.Path(out).expanduser() if out is not None else folder.path / name
    if format == "onnx" and path.is_dir():
        raise ValueError(f"{path} is a folder, but ONNX is a file: choose another --out.")
    if format != "onnx":
        check_target(path)
    point = callbacks.ResumePoint(folder.checkpoint)
    if point.check() is None:
        raise ValueError(f"{run} has no checkpoint yet: train it first.")
    gan = recipe.build(settings.changed(devices="1"), data, distribution.choose(1))
    epochs = point.restore(gan)
    with contextlib.ExitStack() as alone:
        ours = path.resolve() == folder.generator.resolve()
        if ours:
            alone.enter_context(folder.alone())
            checksums.forget(folder.path, [folder.generator])
        if format == "onnx":
            # Whatever the run computed in, its weights are float32, and so is what ONNX runtimes compute in.
            generator = recipe.build(
                settings.changed(devices="1", precision="float32"), data, distribution.choose(1)
            ).generator
            generator.set_weights((gan.ema_generator if ema else gan.generator).get_weights())
            export_onnx(generator, path, num_classes=data.num_classes, class_names=data.class_names)
        else:
            gan.export(path, ema=ema)
        if ours:
            checksums.write(folder.path, [folder.generator])
    typer.echo(f"{path}  the generator after {epochs} epochs")

"""What `kgan attack` does, in the order in which it happens."""

import contextlib
import math
import os
import pathlib
import warnings
from collections.abc import Iterator

import numpy as np
from rich.console import Console

from kgan import attacks, files
from kgan.cli.attack import classifier, data, examples
from kgan.cli.attack.classifier import Classifier
from kgan.cli.attack.data import Images
from kgan.cli.attack.report import Report
from kgan.cli.common import run_folder
from kgan.cli.common.image_bar import ImageBar
from kgan.cli.common.screen import note, say
from kgan.datasets.input_range import RANGES, as_text
from kgan.foreign_text import printable
from kgan.metrics.intervals import wilson_interval
from kgan_command.settings.attack import AttackSettings

# Shares of the range, and of the distance between black and white images: 0.1 moves every pixel by a tenth.
_EPSILONS = {"linf": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3), "l2": (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)}


def attack(settings: AttackSettings) -> int:
    """Measures the accuracy under an attack; returns the exit code."""
    console = Console()
    with _whole_folder(settings.out) as folder:
        with console.status("loading"):
            model = classifier.load(settings.model)
            images = data.read(settings.data, model, settings.limit)
        bounds = settings.bounds() or model.bounds or RANGES[0]
        inputs = images.inputs(model, bounds)
        strengths = _as_strengths(settings.strengths(), settings.norm, bounds, inputs[0].size)
        _show_plan(console, model, images, bounds, settings)

        how = _arguments(settings, bounds)
        with _attack_warnings(console):
            report = _measure(console, model, images, inputs, strengths, how)
            report.show(console)
            note(console, _notes(report, model, images, settings, bounds))
            if folder is None:
                say(console, "With --out FOLDER: the table, a figure and examples as files.", style="dim")
                return 0
            report.write(folder)
            examples.draw(folder / "examples.png", model, images, inputs, report, how)
        _write_config(folder, model, images, report, settings, bounds)
    say(
        console,
        f"In {settings.out}:",
        "  accuracy.csv, .png  the table above",
        "  examples.png        images before and after",
        "  config.json         how this was made",
    )
    return 0


# What is asked for


def _arguments(settings: AttackSettings, bounds) -> dict:
    """What the attacks of the library take."""
    steps = {} if settings.steps is None else {"steps": settings.steps}
    how = {"attack": settings.attack, "norm": settings.norm, "bounds": bounds, "seed": settings.seed}
    return {**how, "batch_size": settings.batch_size, **steps}


def _as_strengths(strengths, norm: str, bounds, size: int) -> list[float]:
    """The strengths, or those by default; refuses what is larger than the range, which is a mistake of units."""
    width = bounds[1] - bounds[0]
    most = width if norm == "linf" else width * math.sqrt(size)
    if strengths is None:
        return [float(f"{share * most:.3g}") for share in _EPSILONS[norm]]
    if strengths[-1] > most:
        raise ValueError(
            f"epsilon {strengths[-1]:g} is more than from black to white in the range {as_text(bounds)} of the "
            f"model, which is {most:.4g}: epsilons are in units of that range (8/255 for 8 grey levels in 0..1), see "
            "also --range."
        )
    return strengths


@contextlib.contextmanager
def _whole_folder(out: str | None) -> Iterator[pathlib.Path | None]:
    """A folder that gets its name when everything has been written into it, and vanishes if that fails."""
    if out is None:
        yield None
        return
    path = pathlib.Path(os.path.abspath(os.path.expanduser(out)))
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{printable(out)} is not empty: choose another --out.")
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.clear_unfinished(path.parent, path.name)
            temporary = stack.enter_context(files.unfinished(path))
            temporary.mkdir()
        except OSError as error:
            raise ValueError(f"{printable(out)} cannot be written: {error.strerror}.") from None
        yield temporary
        os.replace(temporary, path)


def _show_plan(console, model: Classifier, images: Images, bounds, settings: AttackSettings):
    shape = "x".join("?" if side is None else str(side) for side in model.input_shape)
    told = "--range" if settings.range else "as the model tells" if model.bounds else "the default: see --range"
    pace = f"{settings.steps_taken} steps" if settings.attack == "pgd" else "one step"
    limits = "each number moves by" if settings.norm == "linf" else "the Euclidean distance is"
    inputs = f"inputs of {shape} in {as_text(bounds)} ({told})"
    for line in (
        f"{printable(model.path)}: {model.num_classes} classes, {inputs}",
        images.what,
        f"{settings.attack}, {settings.norm}: {pace}, {limits} at most epsilon",
    ):
        say(console, line)
    note(console, images.notes)


# The work


def _measure(console, model, images, inputs, strengths, how) -> Report:
    with contextlib.ExitStack() as screen:
        watch = None
        if console.is_terminal:
            watch = screen.enter_context(ImageBar(console, "attacks", len(inputs) * len(strengths))).watch
        curve = attacks.accuracy_curve(model.model, inputs, images.targets, strengths, watch=watch, **how)
    right = [round(share * curve.rows) for share in curve.accuracy]
    guess = np.bincount(images.targets).max() / curve.rows
    name = f"{how['attack']}, {how['norm']}"
    return Report(strengths, right, curve.rows, name, as_text(how["bounds"]), float(guess))


def _notes(report: Report, model, images, settings: AttackSettings, bounds) -> Iterator[str]:
    """What is likely to be a mistake."""
    clean = report.right[0]
    low, high = wilson_interval(clean, report.images)
    if settings.range is None and model.bounds is None:
        # Nothing told the range: then another one may be the right one.
        for other in RANGES:
            if other == bounds:
                continue
            x = images.inputs(model, other)
            scores = attacks.accuracy_curve(
                model.model, x, images.targets, [0], bounds=other, batch_size=settings.batch_size
            )
            better, _ = wilson_interval(round(scores.accuracy[0] * report.images), report.images)
            if better > max(high, report.guess):
                yield (
                    f"In {as_text(other)} the classifier gets {scores.accuracy[0]:.1%} of the images right before "
                    f"any attack, in {as_text(bounds)} only {clean / report.images:.1%}: --range "
                    f"{as_text(other)} seems to be what it was trained on."
                )
                return
    width = bounds[1] - bounds[0]
    if width > 2 and max(report.epsilons) < 1:
        yield (
            f"No number moves by more than {max(report.epsilons):.4g} of {width:g}: epsilons are in units of "
            f"{as_text(bounds)}, where 8/255 of the range are {8 / 255 * width:g}."
        )
    if low <= report.guess < 1:
        yield (
            "Before any attack the classifier is hardly better than always answering the largest class: make sure that "
            "the classes are those it was trained on, in that order, and see --range."
        )


@contextlib.contextmanager
def _attack_warnings(console):
    """What attacks warn of as notes for the user, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(w.message) for w in caught if "no gradient" in str(w.message)):
        say(console, text[0].upper() + text[1:], style="yellow")


def _write_config(folder, model: Classifier, images: Images, report: Report, settings: AttackSettings, bounds):
    effective = {
        "model": os.path.abspath(model.path),
        "steps": settings.steps_taken,
        "epsilons": list(report.epsilons),
        "range": as_text(bounds),
    }
    names = ("data", "attack", "norm", "seed", "limit")
    run_folder.write_config(
        folder / "config.json",
        {**{name: getattr(settings, name) for name in names}, **effective},
        {"images": len(images.targets), "class_names": images.class_names},
    )

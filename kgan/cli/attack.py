"""`kgan attack`: how far a trained classifier can be trusted when its input moves a little."""

import contextlib
import json
import math
import os
import pathlib
import warnings
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import tensorflow as tf
import typer
from keras import ops
from rich.console import Console

from kgan import attacks, files
from kgan.attacks import ascent, class_scores
from kgan.cli import attack_data, attack_model, run_folder, signals
from kgan.cli.attack_data import Images
from kgan.cli.attack_model import Classifier, format_range
from kgan.cli.attack_report import Examples, Report
from kgan.cli.screen import say
from kgan.cli.settings import Settings
from kgan.cli.transfer_progress import ImageBar
from kgan.foreign_text import printable
from kgan.metrics.intervals import wilson_interval

# Shares of the range, and of the distance between black and white images: 0.1 moves every pixel by a tenth.
_EPSILONS = {"linf": (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3), "l2": (0, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)}
_EXAMPLES = 6
_STEPS = 40


def attack(
    model: str = typer.Argument(metavar="MODEL", help="a .keras file, or the folder of a kgan transfer run"),
    data: str = typer.Argument(
        metavar="DATA", help="a folder with a folder of images for each class, or a data set by name (kgan datasets)"
    ),
    epsilons: str | None = typer.Option(
        None,
        help="how far an input may move, in units of the model's input range: such as 4/255,8/255 where that is 0..1, "
        "and 4,8 where it is 0..255",
    ),
    method: str = typer.Option("fgsm", "--attack", help="fgsm: one step; pgd: many, and harder to withstand"),
    norm: str = typer.Option("linf", help="what epsilon limits; linf: each number, l2: the Euclidean distance"),
    steps: int | None = typer.Option(None, help=f"steps of pgd, by default {_STEPS}"),
    value_range: str | None = typer.Option(
        None,
        "--range",
        metavar="LOW..HIGH",
        help="black and white in the input of the model, such as 0..1, -1..1 or 0..255; by default as a Rescaling "
        "layer at its beginning tells, else 0..1",
    ),
    limit: int = typer.Option(500, help="attack only so many images, taken evenly from all"),
    seed: int = typer.Option(0, help="decides where pgd starts"),
    batch_size: int = typer.Option(32, help="images attacked at a time"),
    out: str | None = typer.Option(None, metavar="FOLDER", help="write the table, a figure and examples into it"),
):
    """Attacks a trained classifier: its accuracy when every image moves a little, the worst way."""
    try:
        _attack(model, data, epsilons, method, norm, steps, value_range, limit, seed, batch_size, out)
    except KeyboardInterrupt as stop:
        say(Console(stderr=True), "Stopped: nothing was written.")
        raise typer.Exit(signals.exit_code(stop)) from None
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise ValueError("out of memory: use a smaller batch_size or limit.") from None


def _attack(model, data, epsilons, method, norm, steps, value_range, limit, seed, batch_size, out):
    Settings(limit=limit, batch_size=batch_size, seed=seed)  # or refuses
    ascent.Ascent.named(method, steps=steps, default_steps=_STEPS, norm=norm)
    strengths = None if epsilons is None else _parse_epsilons(epsilons)
    given = None if value_range is None else attack_model.parse_range(value_range)
    console = Console()
    with _whole_folder(out) as folder:
        with console.status("loading"):
            classifier = attack_model.load(model)
            images = attack_data.read(data, classifier, limit)
        bounds = given or classifier.bounds or attack_model.RANGES[0]
        inputs = images.inputs(classifier, bounds)
        strengths = _checked(strengths, norm, bounds, inputs[0].size)
        settings = {"attack": method, "norm": norm, "steps": steps or (_STEPS if method == "pgd" else 1), "seed": seed}
        _show_plan(console, classifier, images, bounds, settings, "--range" if given else None)

        how = {"attack": method, "norm": norm, "bounds": bounds, "seed": seed, "batch_size": batch_size}
        if steps is not None:
            how["steps"] = steps
        with _attack_warnings(console):
            report = _measure(console, classifier, images, inputs, strengths, how)
            report.show(console)
            for note in _notes(report, classifier, images, given, bounds, batch_size):
                say(console, note, style="yellow")
            if folder is None:
                say(console, "With --out FOLDER: the table, a figure and examples as files.", style="dim")
                return
            report.write(folder)
            examples = _examples(classifier, images, inputs, report, how)
        examples.write(folder / "examples.png")
        settings |= {"epsilons": list(report.epsilons), "range": format_range(bounds), "limit": limit}
        _write_config(folder, classifier, data, images, settings)
    say(
        console,
        f"In {out}:",
        "  accuracy.csv, .png  the table above",
        "  examples.png        images before and after",
        "  config.json         how this was made",
    )


# What is asked for


def _parse_epsilons(text: str) -> list[float]:
    """`"0.1,8/255"` as growing numbers, with 0 for the images as they are."""
    found = {0.0}
    for part in text.split(","):
        try:
            value = float(Fraction(part.strip()))
        except (ValueError, ZeroDivisionError, OverflowError):
            value = -1.0
        if not 0 <= value < math.inf:
            raise ValueError(
                f"epsilons must be numbers from 0 up with commas between them, such as 4/255,8/255 for inputs in 0..1 "
                f"or 4,8 for inputs in 0..255, not {text!r}."
            )
        found.add(value)
    return sorted(found)


def _checked(strengths, norm: str, bounds, size: int) -> list[float]:
    """The strengths, or those by default; refuses what is larger than the range, which is a mistake of units."""
    width = bounds[1] - bounds[0]
    most = width if norm == "linf" else width * math.sqrt(size)
    if strengths is None:
        return [float(f"{share * most:.3g}") for share in _EPSILONS[norm]]
    if strengths[-1] > most:
        raise ValueError(
            f"epsilon {strengths[-1]:g} is more than from black to white in the range {format_range(bounds)} of the "
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


def _show_plan(console, classifier: Classifier, images: Images, bounds, settings, told):
    shape = "x".join("?" if side is None else str(side) for side in classifier.input_shape)
    told = told or ("as the model tells" if classifier.bounds else "the default: see --range")
    pace = f"{settings['steps']} steps" if settings["attack"] == "pgd" else "one step"
    limits = "each number moves by" if settings["norm"] == "linf" else "the Euclidean distance is"
    inputs = f"inputs of {shape} in {format_range(bounds)} ({told})"
    for line in (
        f"{printable(classifier.path)}: {classifier.num_classes} classes, {inputs}",
        images.what,
        f"{settings['attack']}, {settings['norm']}: {pace}, {limits} at most epsilon",
    ):
        say(console, line)
    for note in images.notes:
        say(console, note, style="yellow")


# The work


def _measure(console, classifier, images, inputs, strengths, how) -> Report:
    with contextlib.ExitStack() as screen:
        watch = None
        if console.is_terminal:
            watch = screen.enter_context(ImageBar(console, "attacks", len(inputs) * len(strengths))).watch
        curve = attacks.accuracy_curve(classifier.model, inputs, images.targets, strengths, watch=watch, **how)
    right = [round(share * curve.rows) for share in curve.accuracy]
    guess = np.bincount(images.targets).max() / curve.rows
    name = f"{how['attack']}, {how['norm']}"
    return Report(strengths, right, curve.rows, name, format_range(how["bounds"]), float(guess))


def _notes(report: Report, classifier, images, given, bounds, batch_size) -> Iterator[str]:
    """What is likely to be a mistake."""
    clean = report.right[0]
    low, high = wilson_interval(clean, report.images)
    if given is None and classifier.bounds is None:
        # Nothing told the range: then another one may be the right one.
        for other in attack_model.RANGES:
            if other == bounds:
                continue
            x = images.inputs(classifier, other)
            scores = attacks.accuracy_curve(
                classifier.model, x, images.targets, [0], bounds=other, batch_size=batch_size
            )
            better, _ = wilson_interval(round(scores.accuracy[0] * report.images), report.images)
            if better > max(high, report.guess):
                yield (
                    f"In {format_range(other)} the classifier gets {scores.accuracy[0]:.1%} of the images right before "
                    f"any attack, in {format_range(bounds)} only {clean / report.images:.1%}: --range "
                    f"{format_range(other)} seems to be what it was trained on."
                )
                return
    width = bounds[1] - bounds[0]
    if width > 2 and max(report.epsilons) < 1:
        yield (
            f"No number moves by more than {max(report.epsilons):.4g} of {width:g}: epsilons are in units of "
            f"{format_range(bounds)}, where 8/255 of the range are {8 / 255 * width:g}."
        )
    if low <= report.guess < 1:
        yield (
            "Before any attack the classifier is hardly better than always answering the largest class: make sure that "
            "the classes are those it was trained on, in that order, and see --range."
        )


def _examples(classifier, images, inputs, report: Report, how) -> Examples:
    """Images that were right, one of each class in turn, at the first epsilon that turns half of all right answers."""
    half = [e for e, right in zip(report.epsilons, report.right, strict=True) if e and right <= report.right[0] / 2]
    epsilon = half[0] if half else report.epsilons[-1]
    said = _probabilities(classifier.model, inputs, how["batch_size"])
    right = np.flatnonzero(said.argmax(axis=1) == images.targets)
    title = "images that were classified rightly" if len(right) else "no image was classified rightly before"
    if not len(right):
        right = np.arange(len(inputs))
    turn = np.zeros(len(right), int)  # the how-manieth of its class each image is
    for label in np.unique(images.targets[right]):
        own = images.targets[right] == label
        turn[own] = np.arange(own.sum())
    rows = np.sort(right[np.lexsort((images.targets[right], turn))[:_EXAMPLES]])
    x, y = inputs[rows], images.targets[rows]
    options = {name: value for name, value in how.items() if name not in ("attack", "seed")}
    if how["attack"] == "pgd":
        options["seed"] = how["seed"]
    attacked = getattr(attacks, how["attack"])(classifier.model, x, y, epsilon, **options)
    low, high = how["bounds"]
    before, after = ((part.reshape(images.pixels[rows].shape) - low) / (high - low) for part in (x, attacked))
    return Examples(
        before,
        after,
        (said[rows], _probabilities(classifier.model, attacked, how["batch_size"])),
        y,
        images.class_names,
        f"{report.attack}, epsilon {epsilon:.4g} in {report.bounds}: {title}",
    )


def _probabilities(model, inputs, batch_size: int) -> np.ndarray:
    parts, logits = [], None
    for start in range(0, len(inputs), batch_size):
        outputs = model(inputs[start : start + batch_size], training=False)
        if logits is None:
            logits = class_scores.are_logits(outputs)
        scores = class_scores.two_or_more(outputs, logits)
        parts.append(np.asarray(ops.softmax(scores) if logits else scores))
    return np.concatenate(parts)


@contextlib.contextmanager
def _attack_warnings(console):
    """What attacks warn of as notes for the user, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(str(w.message) for w in caught if "no gradient" in str(w.message)):
        say(console, text[0].upper() + text[1:], style="yellow")


def _write_config(folder, classifier, data, images, settings):
    config = {
        "settings": {"model": os.path.abspath(classifier.path), "data": data, **settings},
        "data": {"images": len(images.targets), "class_names": images.class_names},
        "versions": run_folder.versions(),
    }
    files.write_text(folder / "config.json", json.dumps(config, indent=2) + "\n")

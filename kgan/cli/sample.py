"""`kgan sample`: images of a trained generator."""

import itertools
import pathlib

import numpy as np
import typer
from rich.console import Console

from kgan.callbacks.sample_grid import grid_columns
from kgan.cli.generators import Generator
from kgan.cli.screen import say
from kgan.foreign_text import printable, shortened, storable
from kgan.visualize import image_grid, save_image

_NUMBER = 64
_FRAMES = 8
_MOST = 2**31 - 1


def sample(
    source: str = typer.Argument(help="folder of a run, or a SavedModel that kgan exported"),
    n: int | None = typer.Option(None, help="how many images; by default 64, in a grid as many more as fill it"),
    seed: int = typer.Option(0, help="the same seed gives the same images"),
    out: str = typer.Option("samples.png", help="a path ending in .png for one grid, or a folder for single images"),
    labels: str | None = typer.Option(
        None, help="classes by name or number, such as cat,dog or 0,1,2; they take turns; by default all"
    ),
    interpolate: str | None = typer.Option(
        None,
        metavar="SEED,SEED",
        help=f"from the images of one seed to those of another, in rows of {_FRAMES}, along great circles",
    ),
):
    """Makes images with a trained generator.

    A SavedModel is a program, and TensorFlow runs it: of one that kgan did not export, kgan looks for operations that
    may write files, use the network or run code, and names them before anything runs. Use it only if you trust who
    made it.
    """
    seeds = [seed] if interpolate is None else _integers("interpolate", interpolate)
    if interpolate is not None and len(seeds) != 2:
        raise ValueError(f"interpolate takes two seeds, such as 0,1, not {interpolate!r}.")
    if n is not None and not 1 <= n <= _MOST:
        limits = "of at least 1" if n < 1 else f"of at most {_MOST}"
        raise ValueError(f"n must be a whole number {limits}, not {shortened(n)}.")
    if any(not 0 <= number < 2**31 for number in seeds):
        raise ValueError("a seed must be a whole number from 0 to 2147483647.")
    path = pathlib.Path(out).expanduser()
    to_grid = path.suffix.lower() == ".png"
    if not to_grid and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"{printable(path)} holds something already: choose another folder, or a path ending in .png for a grid."
        )

    console = Console(stderr=True)
    generator = Generator(source, lambda note: say(console, note, style="yellow"))
    wanted = None if labels is None else generator.class_ids(labels)
    number = n or _NUMBER
    if interpolate is None:
        columns = grid_columns(number, generator.num_classes if wanted is None else len(wanted))
        number = -(-number // columns) * columns if to_grid and n is None else number
        generator.check_fits(number, at_once=to_grid)
        latents, classes = generator.latents(number, seed), generator.labels(number, wanted)
    else:
        rows, columns = -(-number // _FRAMES), _FRAMES
        generator.check_fits(rows * columns, at_once=to_grid)
        ends = [generator.latents(rows, end) for end in seeds]
        latents = np.concatenate([great_circle(a, b, _FRAMES) for a, b in zip(*ends, strict=True)])
        classes = generator.labels(rows, wanted)
        classes = None if classes is None else np.repeat(classes, _FRAMES)

    def facts(i=None):
        label = {} if classes is None or i is None else {"label": classes[i]}
        if label and generator.class_names:
            label["class"] = generator.class_names[classes[i]]
        return {"generator": storable(str(generator.path)), "seed": ",".join(map(str, seeds)), **label}

    if to_grid:
        images = generator.images(latents, classes)
        save_image(image_grid(images, columns=columns), path, metadata=facts())
    else:
        digits = max(4, len(str(len(latents) - 1)))
        for i, image in enumerate(itertools.chain.from_iterable(generator.batches(latents, classes))):
            save_image(image, path / f"{i:0{digits}d}.png", metadata=facts(i))
    typer.echo(f"{printable(path)}  {len(latents)} images")


def great_circle(start: np.ndarray, end: np.ndarray, frames: int) -> np.ndarray:
    """Latent vectors from `start` to `end`, both included, that turn at a steady pace and keep a likely length.

    Between two Gaussian vectors a straight line passes too near to zero, where none is ever drawn in training.

    Source: White 2016, https://arxiv.org/abs/1609.04468.

    Args:
        start, end: shape `(latent_dim,)`.
        frames: how many, at least 2.

    Returns:
        float32 of shape `(frames, latent_dim)`.
    """
    start, end = np.asarray(start, "float64"), np.asarray(end, "float64")
    cosine = np.dot(start, end) / (np.linalg.norm(start) * np.linalg.norm(end))
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    t = np.linspace(0, 1, frames)[:, np.newaxis]
    if np.sin(angle) < 1e-6:  # one direction, or opposite ones, that no single circle joins
        path = (1 - t) * start + t * end
    else:
        path = (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)
    return path.astype("float32")


def _integers(name: str, text: str) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and len(part) <= 20 for part in parts):  # Python takes no number of thousands of digits
        raise ValueError(
            f"{name} must be whole numbers with commas between them, such as 0,1,2, not {shortened(repr(text))}."
        )
    return [int(part) for part in parts]

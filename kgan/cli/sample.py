"""`kgan sample`: images of a trained generator."""

import itertools
import pathlib

import numpy as np
from rich.console import Console

from kgan.callbacks.sample_grid import grid_columns
from kgan.cli.common import generators
from kgan.cli.common.screen import note, say
from kgan.foreign_text import printable, storable
from kgan.latents import great_circle
from kgan.visualize import image_grid, save_image
from kgan_command.settings.sample import FRAMES, SampleSettings

_NUMBER = 64
_IN_PARTS = "several times, with another --seed each"


def sample(settings: SampleSettings) -> int:
    """Makes images, one by one or in a grid; returns the exit code."""
    path = pathlib.Path(settings.out).expanduser()
    to_grid = path.suffix.lower() == ".png"
    if not to_grid and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(
            f"{printable(path)} holds something already: choose another folder, or a path ending in .png for a grid."
        )
    console = Console(stderr=True)
    generator = generators.load(settings.source, lambda sentence: note(console, [sentence]))
    wanted = None if settings.labels is None else generator.class_ids(settings.labels)
    number, seeds = settings.n or _NUMBER, settings.seeds()
    remedy = f"ask for fewer, {'or give --out a folder, for single images' if to_grid else _IN_PARTS}"
    if settings.interpolate is None:
        columns = grid_columns(number, generator.num_classes if wanted is None else len(wanted))
        number = -(-number // columns) * columns if to_grid and settings.n is None else number
        generator.check_fits(number, at_once=to_grid, remedy=remedy)
        latents, classes = generator.latents(number, settings.seed), generator.labels(number, wanted)
    else:
        rows, columns = -(-number // FRAMES), FRAMES
        generator.check_fits(rows * columns, at_once=to_grid, remedy=remedy)
        ends = [generator.latents(rows, end) for end in seeds]
        latents = np.concatenate([great_circle(a, b, FRAMES) for a, b in zip(*ends, strict=True)])
        classes = generator.labels(rows, wanted)
        classes = None if classes is None else np.repeat(classes, FRAMES)

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
    say(Console(), f"{path}  {len(latents)} images")
    return 0

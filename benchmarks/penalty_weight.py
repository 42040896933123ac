"""How heavy the gradient penalties should be: the default recipe of `kgan train` under R1 = R2 = gamma.

Digits (mnist5k, 28x28) are judged by the Fréchet distance on the hidden layer of a digit classifier
(`digit_classifier.py`). A folder of colour images, at every size asked for, is judged by the Fréchet distance on the
features of a small convolutional network with fixed random weights: there is no trained one that knows every folder,
and such features rank generators of images unlike ImageNet's at least as well (Naeem et al. 2020, "Reliable fidelity
and diversity metrics for generative models", section 4.2, https://arxiv.org/abs/2002.09797). Beside it stands the
distance between two halves of the real images. Distances of different data or sizes do not compare.

Every run adds two lines to the csv, after half its epochs and at its end; one that is there already is not made again.
Numbers of epochs are fixed, so that they mean the same on every machine.

    python benchmarks/penalty_weight.py                        # digits
    python benchmarks/penalty_weight.py FOLDER --sizes 32 64   # a folder of images
    python benchmarks/penalty_weight.py --table                # the table of all runs in the csv, and the figure
    python benchmarks/penalty_weight.py --quick                # a few rounds of small networks
"""

import argparse
import csv
import functools
import pathlib
import statistics
import sys
import time

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib.ticker
import numpy as np
import tensorflow as tf

from kgan import datasets, metrics, visualize
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.train import recipe
from kgan_command.settings.train import TrainSettings

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import digit_classifier

FIGURES = pathlib.Path(__file__).parent / "figures"
CSV = FIGURES / "penalty_weight.csv"
FIGURE = FIGURES / "penalty_weight.png"
GAMMAS = {28: (0.1, 0.5, 2.0), 32: (0.1, 0.5, 2.0, 10.0), 64: (0.5, 5.0, 20.0)}
EPOCHS = {28: 20, 32: 20, 64: 10}
FIELDS = ("data", "size", "gamma", "seed", "epochs", "images", "distance", "halves")
FIELDS += ("discriminator_loss", "generator_loss", "seconds")


def run(data, size, gamma, seed, epochs, grids=None, quick=False):
    """Trains once; yields the lines of the csv, of half the epochs and of all."""
    small = {"width": 2, "limit": 256} if quick else {}
    penalties = f"r1:{gamma},r2:{gamma}"
    settings = TrainSettings(
        data=data, image_size=str(size), penalties=penalties, seed=seed, precision="float32", **small
    )
    source = recipe.open_data(settings)
    facts = DataFacts.of(source)
    strategy = tf.distribute.get_strategy()
    settings = recipe.complete(settings, facts, strategy)
    gan = recipe.build(settings, facts, strategy)
    # In one fixed random order: folders come sorted by class.
    images = source.images[np.random.default_rng(0).permutation(source.size)]
    distance, half = eye(data, size, quick), source.size // 2
    row = {"data": "digits" if data == "mnist5k" else "folder", "size": size, "gamma": gamma, "seed": seed}
    row |= {"images": source.size, "halves": distance(images[:half], images[half:])}
    done, seconds = 0, 0.0
    for length in sorted({max(1, epochs // 2), epochs}):
        start = time.perf_counter()
        batches = recipe.batches(settings, source, gan)
        history = gan.fit(batches, initial_epoch=done, epochs=length, verbose=0).history
        done, seconds = length, seconds + time.perf_counter() - start
        # With the labels of the real images, so that rare classes are as rare among the samples.
        samples = datasets.to_uint8(gan.generate(source.size, labels=source.targets, seed=0))
        losses = {f"{player}_loss": history[f"{player}_loss"][-1] for player in ("discriminator", "generator")}
        if grids is not None:
            grid = visualize.image_grid(samples[:: max(1, len(samples) // 64)][:64], columns=8)
            visualize.save_image(grid, grids / f"{size}-{gamma:g}-{seed}-{done}.png")
        yield {**row, "epochs": done, "distance": distance(images, samples), **losses, "seconds": seconds}


def eye(data, size, quick):
    """The distance between two sets of images that fits the data."""
    if data == "mnist5k" and size == 28:
        return lambda real, fake: digit_classifier.frechet(fake, real, quick=quick)
    return random_distance


def random_distance(real, fake):
    """Fréchet distance on random features, scaled so that their mean variance over the real images is 1."""
    real, fake = random_features(real), random_features(fake)
    scale = np.sqrt(real.var(axis=0).mean())
    return metrics.frechet_distance(real / scale, fake / scale)


def random_features(images):
    """What a fixed random convolutional network sees: 512 numbers, 128 channels in each quarter of the image."""
    network = random_network(images.shape[1:])
    return network.predict(images.astype("float32") / 127.5 - 1, batch_size=64, verbose=0).astype("float64")


@functools.cache
def random_network(image_shape):
    """Four convolutions with He's random weights, each followed by average pooling."""
    x = inputs = keras.Input(image_shape)
    for i, channels in enumerate((32, 64, 128, 128)):
        weights = keras.initializers.HeNormal(seed=i)
        x = keras.layers.Conv2D(channels, 3, padding="same", activation="relu", kernel_initializer=weights)(x)
        if i < 3:
            x = keras.layers.AveragePooling2D(2)(x)
    quarter = (x.shape[1] // 2, x.shape[2] // 2)
    return keras.Model(inputs, keras.layers.Flatten()(keras.layers.AveragePooling2D(quarter)(x)))


def read(path):
    """The runs in a csv, as dicts of numbers."""
    if not path.exists():
        return []
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    whole = ("size", "seed", "epochs", "images")
    return [{k: v if k == "data" else int(v) if k in whole else float(v) for k, v in row.items()} for row in rows]


def append(path, row):
    new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if new:
            writer.writeheader()
        writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def table(rows):
    """Markdown: a line per data, size, length and gamma, over the seeds."""
    lines = ["| data | epochs | gamma | seeds | distance | halves | discriminator, generator loss |"]
    lines.append("|---|---|---|---|---|---|---|")
    for key in sorted({(r["data"], r["size"], r["epochs"], r["gamma"]) for r in rows}):
        data, size, epochs, gamma = key
        same = [r for r in rows if (r["data"], r["size"], r["epochs"], r["gamma"]) == key]
        distances = ", ".join(f"{r['distance']:.4g}" for r in sorted(same, key=lambda r: r["seed"]))
        losses = [statistics.mean(r[f"{player}_loss"] for r in same) for player in ("discriminator", "generator")]
        lines.append(
            f"| {data} {size}x{size} | {epochs} | {gamma:g} | {len(same)} | {distances} | {same[0]['halves']:.3g} "
            f"| {losses[0]:.2f}, {losses[1]:.2f} |"
        )
    return "\n".join(lines)


def draw(rows, out):
    """Distance against gamma: a panel for each data and size, a line for each number of epochs with several gammas."""
    panels = sorted({(r["data"], r["size"]) for r in rows})
    figure, axes = plt.subplots(1, len(panels), figsize=(3.8 * len(panels), 3.4), squeeze=False, layout="constrained")
    for (data, size), ax in zip(panels, axes[0], strict=True):
        here = [r for r in rows if (r["data"], r["size"]) == (data, size)]
        for i, epochs in enumerate(sorted({r["epochs"] for r in here})):
            same = [r for r in here if r["epochs"] == epochs]
            gammas = sorted({r["gamma"] for r in same})
            if len(gammas) < 2:
                continue
            means = [statistics.mean(r["distance"] for r in same if r["gamma"] == gamma) for gamma in gammas]
            ax.plot(gammas, means, color=f"C{i}", label=f"{epochs} epochs")
            ax.plot([r["gamma"] for r in same], [r["distance"] for r in same], "o", markersize=4, color=f"C{i}")
        ax.set(title=f"{data}, {size} x {size}", xlabel="gamma of R1 and R2", xscale="log", yscale="log")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(matplotlib.ticker.NullFormatter())
        ax.set_xticks(sorted({r["gamma"] for r in here}))
        ax.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
        ax.grid(alpha=0.3, which="both")
        ax.legend()
    axes[0][0].set_ylabel("Fréchet distance; lower is better")
    pathlib.Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main(folder=None, sizes=None, gammas=None, seeds=(0, 1), epochs=None, quick=False, grids=None, out=CSV):
    out = pathlib.Path(out)
    data = folder or "mnist5k"
    sizes = sizes or ([28] if folder is None else [32, 64])
    done = read(out)
    # Seed by seed, so that what is interrupted has every gamma.
    for seed in seeds:
        for size in sizes:
            for gamma in gammas or GAMMAS.get(size, GAMMAS[64]):
                length = epochs or (1 if quick else EPOCHS.get(size, EPOCHS[64]))
                name = {"data": "folder" if folder else "digits", "size": size, "gamma": gamma, "seed": seed}
                if any(all(row[k] == v for k, v in {**name, "epochs": length}.items()) for row in done):
                    continue
                for row in run(data, size, gamma, seed, length, grids and pathlib.Path(grids), quick):
                    append(out, row)
                    print({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    return read(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", help="a folder of images; by default the digits")
    parser.add_argument("--sizes", type=int, nargs="+", help="sides of the images; multiples of 16 for a folder")
    parser.add_argument("--gammas", type=float, nargs="+")
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1))
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--grids", type=pathlib.Path, help="a folder for 64 samples of every run")
    parser.add_argument("--quick", action="store_true", help="an epoch of small networks on 256 images")
    parser.add_argument("--table", action="store_true", help="only print the table of the csv and draw the figure")
    parser.add_argument("--out", type=pathlib.Path, default=CSV)
    arguments = vars(parser.parse_args())
    only_table = arguments.pop("table")
    results = read(arguments["out"]) if only_table else main(**arguments)
    print(table(results))
    if only_table:
        draw(results, arguments["out"].with_suffix(".png"))

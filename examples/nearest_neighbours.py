"""Does the generator make new images, or does it repeat the ones it was shown?

The idea: a generator only ever sees the data through the discriminator's opinion, and cannot copy it. Goodfellow et
al. (2014) show it by setting samples beside the training images nearest to them. But how near is too near? Real images
that were held out from training tell: a generator that repeats its training set makes samples much nearer to it than
these are.

The figure: left, samples; middle, for each row the three training images nearest to its last sample, by the Euclidean
distance of the pixels; right, how far the nearest training image is, for all samples and for the held-out images. The
neighbours are of the same kind and drawn by another hand. Samples lie a little farther from the training images than
real images do, and one in five hundred lies nearer than all of them.

Any data set with labels works: `--data digits`, `--data fashion_mnist`, `--data FOLDER`, see `kgan.datasets.load`.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import NearestNeighbors

import kgan

FIGURE = Path(__file__).parent / "figures" / "nearest_neighbours.png"


def train(images, labels, rounds: int):
    """A GAN on float images in -1..1, told their classes."""
    keras.utils.set_random_seed(0)
    shape, num_classes = images.shape[1:], int(labels.max()) + 1
    gan = kgan.GAN.for_images(shape, num_classes, filters=16, seed=0)
    per_epoch = min(rounds, len(images) // 64)
    gan.fit((images, labels), batch_size=64, epochs=rounds // per_epoch, steps_per_epoch=per_epoch)
    return gan


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k"):
    examples = kgan.datasets.load(data, labels=True, limit=5000).shuffle(5000, seed=0)
    images, labels = map(np.stack, zip(*examples.as_numpy_iterator(), strict=True))
    images, held_out = np.split(kgan.datasets.to_float(images), [len(images) * 9 // 10])
    training, labels = images, labels[: len(images)]
    samples = train(training, labels, 20 if quick else 1500).generate(len(held_out), seed=0)

    def flat(images):
        return images.reshape(len(images), -1)

    search = NearestNeighbors(n_neighbors=3).fit(flat(training))
    distances, nearest = search.kneighbors(flat(samples))
    reference, _ = search.kneighbors(flat(held_out))
    median, usual = np.median(distances[:, 0]), np.median(reference[:, 0])
    print(f"median distance to the nearest training image: samples {median:.2f}, held-out images {usual:.2f}")
    # A copy is nearer than any of the real images is.
    copies = float(np.mean(distances[:, 0] < reference[:, 0].min()))
    print(f"samples nearer to a training image than every held-out image: {copies:.1%}")
    draw(samples, training[nearest], distances[:, 0], reference[:, 0], out)
    return samples, training, distances[:, 0], reference[:, 0]


def draw(samples, nearest, distances, reference, out):
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), dpi=100, width_ratios=[7, 3, 6.5], layout="constrained")
    left = kgan.visualize.image_grid(samples[:56], columns=7, scale=2)
    right = kgan.visualize.image_grid(nearest[6:56:7].reshape(-1, *samples.shape[1:]), columns=3, scale=2)
    titles = ("samples", "nearest training images\nof the last sample")
    for ax, grid, title in zip(axes, (left, right), titles, strict=False):
        ax.imshow(grid.squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_title(title)
        ax.axis("off")
    width = samples.shape[2] * 2 + 2  # of a sample in the grid
    frame = (left.shape[1] - width - 2, 0), width + 1, left.shape[0] - 1
    axes[0].add_patch(plt.Rectangle(*frame, fill=False, edgecolor="#D55E00", linewidth=3, clip_on=False))
    bins = np.linspace(0, max(distances.max(), reference.max()), 40)
    axes[2].hist(reference, bins, color="0.6", alpha=0.7, label="held-out real images")
    axes[2].hist(distances, bins, color="#0072B2", histtype="step", linewidth=2, label="samples")
    axes[2].set(title="How far is the nearest training image?", xlabel="Euclidean distance", ylabel="images")
    axes[2].legend(frameon=False, loc="upper left")
    axes[2].spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    parser.add_argument("--data", default="mnist5k", help="name or path, as kgan.datasets.load takes it")
    main(**vars(parser.parse_args()))

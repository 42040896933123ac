"""Transfer: keep what a network has learned about images, and train a new last layer on a few of your own.

The idea: download VGG16 up to its first fully connected layer, add a fully connected layer to the intended output, and
train only the new parameters. It works because the features of a network that has seen very many images serve for
others too. `kgan.TransferClassifier` does that. This example downloads nothing unless it is told to, so:

- VGG16 gets random weights. Its features are then a fixed, random mixture of pixels: better than guessing, and no
  transfer. It shows how much of a success is due to what was learned.
- A small network learns to tell half of the classes apart, with all their labels: here the digits 0 to 4. Cut after its
  convolutions it is the base for the other half, 5 to 9, of which only few have labels. That is transfer.

The figure: left, what the small network learns from, and what it is used for; right, the share of right answers on the
second task by the number of labels, for two choices of the labelled images (dots) and their mean. A new layer on what
was learned from other digits does better than the same network trained from scratch, and most so where labels are
fewest. The script also makes sure that training a new layer leaves the weights below as they are, to the last bit.

With the real weights, and a folder of photos with a folder for each class, at least four of them:

    python examples/vgg16_transfer.py --weights imagenet --size 224 --data FOLDER

`--weights` also takes the path of a weights file. At size 224 VGG16 is cut at `fc1`, else after its convolutions.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

import kgan

FIGURE = Path(__file__).parent / "figures" / "vgg16_transfer.png"
COLORS = {"learned": "#0072B2", "scratch": "#009E73", "vgg16": "#D55E00"}


def small_network(shape, num_classes):
    """Three convolutions and two fully connected layers, on images 0..255."""
    network = [keras.Input(shape), layers.Rescaling(1 / 255)]
    for filters in (32, 64, 64):
        network += [layers.Conv2D(filters, 3, padding="same", activation="relu"), layers.MaxPooling2D()]
    network += [layers.Flatten(name="flatten"), layers.Dropout(0.5)]
    network += [layers.Dense(128, activation="relu"), layers.Dropout(0.5)]
    return keras.Sequential([*network, layers.Dense(num_classes, activation="softmax")])


def two_tasks(data, size, limit):
    """Images and labels of half of the classes, and of the other half, whose labels count from 0 again."""
    source = kgan.datasets.open_source(data, labels=True, image_size=size, limit=limit)
    if source.num_classes < 4:
        raise ValueError(f"two tasks need at least 4 classes, but {data} has {source.num_classes}.")
    order, half = np.random.default_rng(0).permutation(len(source)), source.num_classes // 2
    images, labels = source.images[order], source.targets[order]
    first = labels < half
    return images[first], labels[first], images[~first], labels[~first] - half


def few(labels, test, count, seed):
    """Numbers of `count` images of each class, from those after the test images."""
    rows = test + np.random.default_rng(seed).permutation(len(labels) - test)
    return np.concatenate([rows[labels[rows] == number][:count] for number in np.unique(labels)])


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k", weights: str = "none", size: int = 32):
    many, their_labels, images, labels = two_tasks(data, size, 1000 if quick else 5000)
    shape, classes, test = images.shape[1:], int(labels.max()) + 1, min(400, len(images) // 4)
    keras.utils.set_random_seed(0)
    learned = small_network(shape, int(their_labels.max()) + 1)
    learned.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    learned.fit(many, their_labels, batch_size=32, epochs=4 if quick else 8, verbose=0)

    weights, cut = None if weights == "none" else weights, "fc1" if size == 224 else "block5_pool"
    vgg16 = kgan.TransferClassifier(classes, base="vgg16", weights=weights, cut=cut, input_shape=(size, size, 3))
    bases = {
        # Its fully connected layer would already be about the first task only.
        "learned": lambda: {"base": learned, "cut": "flatten"},
        "scratch": lambda: {"base": small_network(shape, classes), "cut": "flatten"},
        # Cut already. Random weights leave features that are tiny and nearly equal, unless they are normalised.
        "vgg16": lambda: {"base": vgg16.base, "cut": None, "head": layers.LayerNormalization()},
    }
    results = {}
    for name, base in bases.items():
        for count in (5,) if quick else (2, 5, 20):
            accuracies = results[name, count] = []
            for seed in range(1 if quick else 2):
                rows = few(labels, test, count, seed)
                classifier = kgan.TransferClassifier(classes, **base(), seed=seed)
                if name == "scratch":
                    classifier.unfreeze()
                classifier.compile(keras.optimizers.Adam(1e-3))
                before = classifier.base.get_weights()
                classifier.fit(images[rows], labels[rows], batch_size=10, epochs=20 if quick else 60, verbose=0)
                after = classifier.base.get_weights()
                same = all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))
                assert same == (name != "scratch"), "a frozen base has moved, or a trained one has not"
                accuracies.append(classifier.evaluate(images[:test], labels[:test], verbose=0)[1])
            print(f"{name}, {count} labels per class: {', '.join(f'{a:.1%}' for a in accuracies)} right", end="; ")
            print(f"{sum(np.size(w) for w in classifier.trainable_weights):,} of", end=" ")
            print(f"{classifier.count_params():,} weights trained", flush=True)
    kind = {None: "random", "imagenet": "ImageNet"}.get(weights, "given")
    draw(many, their_labels, images[test:], labels[test:], results, kind, out)
    return results


def draw(many, their_labels, images, labels, results, weights, out):
    figure = plt.figure(figsize=(12, 4.2), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[4, 8])
    for ax, task, targets, rows, title in zip(
        left.subplots(2, 1, height_ratios=[4, 2]),
        (many, images),
        (their_labels, labels),
        (4, 2),
        (f"learned from {len(many):,} labelled images like these", "used where only few like these have labels"),
        strict=True,
    ):
        by_class = few(targets, 0, rows, 0).reshape(-1, rows)
        grid = kgan.visualize.image_grid(task[by_class.T.ravel()], columns=len(by_class), scale=1)
        ax.imshow(grid.squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_title(title, fontsize=11)
        ax.axis("off")

    labels = {
        "learned": "a new layer on what the small network has learned",
        "scratch": "the small network, from scratch",
        "vgg16": f"a new layer on VGG16 with {weights} weights",
    }
    ax = right.subplots()
    counts = sorted({count for _, count in results})
    for name, label in labels.items():
        means = [np.mean(results[name, count]) for count in counts]
        ax.plot(counts, means, color=COLORS[name], linewidth=2.5, marker="o" if len(counts) == 1 else None, label=label)
        for count in counts:
            ax.plot([count] * len(results[name, count]), results[name, count], "o", color=COLORS[name], alpha=0.5)
    ax.set(title="Share of right answers on the second task", xlabel="labels per class", xscale="log")
    ax.set_xticks(counts, counts)
    ax.minorticks_off()
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.grid(color="0.92")
    ax.legend(frameon=False, loc="lower right")
    ax.spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    parser.add_argument("--data", default="mnist5k", help="name or path, as kgan.datasets.load takes it")
    parser.add_argument("--weights", default="none", help="of VGG16: imagenet, none (random) or the path of a file")
    parser.add_argument("--size", type=int, default=32, help="height and width of the images, from 32 up")
    main(**vars(parser.parse_args()))

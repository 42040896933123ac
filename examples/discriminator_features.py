"""Are the features of a discriminator good for anything else?

The idea: a discriminator learns to see what makes images real, without a single label. Where labelled data is
expensive, a classifier can stand on what it has learned from unlabelled data (Radford et al. 2016,
https://arxiv.org/abs/1511.06434, section 5.1). Here a GAN is trained on 4,000 digits without labels. Then a linear
classifier, the same for all, is trained on a few labelled digits: on their pixels, on the features of the
discriminator, and on those of the same network before training, because convolutions with random weights are
features too. All are tested on 1,000 other digits.

The figure: left, samples, to see how far the GAN got; middle, test accuracy by the number of labels per class, mean and
standard deviation over five draws of the labelled digits; right, the difference to pixels.

Any data set with labels works: `--data fashion_mnist`, `--data FOLDER`, see `kgan.datasets.load`.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

import kgan

FIGURE = Path(__file__).parent / "figures" / "discriminator_features.png"
COLORS = {"pixels": "#D55E00", "discriminator, untrained": "0.55", "discriminator, trained": "#0072B2"}


def train(images, epochs: int):
    """A GAN on float images in -1..1 without labels, and its discriminator as it was before training."""
    keras.utils.set_random_seed(0)
    shape = images.shape[1:]
    gan = kgan.GAN.for_images(shape, seed=0)
    untrained = keras.models.clone_model(gan.discriminator)
    untrained.set_weights(gan.discriminator.get_weights())
    gan.fit(images, batch_size=64, epochs=epochs, verbose=0)
    return gan, untrained


def features(discriminator, images):
    """What the last convolution gives, before the logit."""
    return kgan.networks.feature_extractor(discriminator, "features").predict(images, verbose=0)


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k"):
    source = kgan.datasets.open_source(data, labels=True, limit=600 if quick else 5000)
    order = np.random.default_rng(0).permutation(len(source))
    images, labels = kgan.datasets.to_float(source.images[order]), source.targets[order]
    test = len(images) // 5
    gan, untrained = train(images[test:], 1 if quick else 15)

    views = {
        "pixels": images,
        "discriminator, untrained": features(untrained, images),
        "discriminator, trained": features(gan.discriminator, images),
    }
    counts, results = (1, 5, 20) if quick else (1, 2, 5, 10, 20, 50), {}
    for name, view in views.items():
        for count in counts:
            probe = kgan.metrics.linear_probe(
                view[test:],
                labels[test:],
                view[:test],
                labels[:test],
                labels_per_class=count,
                repeats=2 if quick else 5,
            )
            results[name, count] = probe.accuracies
            print(f"{name}, {count} labels per class: {probe}")
    draw(gan.generate(48, seed=0), counts, results, out)
    return results, counts


def draw(samples, counts, results, out):
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), dpi=100, width_ratios=[3.4, 5, 4], layout="constrained")
    axes[0].imshow(kgan.visualize.image_grid(samples, columns=6, scale=2).squeeze(), cmap="gray", vmin=0, vmax=255)
    axes[0].set_title("samples of the GAN")
    axes[0].axis("off")
    for name, color in COLORS.items():
        means = np.array([results[name, count].mean() for count in counts])
        spread = np.array([results[name, count].std() for count in counts])
        axes[1].plot(counts, means, "o-", color=color, label=name, linewidth=2, markersize=4)
        axes[1].fill_between(counts, means - spread, means + spread, color=color, alpha=0.15, linewidth=0)
        # The same digits are labelled for all features, so differences are taken draw by draw.
        gains = [100 * (results[name, count] - results["pixels", count]) for count in counts]
        axes[2].plot(counts, [gain.mean() for gain in gains], "o-", color=color, linewidth=2, markersize=4)
    axes[1].set(title="Test accuracy from few labels", xlabel="labelled images per class")
    axes[1].yaxis.set_major_formatter("{x:.0%}")
    axes[1].legend(frameon=False, loc="lower right")
    axes[2].set(title="Percentage points above pixels", xlabel="labelled images per class")
    for ax in axes[1:]:
        ax.set_xscale("log")
        ax.set_xticks(counts, [str(count) for count in counts])
        ax.minorticks_off()
        ax.grid(color="0.92")
        ax.spines[["top", "right"]].set_visible(False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    parser.add_argument("--data", default="mnist5k", help="name or path, as kgan.datasets.load takes it")
    main(**vars(parser.parse_args()))

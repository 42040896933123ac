"""What does a linear classifier know? One template per class, and these can be looked at.

The idea: the scores of a linear classifier are f(x, W) = Wx + b. Each row of W has as many numbers as an image has
pixels, so it is an image: a template that is laid over the input, pixel by pixel. Where it is bright, light in the
input speaks for the class; where it is dark, against it. One template per class is all it has. A two-layer network,
W2 max(0, W1 x), has a hundred and lets every class add up several of them. Both are trained by stochastic gradient
descent, plainly: one rate, no momentum.

The figure: left, the ten templates; right, the share of right answers after each epoch, on the images that were
trained on (dashed) and on others (solid). The linear classifier levels off early, on the training images too: what it
lacks is templates, not steps. The two-layer network learns all training images, and more of the others.

Any data set with labels works: `--data fashion_mnist`, `--data cifar10`, `--data FOLDER`, see `kgan.datasets.load`.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np

import kgan

FIGURE = Path(__file__).parent / "figures" / "linear_classifier.png"
COLORS = {"linear": "#D55E00", "two-layer": "#0072B2"}


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k"):
    source = kgan.datasets.open_source(data, labels=True, limit=1500 if quick else 10_000)
    order = np.random.default_rng(0).permutation(len(source))
    images, labels = source.images[order].astype("float32") / 255, source.targets[order]
    test = len(images) // 5
    names = source.class_names or [str(number) for number in range(source.num_classes)]

    keras.utils.set_random_seed(0)
    models = {
        "linear": kgan.networks.linear_classifier(source.image_shape, len(names)),
        "two-layer": kgan.networks.two_layer_classifier(source.image_shape, len(names), hidden=100),
    }
    # A linear classifier has no local minima, so it may start at zero. A random start would stay as noise in the
    # templates, wherever pixels are always black.
    models["linear"].layers[-1].kernel.assign(np.zeros(models["linear"].layers[-1].kernel.shape))
    curves = {}
    for name, model in models.items():
        # The rate that images of 784 pixels bear; the step of a linear model grows with their number.
        rate = 0.05 * min(1, 784 / np.prod(source.image_shape))
        model.compile(keras.optimizers.SGD(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(
            images[test:],
            labels[test:],
            batch_size=32,
            epochs=5 if quick else 50,
            validation_data=(images[:test], labels[:test]),
            verbose=0,
        )
        curves[name] = history.history
        print(f"{name}: {model.count_params():,} weights,", end=" ")
        print(f"{curves[name]['accuracy'][-1]:.1%} right on the training images,", end=" ")
        print(f"{curves[name]['val_accuracy'][-1]:.1%} on {test} others")
    draw(models["linear"], names, curves, out)
    return models, curves, images[:test], labels[:test]


def draw(linear, names, curves, out):
    figure = plt.figure(figsize=(12, 3.8), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[7, 5])
    left.suptitle("Templates of a linear classifier: light speaks for the class, dark against it", fontsize=12)
    axes = left.subplots(2, 5).ravel()
    for number, (name, ax) in enumerate(zip(names, axes, strict=False)):
        template = kgan.visualize.filters(linear, units=[number])
        ax.imshow(template.squeeze(), cmap="gray", vmin=0, vmax=255)
        ax.set_title(name, fontsize=10)
    for ax in axes:
        ax.axis("off")

    ax = right.subplots()
    for name, history in curves.items():
        epochs = range(1, len(history["accuracy"]) + 1)
        ax.plot(epochs, history["accuracy"], "--", color=COLORS[name], linewidth=1.5)
        ax.plot(epochs, history["val_accuracy"], color=COLORS[name], linewidth=2.5, label=f"{name} classifier")
    ax.plot([], [], "--", color="0.4", label="on the training images")
    ax.set(title="Share of right answers", xlabel="epoch of gradient descent")
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
    main(**vars(parser.parse_args()))

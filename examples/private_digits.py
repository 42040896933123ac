"""Features that tell which digit it is, and not how thick the pen was.

The idea: features that are handed on to others should serve one purpose and give away nothing else. Two losses compete:
the encoder and the classifier minimise the loss of the digit, and the encoder takes the side against an adversary that
learns to tell from the features whether the strokes are thick. Thickness is computed from the pixels, as ink divided by
half the length of its outline, and counts as thick above the median.

Two encoders are trained on 4,000 digits, one that hides nothing (alpha 0) and one that hides thickness. On 1,000 other
digits: how many are still read, and how often a new classifier, which had no part in the training, finds the thickness
in the features. Then a decoder learns to draw the digits from each of the two, which shows what is left in them.

The figure: left, both numbers before and after, with 95 % intervals; right, digits and what their features decode to.
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import layers

import kgan

FIGURE = Path(__file__).parent / "figures" / "private_digits.png"
NAMES = {0.0: "nothing hidden", 1.0: "thickness hidden"}
COLORS = {0.0: "#D55E00", 1.0: "#0072B2"}


def stroke_thickness(images) -> np.ndarray:
    """Ink divided by half the length of its outline, in pixels, of images `(n, height, width, 1)` in 0..1.

    A bar of width w and a great length has the area w * length and an outline of twice the length. The outline is the
    total variation of the image, the sum of the differences between neighbours, which grey edges do not change where
    the stroke between them is black.
    """
    padded = np.pad(images[..., 0], [(0, 0), (1, 1), (1, 1)])
    outline = sum(np.abs(np.diff(padded, axis=axis)).sum(axis=(1, 2)) for axis in (1, 2))
    return 2 * images.sum(axis=(1, 2, 3)) / np.maximum(outline, 1e-6)


def encoder(seed: int):
    """Images to 32 features."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 4, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(32),
        ],
        name="encoder",
    )


def adversary():
    """Features to one logit, that the strokes are thick."""
    hidden = [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu")]
    return keras.Sequential([keras.Input((32,)), *hidden, layers.Dense(1)], name="adversary")


def classifier(x, labels, alpha: float, epochs: int):
    model = kgan.FairClassifier(encoder(0), adversary=adversary(), alpha=alpha, seed=0)
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3), adversary_steps=3)
    model.fit(x, labels, batch_size=64, epochs=epochs, verbose=0)
    return model


def decoder(features, images, epochs: int):
    """Draws images from features, which stay as they are."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input(features.shape[1:]),
            layers.Normalization(mean=features.mean(axis=0), variance=features.var(axis=0) + 1e-6),
            layers.Dense(256, activation="relu"),
            layers.Dense(512, activation="relu"),
            layers.Dense(28 * 28, activation="sigmoid"),
            layers.Reshape((28, 28, 1)),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy")
    model.fit(features, images, batch_size=64, epochs=epochs, verbose=0)
    return model


def draw(results, by_digit, images, thickness, digits, drawn, out):
    figure = plt.figure(figsize=(11, 3.9), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.4])
    ax = left.subplots()
    bars = ["digit read", "thickness found,\nlinear probe", "thickness found,\ntrees"]
    for i, (name, color) in enumerate(zip(results, COLORS.values(), strict=True)):
        probes = {found.probe: found.accuracy for found in results[name].leakage if found.name == "representation"}
        shares = [results[name].accuracy, probes["linear"], probes["trees"]]
        heights = [100 * share.value for share in shares]
        misses = [
            [100 * (share.value - share.low) for share in shares],
            [100 * (share.high - share.value) for share in shares],
        ]
        at = np.arange(3) + 0.38 * (i - 0.5)
        ax.bar(at, heights, 0.36, color=color, label=name, yerr=misses, capsize=3, ecolor="0.25")
        for where, height in zip(at, heights, strict=True):
            ax.text(where, 3, f"{height:.0f}", color="white", ha="center", fontweight="bold")
    for height, what, style in (
        (by_digit.majority, "by guessing", ":"),
        (by_digit.accuracy.value, "from the digit alone", "--"),
    ):
        ax.plot([0.55, 2.45], [100 * height] * 2, color="0.2", lw=1.2, ls=style, label=f"thickness {what}")
    ax.set_xticks(range(3), bars)
    ax.set_ylim(0, 128)
    ax.set_yticks(range(0, 101, 20))
    ax.set_ylabel("percent of held-out digits")
    ax.legend(frameon=False, loc="upper right", ncols=2, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)

    # Of three digits the thinnest and the thickest one but three: extremes are often smudges.
    chosen = []
    for digit in (0, 2, 3):
        rows = np.flatnonzero(digits == digit)
        by_thickness = rows[np.argsort(thickness[rows])]
        chosen += [by_thickness[min(3, len(rows) - 1)], by_thickness[-min(4, len(rows))]]
    rows = {"real": images, **{f"decoded,\n{name}": pictures for name, pictures in drawn.items()}}
    axes = right.subplots(3, len(chosen))
    for of_row, (name, pictures) in zip(axes, rows.items(), strict=True):
        for ax, i in zip(of_row, chosen, strict=True):
            ax.imshow(pictures[i, ..., 0], cmap="gray_r", vmin=0, vmax=1)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_color("0.8")
        of_row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    right.suptitle("Held-out digits, thin and thick, and what their features decode to", fontsize=10)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main(quick: bool = False, out: str | Path = FIGURE, data: str = "mnist5k"):
    source = kgan.datasets.open_source(data, labels=True, limit=600 if quick else 5000)
    order = np.random.default_rng(0).permutation(len(source))
    images, digits = source.images[order].astype("float32") / 255, source.targets[order]
    thickness = stroke_thickness(images)
    thick, held_out = thickness > np.median(thickness), len(images) // 5
    parts = slice(held_out, None), slice(held_out)
    (x, train), (x_test, test) = (
        (images[rows], {"target": digits[rows], "sensitive": {"thick": thick[rows]}}) for rows in parts
    )

    results, drawn = {}, {}
    for alpha, name in NAMES.items():
        model = classifier(x, train, alpha, epochs=1 if quick else 36)
        results[name] = model.report(x_test, test)
        draw_from = decoder(model.transform(x), x, epochs=1 if quick else 20)
        drawn[name] = draw_from.predict(model.transform(x_test), verbose=0)
        print(f"\n{name}\n{results[name]}")
        kept = np.corrcoef(stroke_thickness(drawn[name]), thickness[:held_out])[0, 1]
        print(f"\nCorrelation of the thickness of decoded and real digits: {kept:.2f}")
    # Some digits are drawn thicker than others, and the features have to tell the digit.
    by_digit = kgan.metrics.leakage(np.eye(10)[test["target"]], test["sensitive"], name="the digit")
    print(f"\nWhat the digit alone gives away:\n{by_digit[0]}")
    draw(results, by_digit[0], x_test, thickness[:held_out], test["target"], drawn, out)
    return results, by_digit


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer digits and one epoch")
    parser.add_argument("--out", type=Path, default=FIGURE, help="where to write the figure")
    parser.add_argument("--data", default="mnist5k", help="name or folder of a data set of 28x28 images with labels")
    main(**vars(parser.parse_args()))

"""Does greedy pretraining help? Test error by depth, with and without it, over seeds.

The question of Erhan et al. 2010 (https://jmlr.org/papers/v11/erhan10a.html), on the 5,000 bundled MNIST digits: 4,000
to train on and 1,000 to test on, drawn anew for each seed. Sigmoid layers of 300 units, depth 1, 3 and 5. Pretraining
sees all 4,000 images without labels, as denoising autoencoders; then the whole network is trained on 100, 500 or all
labels, as many steps with as without. Nothing is chosen by the test error, which is that after the last step.

    python benchmarks/greedy_pretraining.py            # 5 seeds; writes benchmarks/figures/greedy_pretraining.png
    python benchmarks/greedy_pretraining.py --quick    # one seed, a few steps
    python benchmarks/greedy_pretraining.py --explained --seeds 3    # what each of five layers learns, by optimizer
"""

import argparse
import csv
import itertools
import time
from pathlib import Path

import keras
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import kgan

FIGURES = Path(__file__).parent / "figures"
DEPTHS, OPTIMIZERS = (1, 3, 5), {"SGD 0.1": lambda: keras.optimizers.SGD(0.1), "Adam 1e-3": keras.optimizers.Adam}
BATCH = 20


def digits(seed):
    """Training and test images in 0..1, flat, and their labels."""
    images, labels = map(np.stack, zip(*kgan.datasets.load("mnist5k", labels=True).as_numpy_iterator(), strict=True))
    order = np.random.default_rng(seed).permutation(len(images))
    x, y = images.reshape(len(images), -1)[order].astype("float32") / 255, labels[order]
    return x[:4000], y[:4000], x[4000:], y[4000:]


def few(y, number, seed):
    """Which rows keep their labels: as many of each class."""
    if number == len(y):
        return np.arange(len(y))
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(y == c))[: number // 10] for c in range(10)])


def stacks(x, seed, units, epochs):
    """For each way, with and without pretraining, a stack of the greatest depth; the first layers are a smaller one."""
    made = {}
    for pretrained in (False, True):
        keras.utils.set_random_seed(seed)
        stack = kgan.StackedAutoencoder(
            [units] * max(DEPTHS), corruption=kgan.layers.MaskingNoise(0.25, seed=seed), seed=seed
        )
        stack.build((None, x.shape[1]))
        if pretrained:
            stack.pretrain(x, epochs=epochs, batch_size=BATCH, loss="binary_crossentropy", verbose=0)
        made[pretrained] = stack
    return made


def explained(stack, x):
    """The share of the variance of its input that each layer gives back: 0 is what the mean of the input would give."""
    shares, encoder, decoder = [], stack.encoder.layers[1:], stack.decoder.layers[:0:-1]
    for up, down in zip(encoder, decoder, strict=True):
        codes = np.asarray(up(x))
        shares.append(1 - np.mean((np.asarray(down(codes)) - x) ** 2) / np.mean(np.var(x, axis=0)))
        x = codes
    return shares


def print_explained(seeds, units, epochs):
    """Pretraining by the squared error, minibatches of 64, with each optimizer."""
    for name, optimizer in OPTIMIZERS.items():
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            stack = kgan.StackedAutoencoder([units] * max(DEPTHS), seed=seed)
            x = digits(seed)[0]
            stack.pretrain(x, epochs=epochs, batch_size=64, optimizer=optimizer(), verbose=0)
            shares = ", ".join(f"{share:.3f}" for share in explained(stack, x))
            print(f"{name}, seed {seed}, explained variance by layer: {shares}", flush=True)


def classifier(stack, depth, seed):
    """The lowest layers of a stack, and a new softmax layer."""
    layers = [layer for layer in stack.to_classifier(10).layers if isinstance(layer, keras.layers.Dense)][:depth]
    inputs = x = keras.Input(stack.encoder.input_shape[1:])
    for layer in layers:
        x = layer(x)
    keras.utils.set_random_seed(seed)
    return keras.Model(inputs, keras.layers.Dense(10, activation="softmax")(x))


def test_error(model, optimizer, data, rows, seed, steps):
    """Percent of the test images that are wrong after `steps` minibatches of the given rows, pass after pass."""
    x, y, x_test, y_test = data
    rng, batch = np.random.default_rng(seed), min(BATCH, len(rows))
    order = np.concatenate([rng.permutation(rows) for _ in range(-(-steps * batch // len(rows)))])[: steps * batch]
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], steps_per_execution=50)
    model.fit(x[order], y[order], batch_size=batch, shuffle=False, verbose=0)
    return 100 * (1 - model.evaluate(x_test, y_test, verbose=0)[1])


def table(results):
    """Mean and standard deviation over seeds, as Markdown."""
    lines = ["| labels | optimizer | depth | without | with pretraining |", "|---|---|---|---|---|"]
    for labels, optimizer, depth in sorted({key[:3] for key in results}, key=lambda k: (k[0], k[1] != "SGD 0.1", k[2])):
        cells = [results[labels, optimizer, depth, pretrained] for pretrained in (False, True)]
        cells = [f"{np.mean(errors):.1f} ± {np.std(errors, ddof=min(1, len(errors) - 1)):.1f}" for errors in cells]
        lines.append(f"| {labels:,} | {optimizer} | {depth} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def draw(results, out):
    numbers = sorted({key[0] for key in results})
    figure, axes = plt.subplots(2, len(numbers), figsize=(10, 5.6), sharex=True, sharey="row", layout="constrained")
    for (row, optimizer), (column, labels) in itertools.product(enumerate(OPTIMIZERS), enumerate(numbers)):
        ax = axes.reshape(2, -1)[row, column]
        for pretrained, colour, name in ((False, "#D55E00", "random start"), (True, "#0072B2", "pretrained")):
            errors = [results[labels, optimizer, depth, pretrained] for depth in DEPTHS]
            ax.plot(DEPTHS, [np.mean(e) for e in errors], color=colour, linewidth=2, label=name)
            for depth, of_depth in zip(DEPTHS, errors, strict=True):
                ax.plot([depth] * len(of_depth), of_depth, "o", color=colour, markersize=4, alpha=0.5)
        ax.set_yscale("log")
        ax.set_yticks(ticks := [3, 5, 10, 20, 50, 90], [f"{t} %" for t in ticks])
        ax.minorticks_off()
        ax.set_xticks(DEPTHS)
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
        if row == 0:
            ax.set_title(f"{labels:,} labels")
        if row == 1:
            ax.set_xlabel("hidden layers")
        if column == 0:
            ax.set_ylabel(f"test error, {optimizer}")
    axes.reshape(2, -1)[0, 0].legend(frameon=False, loc="lower left")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main(seeds=5, quick=False, out=FIGURES / "greedy_pretraining.png", explained=False):
    units, epochs, steps, labels = (20, 1, 50, (100, 4000)) if quick else (300, 15, 4000, (100, 500, 4000))
    if explained:
        return print_explained(1 if quick else seeds, units, epochs)
    results, start = {}, time.perf_counter()
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with open(out.with_suffix(".csv"), "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["seed", "labels", "optimizer", "depth", "pretrained", "test_error_percent"])
        for seed in range(1 if quick else seeds):
            data = digits(seed)
            made = stacks(data[0], seed, units, epochs)
            for number, optimizer, depth, pretrained in itertools.product(labels, OPTIMIZERS, DEPTHS, (False, True)):
                model, rows = classifier(made[pretrained], depth, seed), few(data[1], number, seed)
                error = test_error(model, OPTIMIZERS[optimizer](), data, rows, seed, steps)
                results.setdefault((number, optimizer, depth, pretrained), []).append(error)
                writer.writerow([seed, number, optimizer, depth, pretrained, f"{error:.2f}"])
                file.flush()
                keras.utils.clear_session()
            print(f"seed {seed} done after {(time.perf_counter() - start) / 60:.1f} minutes", flush=True)
    print(f"\nTest error in percent, mean ± standard deviation over {1 if quick else seeds} seeds\n")
    print(table(results))
    draw(results, out)
    return results


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--quick", action="store_true", help="one seed, a few steps of small layers")
    parser.add_argument("--explained", action="store_true", help="print the explained variance of each layer instead")
    parser.add_argument(
        "--out", type=Path, default=FIGURES / "greedy_pretraining.png", help="PNG; a CSV lies beside it"
    )
    main(**vars(parser.parse_args()))

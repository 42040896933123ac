"""A game of your own: a team of weights that hides what another team looks for.

The idea: gradient descent in which groups of parameters have their own losses. A third of the pictures carry a secret,
a stamp in the corner. A painter copies pictures; a spy learns to tell from the copy whether the original had the
stamp; and the painter is rewarded when the spy errs:

    spy:      minimise  E[- log probability of the truth]
    painter:  minimise  |copy - picture| - weight * E[- log probability of the truth]

Nobody tells the painter what the stamp looks like, or where it is. With `kgan.Game` that is the class `HideAndSeek`
below: who plays, and what each minimises.

The figure: pictures that were not trained on, and their copies by two painters. With weight 0 there is no game, and
the copy keeps the stamp. With the game it is gone and the digit is still there. The numbers above the rows come from
a new classifier that learns to find the stamp in the copies of one half of the pictures and is tried on the other:
with the game it is right no more often than someone who always answers "no stamp".
"""

import argparse
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from sklearn.linear_model import LogisticRegression

import kgan

FIGURE = Path(__file__).parent / "figures" / "two_player_game.png"


class HideAndSeek(kgan.Game):
    def __init__(self, painter, spy, weight):
        super().__init__({"spy": spy, "painter": painter}, seed=0)
        self.painter, self.spy, self.weight = painter, spy, weight

    def player_loss(self, player, data):
        pictures, stamped = data
        copies = self.painter(pictures, training=self.training)
        spy_error = ops.mean(ops.binary_crossentropy(stamped, self.spy(copies), from_logits=True))
        if player == "spy":
            return spy_error
        return ops.mean(ops.abs(copies - pictures)) - self.weight * spy_error


def pictures_with_a_secret(size: int):
    """Digits, a third of them with a stamp: `(pictures, stamped)`."""
    source = kgan.datasets.open_source("mnist5k", image_size=16, limit=size)
    pictures = kgan.datasets.to_float(source.images)
    random = np.random.default_rng(0)
    random.shuffle(pictures)
    stamped = (random.random((len(pictures), 1)) < 1 / 3).astype("float32")
    stamp = 2.0 * (np.indices((4, 4)).sum(axis=0) % 2) - 1  # a chessboard
    pictures[stamped[:, 0] == 1, 1:5, 1:5, 0] = stamp
    return pictures, stamped


def main(quick: bool = False, out: str | Path = FIGURE):
    pictures, stamped = pictures_with_a_secret(3000 if quick else 5000)
    half, epochs = len(pictures) // 2, 12 if quick else 40
    results = {}
    for weight in (0.0, 0.1):
        keras.utils.set_random_seed(0)
        painter = kgan.networks.mlp((16, 16, 1), (16, 16, 1), (256, 256), output_activation="tanh")
        game = HideAndSeek(painter, kgan.networks.mlp((16, 16, 1), 1, (128, 128)), weight)
        # The painter's rate falls to 0, so that the spy catches up with its last traces.
        rate = keras.optimizers.schedules.CosineDecay(1e-3, epochs * (half // 32 // 2))
        optimizers = {"spy": keras.optimizers.Adam(1e-3), "painter": keras.optimizers.Adam(rate, beta_1=0.5)}
        game.compile(optimizers, steps={"spy": 2})
        game.fit(pictures[:half], stamped[:half], batch_size=32, epochs=epochs, verbose=0)

        copies = painter.predict(pictures, verbose=0)
        features, truth = copies.reshape(len(copies), -1), stamped[:, 0]
        new_spy = LogisticRegression(max_iter=1000).fit(features[:half], truth[:half])
        results[weight] = {
            "copies": copies[half:],
            "error": float(np.abs(copies - pictures)[half:, 5:].mean()),  # below the stamp, of a range of 2
            "found": new_spy.score(features[half:], truth[half:]),
        }
    chance = float(1 - stamped[half:].mean())
    for weight, result in results.items():
        print(f"weight {weight}: a new classifier is right about {result['found']:.1%} of the copies", end=" ")
        print(f"(always 'no stamp': {chance:.1%}); mean error of the digits {result['error']:.3f}")
    draw(pictures[half:], results, chance, out)
    return results, chance, pictures[half:], stamped[half:]


def draw(pictures, results, chance, out):
    before, after = results.values()
    rows = {
        "Pictures: a third carry a secret, the stamp": pictures,
        f"Copies without a game: a new classifier tells the secret with {before['found']:.0%} accuracy": before[
            "copies"
        ],
        f"Copies with the game: {after['found']:.0%} accuracy (always saying 'no': {chance:.0%})": after["copies"],
    }
    figure, axes = plt.subplots(3, 1, figsize=(11, 4.2), dpi=100, layout="constrained")
    for ax, (title, row) in zip(axes, rows.items(), strict=True):
        grid = kgan.visualize.image_grid(row[:12], columns=12, scale=5)
        ax.imshow(grid[..., 0], cmap="gray", vmin=0, vmax=255)
        ax.set_title(title, loc="left", fontsize=11)
        ax.axis("off")
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out)
    plt.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds of training, as the tests run it")
    parser.add_argument("--out", type=Path, default=FIGURE, help="PNG file to write")
    main(**vars(parser.parse_args()))

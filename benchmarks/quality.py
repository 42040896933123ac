"""Quality against time: the default recipe of `kgan train` against the plain DCGAN recipe.

Both train on the 5,000 bundled digits with their classes. Every few epochs each makes 5,000 samples, whose Fréchet
distance to the real digits is taken on the hidden layer of a digit classifier (`digit_classifier.py`). Time is training
time alone. The two take turns epoch by epoch, so that what else the machine does hits both.

    python benchmarks/quality.py --minutes 3         # writes benchmarks/figures/quality.png
    python benchmarks/quality.py --quick             # two epochs of small networks
"""

import argparse
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import tensorflow as tf

from kgan import datasets
from kgan.cli.common.data_facts import DataFacts
from kgan.cli.train import recipe
from kgan_command.settings.train import TrainSettings

sys.path.insert(0, str(Path(__file__).parent))
import digit_classifier

FIGURE = Path(__file__).parent / "figures" / "quality.png"
PLAIN = dict(
    generator_normalization="batch",
    discriminator_normalization="batch",
    loss="non_saturating",
    penalties="none",
    generator_lr=2e-4,
    discriminator_lr=2e-4,
    ema=0.0,
)


class Contender:
    """A run of one recipe: what it has cost in seconds, and the distances it has reached."""

    def __init__(self, name, quick, **settings):
        small = {"width": 4, "limit": 640} if quick else {}
        settings = TrainSettings(**settings, **small)
        source = recipe.open_data(settings)
        facts = DataFacts.of(source)
        strategy = tf.distribute.get_strategy()
        settings = recipe.complete(settings, facts, strategy)
        self.name, self.quick = name, quick
        self.gan = recipe.build(settings, facts, strategy)
        self.data = recipe.batches(settings, source, self.gan)
        self.epoch, self.seconds, self.times, self.distances = 0, 0.0, [], []
        self.train()  # compiles; its time does not count, its epoch does
        self.seconds = 0.0

    def train(self):
        start = time.perf_counter()
        self.gan.fit(self.data, initial_epoch=self.epoch, epochs=self.epoch + 1, verbose=0)
        self.seconds += time.perf_counter() - start
        self.epoch += 1

    def judge(self):
        n = 200 if self.quick else 5000
        samples = datasets.to_uint8(self.gan.generate(n, seed=0))
        self.times.append(self.seconds)
        self.distances.append(digit_classifier.frechet(samples, quick=self.quick))
        print(
            f"{self.name:8} epoch {self.epoch:3}  {self.seconds:6.1f} s  Fréchet distance {self.distances[-1]:7.2f}",
            flush=True,
        )


def first_time_below(contender, distance):
    """Training seconds until the distance was reached, or `None`."""
    for seconds, reached in zip(contender.times, contender.distances, strict=True):
        if reached <= distance:
            return seconds
    return None


def draw(contenders, out):
    figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for contender, colour in zip(contenders, ("#b4502d", "#2d6eb4"), strict=True):
        label = {"plain": "plain DCGAN recipe", "default": "default recipe of kgan train"}[contender.name]
        axes.plot(contender.times, contender.distances, marker="o", markersize=3, color=colour, label=label)
    axes.set(xlabel="training time [s]", ylabel="Fréchet distance (digit classifier, N = 5,000)", yscale="log")
    axes.set_title("Distance of the samples to real digits; lower is better")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main(minutes=3.0, seed=0, every=3, quick=False, out=FIGURE):
    plain = Contender("plain", quick, seed=seed, **PLAIN)
    default = Contender("default", quick, seed=seed)
    epochs = 0
    while epochs < 2 if quick else min(plain.seconds, default.seconds) < 60 * minutes:
        epochs += 1
        for contender in (plain, default):
            # Each trains for its own minutes, in turns.
            if quick or contender.seconds < 60 * minutes:
                contender.train()
                if epochs % every == 0 or quick:
                    contender.judge()
    for contender in (plain, default):
        contender.judge()
    final = plain.distances[-1]
    reached = first_time_below(default, final)
    print(f"\nplain recipe after {plain.seconds:.0f} s: {final:.2f}; default after {default.seconds:.0f} s: ", end="")
    print(f"{default.distances[-1]:.2f} (N = {200 if quick else 5000}, seed {seed})")
    if reached is None:
        print("the default recipe did not reach the plain recipe's final distance")
    else:
        share = reached / plain.seconds
        print(f"the default recipe reached {final:.2f} after {reached:.0f} s: {share:.2f} of the plain recipe's time")
    draw((plain, default), out)
    return plain, default


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=3.0, help="training time of each recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=3, help="epochs between two measurements")
    parser.add_argument("--quick", action="store_true", help="two epochs of small networks")
    parser.add_argument("--out", type=Path, default=FIGURE)
    main(**vars(parser.parse_args()))

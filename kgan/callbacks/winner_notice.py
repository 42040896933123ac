"""A word when one player of a GAN has won, and the other hardly learns any more."""

import keras
import numpy as np
from rich.console import Console

from kgan.scalars import as_count

# Of the loss at balance. The winner's loss is below this share of it; the discriminator's, when it has lost, is above
# so many times it: at balance itself the discriminator is as good as guessing, which is what a GAN is trained for.
_WON, _LOST = 0.25, 2.0


class WinnerNotice(keras.callbacks.Callback):
    """Says once when a player of a `kgan.GAN` has clearly won for several epochs, and what to try.

    A discriminator that is nearly always right gives the generator little to learn from; so does one that the generator
    always fools. The losses themselves tell, without the penalties: the discriminator has won where its loss is below a
    quarter of that at balance, and the generator's above its own; the generator where it is the other way round. At
    balance the discriminator gives every sample the same logit. Losses without a lower bound, such as Wasserstein's,
    tell nothing about who wins, and nothing is said.

    Args:
        patience: for how many epochs in a row a player must have won.
        rounds: for how many rounds at least: on a small data set an epoch is short, and at the beginning, for some 200
            rounds, the discriminator of most GANs is ahead.
        console: a `rich.console.Console` to write to; standard output by default.

    Attributes:
        winner: `"discriminator"` or `"generator"` once it was said, else `None`.
    """

    def __init__(self, patience: int = 5, rounds: int = 400, *, console: Console | None = None):
        super().__init__()
        self.patience, self.rounds = as_count(patience, "patience"), as_count(rounds, "rounds", 0)
        self.console = console or Console()
        self.winner = None

    def on_train_begin(self, logs=None):
        self._leader, self._epochs, self._since = None, 0, 0
        self._balance = balance(self.model.loss) if hasattr(self.model.loss, "discriminator_loss") else None

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = getattr(self.model, "rounds", 0)

    def on_epoch_end(self, epoch, logs=None):
        if self.winner is not None or self._balance is None:
            return
        penalties = sum(logs[penalty.name] for penalty in self.model.penalties)
        losses = {
            "discriminator": logs["discriminator_loss"] - penalties,
            "generator": logs["generator_loss"],
        }
        leader = winner(losses, self._balance)
        if leader != self._leader:
            self._leader, self._epochs, self._since = leader, 0, self._begin
        self._epochs += 1
        if leader and self._epochs >= self.patience and self.model.rounds - self._since >= self.rounds:
            self.winner = leader
            self.console.print(self._sentence(losses), style="yellow", highlight=False, markup=False, soft_wrap=True)

    def _sentence(self, losses):
        loser = "generator" if self.winner == "discriminator" else "discriminator"
        return (
            f"The {self.winner} has clearly won for {self._epochs} epochs: its loss is {losses[self.winner]:.2f} and "
            f"the {loser}'s {losses[loser]:.2f}, but {self._balance[self.winner]:.2f} and {self._balance[loser]:.2f} "
            f"at balance, so that there is little for the {loser} to learn from. Try {self._advice()}."
        )

    def _advice(self):
        penalties = [penalty for penalty in self.model.penalties if penalty.weight]
        factor, how = (4, "heavier") if self.winner == "discriminator" else (0.25, "lighter")
        weights = ",".join(f"{penalty.name}:{factor * penalty.weight:g}" for penalty in penalties)
        if self.winner == "discriminator":
            first = f"{how} penalties, such as {weights}" if penalties else "the gradient penalties r1 and r2"
            return f"{first}, or a smaller learning rate of the discriminator"
        first = f"{how} penalties, such as {weights}, or " if penalties else ""
        return f"{first}more updates of the discriminator for each of the generator"


def balance(loss) -> dict[str, float]:
    """Both players' losses where the discriminator gives real and fake samples one logit, the best of such.

    Args:
        loss: an adversarial loss, see `kgan.losses`.
    """
    logits = sorted(np.linspace(-1, 1, 41), key=abs)  # of equally good ones, that nearest to zero
    samples = [np.full((1, 1), logit, "float32") for logit in logits]
    values = [round(float(loss.discriminator_loss(sample, sample)), 6) for sample in samples]
    best = samples[int(np.argmin(values))]
    return {"discriminator": min(values), "generator": float(loss.generator_loss(best, best))}


def winner(losses: dict[str, float], at_balance: dict[str, float]) -> str | None:
    """Who has clearly won by the losses of an epoch, penalties not included; `None` if nobody has.

    Args:
        losses: of `"discriminator"` and `"generator"`.
        at_balance: what `balance` returns.
    """
    even, generator_even = at_balance["discriminator"], at_balance["generator"]
    if even <= 0:  # no lower bound
        return None
    if losses["discriminator"] < _WON * even and losses["generator"] > generator_even:
        return "discriminator"
    # A generator whose loss is not above zero at balance has no share of it to fall below.
    low = losses["generator"] < (_WON * generator_even if generator_even > 0 else generator_even)
    return "generator" if losses["discriminator"] > _LOST * even and low else None

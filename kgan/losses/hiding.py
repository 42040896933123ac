"""How a classifier answers an adversary that reads what it is to hide.

L_t is the loss of the target, L_a what the adversary minimises, and alpha how much hiding counts. An objective says
what the classifier descends, and so does one of your own: a subclass of `HidingObjective`.
"""

import keras
from keras import ops

from kgan import backend
from kgan.layers.reversal import reverse_gradient


class HidingObjective:
    """Base class of the objectives: the classifier descends `L_t + alpha * opposing_loss`, here `L_t - alpha * L_a`.

    A subclass overrides `opposing_loss`, or gives a method `combined(target, opposing, alpha)` where the step is no
    gradient of a sum: it gets the gradients of L_t and of the opposing loss with respect to all weights of the
    classifier, as lists of tensors of this device, and returns such a list. `Projection` is an example.
    """

    combined = None
    # Whether both players step together, along gradients of one pass in which the adversary sees what `shown` gives.
    together = False

    def opposing_loss(self, adversary):
        """What the classifier descends besides the loss of the target, with the weight alpha: a scalar.

        Args:
            adversary: what it answers. `adversary.loss` is L_a, `adversary.distance_from_prior` how far the answers are
                from telling nothing, and `adversary.outputs`, `(batch, width)`, the answers: for each of
                `adversary.columns` its logits or its number.
        """
        return -adversary.loss

    def shown(self, seen, alpha):
        """What the adversary is shown of the tensor that it sees, if both players step together."""
        return seen

    def get_config(self) -> dict:
        return {}

    @classmethod
    def from_config(cls, config: dict):
        return cls(**config)


@keras.saving.register_keras_serializable(package="kgan")
class Projection(HidingObjective):
    """A step along `g_t - proj_a g_t - alpha * g_a`, the gradients of L_t and L_a as one vector each.

    Without the part along the adversary's gradient, a step for the target does not help the adversary; the last term
    hurts it. Any alpha above 0 projects.

    Source: Zhang, Lemoine & Mitchell 2018, https://arxiv.org/abs/1801.07593, equation 1.
    """

    def combined(self, target, opposing, alpha):
        # The quotient of the products is that of the summed gradients, whichever multiple of them is taken.
        whole = backend.replica_mean([*target, *opposing])
        of_target, of_opposing = whole[: len(target)], whole[len(target) :]
        along = ops.divide_no_nan(_product(of_target, of_opposing), _product(of_opposing, of_opposing))
        return [t + (alpha - along) * o for t, o in zip(target, opposing, strict=True)]


@keras.saving.register_keras_serializable(package="kgan")
class Reversal(HidingObjective):
    """`L_t - alpha * L_a` by gradient reversal: one pass through all networks, after which both players step together.

    Source: Ganin & Lempitsky 2015, https://arxiv.org/abs/1409.7495, equations 4 and 5.
    """

    together = True

    def shown(self, seen, alpha):
        return reverse_gradient(seen, alpha)


@keras.saving.register_keras_serializable(package="kgan")
class Uniform(HidingObjective):
    """`L_t + alpha * H`, H the cross-entropy of the adversary's outputs towards the frequencies of the first data.

    For numbers, H is the squared error towards their mean. The adversary is to be left without an opinion, rather than
    wrong. Bounded.

    Source: Tzeng et al. 2015, https://arxiv.org/abs/1510.02192, equation 3.
    """

    def opposing_loss(self, adversary):
        return adversary.distance_from_prior


@keras.saving.register_keras_serializable(package="kgan")
class Negative(HidingObjective):
    """`L_t - alpha * L_a` in turns: the plain negative of the adversary's loss.

    It has no lower bound, so that with a large alpha and a slow adversary the classifier may run away to ever larger
    numbers.
    """


def _product(first: list, second: list):
    return sum(ops.sum(a * b) for a, b in zip(first, second, strict=True))


ALL = {"projection": Projection, "reversal": Reversal, "uniform": Uniform, "negative": Negative}

"""What a classifier descends that hides something from an adversary.

L_t is the loss of the target, L_a what the adversary minimises, and alpha how much hiding counts.
"""

import inspect

import keras
from keras import ops

from kgan import backend
from kgan.layers.reversal import reverse_gradient


class HidingObjective:
    """Base class of the objectives, which descends `L_t - alpha * L_a`.

    A subclass overrides one of these:

    - `opposing_loss(answers)`: then the classifier descends `L_t + alpha * opposing_loss`;
    - `combined(target, opposing, alpha)`: where the step is no gradient of a sum. It gets the gradients of L_t and of
      `opposing_loss` with respect to all weights of the classifier, as lists of tensors, and returns such a list. On
      several devices these are of the rows of one device, and what is returned is added up. `alpha` may be a tensor,
      and is 0 at first with `warmup_steps`; with `FairClassifier(alpha=0)` this is not called;
    - the attribute `together = True`: both players step together, along gradients of one pass. The adversary is shown
      `shown(seen, alpha)`, here `seen` with its gradient reversed, and the other two methods have no part in it.

    To be saved, it needs `keras.saving.register_keras_serializable`, and `get_config` if its constructor takes
    arguments.

    Examples:
        >>> @keras.saving.register_keras_serializable("mine")
        ... class Confident(kgan.losses.HidingObjective):  # numbers that say "sure" cost the classifier
        ...     def opposing_loss(self, answers):
        ...         return ops.mean(ops.square(answers.outputs))
        >>> model = kgan.FairClassifier(objective=Confident())
    """

    combined = None
    together = False

    def opposing_loss(self, answers):
        """What the classifier descends besides the loss of the target, with the weight alpha.

        Args:
            answers: what the adversary makes of a minibatch. `answers.loss` is L_a, a scalar;
                `answers.distance_from_prior`, a scalar, says how far it is from telling nothing; `answers.outputs`,
                `(batch, width)`, are its numbers, for each of `answers.columns` its logits or its value;
                `answers.sensitive`, `(batch, columns)`, is the truth: ids of categories, and standardised numbers. A
                column has a `name`, a `kind` (`"binary"`, `"categorical"` or `"continuous"`), and a `width`.

        Returns:
            A scalar, the mean over the minibatch.
        """
        return -answers.loss

    def shown(self, seen, alpha):
        """What the adversary is shown, if both players step together.

        Args:
            seen: the representation or the logits, a tensor.
            alpha: number or scalar tensor.

        Returns:
            A tensor with the shape of `seen`.
        """
        return reverse_gradient(seen, alpha)

    def get_config(self) -> dict:
        if inspect.signature(type(self)).parameters:
            name = type(self).__name__
            raise ValueError(
                f"{name} takes arguments: give it a get_config that returns them, so that it can be saved."
            )
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


@keras.saving.register_keras_serializable(package="kgan")
class Uniform(HidingObjective):
    """`L_t + alpha * H`, H the cross-entropy of the adversary's outputs towards the frequencies of the first data.

    With `equalised_odds` these are the frequencies within the row's class. For numbers, H is the squared error towards
    their mean. The adversary is to be left without an opinion, rather than wrong. Bounded.

    Source: Tzeng et al. 2015, https://arxiv.org/abs/1510.02192, equation 3.
    """

    def opposing_loss(self, answers):
        return answers.distance_from_prior


@keras.saving.register_keras_serializable(package="kgan")
class Negative(HidingObjective):
    """`L_t - alpha * L_a` in turns: the plain negative of the adversary's loss.

    It has no lower bound, so that with a large alpha and a slow adversary the classifier may run away to ever larger
    numbers.
    """


def _product(first: list, second: list):
    return sum(ops.sum(a * b) for a, b in zip(first, second, strict=True))


ALL = {"projection": Projection, "reversal": Reversal, "uniform": Uniform, "negative": Negative}
